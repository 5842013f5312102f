//! The service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::TrackedBody;
use super::future::ResponseFuture;
use super::guard::{Guard, Recorder};

/// A service whose requests are counted, made by [`HttpLayer`](super::HttpLayer).
#[derive(Clone, Debug)]
pub struct HttpService<S> {
    inner: S,
    recorder: Option<Arc<Recorder>>,
}

impl<S> HttpService<S> {
    pub(super) fn new(inner: S, recorder: Option<Arc<Recorder>>) -> Self {
        Self { inner, recorder }
    }
}

impl<S, B, R> Service<Request<B>> for HttpService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body,
{
    type Response = Response<TrackedBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let recorder = self.recorder.as_ref();
        let mut guard = recorder.map_or_else(Guard::default, |recorder| Guard::begin(recorder, &request));
        // A service may panic before there is a future.
        guard.enter();
        let inner = self.inner.call(request);
        guard.leave();
        ResponseFuture::new(inner, guard)
    }
}
