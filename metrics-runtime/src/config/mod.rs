//! Installing the metrics of a service: names, switches, environment.

mod builder;
mod collector;
mod environment;
mod install;
mod metrics;

pub use builder::Builder;
pub use collector::MetricsCollector;
pub use environment::EnvError;
pub use install::InstallError;
pub use metrics::Metrics;
