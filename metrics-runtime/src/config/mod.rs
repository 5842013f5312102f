//! Configuration and installation of a service's metrics.

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
