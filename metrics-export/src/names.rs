//! Rules about names: shared metrics, units, recording rules and objectives.

use metrics_runtime::description::MetricKind;

/// The prefixes of metrics about the process, its runtime and its page.
const PROCESS: [&str; 3] = ["process_", "tokio_", "promhttp_"];

/// Returns `true` for the toolkit's own metrics.
pub(crate) fn is_own(base: &str) -> bool {
    base.starts_with("metrics_runtime_")
}

/// Returns `true` if the name has the prefix of a process collector.
pub(crate) fn is_process(base: &str) -> bool {
    PROCESS.iter().any(|prefix| base.starts_with(prefix))
}

/// Returns `true` if the name has the prefix of the metrics of gRPC, which have no namespace.
pub(crate) fn is_grpc(base: &str) -> bool {
    ["grpc_server_", "grpc_client_", "rpc_server_", "rpc_client_"].iter().any(|prefix| base.starts_with(prefix))
}

/// Returns `true` if other services that use the same libraries may have a metric of this name.
pub(crate) fn is_common(name: &str) -> bool {
    name == "up" || is_own(name) || is_process(name) || is_grpc(name)
}

/// Returns `true` for the counters of calls and requests that were cancelled after their promised latency.
pub(crate) fn is_overdue(base: &str) -> bool {
    base.ends_with("_overdue_total")
}

/// Returns `true` for the metrics of the polls of functions.
pub(crate) fn is_of_polls(base: &str) -> bool {
    [BUSY, POLLS, SLOW_POLLS, FIRST_POLL_DELAY].contains(&base)
}

const BUSY: &str = "function_busy_seconds_total";
const POLLS: &str = "function_polls_total";
pub(crate) const SLOW_POLLS: &str = "function_slow_polls_total";
const FIRST_POLL_DELAY: &str = "function_first_poll_delay_seconds";

/// A limit that hardly any system sets. It has no panel.
pub(crate) const HARDLY_SET: &str = "process_virtual_memory_max_bytes";

/// The gauge of the state of a circuit breaker.
pub(crate) const BREAKER_STATE: &str = "circuit_breaker_state";

/// The names of its values, from zero on.
pub(crate) const BREAKER_STATES: [&str; 5] = ["closed", "open", "half-open", "disabled", "forced open"];

/// The delay of the canary of a tokio runtime.
pub(crate) const CANARY_DELAY: &str = "tokio_canary_delay_seconds";

/// The time for which a worker of a tokio runtime is stuck.
pub(crate) const WORKER_STUCK: &str = "tokio_worker_stuck_seconds";

/// Returns the base unit that the name ends in
/// (<https://prometheus.io/docs/practices/naming/#base-units>).
pub(crate) fn unit(base: &str) -> Option<String> {
    let stem = base.trim_end_matches("_total");
    let units = ["seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams"];
    units.iter().find(|unit| stem.strip_suffix(*unit).is_some_and(|rest| rest.ends_with('_'))).map(ToString::to_string)
}

/// Returns the middle part of the names of rules that record this metric, `level:metric:operations`.
pub(crate) fn recorded_name(metric: &str) -> String {
    metric.trim_end_matches("_total").replace(':', "_")
}

/// Returns the start of the ids of objectives of a function, for the metric that records its calls.
pub(crate) fn objective_name(kind: MetricKind, base: &str) -> String {
    if kind == MetricKind::Counter { base.replacen("_total", "", 1) } else { base.to_owned() }
}
