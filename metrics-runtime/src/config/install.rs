//! Checks of the settings, and installation. All checks run before anything is served.

#[cfg(feature = "serve")]
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use super::Builder;
use super::metrics::{Inner, Metrics, installed};
#[cfg(feature = "tokio-runtime")]
use crate::collectors::{CanaryError, canary_runtime, repeated};
use crate::error::debug_as_display;
use crate::family::{Family, Info};
#[cfg(feature = "axum")]
use crate::http::{EndpointSettingError, PathError, Scraper, check_path};
#[cfg(feature = "http")]
use crate::http::{HttpError, HttpLayer};
#[cfg(feature = "serve")]
use crate::http::{ServeError, check_exposure};
use crate::instrument::{self, Declaration, catalog, durations};
use crate::registry::{Registry, RegistryError};
use crate::schema::name::{self, NameError};
#[cfg(feature = "axum")]
use crate::schema::objective::{PROMISED_TWICE, RouteObjective};
use crate::schema::{Descriptor, Kind, Naming, NativeHistograms, Source};

/// An error of [`Builder::build`] or [`Builder::install`].
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The namespace is not a valid prefix of metric names.
    #[error("namespace: {0}")]
    Namespace(NameError),
    /// The name of a constant label is not a valid label name, or is given twice.
    #[error("constant label: {0}")]
    ConstantLabel(NameError),
    /// The path is not a valid path for the metrics page.
    #[cfg(feature = "axum")]
    #[error("path: {0}")]
    Path(PathError),
    /// The objective of a route cannot be turned into alerts, or the route has a second one.
    #[error("objective of {route}: {problem}")]
    #[non_exhaustive]
    Objective {
        /// The route.
        route: String,
        /// The problem with its objective.
        problem: NameError,
    },
    /// A setting of the endpoint is invalid.
    #[cfg(feature = "axum")]
    #[error("endpoint: {0}")]
    Endpoint(EndpointSettingError),
    /// The page must not be served on its separate address.
    #[cfg(feature = "serve")]
    #[error(transparent)]
    Serve(ServeError),
    /// A setting of the HTTP middleware is invalid.
    #[cfg(feature = "http")]
    #[error("http: {0}")]
    Http(HttpError),
    /// Two tokio runtimes have the same name.
    #[cfg(feature = "tokio-runtime")]
    #[error("tokio_runtime: two runtimes are named {0:?}; give each of them a name of its own")]
    TokioRuntime(String),
    /// A canary cannot be added to a tokio runtime.
    #[cfg(feature = "tokio-runtime")]
    #[error("runtime_canary: {problem}, for the runtime named {name:?}")]
    #[non_exhaustive]
    RuntimeCanary {
        /// The value of the label `runtime`.
        name: String,
        /// The problem with the runtime.
        problem: CanaryError,
    },
    /// Metrics of this binary with invalid definitions, or with definitions that conflict. Each error names the places
    /// of the declarations.
    #[error("{}", list(.0))]
    Declarations(Vec<RegistryError>),
    /// Durations were recorded before with another setting of native histograms.
    #[error(
        "native_histograms: {0} is too late, because durations were recorded before; install metrics first, or declare \
         histograms with `native`"
    )]
    NativeHistograms(NativeHistograms),
    /// The default buckets of durations are empty, not finite or not increasing.
    #[error("duration_buckets: {0}")]
    DurationBuckets(NameError),
    /// The global registry was used before with other buckets of durations.
    #[error(
        "duration_buckets: too late, because the global registry has families with other buckets; install metrics before the \
         first call of an annotated function or of `Registry::global`"
    )]
    LateDurationBuckets,
    /// Metrics are already installed in this process.
    #[error("metrics are already installed; install them once, then clone the handle or use `Metrics::installed`")]
    AlreadyInstalled,
}

debug_as_display!(InstallError);

#[cfg(not(feature = "http"))]
type HttpLayer = ();

/// Held during an install.
static INSTALLING: Mutex<()> = Mutex::new(());

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

/// Returns the latencies that attributes promise and that are not bounds of the buckets.
fn broken_promises() -> Vec<RegistryError> {
    let histograms = catalog().into_iter().filter(|declaration| declaration.descriptor.kind == Kind::Histogram);
    let problems = histograms.filter_map(|Declaration { descriptor, objective, source, .. }| {
        let problem = objective?.check(&descriptor.buckets).err()?;
        Some(RegistryError::Invalid { problem, source_place: source })
    });
    problems.collect()
}

impl Builder {
    /// Checks the settings and returns the metrics, without installing them in this process: for a second page, or for
    /// a test.
    ///
    /// # Errors
    /// Returns an error if a setting is invalid, if a metric of this binary has an invalid name, label or bucket list,
    /// or if two definitions of one metric differ. All such definitions are reported at once, each with its places.
    /// After an error, the registry is as it was before.
    #[track_caller]
    pub fn build(mut self) -> Result<Metrics, InstallError> {
        self.enabled &= !cfg!(metrics_off);
        let mut prefix = std::mem::take(&mut self.namespace);
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
        if let Some(bounds) = &self.duration_buckets {
            name::check_buckets(bounds).map_err(|problem| InstallError::DurationBuckets(problem.into()))?;
            #[cfg(feature = "http")]
            {
                self.http = self.http.or_buckets(bounds);
            }
        }
        #[cfg(feature = "axum")]
        check_path(&self.path).map_err(InstallError::Path)?;
        #[cfg(feature = "axum")]
        for (i, RouteObjective { route, objective }) in self.objectives.iter().enumerate() {
            let invalid = |problem| InstallError::Objective { route: route.clone(), problem };
            if self.objectives[..i].iter().any(|earlier| earlier.route == *route) {
                return Err(invalid(PROMISED_TWICE.into()));
            }
            objective.check(self.http.bounds()).map_err(invalid)?;
        }
        #[cfg(feature = "axum")]
        let access = self.endpoint.access().map_err(InstallError::Endpoint)?;
        #[cfg(feature = "serve")]
        if let Some(address) = self.listen.filter(|_| self.enabled) {
            check_exposure(&access, address).map_err(InstallError::Serve)?;
        }
        #[cfg(feature = "tokio-runtime")]
        self.check_runtimes()?;
        let naming = Naming {
            prefix,
            constant: std::mem::take(&mut self.constant),
            hides_own: !self.own_metrics,
            hides_unused: !self.unused_metrics,
        };
        let registry = self.built_registry()?;
        let before = registry.checkpoint();
        #[cfg_attr(not(feature = "http"), expect(unused_variables, reason = "there is no layer"))]
        let (infos, http) = match self.register(&registry, &naming) {
            Ok(registered) => registered,
            Err(error) => {
                registry.roll_back(before);
                return Err(error);
            }
        };
        if let Some(setting) = self.native_histograms
            && !registry.decide_native_durations(setting)
        {
            registry.roll_back(before);
            return Err(InstallError::NativeHistograms(setting));
        }
        for (family, (_, facts)) in infos.iter().zip(&self.infos) {
            let values: Vec<_> = facts.iter().map(|(_, value)| value.as_str()).collect();
            family.replace_all(&values);
        }
        registry.warn_of_second_sources(&naming);
        if let Some(limit) = self.slow_poll.filter(|_| registry.is_global()) {
            instrument::set_slow_poll(limit);
        }
        if let Some(limit) = self.series_limit {
            registry.set_series_limit(limit);
        }
        #[cfg(feature = "axum")]
        let scraper = Scraper::new(registry.clone(), naming.clone(), self.endpoint, access, self.enabled);
        #[cfg(feature = "axum")]
        let scraper = Arc::new(scraper);
        Ok(Metrics {
            inner: Arc::new(Inner {
                registry,
                naming,
                objectives: self.objectives,
                enabled: self.enabled,
                #[cfg(feature = "http")]
                http,
                #[cfg(feature = "client")]
                client: self.client,
                #[cfg(feature = "axum")]
                path: self.path,
                #[cfg(feature = "axum")]
                scraper,
                #[cfg(feature = "serve")]
                listen: self.listen,
                #[cfg(feature = "serve")]
                listening: AtomicBool::new(false),
                #[cfg(feature = "serve")]
                mounted: AtomicBool::new(false),
            }),
        })
    }

    /// Checks the names of runtimes, and finds the runtimes of canaries. There are none if metrics are switched off.
    #[cfg(feature = "tokio-runtime")]
    fn check_runtimes(&mut self) -> Result<(), InstallError> {
        if let Some(name) = repeated(&self.collectors.tokio_runtimes) {
            return Err(InstallError::TokioRuntime(name.to_owned()));
        }
        if !self.enabled {
            self.collectors.canaries.clear();
        }
        if let Some(name) = repeated(&self.collectors.canaries) {
            return Err(InstallError::RuntimeCanary { name: name.to_owned(), problem: CanaryError::Repeated });
        }
        for (name, handle) in &mut self.collectors.canaries {
            let found = canary_runtime(handle.take());
            *handle = Some(found.map_err(|problem| InstallError::RuntimeCanary { name: name.clone(), problem })?);
        }
        Ok(())
    }

    /// Returns the registry. Sets the default buckets of durations before the global one is built.
    fn built_registry(&self) -> Result<Registry, InstallError> {
        let records_attributes = self.registry.as_ref().is_none_or(Registry::is_global);
        if let Some(bounds) = self.duration_buckets.as_ref().filter(|_| records_attributes) {
            let before = durations::set_default_buckets(bounds).ok_or(InstallError::LateDurationBuckets)?;
            let problems = broken_promises();
            if !problems.is_empty() {
                durations::set_default_buckets(before);
                return Err(InstallError::Declarations(problems));
            }
        }
        Ok(self.registry.clone().unwrap_or_else(|| Registry::global().clone()))
    }

    /// Registers the families of the settings.
    #[track_caller]
    fn register(&self, registry: &Registry, naming: &Naming) -> Result<(Vec<Family<Info>>, HttpLayer), InstallError> {
        let mut infos = Vec::new();
        for (name, facts) in &self.infos {
            let descriptor = Descriptor::info(format!("{name}_info"), format!("Facts about the {name}."));
            infos.push(registry.info(descriptor.labels(facts.iter().map(|(label, _)| label.clone())))?);
        }
        #[cfg(feature = "http")]
        let http = if self.enabled {
            self.http.clone().promising(&self.objectives).layer(registry)?
        } else {
            HttpLayer::disabled()
        };
        #[cfg(not(feature = "http"))]
        let http = ();
        self.collectors.register(registry, Source::caller())?;
        let mut problems = registry.problems();
        problems.extend(registry.naming_conflicts(naming));
        if !problems.is_empty() {
            return Err(InstallError::Declarations(problems));
        }
        Ok((infos, http))
    }

    /// Checks the settings, installs the metrics in this process and returns them.
    ///
    /// Call it once, at the start of `main`. Calls of annotated functions before it are on the page as well.
    ///
    /// ```
    /// use metrics_runtime::Metrics;
    ///
    /// let metrics = Metrics::builder().namespace("shop").from_env()?.install()?;
    /// assert!(Metrics::installed().is_some());
    /// assert!(Metrics::builder().install().is_err(), "they are installed already");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`build`](Self::build), and [`InstallError::AlreadyInstalled`] if metrics are already
    /// installed.
    #[track_caller]
    pub fn install(self) -> Result<Metrics, InstallError> {
        // Checked before `build`, which registers families.
        let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        if installed().get().is_some() {
            return Err(InstallError::AlreadyInstalled);
        }
        let metrics = self.build()?;
        let enabled = metrics.is_enabled();
        installed().set(metrics.clone()).map_err(|_| InstallError::AlreadyInstalled)?;
        instrument::set_enabled(enabled);
        Ok(metrics)
    }
}
