//! Metrics that are the same in every service: its build, its process, its tokio runtimes.
//!
//! `process_*` and `tokio_*` have no namespace, as in every other client library: dashboards and alerts for them are
//! written once, for all services. Constant labels they do have. `build_info` belongs to the service and has both.

mod build_info;
#[cfg(feature = "process")]
mod process;
#[cfg(feature = "tokio-runtime")]
mod tokio_runtime;

pub use build_info::BuildInfo;

use crate::registry::{Registry, RegistryError};
use crate::schema::Source;

/// Which of them a service has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standard {
    pub(crate) build: Option<BuildInfo>,
    #[cfg(feature = "process")]
    pub(crate) process: bool,
    #[cfg(feature = "tokio-runtime")]
    pub(crate) runtimes: Vec<(String, tokio::runtime::Handle)>,
}

impl Standard {
    #[cfg_attr(
        not(any(feature = "process", feature = "tokio-runtime")),
        expect(unused_variables, reason = "the place is that of computed families")
    )]
    pub(crate) fn register(&self, registry: &Registry, source: Source) -> Result<(), RegistryError> {
        if let Some(build) = &self.build {
            build.register(registry)?;
        }
        #[cfg(feature = "process")]
        if self.process {
            let _ = registry.computed::<process::Process>(source)?;
        }
        #[cfg(feature = "tokio-runtime")]
        for (name, handle) in &self.runtimes {
            registry.computed::<tokio_runtime::Runtimes>(source)?.insert(name, handle);
        }
        Ok(())
    }
}
