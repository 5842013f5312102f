//! From what the binary was built.

use std::borrow::Cow;

use crate::registry::{Registry, RegistryError};
use crate::schema::Descriptor;

/// From what the binary was built, for [`Builder::build_info`](crate::Builder::build_info).
///
/// [`build_info!`](crate::build_info!) makes one of what the compiler knows; this is the way for what it does not.
///
/// ```
/// use metrics_runtime::BuildInfo;
///
/// let build = BuildInfo::new(env!("CARGO_PKG_VERSION")).revision("0a1b2c3").rustc("1.91.0");
/// # assert_eq!(build, build.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct BuildInfo {
    version: Cow<'static, str>,
    revision: Option<Cow<'static, str>>,
    rustc: Option<Cow<'static, str>>,
}

impl BuildInfo {
    /// The version, and nothing else that is known.
    pub fn new(version: impl Into<Cow<'static, str>>) -> Self {
        Self { version: version.into(), revision: None, rustc: None }
    }

    /// The commit. An empty one is none.
    pub fn revision(mut self, revision: impl Into<Cow<'static, str>>) -> Self {
        self.revision = Some(revision.into()).filter(|revision| !revision.is_empty());
        self
    }

    /// The version of the compiler. An empty one is none.
    pub fn rustc(mut self, rustc: impl Into<Cow<'static, str>>) -> Self {
        self.rustc = Some(rustc.into()).filter(|rustc| !rustc.is_empty());
        self
    }

    pub(super) fn register(&self, registry: &Registry) -> Result<(), RegistryError> {
        let facts =
            [("version", Some(&self.version)), ("revision", self.revision.as_ref()), ("rustc", self.rustc.as_ref())];
        let known = facts.into_iter().filter_map(|(label, value)| Some((label, value?.as_ref())));
        let (labels, values): (Vec<_>, Vec<_>) = known.unzip();
        let descriptor = Descriptor::info("build_info", "From what the binary was built.").labels(labels);
        registry.info(descriptor)?.known_series(&values);
        Ok(())
    }
}

/// The [`BuildInfo`] of the crate that calls it: its version, the revision if the variable `VERGEN_GIT_SHA` is set while it
/// is compiled, and the compiler if `VERGEN_RUSTC_SEMVER` is.
///
/// Cargo knows neither of the two. The variables are those that a build script with the crate `vergen` sets; a line in
/// CI does as well: `VERGEN_GIT_SHA=$(git rev-parse HEAD) cargo build --release`.
///
/// ```
/// let build = metrics_runtime::build_info!();
/// # let _ = build;
/// ```
#[macro_export]
macro_rules! build_info {
    () => {
        $crate::BuildInfo::new(::core::env!("CARGO_PKG_VERSION"))
            .revision(::core::option_env!("VERGEN_GIT_SHA").unwrap_or_default())
            .rustc(::core::option_env!("VERGEN_RUSTC_SEMVER").unwrap_or_default())
    };
}
