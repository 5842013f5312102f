//! The items that generated code names, re-exported from their modules. No logic.
//!
//! For `#[track(name = "login", labels(tenant = tenant), ok_if = |r| ..)] async fn login(tenant: &str) -> R { BODY }`
//! an attribute generates, abbreviated:
//!
//! ```text
//! fn login(tenant: &str) -> impl Future<Output = R> {
//!     return recorded_from(
//!         move || {
//!             const SITE: Site = Site { name: Some("login"), labels: .., ..Site::new(&preset::TRACK_NAMED, ..) };
//!             const _: () = expect(SITE.check_label(0));   // at the span of `tenant`; one check per argument
//!             listed! { callsite CALLSITE = Callsite::new(SITE) }
//!             let series = if enabled() { Some(CALLSITE.series(&[LabelValue::label(&tenant).as_str()])) } else { None };
//!             (Call::of(series), async move { let tenant = tenant; BODY })
//!         },
//!         move |returned, call| if call.is_active() { call.returned(decided(&returned, |r| .., true)) },
//!     );
//! }
//! ```
//!
//! The files in `metrics-macros/tests/golden` have complete expansions.

pub use crate::__listed as listed;
#[cfg(feature = "circuit-breaker")]
pub use crate::circuit_breaker::attribute::{
    Asked, CallResult, DeclaredBreaker, FallbackFuture, FromCircuitOpen, answered, behind_breaker, classified,
    fallback, judged, judged_by, rejected, rejected_with, unless_ignored,
};
#[cfg(feature = "circuit-breaker")]
pub use crate::circuit_breaker::{CircuitBreaker, Settings};
pub use crate::family::{Info, Series};
pub use crate::instrument::metrics_mod::{DeclaredMetric, MetricSite};
pub use crate::instrument::observed_metric::{DeclaredObserved, ObservedCounter, ObservedGauge};
pub use crate::instrument::site::{Site, SiteLabel, SiteValue};
pub use crate::instrument::{
    Call, Callsite, Declare, Polls, enabled, in_place, polled, recorded, recorded_as, recorded_from, recorded_plain,
    run, time, timed, unreachable,
};
pub use crate::metric::{Counter, Gauge, Histogram, InFlight};
pub use crate::schema::label::{
    Known, Label, LabelValue, Ordinal, UnknownValues, label_found, label_of, ordinal_of, typed,
};
pub use crate::schema::name::{
    check_bound, check_buckets, check_exponential, check_linear, check_prefix, check_series_limit, check_service,
    expect,
};
pub use crate::schema::objective::Objective;
pub use crate::schema::outcome::{
    Outcome, OutcomeOf, Probe, ReturnedFuture, ReturnedValue, Settled, SuccessOfAny, SuccessOfResult, decided, found,
    measured, ratio_of,
};
pub use crate::schema::paragraph::Paragraph;
pub use crate::schema::{Kind, Source};

/// The presets of all attributes, including those that are not public, and the bucket functions.
pub mod preset {
    pub use crate::instrument::preset::*;
}

/// The names that `#[metrics_runtime::test]` and the assertions of tests use.
#[cfg(feature = "test")]
pub mod test {
    pub use crate::test::eventually::eventually;
    pub use crate::test::query::{Check, ComparedNumber, Comparison, Part, Query, Readable, assert, assert_no};
    pub use crate::test::run::{Runtime, block_on, run};
}

/// The return types of the functions of a `#[metrics]` module.
pub mod kinds {
    pub use crate::family::Info;
    pub use crate::instrument::{ObservedCounter, ObservedGauge};
    pub use crate::metric::{Counter, Gauge, Histogram, InFlight};
}
