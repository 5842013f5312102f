//! The service of the middleware.

use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::TrackedBody;
use super::future::ResponseFuture;
use super::guard::Guard;
use super::routes::Routes;
use crate::shared::Shared;

/// A service that records its requests. Created by [`HttpLayer`](super::HttpLayer).
#[derive(Clone)]
pub struct HttpService<S> {
    inner: S,
    routes: Option<Shared<Routes>>,
}

impl<S> HttpService<S> {
    pub(super) fn new(inner: S, routes: Option<Shared<Routes>>) -> Self {
        Self { inner, routes }
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
        let mut guard = self.routes.as_ref().map_or_else(Guard::default, |routes| Guard::begin(routes, &mut request));
        // The call itself can panic.
        let inner = guard.run_service(|| self.inner.call(request));
        ResponseFuture::new(inner, guard)
    }
}
