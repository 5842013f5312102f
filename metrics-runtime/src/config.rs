//! Installing the metrics of a service: names, switches, environment.

use std::ffi::OsString;
#[cfg(feature = "serve")]
use std::net::{Ipv4Addr, SocketAddr};
#[cfg(feature = "serve")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use prometheus::core::Collector;

use crate::call;
use crate::descriptor::{Descriptor, Naming, Source};
use crate::encode::Format;
use crate::foreign;
#[cfg(feature = "axum")]
use crate::http::{
    Endpoint, EndpointError, EndpointService, EndpointSettingError, PathError, Scraper, check_path, instrument,
};
#[cfg(feature = "http")]
use crate::http::{Http, HttpError, HttpLayer};
#[cfg(feature = "serve")]
use crate::http::{ServeError, Server, check_exposure, serve};
use crate::name::{self, NameError};
#[cfg(feature = "axum")]
use crate::objective::Objective;
use crate::objective::RouteObjective;
use crate::registry::{Registry, RegistryError};
use crate::standard::Standard;

/// The environment variable that switches metrics on or off.
const ENABLED: &str = "METRICS_ENABLED";
/// The environment variable that says where the page is.
#[cfg(feature = "axum")]
const PATH: &str = "METRICS_PATH";
/// The environment variable that says what scrapers have to show.
#[cfg(feature = "axum")]
const TOKEN: &str = "METRICS_TOKEN";
/// The environment variable that says where scrapers may come from.
#[cfg(feature = "axum")]
const ALLOW: &str = "METRICS_ALLOW";
/// The environment variable that gives the page an address of its own.
#[cfg(feature = "serve")]
const LISTEN: &str = "METRICS_LISTEN";

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
    /// It says something about who may have the page that cannot be followed.
    #[cfg(feature = "axum")]
    #[error("{variable}: {problem}")]
    #[non_exhaustive]
    Access {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        problem: EndpointSettingError,
    },
    /// It is no address that the page could have.
    #[cfg(feature = "serve")]
    #[error(
        "METRICS_LISTEN is {value:?}; it has to be an address and a port, as 127.0.0.1:9464, or a port alone, which is \
         one of this machine only, or unset"
    )]
    #[non_exhaustive]
    Listen {
        /// What it is set to.
        value: String,
    },
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

/// How a service's metrics are named and served. Begins with [`Metrics::builder`].
#[must_use = "nothing happens before `install` or `build`"]
#[derive(Debug, Clone)]
pub struct Builder {
    registry: Registry,
    namespace: String,
    constant: Vec<(String, String)>,
    infos: Vec<(String, Vec<(String, String)>)>,
    objectives: Vec<RouteObjective>,
    pub(crate) standard: Standard,
    enabled: bool,
    #[cfg(feature = "http")]
    http: Http,
    #[cfg(feature = "axum")]
    path: String,
    #[cfg(feature = "axum")]
    endpoint: Endpoint,
    #[cfg(feature = "serve")]
    listen: Option<SocketAddr>,
}

impl Builder {
    fn new() -> Self {
        Self {
            registry: Registry::global().clone(),
            namespace: String::new(),
            constant: Vec::new(),
            infos: Vec::new(),
            objectives: Vec::new(),
            standard: Standard::default(),
            enabled: true,
            #[cfg(feature = "http")]
            http: Http::new(),
            #[cfg(feature = "axum")]
            path: "/metrics".to_owned(),
            #[cfg(feature = "axum")]
            endpoint: Endpoint::new(),
            #[cfg(feature = "serve")]
            listen: None,
        }
    }

    /// Puts `namespace_` in front of the name of every metric of this toolkit, attributes included. Foreign collectors,
    /// the toolkit's own `metrics_runtime_*`, and `process_*` and `tokio_*` keep their names.
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
    #[cfg(feature = "http")]
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

    /// How the page is served, and to whom. [`Endpoint::new`] unless said otherwise.
    #[cfg(feature = "axum")]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Gives the page an address of its own, apart from the application: [`Metrics::listen`] serves it there, and
    /// [`Metrics::instrument`] does not mount it. An address that others than this machine can reach is an error at
    /// `build`, unless the [`Endpoint`] has a token or a list, or is open to everyone.
    #[cfg(feature = "serve")]
    pub fn listen_on(mut self, address: impl Into<SocketAddr>) -> Self {
        self.listen = Some(address.into());
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
    /// | `METRICS_TOKEN` | the bearer token that scrapers have to show, in place of the program's | as the program says; empty is an error |
    /// | `METRICS_ALLOW` | addresses and networks that scrapers may come from, separated by commas, in place of the program's | as the program says |
    /// | `METRICS_LISTEN` | an address and a port of the page's own; a port alone is one of the loopback address | as the program says, else none |
    ///
    /// # Errors
    /// A variable has another value. The error names the variable, the value and the choices.
    pub fn from_env(self) -> Result<Self, EnvError> {
        self.following(|variable| std::env::var_os(variable))
    }

    fn following(mut self, get: impl Fn(&str) -> Option<OsString>) -> Result<Self, EnvError> {
        let set_to = |variable| get(variable).map(|value| value.to_string_lossy().trim().to_owned());
        let get = |variable| set_to(variable).filter(|value| !value.is_empty());
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
        #[cfg(feature = "axum")]
        if let Some(token) = set_to(TOKEN) {
            self.endpoint = self.endpoint.only_token(token);
            self.endpoint.check().map_err(|problem| EnvError::Access { variable: TOKEN, problem })?;
        }
        #[cfg(feature = "axum")]
        if let Some(networks) = get(ALLOW) {
            self.endpoint = self.endpoint.only_allow(networks.split(','));
            self.endpoint.check().map_err(|problem| EnvError::Access { variable: ALLOW, problem })?;
        }
        #[cfg(feature = "serve")]
        if let Some(value) = get(LISTEN) {
            let port = value.strip_prefix(':').unwrap_or(&value);
            // A number may have a sign; a port has none.
            let port = port.parse().ok().filter(|_| !port.starts_with('+'));
            let address = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).or_else(|| value.parse().ok());
            self.listen = Some(address.ok_or(EnvError::Listen { value })?);
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
    #[cfg(feature = "http")]
    http: HttpLayer,
    #[cfg(feature = "axum")]
    path: String,
    #[cfg(feature = "axum")]
    scraper: Arc<Scraper>,
    #[cfg(feature = "serve")]
    listen: Option<SocketAddr>,
    #[cfg(feature = "serve")]
    listening: AtomicBool,
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

    /// The middleware that records HTTP requests; the identity where metrics are switched off. In an axum router,
    /// `instrument` adds it for you.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        self.inner.http.clone()
    }

    /// The page as a service, for a place that [`instrument`](Self::instrument) does not know. It answers 404 where metrics
    /// are switched off.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn endpoint(&self) -> EndpointService {
        EndpointService::new(Arc::clone(&self.inner.scraper))
    }

    /// Serves the page, and `/health`, on an address of their own, port 0 for any that is free. The health check needs
    /// neither token nor address: it says that the process is there and nothing else. Where metrics are switched off, it
    /// is all there is.
    ///
    /// A head of a request has to come within 5 s, and a page has to be read within 10 s after the endpoint's deadline.
    /// There are at most 128 connections: for one more, the oldest that has no request under way is closed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::Ipv4Addr;
    /// use std::time::Duration;
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let metrics = Metrics::builder().registry(&Registry::new()).build()?;
    /// let server = metrics.serve((Ipv4Addr::LOCALHOST, 0)).await?;
    /// println!("metrics on http://{}/metrics", server.address());
    /// server.shutdown(Duration::from_secs(5)).await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The system does not give the address; others than this machine can reach it, and the page has neither token nor
    /// list and is not said to be [open to everyone](Endpoint::open_to_everyone); the page's path is `/health`; there is
    /// no tokio runtime. Nothing has happened then.
    #[cfg(feature = "serve")]
    pub async fn serve(&self, address: impl Into<SocketAddr>) -> Result<Server, ServeError> {
        let server = serve(Arc::clone(&self.inner.scraper), self.inner.path.clone(), address.into()).await?;
        self.inner.listening.store(true, Ordering::Relaxed);
        Ok(server)
    }

    /// Serves the page on the address that the environment (`METRICS_LISTEN`) or the builder gives it; nothing where
    /// neither does. Call it before [`instrument`](Self::instrument), which then leaves the page away.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    #[cfg(feature = "serve")]
    pub async fn listen(&self) -> Result<Option<Server>, ServeError> {
        match self.inner.listen {
            Some(address) => self.serve(address).await.map(Some),
            None => Ok(None),
        }
    }

    /// Records every request to the router's routes, and to what it does not know, and mounts the page, which does not
    /// count itself; not if the page has an address of its own. Call it after all routes were added. Switched off, the
    /// router comes back as it was.
    ///
    /// # Errors
    /// The router serves the path of the page already; or the page is to have an address of its own, and
    /// `Metrics::listen` was not called.
    #[cfg(feature = "axum")]
    pub fn instrument(&self, router: axum::Router) -> Result<axum::Router, EndpointError> {
        if !self.inner.enabled {
            return Ok(router);
        }
        #[cfg(feature = "serve")]
        if let Some(address) = self.inner.listen {
            if !self.inner.listening.load(Ordering::Relaxed) {
                return Err(EndpointError::NotListening { address });
            }
            return Ok(router.layer(self.http_layer()));
        }
        instrument(router, self.http_layer(), &self.inner.path, self.endpoint())
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
        let (families, _) = self.metrics.inner.registry.snapshot();
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

    #[cfg(feature = "axum")]
    #[test]
    fn an_empty_token_is_an_error_and_never_an_open_door() {
        for value in ["", "  ", "\n"] {
            let error = from(&[("METRICS_TOKEN", value)]).map(|_| ()).unwrap_err();
            assert!(error.to_string().starts_with("METRICS_TOKEN: the bearer token is empty"), "{error}");
        }
        let error = from(&[("METRICS_TOKEN", "hush hush")]).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("at place 5") && !error.to_string().contains("hush"), "{error}");
        let error = from(&[("METRICS_ALLOW", "10.0.0.0/8, home")]).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("METRICS_ALLOW: \" home\" is no network"), "{error}");
        let set = from(&[("METRICS_TOKEN", " t\n"), ("METRICS_ALLOW", "10.0.0.0/8,::1")]).unwrap();
        assert_eq!(set.endpoint, Endpoint::new().token("t").allow(["10.0.0.0/8", "::1"]));
        // What the program has is replaced, not added to.
        let theirs = Metrics::builder().endpoint(Endpoint::new().token("a").allow(["::2"]));
        let theirs = theirs.following(|name| [TOKEN, ALLOW].contains(&name).then(|| "1.2.3.4".into()));
        assert_eq!(theirs.unwrap().endpoint, Endpoint::new().token("1.2.3.4").allow(["1.2.3.4"]));
    }

    #[cfg(feature = "serve")]
    #[test]
    fn an_address_of_its_own_is_one_of_this_machine_unless_it_says_more() {
        for (value, address) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:9464", "[::1]:9464"),
        ] {
            let builder = from(&[("METRICS_LISTEN", value)]).unwrap();
            assert_eq!(builder.listen, Some(address.parse().unwrap()), "{value}");
        }
        assert_eq!(from(&[("METRICS_LISTEN", " ")]).unwrap().listen, None);
        for value in ["65536", "-1", "+80", "::80", "localhost:80", "127.0.0.1", "on", "http://127.0.0.1:80"] {
            let error = from(&[("METRICS_LISTEN", value)]).map(|_| ()).unwrap_err();
            assert_eq!(error, EnvError::Listen { value: value.to_owned() });
        }
        let open = from(&[("METRICS_LISTEN", "0.0.0.0:80")]).unwrap().build().map(|_| ()).unwrap_err();
        assert!(matches!(open, InstallError::Serve(_)), "{open}");
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
