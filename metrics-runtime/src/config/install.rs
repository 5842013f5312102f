//! From what was said to metrics: everything is checked, and nothing is served before it is right.

use std::sync::Arc;
#[cfg(feature = "serve")]
use std::sync::atomic::AtomicBool;

use super::Builder;
use super::metrics::{INSTALLED, Inner, Metrics};
use crate::error::debug_as_display;
#[cfg(feature = "axum")]
use crate::http::{EndpointSettingError, PathError, Scraper, check_path};
#[cfg(feature = "http")]
use crate::http::{HttpError, HttpLayer};
#[cfg(feature = "serve")]
use crate::http::{ServeError, check_exposure};
use crate::instrument;
use crate::registry::RegistryError;
use crate::schema::name::{self, NameError};
#[cfg(feature = "axum")]
use crate::schema::objective::PROMISED_TWICE;
use crate::schema::{Descriptor, Naming, Source};

/// Why metrics cannot be installed.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The namespace is none that Prometheus allows.
    #[error("namespace: {0}")]
    Namespace(NameError),
    /// The name of a constant label is none that Prometheus allows.
    #[error("constant label: {0}")]
    ConstantLabel(NameError),
    /// The path is none that the page could have.
    #[cfg(feature = "axum")]
    #[error("path: {0}")]
    Path(PathError),
    /// The objective of a route that no alert can follow from, or a second one.
    #[error("objective of {route}: {problem}")]
    #[non_exhaustive]
    Objective {
        /// The route.
        route: String,
        /// What is wrong with it.
        problem: NameError,
    },
    /// A setting of the endpoint cannot be followed.
    #[cfg(feature = "axum")]
    #[error("endpoint: {0}")]
    Endpoint(EndpointSettingError),
    /// The page cannot be served on the address that it is to have.
    #[cfg(feature = "serve")]
    #[error(transparent)]
    Serve(ServeError),
    /// What is to be recorded of HTTP requests cannot be.
    #[cfg(feature = "http")]
    #[error("http: {0}")]
    Http(HttpError),
    /// Metrics of this binary that cannot be told apart, or that Prometheus does not allow.
    #[error("{}", list(.0))]
    Declarations(Vec<RegistryError>),
    /// Metrics were installed before.
    #[error("metrics are installed already: install them once, and clone or look up the handle after that")]
    AlreadyInstalled,
}

debug_as_display!(InstallError);

fn list(problems: &[RegistryError]) -> String {
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    problems.join("\n")
}

impl From<RegistryError> for InstallError {
    fn from(error: RegistryError) -> Self {
        Self::Declarations(vec![error])
    }
}

#[cfg(feature = "http")]
impl From<HttpError> for InstallError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Registry(error) => error.into(),
            error => Self::Http(error),
        }
    }
}

impl Builder {
    /// The metrics, without making them the ones of this process: for a second page, or for a test.
    ///
    /// # Errors
    /// Something Prometheus does not allow, or two definitions of one metric that differ. All such definitions are
    /// reported at once, each with its places.
    #[track_caller]
    pub fn build(self) -> Result<Metrics, InstallError> {
        let mut prefix = self.namespace;
        if !prefix.is_empty() {
            name::check_prefix(&prefix).map_err(|problem| InstallError::Namespace(problem.into()))?;
            prefix.push('_');
        }
        for (i, (label, _)) in self.constant.iter().enumerate() {
            name::check_label(label).map_err(|problem| InstallError::ConstantLabel(problem.into()))?;
            if self.constant[..i].iter().any(|(earlier, _)| earlier == label) {
                return Err(InstallError::ConstantLabel(name::repeated_label(label).into()));
            }
        }
        #[cfg(feature = "axum")]
        check_path(&self.path).map_err(InstallError::Path)?;
        #[cfg(feature = "axum")]
        for (i, promise) in self.objectives.iter().enumerate() {
            let wrong = |problem| InstallError::Objective { route: promise.route.clone(), problem };
            if self.objectives[..i].iter().any(|earlier| earlier.route == promise.route) {
                return Err(wrong(PROMISED_TWICE.into()));
            }
            promise.objective.check(self.http.bounds()).map_err(wrong)?;
        }
        #[cfg(feature = "axum")]
        let access = self.endpoint.check().map_err(InstallError::Endpoint)?;
        for (name, facts) in &self.infos {
            let descriptor = Descriptor::info(format!("{name}_info"), format!("Facts about the {name}."));
            let family = self.registry.info(descriptor.labels(facts.iter().map(|(label, _)| label.clone())))?;
            let values: Vec<_> = facts.iter().map(|(_, value)| value.as_str()).collect();
            family.known_series(&values);
        }
        self.standard.register(&self.registry, Source::caller())?;
        #[cfg(feature = "http")]
        let http = if self.enabled { self.http.layer(&self.registry)? } else { HttpLayer::disabled() };
        let problems = self.registry.problems();
        if !problems.is_empty() {
            return Err(InstallError::Declarations(problems));
        }
        let naming = Naming { prefix, constant: self.constant };
        #[cfg(feature = "axum")]
        let scraper = Scraper::new(self.registry.clone(), naming.clone(), self.endpoint, access, self.enabled);
        #[cfg(feature = "axum")]
        let scraper = Arc::new(scraper);
        #[cfg(feature = "serve")]
        if let Some(address) = self.listen {
            check_exposure(&scraper, address).map_err(InstallError::Serve)?;
        }
        Ok(Metrics {
            inner: Arc::new(Inner {
                registry: self.registry,
                naming,
                objectives: self.objectives,
                enabled: self.enabled,
                #[cfg(feature = "http")]
                http,
                #[cfg(feature = "axum")]
                path: self.path,
                #[cfg(feature = "axum")]
                scraper,
                #[cfg(feature = "serve")]
                listen: self.listen,
                #[cfg(feature = "serve")]
                listening: AtomicBool::new(false),
            }),
        })
    }

    /// The metrics of this process. What was called before is on the page as well.
    ///
    /// # Errors
    /// As [`build`](Self::build), and if metrics are installed already.
    #[track_caller]
    pub fn install(self) -> Result<Metrics, InstallError> {
        let metrics = self.build()?;
        let enabled = metrics.is_enabled();
        INSTALLED.set(metrics.clone()).map_err(|_| InstallError::AlreadyInstalled)?;
        instrument::set_enabled(enabled);
        Ok(metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    fn builder() -> Builder {
        Metrics::builder().registry(&Registry::new())
    }

    #[test]
    fn names_are_checked_before_anything_is_served() {
        assert!(matches!(builder().namespace("a-b").build(), Err(InstallError::Namespace(_))));
        assert!(matches!(builder().constant_label("le", "x").build(), Err(InstallError::ConstantLabel(_))));
        assert!(matches!(
            builder().constant_label("a", "x").constant_label("a", "y").build(),
            Err(InstallError::ConstantLabel(_))
        ));
        assert!(matches!(builder().info("a b", [("x", "y")]).build(), Err(InstallError::Declarations(_))));
    }
}
