//! What a program says of its metrics.

#[cfg(feature = "serve")]
use std::net::SocketAddr;

use crate::collectors::Standard;
#[cfg(feature = "axum")]
use crate::http::Endpoint;
#[cfg(feature = "http")]
use crate::http::Http;
use crate::registry::Registry;
#[cfg(feature = "axum")]
use crate::schema::objective::Objective;
use crate::schema::objective::RouteObjective;

/// How a service's metrics are named and served. Begins with [`Metrics::builder`](crate::Metrics::builder).
#[must_use = "nothing happens before `install` or `build`"]
#[derive(Debug, Clone)]
pub struct Builder {
    pub(super) registry: Registry,
    pub(super) namespace: String,
    pub(super) constant: Vec<(String, String)>,
    pub(super) infos: Vec<(String, Vec<(String, String)>)>,
    pub(super) objectives: Vec<RouteObjective>,
    pub(crate) standard: Standard,
    pub(super) enabled: bool,
    #[cfg(feature = "http")]
    pub(super) http: Http,
    #[cfg(feature = "axum")]
    pub(super) path: String,
    #[cfg(feature = "axum")]
    pub(super) endpoint: Endpoint,
    #[cfg(feature = "serve")]
    pub(super) listen: Option<SocketAddr>,
}

impl Builder {
    pub(super) fn new() -> Self {
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

    /// What an HTTP route promises, by the route as the application writes it. Alert rules follow from it, see the crate
    /// `metrics-export`; a latency is one of the bounds of [`Http::buckets`]. A second objective of a route is an error at
    /// [`build`](Self::build), as a second constant label of a name is.
    ///
    /// ```
    /// use std::time::Duration;
    /// use metrics_runtime::{Metrics, Objective};
    ///
    /// let metrics = Metrics::builder().objective("/users/{id}", Objective::new().success(99.9).latency(Duration::from_millis(500), 99.0));
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

    /// Gives the page an address of its own, apart from the application: [`Metrics::listen`](crate::Metrics::listen)
    /// serves it there, and [`Metrics::instrument`](crate::Metrics::instrument) does not mount it. An address
    /// that others than this machine can reach is an error at `build`, unless the [`Endpoint`] has a token or a list, or
    /// is open to everyone.
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
}
