//! `build_info`: version, revision and compiler of the binary.

use std::borrow::Cow;

use crate::registry::{Registry, RegistryError};
use crate::schema::Descriptor;

/// Version, revision and compiler of the binary, for [`Builder::build_info`](crate::Builder::build_info).
///
/// [`build_info!`](crate::build_info!) creates one from the crate's version and from variables of the build. Use this
/// type for facts from another source.
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
    /// Creates build info with this version. Revision and compiler are unknown.
    pub fn new(version: impl Into<Cow<'static, str>>) -> Self {
        Self { version: version.into(), revision: None, rustc: None }
    }

    /// Sets the revision: the commit that was built. An empty string means unknown.
    pub fn revision(mut self, revision: impl Into<Cow<'static, str>>) -> Self {
        self.revision = Some(revision.into()).filter(|revision| !revision.is_empty());
        self
    }

    /// Sets the version of the compiler. An empty string means unknown.
    pub fn rustc(mut self, rustc: impl Into<Cow<'static, str>>) -> Self {
        self.rustc = Some(rustc.into()).filter(|rustc| !rustc.is_empty());
        self
    }

    pub(super) fn register(&self, registry: &Registry) -> Result<(), RegistryError> {
        let facts =
            [("version", Some(&self.version)), ("revision", self.revision.as_ref()), ("rustc", self.rustc.as_ref())];
        let known = facts.into_iter().filter_map(|(label, value)| Some((label, value?.as_ref())));
        let (labels, values): (Vec<_>, Vec<_>) = known.unzip();
        let descriptor = Descriptor::info("build_info", "Version, revision and compiler of the binary.").labels(labels);
        registry.info(descriptor)?.known_series(&values);
        Ok(())
    }
}

/// Creates the [`BuildInfo`] of the calling crate.
///
/// | label | value |
/// |---|---|
/// | `version` | the crate's version (`CARGO_PKG_VERSION`) |
/// | `revision` | the variable `VERGEN_GIT_SHA` at compile time; no label if unset |
/// | `rustc` | the variable `VERGEN_RUSTC_SEMVER` at compile time; no label if unset |
///
/// Cargo does not set the last two. A build script with the crate `vergen` sets them; so does a line in CI:
/// `VERGEN_GIT_SHA=$(git rev-parse HEAD) cargo build --release`.
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
