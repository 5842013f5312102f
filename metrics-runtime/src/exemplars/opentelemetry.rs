//! The trace of OpenTelemetry's current context.

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;

use super::{Exemplar, ExemplarSource};

/// The span of OpenTelemetry's current context, if it is sampled: a trace that nobody kept is no help.
///
/// `tracing-opentelemetry` makes the context of a `tracing` span the current one while the span is entered, unless
/// its layer was told not to (`with_context_activation(false)`). Spans of OpenTelemetry's own API are found as well.
///
/// The version of the crate `opentelemetry` has to be that of the service, 0.33: another one has a context of its own.
///
/// ```
/// metrics_runtime::exemplars::install(metrics_runtime::exemplars::OpenTelemetry)?;
/// # Ok::<(), metrics_runtime::exemplars::InstalledError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenTelemetry;

impl ExemplarSource for OpenTelemetry {
    fn current(&self) -> Option<Exemplar> {
        Context::map_current(|context| {
            let span = context.span();
            let span = span.span_context();
            let trace = u128::from_be_bytes(span.trace_id().to_bytes());
            let id = u64::from_be_bytes(span.span_id().to_bytes());
            (span.is_valid() && span.is_sampled()).then(|| Exemplar::trace(trace, id))
        })
    }
}
