//! The layer that puts a tower service behind a breaker.

use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::Verdict;
use super::breaker::CircuitBreaker;
use super::open::CircuitOpen;
use super::permit::Permit;
use crate::contained::contained;

/// A layer that puts a service, client or route, behind a [`CircuitBreaker`].
///
/// All services that the layer and its clones create share the breaker, with each other and with functions that use it.
///
/// | | failures | rejected calls |
/// |---|---|---|
/// | [`new`](Self::new), for clients | errors of the service | return an error: `S::Error: From<CircuitOpen>` |
/// | [`for_routes`](Self::for_routes) (feature `axum`) | errors, and responses with a status code of 500 and above | return a response: 503, with `Retry-After` |
///
/// [`failure_if`](Self::failure_if), [`ignore_if`](Self::ignore_if), [`classify`](Self::classify) and
/// [`on_reject`](Self::on_reject) replace these defaults, like the arguments of
/// [`#[circuit_breaker]`](macro@crate::circuit_breaker) with the same names. A panic of one of these classifications is a
/// failure, and does not reach the caller. The [`Settings`](super::Settings) are those of the breaker.
///
/// A call lasts until its future completes: for a route, until the head of the response.
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
    /// Creates a layer for services whose error implements `From<CircuitOpen>`.
    #[must_use]
    pub fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker, judge: ErrorsFail(()), reject: Rejected(()) }
    }
}

#[cfg(feature = "axum")]
impl CircuitBreakerLayer<ByStatus, Respond> {
    /// Creates a layer for axum routes.
    #[must_use]
    pub fn for_routes(breaker: CircuitBreaker) -> Self {
        Self { breaker, judge: ByStatus(()), reject: Respond(()) }
    }
}

impl<J, R> CircuitBreakerLayer<J, R> {
    /// Sets the classification of errors. A closure takes `&Error` and returns a [`Verdict`] or a `bool`, which is `true`
    /// for a failure. Responses are successes.
    #[must_use]
    pub fn failure_if<C>(self, failure_if: C) -> CircuitBreakerLayer<FailureIf<C>, R> {
        self.classify(FailureIf(failure_if))
    }

    /// Ignores calls with these errors: they are neither failures nor successes. A closure takes `&Error` and returns
    /// `true` to ignore the call. All other calls are classified as before.
    ///
    /// ```
    /// use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitBreakerLayer, CircuitOpen, Settings};
    ///
    /// enum ClientError { Open(CircuitOpen), Down, Refused }
    ///
    /// let ryot = CircuitBreaker::new("ryot", Settings::consecutive(5))?;
    /// let layer = CircuitBreakerLayer::new(ryot).ignore_if(|error: &ClientError| matches!(error, ClientError::Refused));
    /// # let _ = (layer, ClientError::Down, |open| ClientError::Open(open));
    /// # Ok::<(), metrics_runtime::circuit_breaker::SettingsError>(())
    /// ```
    #[must_use]
    pub fn ignore_if<C>(self, ignore_if: C) -> CircuitBreakerLayer<IgnoreIf<C, J>, R> {
        let judge = IgnoreIf { ignore_if, otherwise: self.judge };
        CircuitBreakerLayer { breaker: self.breaker, judge, reject: self.reject }
    }

    /// Sets the classification of finished calls. A closure takes `&Result<Response, Error>` and returns a [`Verdict`]
    /// or a `bool`, which is `true` for a failure.
    #[must_use]
    pub fn classify<C>(self, judge: C) -> CircuitBreakerLayer<C, R> {
        CircuitBreakerLayer { breaker: self.breaker, judge, reject: self.reject }
    }

    /// Sets the result of rejected calls. A closure takes the [`CircuitOpen`] and returns `Result<Response, Error>`.
    #[must_use]
    pub fn on_reject<C>(self, reject: C) -> CircuitBreakerLayer<J, C> {
        CircuitBreakerLayer { breaker: self.breaker, judge: self.judge, reject }
    }
}

impl<S, J: Clone, R: Clone> Layer<S> for CircuitBreakerLayer<J, R> {
    type Service = CircuitBreakerService<S, J, R>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreakerService {
            inner,
            breaker: self.breaker.clone(),
            judge: self.judge.clone(),
            reject: self.reject.clone(),
        }
    }
}

/// A service behind a circuit breaker, created by [`CircuitBreakerLayer`].
///
/// It is ready if the inner service is ready. An open breaker rejects calls; it does not make callers wait.
#[derive(Clone, Debug)]
pub struct CircuitBreakerService<S, J = ErrorsFail, R = Rejected> {
    inner: S,
    breaker: CircuitBreaker,
    judge: J,
    reject: R,
}

impl<S, Q, J, R> Service<Q> for CircuitBreakerService<S, J, R>
where
    S: Service<Q>,
    J: Judge<S::Response, S::Error> + Clone,
    R: Reject<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, J, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let state = match self.breaker.acquire_owned() {
            // If the inner service panics in `call`, the permit is dropped by the panic, which is a failure.
            Ok(mut permit) => {
                let call = self.inner.call(request);
                permit.wait();
                ResponseState::Call { call, permit, judge: Some(self.judge.clone()) }
            }
            Err(open) => ResponseState::Rejected { result: Some(self.reject.reject(open)) },
        };
        ResponseFuture { state }
    }
}

pin_project_lite::pin_project! {
    /// The future of [`CircuitBreakerService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, J, T, E> {
        #[pin]
        state: ResponseState<F, J, T, E>,
    }
}

pin_project_lite::pin_project! {
    #[project = ResponseStateProj]
    enum ResponseState<F, J, T, E> {
        Call {
            #[pin]
            call: F,
            permit: Permit<'static>,
            judge: Option<J>,
        },
        Rejected {
            result: Option<Result<T, E>>,
        },
    }
}

impl<F, J, T, E> std::fmt::Debug for ResponseFuture<F, J, T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, J, T, E> Future for ResponseFuture<F, J, T, E>
where
    F: Future<Output = Result<T, E>>,
    J: Judge<T, E>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            ResponseStateProj::Call { call, permit, judge } => {
                permit.poll_to_end(call, cx, judge, |judge, returned| {
                    contained(|| judge.judge(returned)).unwrap_or(Verdict::Failure)
                })
            }
            // There is no result if the future is polled after it has completed, which is an error of the caller.
            ResponseStateProj::Rejected { result } => result.take().map_or(Poll::Pending, Poll::Ready),
        }
    }
}

/// A classifier of the finished calls of a service. Closures implement it.
pub trait Judge<T, E> {
    /// Classifies the result of a call.
    fn judge(&self, returned: &Result<T, E>) -> Verdict;
}

/// A source of the results of rejected calls. Closures implement it.
pub trait Reject<T, E> {
    /// Returns the result of a rejected call.
    ///
    /// # Errors
    /// Returns an error if the implementation rejects calls with an error.
    fn reject(&self, open: CircuitOpen) -> Result<T, E>;
}

/// The classifier of [`CircuitBreakerLayer::new`]: errors are failures.
#[derive(Clone, Copy, Debug)]
pub struct ErrorsFail(());

/// The classifier of `CircuitBreakerLayer::for_routes`: errors and responses with a status code of 500 and above are
/// failures.
#[derive(Clone, Copy, Debug)]
pub struct ByStatus(());

/// The classifier of [`CircuitBreakerLayer::failure_if`].
#[derive(Clone, Copy, Debug)]
pub struct FailureIf<C>(C);

/// The classifier of [`CircuitBreakerLayer::ignore_if`].
#[derive(Clone, Copy, Debug)]
pub struct IgnoreIf<C, J> {
    ignore_if: C,
    otherwise: J,
}

/// The [`Reject`] of [`CircuitBreakerLayer::new`]: rejected calls return an error.
#[derive(Clone, Copy, Debug)]
pub struct Rejected(());

/// The [`Reject`] of `CircuitBreakerLayer::for_routes`: rejected calls return a response with the status code 503.
#[derive(Clone, Copy, Debug)]
pub struct Respond(());

impl<T, E> Judge<T, E> for ErrorsFail {
    fn judge(&self, returned: &Result<T, E>) -> Verdict {
        returned.is_err().into()
    }
}

impl<T, E, V: Into<Verdict>, C: Fn(&E) -> V> Judge<T, E> for FailureIf<C> {
    fn judge(&self, returned: &Result<T, E>) -> Verdict {
        returned.as_ref().err().map_or(Verdict::Success, |error| (self.0)(error).into())
    }
}

impl<T, E, C: Fn(&E) -> bool, J: Judge<T, E>> Judge<T, E> for IgnoreIf<C, J> {
    fn judge(&self, returned: &Result<T, E>) -> Verdict {
        match returned {
            Err(error) if (self.ignore_if)(error) => Verdict::Ignored,
            _ => self.otherwise.judge(returned),
        }
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
