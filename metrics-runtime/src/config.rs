//! Installing the metrics of a service: names, switches, environment.

use std::ffi::OsString;
use std::sync::{Arc, OnceLock};

use prometheus::core::Collector;

use crate::call;
use crate::descriptor::{Descriptor, Naming};
use crate::encode::Format;
use crate::foreign;
#[cfg(feature = "axum")]
use crate::http::{EndpointError, Http, HttpLayer, PathError, check_path, instrument};
use crate::name::{self, NameError};
#[cfg(feature = "axum")]
use crate::objective::Objective;
use crate::objective::RouteObjective;
use crate::registry::{Registry, RegistryError};

/// The environment variable that switches metrics on or off.
const ENABLED: &str = "METRICS_ENABLED";
/// The environment variable that says where the page is.
#[cfg(feature = "axum")]
const PATH: &str = "METRICS_PATH";

/// A `main` that returns an error prints its `Debug`: it has to be the sentence, too.
macro_rules! debug_as_display {
    ($error:ty) => {
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}
#[cfg(any(feature = "axum", feature = "export"))]
pub(crate) use debug_as_display;

/// An environment variable that cannot be followed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// It has a value that is none of the choices.
    #[error("{variable} is {value:?}; it has to be one of {choices}, or unset")]
    #[non_exhaustive]
    Choice {
        /// The variable.
        variable: &'static str,
        /// What it is set to.
        value: String,
        /// What it may be set to.
        choices: &'static str,
    },
    /// It is no path that the page could have.
    #[cfg(feature = "axum")]
    #[error("METRICS_PATH: {0}")]
    Path(PathError),
}

debug_as_display!(EnvError);

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
    /// The objective of a route that no alert can follow from.
    #[error("objective of {route}: {problem}")]
    #[non_exhaustive]
    Objective {
        /// The route.
        route: String,
        /// What is wrong with it.
        problem: NameError,
    },
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

/// How a service's metrics are named and served. Begins with [`Metrics::builder`].
#[must_use = "nothing happens before `install` or `build`"]
#[derive(Debug, Clone)]
pub struct Builder {
    registry: Registry,
    namespace: String,
    constant: Vec<(String, String)>,
    infos: Vec<(String, Vec<(String, String)>)>,
    objectives: Vec<RouteObjective>,
    enabled: bool,
    #[cfg(feature = "axum")]
    http: Http,
    #[cfg(feature = "axum")]
    path: String,
}

impl Builder {
    fn new() -> Self {
        Self {
            registry: Registry::global().clone(),
            namespace: String::new(),
            constant: Vec::new(),
            infos: Vec::new(),
            objectives: Vec::new(),
            enabled: true,
            #[cfg(feature = "axum")]
            http: Http::new(),
            #[cfg(feature = "axum")]
            path: "/metrics".to_owned(),
        }
    }

    /// Puts `namespace_` in front of the name of every metric of this toolkit, attributes included. Foreign collectors
    /// and the toolkit's own `metrics_runtime_*` keep their names.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// A label on every sample of this toolkit. A metric that has the label itself keeps its own.
    pub fn constant_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.constant.push((name.into(), value.into()));
        self
    }

    /// The info metric `name_info`: facts about the service as labels of a constant 1.
    pub fn info<K: Into<String>, V: Into<String>>(
        mut self,
        name: impl Into<String>,
        facts: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let facts = facts.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self.infos.push((name.into(), facts));
        self
    }

    /// What an HTTP route promises, by the route as the application writes it. Alert rules follow from it, see the feature
    /// `export`; a latency is one of the bounds of [`Http::buckets`].
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Objective};
    ///
    /// let metrics = Metrics::builder().objective("/users/{id}", Objective::new().success(99.9).latency(0.5, 99.0));
    /// # metrics.build()?;
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    #[cfg(feature = "axum")]
    pub fn objective(mut self, route: impl Into<String>, objective: Objective) -> Self {
        self.objectives.push(RouteObjective { route: route.into(), objective });
        self
    }

    /// What is recorded of HTTP requests. [`Http::new`] unless said otherwise.
    #[cfg(feature = "axum")]
    pub fn http(mut self, http: Http) -> Self {
        self.http = http;
        self
    }

    /// Where the page is served: `/metrics` unless said otherwise.
    #[cfg(feature = "axum")]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Whether anything is recorded and served. Switched off, attributes run the plain body, the HTTP layer is the
    /// identity and the page is not mounted.
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// A registry other than [`Registry::global`]. Attributes and `#[metrics]` modules record into the global one.
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = registry.clone();
        self
    }

    /// Follows the environment, which wins over what the program says:
    ///
    /// | variable | values | unset or empty |
    /// |---|---|---|
    /// | `METRICS_ENABLED` | `true` `1` `yes` `on`, `false` `0` `no` `off`, in any case | as the program says, else on |
    /// | `METRICS_PATH` | a path that starts with `/` | as the program says, else `/metrics` |
    ///
    /// # Errors
    /// A variable has another value. The error names the variable, the value and the choices.
    pub fn from_env(self) -> Result<Self, EnvError> {
        self.following(|variable| std::env::var_os(variable))
    }

    fn following(mut self, get: impl Fn(&str) -> Option<OsString>) -> Result<Self, EnvError> {
        let get = |variable| {
            let value = get(variable).map(|value| value.to_string_lossy().trim().to_owned());
            value.filter(|value| !value.is_empty())
        };
        if let Some(value) = get(ENABLED) {
            self.enabled = match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => true,
                "false" | "0" | "no" | "off" => false,
                _ => {
                    let choices = "true, 1, yes, on, false, 0, no, off";
                    return Err(EnvError::Choice { variable: ENABLED, value, choices });
                }
            };
        }
        #[cfg(feature = "axum")]
        if let Some(path) = get(PATH) {
            check_path(&path).map_err(EnvError::Path)?;
            self.path = path;
        }
        Ok(self)
    }

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
        for promise in &self.objectives {
            let checked = promise.objective.check(self.http.bounds());
            checked.map_err(|problem| InstallError::Objective { route: promise.route.clone(), problem })?;
        }
        for (name, facts) in &self.infos {
            let descriptor = Descriptor::info(format!("{name}_info"), format!("Facts about the {name}."));
            let family = self.registry.info(descriptor.labels(facts.iter().map(|(label, _)| label.clone())))?;
            let values: Vec<_> = facts.iter().map(|(_, value)| value.as_str()).collect();
            family.known_series(&values);
        }
        #[cfg(feature = "axum")]
        let http = if self.enabled { self.http.layer(&self.registry)? } else { HttpLayer::disabled() };
        let problems = self.registry.problems();
        if !problems.is_empty() {
            return Err(InstallError::Declarations(problems));
        }
        Ok(Metrics {
            inner: Arc::new(Inner {
                registry: self.registry,
                naming: Naming { prefix, constant: self.constant },
                objectives: self.objectives,
                enabled: self.enabled,
                #[cfg(feature = "axum")]
                http,
                #[cfg(feature = "axum")]
                path: self.path,
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
        call::set_enabled(enabled);
        Ok(metrics)
    }
}

static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// The metrics of a service: a registry and how its page is named and served. Cheap to clone.
///
/// ```
/// use metrics_runtime::Metrics;
///
/// let metrics = Metrics::builder()
///     .namespace("shop")
///     .constant_label("region", "eu")
///     .info("build", [("version", env!("CARGO_PKG_VERSION"))])
///     .from_env()?
///     .install()?;
/// assert!(metrics.render().contains("shop_build_info{region=\"eu\",version=\"0.1.0\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    naming: Naming,
    #[allow(dead_code, reason = "what is promised is read by the feature `export`")]
    objectives: Vec<RouteObjective>,
    enabled: bool,
    #[cfg(feature = "axum")]
    http: HttpLayer,
    #[cfg(feature = "axum")]
    path: String,
}

impl Metrics {
    /// Begins with everything at its default: no namespace, switched on, `/metrics`.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The metrics that were installed in this process.
    #[must_use]
    pub fn installed() -> Option<&'static Self> {
        INSTALLED.get()
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Whether anything is recorded and served.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.inner.enabled
    }

    /// The page in the Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.render_as(Format::Text)
    }

    /// The page in this format.
    #[must_use]
    pub fn render_as(&self, format: Format) -> String {
        self.inner.registry.page(format, &self.inner.naming)
    }

    /// All of it as one collector for a [`prometheus::Registry`], with namespace and constant labels, without foreign
    /// collectors and the toolkit's own metrics. OpenMetrics' units and infos are unknown there: infos are gauges.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let theirs = prometheus::Registry::new();
    /// theirs.register(Box::new(Metrics::builder().registry(&Registry::new()).build()?.collector()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn collector(&self) -> MetricsCollector {
        MetricsCollector { metrics: self.clone(), description: describe(&self.inner.naming.prefix) }
    }

    /// How the page names what the registry holds.
    #[cfg(feature = "export")]
    pub(crate) fn naming(&self) -> &Naming {
        &self.inner.naming
    }

    /// What routes promise.
    #[cfg(feature = "export")]
    pub(crate) fn objectives(&self) -> &[RouteObjective] {
        &self.inner.objectives
    }

    /// Where the page is served.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// The middleware that records HTTP requests; the identity where metrics are switched off. [`instrument`](Self::instrument)
    /// adds it for you.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        self.inner.http.clone()
    }

    /// Records every request to the router's routes, and to what it does not know, and mounts the page, which does not
    /// count itself. Call it after all routes were added. Switched off, the router comes back as it was.
    ///
    /// # Errors
    /// The router serves the path of the page already.
    #[cfg(feature = "axum")]
    pub fn instrument(&self, router: axum::Router) -> Result<axum::Router, EndpointError> {
        if !self.inner.enabled {
            return Ok(router);
        }
        let metrics = self.clone();
        instrument(router, self.http_layer(), &self.inner.path, move |format| metrics.render_as(format))
    }
}

/// All metrics of a [`Metrics`] as one collector of the `prometheus` crate.
#[derive(Debug)]
pub struct MetricsCollector {
    metrics: Metrics,
    description: Option<prometheus::core::Desc>,
}

/// A collector has to describe something to have an identity. The families come and go, so it is this one.
fn describe(prefix: &str) -> Option<prometheus::core::Desc> {
    let name = format!("{prefix}metrics_runtime_collector");
    prometheus::core::Desc::new(name, "Families of metrics-runtime.".into(), Vec::new(), [].into()).ok()
}

impl Collector for MetricsCollector {
    fn desc(&self) -> Vec<&prometheus::core::Desc> {
        self.description.iter().collect()
    }

    fn collect(&self) -> Vec<prometheus::proto::MetricFamily> {
        let families = self.metrics.inner.registry.snapshot();
        families.iter().map(|family| foreign::to_proto(&**family, &self.metrics.inner.naming)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Builder, EnvError> {
        Metrics::builder()
            .registry(&Registry::new())
            .following(|name| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_switch_understands_what_people_write() {
        for (value, enabled) in [
            ("true", true),
            ("1", true),
            ("YES", true),
            (" On ", true),
            ("", true),
            ("  ", true),
            ("false", false),
            ("0", false),
            ("No", false),
            ("OFF\n", false),
        ] {
            let builder = from(&[("METRICS_ENABLED", value)]).unwrap();
            assert_eq!(builder.enabled, enabled, "{value:?}");
        }
    }

    #[test]
    fn what_the_switch_does_not_understand_is_an_error_that_names_variable_value_and_choices() {
        let error = from(&[("METRICS_ENABLED", "maybe")]).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "METRICS_ENABLED is \"maybe\"; it has to be one of true, 1, yes, on, false, 0, no, off, or unset"
        );
    }

    #[cfg(feature = "axum")]
    #[test]
    fn a_path_that_is_none_is_an_error_that_names_its_variable() {
        assert_eq!(from(&[("METRICS_PATH", "/m")]).unwrap().path, "/m");
        let error = from(&[("METRICS_PATH", "metrics")]).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("METRICS_PATH: the path \"metrics\""), "{error}");
    }

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

    #[test]
    fn namespace_and_constant_labels_are_on_every_sample_but_never_twice() {
        let metrics = builder().namespace("shop").constant_label("region", "eu").build().unwrap();
        let jobs = metrics.registry().counter(Descriptor::counter("jobs_total", "").labels(["kind"])).unwrap();
        jobs.get(&["x"]).unwrap().inc();
        let own = metrics.registry().counter(Descriptor::counter("own_total", "").labels(["region"])).unwrap();
        own.get(&["us"]).unwrap().inc();
        let page = metrics.render();
        assert!(page.contains("shop_jobs_total{region=\"eu\",kind=\"x\"} 1\n"), "{page}");
        assert!(page.contains("shop_own_total{region=\"us\"} 1\n"), "{page}");
        assert!(page.contains("metrics_runtime_rejected_values_total{region=\"eu\"}"), "{page}");
    }

    #[test]
    fn a_prometheus_registry_shows_what_our_page_shows() {
        let metrics = builder().namespace("shop").constant_label("region", "eu").build().unwrap();
        let sizes = Descriptor::histogram("size_bytes", "Sizes.", &[1.0, 2.0][..]).labels(["kind"]);
        metrics.registry().histogram(sizes).unwrap().get(&["a\"b"]).unwrap().observe(1.5);
        let theirs = prometheus::Registry::new();
        theirs.register(Box::new(metrics.collector())).unwrap();
        let page = prometheus::TextEncoder::new().encode_to_string(&theirs.gather()).unwrap();
        for line in [
            "shop_size_bytes_bucket{kind=\"a\\\"b\",region=\"eu\",le=\"2\"} 1",
            "shop_size_bytes_bucket{kind=\"a\\\"b\",region=\"eu\",le=\"+Inf\"} 1",
            "shop_size_bytes_sum{kind=\"a\\\"b\",region=\"eu\"} 1.5",
        ] {
            assert!(page.contains(line), "{line} is missing:\n{page}");
        }
    }
}
