//! [`HttpLayer`] in an axum router.

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::Uri;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::TrackedBody;
use super::guard::Guard;
use super::head::RequestHead;
use super::layer::HttpLayer;
use super::probe::RouteProbe;
use super::request_body::RequestBody;
use super::routes::Routes;
use crate::contained::OnPanic;
use crate::shared::Shared;

impl HttpLayer {
    /// Adds the layer to all routes of a router and to its fallbacks. Call it after all routes and fallbacks were added:
    /// what is added later, also a
    /// [`method_not_allowed_fallback`](axum::Router::method_not_allowed_fallback), responds without being recorded. A
    /// layer around the router does not know the routes.
    ///
    /// [`Metrics::instrument`](crate::Metrics::instrument) calls this and mounts the page. Use this method for another
    /// registry, or for a second layer. It is cheaper than [`Router::layer`]: a response body that is complete with the
    /// headers is not boxed again, and requests are not marked. [`Router::layer`] adds the layer to each route, so that
    /// every request has to be marked as one that may pass it twice.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use metrics_runtime::{Registry, http::Http};
    ///
    /// let layer = Http::new().layer(&Registry::new())?;
    /// let app: Router = layer.install(Router::new().route("/users/{id}", get(|| async { "hello" })));
    /// # Ok::<(), metrics_runtime::http::HttpError>(())
    /// ```
    pub fn install<S>(self, router: Router<S>) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let Some(recorded) = self.routes else { return router };
        recorded.note_layered();
        router.layer(RouterLayer(recorded))
    }
}

/// [`HttpLayer`] for routers, which require that a layer does not change the body types.
#[derive(Clone)]
struct RouterLayer(Shared<Routes>);

impl<S> Layer<S> for RouterLayer {
    type Service = RouterService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RouterService { inner, routes: self.0.clone() }
    }
}

#[derive(Clone)]
struct RouterService<S> {
    inner: S,
    routes: Shared<Routes>,
}

impl<S> Service<Request> for RouterService<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = RouterFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    // Not inlined: axum's code around a small call moves its future less often. Not within a closure, which would move
    // the request and the future once more.
    #[inline(never)]
    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut guard = Guard::begin(&self.routes, &mut request);
        RequestBody::count_in_place(&mut request);
        // The call can panic.
        let running = OnPanic(|| guard.panic());
        let inner = self.inner.call(request);
        running.end();
        guard.skip_if_marked();
        RouterFuture { inner, guard }
    }
}

pin_project! {
    struct RouterFuture<F> {
        #[pin]
        inner: F,
        guard: Guard,
    }
}

impl<F, E> Future for RouterFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = F::Output;

    // Not inlined, and without a closure, so that the response is moved less often.
    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let running = OnPanic(|| this.guard.panic());
        let mut polled = this.inner.poll(cx);
        running.end();
        this.guard.skip_if_marked();
        match &mut polled {
            Poll::Ready(Ok(response)) => TrackedBody::track_in_place(response, this.guard),
            Poll::Ready(Err(_)) => this.guard.fail(),
            Poll::Pending => {}
        }
        polled
    }
}

/// Returns the prefix of the nested service that a router has chosen for this request, such as `/assets/*`, or `None` if
/// the router has chosen its fallback.
///
/// Axum keeps the prefix in a private extension, but puts it in front of the routes of a router within the service. So
/// this function asks such a router.
pub(super) fn nested_prefix(request: RequestHead<'_>) -> Option<String> {
    const ROUTE: &str = "/route";
    static INNER: LazyLock<Router> =
        LazyLock::new(|| Router::new().route_service(ROUTE, RouteProbe { is_route: true }));
    let mut inner = Request::new(Body::empty());
    *inner.uri_mut() = Uri::from_static(ROUTE);
    *inner.extensions_mut() = request.extensions().clone();
    let route = RouteProbe::ask(INNER.clone(), inner)?.route?;
    let prefix = route.as_str().strip_suffix(ROUTE)?;
    (!prefix.is_empty()).then(|| format!("{prefix}/*"))
}
