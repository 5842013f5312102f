//! Breakers for tower's services.

use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::Verdict;
use super::breaker::CircuitBreaker;
use super::open::CircuitOpen;
use super::permit::{Guarded, Permit};

/// A circuit breaker in front of a service, client or route. Services of clones have the same breaker, as has any
/// function that uses it.
///
/// | | fails | a rejected call |
/// |---|---|---|
/// | [`new`](Self::new), for clients | where the service returns an error | is an error: `S::Error: From<CircuitOpen>` |
/// | [`for_routes`](Self::for_routes) (feature `axum`) | where it returns an error, or a response with a code of 500 and above | is answered 503, with `Retry-After` |
///
/// [`classify`](Self::classify) and [`on_reject`](Self::on_reject) decide otherwise.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, routing::get};
/// use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitBreakerLayer, Settings};
///
/// let files = CircuitBreaker::register("files", Settings::consecutive(5))?;
/// let app: Router = Router::new()
///     .route("/files", get(|| async { "..." }))
///     .route_layer(CircuitBreakerLayer::for_routes(files));
/// # }
/// # Ok::<(), metrics_runtime::circuit_breaker::BreakerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer<J = ErrorsFail, R = Rejected> {
    breaker: CircuitBreaker,
    judge: J,
    reject: R,
}

impl CircuitBreakerLayer {
    /// For a service whose error can say that the circuit is open.
    #[must_use]
    pub fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker, judge: ErrorsFail(()), reject: Rejected(()) }
    }
}

#[cfg(feature = "axum")]
impl CircuitBreakerLayer<ByStatus, Respond> {
    /// For axum's routes.
    #[must_use]
    pub fn for_routes(breaker: CircuitBreaker) -> Self {
        Self { breaker, judge: ByStatus(()), reject: Respond(()) }
    }
}

impl<J, R> CircuitBreakerLayer<J, R> {
    /// Decides what a call says about the service. A closure gets `&Result<Response, Error>` and returns a [`Verdict`].
    #[must_use]
    pub fn classify<C>(self, judge: C) -> CircuitBreakerLayer<C, R> {
        CircuitBreakerLayer { breaker: self.breaker, judge, reject: self.reject }
    }

    /// Decides what becomes of a rejected call. A closure gets the [`CircuitOpen`] and returns `Result<Response, Error>`.
    #[must_use]
    pub fn on_reject<C>(self, reject: C) -> CircuitBreakerLayer<J, C> {
        CircuitBreakerLayer { breaker: self.breaker, judge: self.judge, reject }
    }
}

impl<S, J: Clone, R: Clone> Layer<S> for CircuitBreakerLayer<J, R> {
    type Service = Breaking<S, J, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Breaking { inner, breaker: self.breaker.clone(), judge: self.judge.clone(), reject: self.reject.clone() }
    }
}

/// A service behind a circuit breaker, made by [`CircuitBreakerLayer`].
///
/// It is ready when the inner service is: an open circuit does not make callers wait, it rejects them.
#[derive(Clone, Debug)]
pub struct Breaking<S, J = ErrorsFail, R = Rejected> {
    inner: S,
    breaker: CircuitBreaker,
    judge: J,
    reject: R,
}

impl<S, Q, J, R> Service<Q> for Breaking<S, J, R>
where
    S: Service<Q>,
    J: Judge<S::Response, S::Error> + Clone,
    R: Reject<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BreakingFuture<S::Future, J, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let state = match self.breaker.acquire_owned() {
            // A service that panics before there is a future drops the permit by its panic: a failure.
            Ok(permit) => {
                Under::Way { call: guard(permit, || self.inner.call(request)), judge: Some(self.judge.clone()) }
            }
            Err(open) => Under::Rejected { answer: Some(self.reject.reject(open)) },
        };
        BreakingFuture { state }
    }
}

fn guard<F: Future>(permit: Permit<'static>, call: impl FnOnce() -> F) -> Guarded<'static, F> {
    let future = call();
    permit.guard(future)
}

pin_project_lite::pin_project! {
    /// A call of a [`Breaking`] service, under way.
    #[must_use = "futures do nothing unless polled"]
    pub struct BreakingFuture<F, J, T, E> {
        #[pin]
        state: Under<F, J, T, E>,
    }
}

pin_project_lite::pin_project! {
    #[project = UnderProjected]
    enum Under<F, J, T, E> {
        Way {
            #[pin]
            call: Guarded<'static, F>,
            judge: Option<J>,
        },
        Rejected {
            answer: Option<Result<T, E>>,
        },
    }
}

impl<F, J, T, E> std::fmt::Debug for BreakingFuture<F, J, T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BreakingFuture").finish_non_exhaustive()
    }
}

impl<F, J, T, E> Future for BreakingFuture<F, J, T, E>
where
    F: Future<Output = Result<T, E>>,
    J: Judge<T, E>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            UnderProjected::Way { call, judge } => {
                let (returned, permit) = std::task::ready!(call.poll(cx));
                if let Some(judge) = judge.take() {
                    permit.record(judge.judge(&returned));
                }
                Poll::Ready(returned)
            }
            // Nothing if it is polled again after it was done, which no caller may do.
            UnderProjected::Rejected { answer } => answer.take().map_or(Poll::Pending, Poll::Ready),
        }
    }
}

/// What a call of a service says about it. Closures are judges.
pub trait Judge<T, E> {
    /// The verdict on what was returned.
    fn judge(&self, returned: &Result<T, E>) -> Verdict;
}

/// What becomes of a call that is rejected. Closures say so, too.
pub trait Reject<T, E> {
    /// What is returned in its place.
    ///
    /// # Errors
    /// If that is an error.
    fn reject(&self, open: CircuitOpen) -> Result<T, E>;
}

/// Errors are failures.
#[derive(Clone, Copy, Debug)]
pub struct ErrorsFail(());

/// Errors are failures, and so are responses with a code of 500 and above.
#[derive(Clone, Copy, Debug)]
pub struct ByStatus(());

/// A rejected call is an error.
#[derive(Clone, Copy, Debug)]
pub struct Rejected(());

/// A rejected call is answered 503.
#[derive(Clone, Copy, Debug)]
pub struct Respond(());

impl<T, E> Judge<T, E> for ErrorsFail {
    fn judge(&self, returned: &Result<T, E>) -> Verdict {
        returned.is_err().into()
    }
}

#[cfg(feature = "axum")]
impl<B, E> Judge<http::Response<B>, E> for ByStatus {
    fn judge(&self, returned: &Result<http::Response<B>, E>) -> Verdict {
        returned.as_ref().map_or(true, |response| response.status().is_server_error()).into()
    }
}

impl<T, E, V: Into<Verdict>, F: Fn(&Result<T, E>) -> V> Judge<T, E> for F {
    fn judge(&self, returned: &Result<T, E>) -> Verdict {
        self(returned).into()
    }
}

impl<T, E: From<CircuitOpen>> Reject<T, E> for Rejected {
    fn reject(&self, open: CircuitOpen) -> Result<T, E> {
        Err(open.into())
    }
}

#[cfg(feature = "axum")]
impl<E> Reject<axum::response::Response, E> for Respond {
    fn reject(&self, open: CircuitOpen) -> Result<axum::response::Response, E> {
        Ok(axum::response::IntoResponse::into_response(open))
    }
}

impl<T, E, F: Fn(CircuitOpen) -> Result<T, E>> Reject<T, E> for F {
    fn reject(&self, open: CircuitOpen) -> Result<T, E> {
        self(open)
    }
}
