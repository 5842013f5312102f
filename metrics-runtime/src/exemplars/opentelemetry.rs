//! Exemplars from the current context of OpenTelemetry.

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;

use super::{Exemplar, ExemplarSource};

/// A source of exemplars that returns the span of OpenTelemetry's current context, if the span is valid and sampled.
/// Traces that are not sampled are not stored anywhere.
///
/// `tracing-opentelemetry` makes the context of a `tracing` span the current one while the span is entered, unless its
/// layer is configured with `with_context_activation(false)`. Spans of OpenTelemetry's own API are found too.
///
/// The service has to use the same version of the crate `opentelemetry`, 0.33. Other versions have a separate context.
///
/// ```
/// metrics_runtime::exemplars::install(metrics_runtime::exemplars::OpenTelemetry)?;
/// # Ok::<(), metrics_runtime::exemplars::AlreadyInstalled>(())
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
