//! A service that responds with the route that an axum router has matched.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tower_layer::Layer;
use tower_service::Service;

/// A route that serves a request.
#[derive(Clone)]
pub(crate) struct Matched {
    /// The route, or `None` for a nested service.
    pub(crate) route: Option<MatchedPath>,
}

/// A service, and a layer that replaces every handler and service by it, including "method not allowed".
#[derive(Clone, Copy)]
pub(crate) struct RouteProbe {
    /// `true` if it stands for a route.
    pub(crate) is_route: bool,
}

impl RouteProbe {
    /// Returns the route that a router of probes takes for this request, or `None` if no probe of a route responds.
    pub(crate) fn ask(mut router: Router, request: Request) -> Option<Matched> {
        let response = pin!(Service::call(&mut router, request));
        match response.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(mut response)) => response.extensions_mut().remove(),
            // Never pending: the probe is ready at once.
            Poll::Pending => None,
        }
    }
}

impl<S> Layer<S> for RouteProbe {
    type Service = Self;

    fn layer(&self, _: S) -> Self {
        *self
    }
}

impl Service<Request> for RouteProbe {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut response = Response::default();
        if self.is_route {
            let route = request.extensions_mut().remove();
            response.extensions_mut().insert(Matched { route });
        }
        ready(Ok(response))
    }
}
