//! The service.

use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::TrackedBody;
use super::future::ResponseFuture;
use super::guard::Guard;
use super::routes::Shared;
use super::shared::Handle;

/// A service whose requests are counted, made by [`HttpLayer`](super::HttpLayer).
#[derive(Clone)]
pub struct HttpService<S> {
    inner: S,
    shared: Option<Handle<Shared>>,
}

impl<S> HttpService<S> {
    pub(super) fn new(inner: S, shared: Option<Handle<Shared>>) -> Self {
        Self { inner, shared }
    }

    #[inline]
    pub(super) fn begin<B>(&self, request: &mut Request<B>) -> Guard {
        self.shared.as_ref().map_or_else(Guard::default, |shared| Guard::begin(shared, request))
    }

    /// Calls the service, which may panic before there is a future.
    #[inline]
    pub(super) fn call_inner<B>(&mut self, guard: &mut Guard, request: Request<B>) -> S::Future
    where
        S: Service<Request<B>>,
    {
        guard.run_service(|| self.inner.call(request))
    }
}

impl<S: fmt::Debug> fmt::Debug for HttpService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService").field("inner", &self.inner).finish_non_exhaustive()
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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut guard = self.begin(&mut request);
        let inner = self.call_inner(&mut guard, request);
        ResponseFuture::new(inner, guard)
    }
}
