//! Installing the metrics of a service: names, switches, environment.

mod builder;
#[cfg(feature = "prometheus")]
mod collector;
mod collectors;
pub(crate) mod describe;
mod environment;
mod install;
mod metrics;

pub use builder::Builder;
#[cfg(feature = "prometheus")]
pub use collector::MetricsCollector;
pub use environment::EnvError;
pub use install::InstallError;
pub use metrics::Metrics;

/// The metrics of a shop in Europe, for the tests of what a page has.
#[cfg(test)]
pub(crate) fn shop(registry: &crate::registry::Registry) -> Metrics {
    Metrics::builder().registry(registry).namespace("shop").constant_label("region", "eu").build().unwrap()
}
