//! The layer and its service.

use std::fmt;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::cause::{ByError, FindCause};
use super::future::ResponseFuture;
use super::guard::Guard;
use super::message::{ClientRequest, ClientResponse};
use super::upstream::Upstream;
use crate::contained::OnPanic;
use crate::shared::Shared;

/// A [`Layer`] that records the requests of a client to one upstream. Created by
/// [`Metrics::client_layer`](crate::Metrics::client_layer) or [`Client::layer`](super::Client::layer).
///
/// It fits any tower service of [`http::Request`]s, and with the feature `reqwest` a `reqwest::Client`. Clones are cheap
/// and record into the same metrics.
///
/// The causes of errors are those of [`Cause::of`](super::Cause::of), if the errors of the service and of its response
/// bodies implement [`Error`](std::error::Error). [`error_cause`](Self::error_cause) and
/// [`body_error_cause`](Self::body_error_cause) are for all others, such as a `Box<dyn Error + Send + Sync>`.
#[derive(Clone)]
pub struct ClientLayer<C = ByError, D = ByError> {
    pub(super) upstream: Option<Shared<Upstream>>,
    pub(super) error_cause: C,
    pub(super) body_error_cause: D,
}

impl ClientLayer {
    /// Creates a layer that records nothing.
    #[must_use]
    pub const fn disabled() -> Self {
        Self { upstream: None, error_cause: ByError, body_error_cause: ByError }
    }
}

impl<C, D> ClientLayer<C, D> {
    /// Sets how the cause of an error of the service is found. A closure takes `&Error` and returns a
    /// [`Cause`](super::Cause). If it panics, the cause is [`Cause::Other`](super::Cause::Other).
    ///
    /// ```
    /// use metrics_runtime::Registry;
    /// use metrics_runtime::client::{Cause, Client};
    /// use tower::BoxError;
    /// use tower::timeout::error::Elapsed;
    ///
    /// let layer = Client::new().layer("ryot", &Registry::new())?.error_cause(|error: &BoxError| {
    ///     if error.is::<Elapsed>() { Cause::Timeout } else { Cause::of(&**error) }
    /// });
    /// # Ok::<(), metrics_runtime::client::ClientError>(())
    /// ```
    #[must_use]
    pub fn error_cause<F>(self, find: F) -> ClientLayer<F, D> {
        ClientLayer { upstream: self.upstream, error_cause: find, body_error_cause: self.body_error_cause }
    }

    /// Sets how the cause of an error of a response body is found, as [`error_cause`](Self::error_cause) does for the
    /// service.
    #[must_use]
    pub fn body_error_cause<F>(self, find: F) -> ClientLayer<C, F> {
        ClientLayer { upstream: self.upstream, error_cause: self.error_cause, body_error_cause: find }
    }
}

impl<C, D> fmt::Debug for ClientLayer<C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientLayer").field("enabled", &self.upstream.is_some()).finish_non_exhaustive()
    }
}

impl<S, C: Clone, D: Clone> Layer<S> for ClientLayer<C, D> {
    type Service = ClientService<S, C, D>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientService { inner, layer: self.clone() }
    }
}

/// A client that records its requests. Created by [`ClientLayer`].
///
/// A request starts when its response future is first polled. The time that a caller waits for
/// [`poll_ready`](Service::poll_ready), such as for a limit of concurrency, is not measured.
#[derive(Clone)]
pub struct ClientService<S, C = ByError, D = ByError> {
    inner: S,
    layer: ClientLayer<C, D>,
}

impl<S: fmt::Debug, C, D> fmt::Debug for ClientService<S, C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, Q, C, D> Service<Q> for ClientService<S, C, D>
where
    S: Service<Q>,
    Q: ClientRequest,
    S::Response: ClientResponse<D>,
    C: FindCause<S::Error> + Clone,
    D: Clone,
{
    type Response = <S::Response as super::message::private::Response<D>>::Tracked;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C, D>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Q) -> Self::Future {
        let mut guard =
            self.layer.upstream.as_ref().map_or_else(Guard::default, |upstream| Guard::begin(upstream, &request));
        // The call itself can panic. Not within a closure, which would move the request and the future once more.
        let running = OnPanic(|| guard.panic());
        let inner = self.inner.call(request);
        running.end();
        ResponseFuture::new(inner, guard, self.layer.error_cause.clone(), self.layer.body_error_cause.clone())
    }
}
