//! What `#[circuit_breaker]` writes down, and what the code that it generates calls.

use std::sync::{Arc, OnceLock};

use super::Verdict;
use super::breaker::CircuitBreaker;
use super::clock::Clock;
use super::metrics::{descriptors, values};
use super::open::CircuitOpen;
use super::settings::Settings;
use crate::instrument::catalog::{Declaration, Declare};
use crate::registry::Registry;
use crate::schema::Source;

/// The breaker of one attribute. Attributes that name one service share it.
#[derive(Debug)]
pub struct DeclaredBreaker {
    service: &'static str,
    settings: Settings,
    source: Source,
    breaker: OnceLock<CircuitBreaker>,
}

impl DeclaredBreaker {
    /// A breaker that was not asked yet. Generated code has checked the settings.
    #[must_use]
    pub const fn new(service: &'static str, settings: Settings, source: Source) -> Self {
        Self { service, settings, source, breaker: OnceLock::new() }
    }

    /// The breaker.
    #[inline]
    pub fn get(&'static self) -> &'static CircuitBreaker {
        self.breaker.get().unwrap_or_else(|| self.resolve_globally())
    }

    #[cold]
    fn resolve_globally(&'static self) -> &'static CircuitBreaker {
        // First of all, since building the registry resolves everything in the catalog, this breaker too.
        let registry = Registry::global();
        self.breaker.get_or_init(|| self.resolve(registry))
    }

    /// Where the service has another breaker, `install` says so, and this one is on no page.
    fn resolve(&self, registry: &Registry) -> CircuitBreaker {
        let declared = CircuitBreaker::declare_in(registry, &self.service.into(), self.settings, self.source);
        declared.unwrap_or_else(|problem| {
            registry.keep_problem(problem);
            CircuitBreaker::checked(Arc::from(self.service), self.settings, Clock::monotonic())
        })
    }
}

impl Declare for DeclaredBreaker {
    fn declarations(&self) -> Vec<Declaration> {
        let known = |label: &str| match label {
            "service" => vec![self.service],
            label => values(label),
        };
        let declared = descriptors().into_iter().map(|descriptor| Declaration {
            values: descriptor.labels.iter().map(|label| known(label)).collect(),
            source: self.source,
            objective: None,
            descriptor,
        });
        declared.collect()
    }

    fn declare(&'static self, registry: &Registry) {
        self.breaker.get_or_init(|| self.resolve(registry));
    }
}

/// What a function behind a breaker returns.
#[diagnostic::on_unimplemented(
    message = "a function behind a circuit breaker returns a `Result`, not `{Self}`",
    label = "calls that are rejected return `Err`"
)]
pub trait CallResult: Sized {
    /// The error.
    type Error;

    /// The error, if it is one.
    fn error(&self) -> Option<&Self::Error>;

    /// An error.
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

/// An error that can say that the circuit is open.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that the circuit is open",
    label = "calls that are rejected return `{Self}`",
    note = "write `impl From<CircuitOpen> for {Self}` (`metrics_runtime::circuit_breaker::CircuitOpen`)",
    note = "or say what else becomes of rejected calls: `on_reject = |open| ..` or `fallback = function`"
)]
pub trait FromCircuitOpen {
    /// The error.
    fn from_circuit_open(open: CircuitOpen) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<CircuitOpen>> FromCircuitOpen for E {
    fn from_circuit_open(open: CircuitOpen) -> Self {
        Self::from(open)
    }
}

/// What a rejected call returns.
#[must_use]
pub fn rejected<R: CallResult<Error: FromCircuitOpen>>(open: CircuitOpen) -> R {
    R::failed(R::Error::from_circuit_open(open))
}

/// What a rejected call returns, by `on_reject`.
pub fn rejected_with<R: CallResult>(open: CircuitOpen, on_reject: impl FnOnce(CircuitOpen) -> R::Error) -> R {
    R::failed(on_reject(open))
}

/// The verdict where nobody says otherwise: an error is a failure.
#[inline]
pub fn judged<R: CallResult>(returned: &R) -> Verdict {
    returned.error().is_some().into()
}

/// The verdict by `failure_if`, which is asked about errors.
#[inline]
pub fn judged_by<R: CallResult, V: Into<Verdict>>(returned: &R, failure_if: impl FnOnce(&R::Error) -> V) -> Verdict {
    returned.error().map_or(Verdict::Success, |error| failure_if(error).into())
}

/// The verdict by `classify`, which is asked about everything.
#[inline]
pub fn classified<R: CallResult, V: Into<Verdict>>(returned: &R, classify: impl FnOnce(&R) -> V) -> Verdict {
    classify(returned).into()
}
