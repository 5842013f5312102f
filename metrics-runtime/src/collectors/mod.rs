//! Collectors that are the same in every service: build info, the process, tokio runtimes.
//!
//! `process_*` and `tokio_*` have constant labels but no namespace, as in other client libraries, so that one dashboard
//! and one set of alerts fits all services. `build_info` belongs to the service and has both.

mod build_info;
#[cfg(feature = "process")]
mod process;
#[cfg(feature = "tokio-runtime")]
mod tokio_canary;
#[cfg(feature = "tokio-runtime")]
mod tokio_runtime;

pub use build_info::BuildInfo;
#[cfg(feature = "tokio-runtime")]
pub use tokio_canary::CanaryError;
#[cfg(feature = "tokio-runtime")]
pub(crate) use tokio_canary::runtime as canary_runtime;

use crate::registry::{Registry, RegistryError};
use crate::schema::Source;

/// The collectors that a service has enabled.
#[derive(Clone, Debug, Default)]
pub(crate) struct CollectorSet {
    pub(crate) build_info: Option<BuildInfo>,
    #[cfg(feature = "process")]
    pub(crate) process: bool,
    /// The runtimes, each with the value of its label `runtime`.
    #[cfg(feature = "tokio-runtime")]
    pub(crate) tokio_runtimes: Vec<(String, tokio::runtime::Handle)>,
    /// The runtimes that get a canary, likewise; `None` for the current one.
    #[cfg(feature = "tokio-runtime")]
    pub(crate) canaries: Vec<(String, Option<tokio::runtime::Handle>)>,
}

/// Returns a name that two of the runtimes have.
#[cfg(feature = "tokio-runtime")]
pub(crate) fn repeated<T>(runtimes: &[(String, T)]) -> Option<&str> {
    let names = runtimes.iter().map(|(name, _)| name.as_str()).enumerate();
    let mut repeated = names.filter(|(i, name)| runtimes[..*i].iter().any(|(earlier, _)| earlier == name));
    repeated.next().map(|(_, name)| name)
}

impl CollectorSet {
    #[cfg_attr(
        not(any(feature = "process", feature = "tokio-runtime")),
        expect(unused_variables, reason = "only computed families have the place of their registration")
    )]
    pub(crate) fn register(&self, registry: &Registry, source: Source) -> Result<(), RegistryError> {
        if let Some(build_info) = &self.build_info {
            build_info.register(registry)?;
        }
        #[cfg(feature = "process")]
        if self.process {
            let _ = registry.computed::<process::Process>(source)?;
        }
        #[cfg(feature = "tokio-runtime")]
        for (name, handle) in &self.tokio_runtimes {
            registry.computed::<tokio_runtime::Runtimes>(source)?.insert(name, handle);
        }
        #[cfg(feature = "tokio-runtime")]
        for (name, handle) in &self.canaries {
            if let Some(handle) = handle {
                let delays = tokio_canary::delays(registry, source)?;
                registry.computed::<tokio_canary::Canaries>(source)?.insert(name, handle, &delays);
            }
        }
        Ok(())
    }
}
