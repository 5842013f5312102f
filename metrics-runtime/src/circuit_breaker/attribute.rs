//! Statics and functions for the code that `#[circuit_breaker]` generates.

use std::fmt;
use std::future::Pending;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use super::Verdict;
use super::breaker::CircuitBreaker;
use super::clock::Clock;
use super::metrics::{descriptors, known_values};
use super::open::CircuitOpen;
use super::permit::Permit;
use super::settings::Settings;
use crate::contained::contained;
use crate::instrument::catalog::{Declaration, Declare, registry_of, warn_incomplete};
use crate::registry::Registry;
use crate::schema::{Outcome, Source};
use crate::scope::{self, PerScope};

/// The breaker of one attribute. Attributes that name the same service share a breaker.
#[derive(Debug)]
pub struct DeclaredBreaker {
    service: &'static str,
    settings: Settings,
    source: Source,
    breaker: OnceLock<CircuitBreaker>,
}

impl DeclaredBreaker {
    /// Creates a declaration whose breaker is registered on first use. Generated code has checked the settings.
    #[must_use]
    pub const fn new(service: &'static str, settings: Settings, source: Source) -> Self {
        Self { service, settings, source, breaker: OnceLock::new() }
    }

    /// Returns the breaker. The first call registers it.
    #[inline]
    pub fn get(&'static self) -> &'static CircuitBreaker {
        let this = scope::current(self);
        this.breaker.get().unwrap_or_else(|| this.resolve_globally())
    }

    #[cold]
    fn resolve_globally(&'static self) -> &'static CircuitBreaker {
        // Outside of `get_or_init`, because building the registry resolves all entries of the catalog, including this
        // one.
        let registry = registry_of(self);
        if self.breaker.get().is_none() {
            warn_incomplete(self.source);
        }
        self.breaker.get_or_init(|| self.resolve(registry))
    }

    /// Registers the breaker. If it conflicts with another breaker of the service, the error is kept for `install`, and
    /// this breaker works without being registered.
    fn resolve(&self, registry: &Registry) -> CircuitBreaker {
        let declared = CircuitBreaker::register_at(registry, &self.service.into(), self.settings, self.source);
        declared.unwrap_or_else(|problem| {
            registry.keep_problem(problem);
            CircuitBreaker::from_checked(Arc::from(self.service), self.settings, Clock::monotonic())
        })
    }
}

impl PerScope for DeclaredBreaker {
    fn fresh(&self) -> Self {
        Self::new(self.service, self.settings, self.source)
    }
}

impl Declare for DeclaredBreaker {
    fn declarations(&self) -> Vec<Declaration> {
        let values = |label: &str| match label {
            "service" => vec![self.service],
            label => known_values(label),
        };
        let declared = descriptors().into_iter().map(|descriptor| Declaration {
            values: descriptor.labels.iter().map(|label| values(label)).collect(),
            source: self.source,
            result_labels: Vec::new(),
            objective: None,
            descriptor,
        });
        declared.collect()
    }

    fn declare(&'static self, registry: &Registry) {
        scope::current(self).breaker.get_or_init(|| self.resolve(registry));
    }
}

/// The return type of a function behind a breaker.
#[diagnostic::on_unimplemented(
    message = "expected a function that returns a `Result` behind a circuit breaker, found `{Self}`",
    label = "calls that are rejected return `Err`"
)]
pub trait CallResult: Sized {
    /// The error type.
    type Error;

    /// Returns the error, or `None` for a success.
    fn error(&self) -> Option<&Self::Error>;

    /// Creates a value from an error.
    fn failed(error: Self::Error) -> Self;
}

impl<T, E> CallResult for Result<T, E> {
    type Error = E;

    fn error(&self) -> Option<&E> {
        self.as_ref().err()
    }

    fn failed(error: E) -> Self {
        Err(error)
    }
}

/// An error type that can represent a rejected call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be created from `CircuitOpen`",
    label = "calls that are rejected return `{Self}`",
    note = "write `impl From<CircuitOpen> for {Self}` (`metrics_runtime::circuit_breaker::CircuitOpen`)",
    note = "or set the result of rejected calls: `on_reject = |open| ..` or `fallback = function`"
)]
pub trait FromCircuitOpen {
    /// Converts the rejection into the error.
    fn from_circuit_open(open: CircuitOpen) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<CircuitOpen>> FromCircuitOpen for E {
    fn from_circuit_open(open: CircuitOpen) -> Self {
        Self::from(open)
    }
}

/// Returns the result of a rejected call.
#[must_use]
pub fn rejected<R: CallResult<Error: FromCircuitOpen>>(open: CircuitOpen) -> R {
    R::failed(R::Error::from_circuit_open(open))
}

/// Returns the result of a rejected call, with the error of `on_reject`.
pub fn rejected_with<R: CallResult>(open: CircuitOpen, on_reject: impl FnOnce(CircuitOpen) -> R::Error) -> R {
    R::failed(on_reject(open))
}

/// The returned value of a `fallback`: a future.
#[diagnostic::on_unimplemented(
    message = "`fallback` is not an async function: it returns `{Self}`",
    label = "expected an async function with the same parameters",
    note = "write `async fn`; for a value that needs no function, use `on_reject = |open| ..`"
)]
pub trait FallbackFuture {
    /// The result of the function.
    type Output;
    /// The future.
    type Future: Future<Output = Self::Output>;

    /// Returns the future.
    fn future(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<F: Future> FallbackFuture for F {
    type Output = F::Output;
    type Future = F;

    fn future(self) -> F {
        self
    }
}

/// Returns the future of `fallback`. The opaque type is a future even if `F` is none, which avoids a second error.
pub fn fallback<F: FallbackFuture>(returned: F) -> impl Future<Output = F::Output> {
    returned.future()
}

/// Returns the default verdict: a call whose outcome is an error is a failure.
#[inline]
pub fn judged<R: CallResult>(_returned: &R, outcome: Outcome) -> Verdict {
    (outcome == Outcome::Error).into()
}

/// Ignores the call if `ignore_if` says so about its error. Otherwise returns the verdict of `otherwise`. If the closure
/// panics, the call is a failure.
#[inline]
pub fn unless_ignored<R: CallResult>(
    returned: &R,
    ignore_if: impl FnOnce(&R::Error) -> bool,
    otherwise: impl FnOnce() -> Verdict,
) -> Verdict {
    match returned.error().map(|error| contained(|| ignore_if(error))) {
        Some(None) => Verdict::Failure,
        Some(Some(true)) => Verdict::Ignored,
        Some(Some(false)) | None => otherwise(),
    }
}

/// Returns the verdict of `failure_if` on an error, or a success. If the closure panics, the call is a failure.
#[inline]
pub fn judged_by<R: CallResult, V: Into<Verdict>>(returned: &R, failure_if: impl FnOnce(&R::Error) -> V) -> Verdict {
    let judge = |error| contained(|| failure_if(error).into()).unwrap_or(Verdict::Failure);
    returned.error().map_or(Verdict::Success, judge)
}

/// Returns the verdict of `classify`. If the closure panics, the call is a failure.
#[inline]
pub fn classified<R: CallResult, V: Into<Verdict>>(returned: &R, classify: impl FnOnce(&R) -> V) -> Verdict {
    contained(|| classify(returned).into()).unwrap_or(Verdict::Failure)
}

pin_project_lite::pin_project! {
    /// The future of a function behind a breaker. One type, not a structure with an enum in it, since nested futures soon
    /// reach the compiler's limit of nested types.
    #[project = BehindBreakerProjection]
    #[project_replace = BehindBreakerState]
    #[must_use = "futures do nothing unless polled"]
    pub enum BehindBreaker<'b, B, F, W, J> {
        /// Not polled yet: the closure that asks the breaker, with the parameters of the function.
        Unstarted { begin: B, judge: J },
        Admitted { #[pin] call: F, permit: Permit<'b>, judge: Option<J> },
        /// The call is rejected. The fallback runs.
        Fallback { #[pin] future: W },
        /// The call was rejected, or `begin` has panicked.
        Ended,
    }
}

/// The answer of a breaker.
#[derive(Debug)]
pub enum Asked<'b, F: Future, W> {
    /// The call may run.
    Admitted(F, Permit<'b>),
    /// The call is rejected, with this result.
    Rejected(F::Output),
    /// The call is rejected. The future returns the result.
    Fallback(W),
}

/// Returns the answer for a rejected call without a fallback.
#[inline]
pub fn answered<'b, F: Future>(result: F::Output) -> Asked<'b, F, Pending<F::Output>> {
    Asked::Rejected(result)
}

/// Returns a future that asks the breaker with `begin` at the first poll. `judge` returns the verdict about the result of
/// an admitted call.
#[inline]
pub fn behind_breaker<'b, B, F, W, J>(begin: B, judge: J) -> BehindBreaker<'b, B, F, W, J>
where
    B: FnOnce() -> Asked<'b, F, W>,
    F: Future,
    W: Future<Output = F::Output>,
    J: FnOnce(&F::Output) -> Verdict,
{
    BehindBreaker::Unstarted { begin, judge }
}

impl<B, F, W, J> fmt::Debug for BehindBreaker<'_, B, F, W, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BehindBreaker").finish_non_exhaustive()
    }
}

impl<'b, B, F, W, J> Future for BehindBreaker<'b, B, F, W, J>
where
    B: FnOnce() -> Asked<'b, F, W>,
    F: Future,
    W: Future<Output = F::Output>,
    J: FnOnce(&F::Output) -> Verdict,
{
    type Output = F::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if matches!(*self, Self::Unstarted { .. })
            && let BehindBreakerState::Unstarted { begin, judge } = self.as_mut().project_replace(Self::Ended)
        {
            // A result is never stored, so that the future is as `Send` and `Sync` as the body.
            let state = match begin() {
                Asked::Admitted(call, permit) => Self::Admitted { call, permit, judge: Some(judge) },
                Asked::Rejected(result) => return Poll::Ready(result),
                Asked::Fallback(future) => Self::Fallback { future },
            };
            self.set(state);
        }
        match self.project() {
            BehindBreakerProjection::Admitted { call, permit, judge } => {
                permit.poll_to_end(call, cx, judge, |judge, returned| judge(returned))
            }
            BehindBreakerProjection::Fallback { future } => future.poll(cx),
            BehindBreakerProjection::Unstarted { .. } | BehindBreakerProjection::Ended => {
                panic!("the future is polled after its end")
            }
        }
    }
}
