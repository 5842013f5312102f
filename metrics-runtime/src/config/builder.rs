//! The settings of a service's metrics.

#[cfg(feature = "serve")]
use std::net::SocketAddr;
use std::time::Duration;

#[cfg(feature = "client")]
use crate::client::Client;
use crate::collectors::CollectorSet;
#[cfg(feature = "axum")]
use crate::http::Endpoint;
#[cfg(feature = "http")]
use crate::http::Http;
use crate::registry::Registry;
use crate::schema::NativeHistograms;
#[cfg(feature = "axum")]
use crate::schema::objective::Objective;
use crate::schema::objective::RouteObjective;

/// The settings of a service's metrics: names, HTTP recording, and access to the metrics page.
///
/// Created by [`Metrics::builder`](crate::Metrics::builder). Settings are checked together by [`build`](Self::build)
/// and [`install`](Self::install), so the order of the calls does not matter, except that [`from_env`](Self::from_env)
/// overrides only the settings made before it.
///
/// ```
/// use metrics_runtime::Metrics;
///
/// let metrics = Metrics::builder()
///     .namespace("shop")
///     .constant_label("region", "eu")
///     .from_env()?
///     .install()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing happens before `install` or `build`"]
#[derive(Debug, Clone)]
pub struct Builder {
    /// `None` for the global one, which is built after the buckets of durations are set.
    pub(super) registry: Option<Registry>,
    pub(super) namespace: String,
    pub(super) constant: Vec<(String, String)>,
    pub(super) infos: Vec<(String, Vec<(String, String)>)>,
    pub(super) objectives: Vec<RouteObjective>,
    pub(super) collectors: CollectorSet,
    pub(super) enabled: bool,
    pub(super) series_limit: Option<usize>,
    pub(super) native_histograms: Option<NativeHistograms>,
    pub(super) duration_buckets: Option<Vec<f64>>,
    pub(super) slow_poll: Option<Duration>,
    pub(super) own_metrics: bool,
    pub(super) unused_metrics: bool,
    #[cfg(feature = "http")]
    pub(super) http: Http,
    #[cfg(feature = "client")]
    pub(super) client: Client,
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
            registry: None,
            namespace: String::new(),
            constant: Vec::new(),
            infos: Vec::new(),
            objectives: Vec::new(),
            collectors: CollectorSet::default(),
            enabled: true,
            series_limit: None,
            native_histograms: None,
            duration_buckets: None,
            slow_poll: None,
            own_metrics: true,
            unused_metrics: true,
            #[cfg(feature = "http")]
            http: Http::new(),
            #[cfg(feature = "client")]
            client: Client::new(),
            #[cfg(feature = "axum")]
            path: "/metrics".to_owned(),
            #[cfg(feature = "axum")]
            endpoint: Endpoint::new(),
            #[cfg(feature = "serve")]
            listen: None,
        }
    }

    /// Sets the namespace: the prefix `namespace_` of every metric name on the page. Default: no prefix.
    ///
    /// It applies to the metrics of attributes, of `#[metrics]` modules, of the HTTP middleware and of the registry's
    /// families. Collectors of the `prometheus` crate, the toolkit's own `metrics_runtime_*`, and `process_*` and
    /// `tokio_*` keep their names. Names are prefixed when the page is written, so metrics that were recorded before
    /// `install` get the prefix too.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Adds a label with a fixed value to every sample, except those of collectors of the `prometheus` crate. A metric that
    /// already has a label of this name keeps its own value.
    pub fn constant_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.constant.push((name.into(), value.into()));
        self
    }

    /// Adds the info metric `name_info`: facts about the service as labels of a sample that is always 1. The suffix is
    /// added unless the name has it.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let builder = Metrics::builder().registry(&Registry::new());
    /// let metrics = builder.info("system", [("os", "linux"), ("arch", "x86_64")]).build()?;
    /// assert!(metrics.render().contains("system_info{os=\"linux\",arch=\"x86_64\"} 1\n"));
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    pub fn info<K: Into<String>, V: Into<String>>(
        mut self,
        name: impl Into<String>,
        facts: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let facts = facts.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let name = name.into();
        self.infos.push((name.strip_suffix("_info").unwrap_or(&name).to_owned(), facts));
        self
    }

    /// Sets the service level objective of an HTTP route, given as the application writes it (`/users/{id}`). The crate
    /// `metrics-export` generates burn-rate alerts from it.
    ///
    /// A latency must be one of the bounds of [`Http::buckets`], or of their default. It adds the counter `http_requests_overdue_total` of
    /// requests that were cancelled later, for this route. A second objective for the same route is an error at
    /// [`build`](Self::build). The objective of a gRPC method is a setting of its layer, `Grpc::objective`.
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

    /// Sets what the HTTP middleware records. Default: [`Http::new`]. Use [`Http::none`] for a service without HTTP
    /// requests.
    #[cfg(feature = "http")]
    pub fn http(mut self, http: Http) -> Self {
        self.http = http;
        self
    }

    /// Sets what [`Metrics::client_layer`](crate::Metrics::client_layer) records of outgoing requests. Default:
    /// [`Client::new`].
    #[cfg(feature = "client")]
    pub fn client(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// Sets the path of the metrics page. It must start with `/`, and must not be a route of the application. Default:
    /// `/metrics`.
    #[cfg(feature = "axum")]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets how the metrics page is served: token, allowed networks, limits. Default: [`Endpoint::new`].
    #[cfg(feature = "axum")]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Serves the metrics page on a separate address: [`Metrics::listen`](crate::Metrics::listen) listens on it, and
    /// [`Metrics::instrument`](crate::Metrics::instrument) does not mount the page in the router.
    ///
    /// An address that other machines can reach is an error at `build`, unless the [`Endpoint`] has a token, a user,
    /// allowed networks or client certificates, or is [open to everyone](Endpoint::open_to_everyone).
    #[cfg(feature = "serve")]
    pub fn listen_on(mut self, address: impl Into<SocketAddr>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// Sets the limit of series of the registry: the largest number of series of each metric with label values that are
    /// only known at run time. Default: 2,000. A metric can have its own limit, see
    /// [`Family`](crate::Family#limit-of-series).
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let metrics = Metrics::builder().registry(&Registry::new()).series_limit(500).build()?;
    /// assert_eq!(metrics.describe().series_limit, 500);
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    pub const fn series_limit(mut self, limit: usize) -> Self {
        self.series_limit = Some(limit);
        self
    }

    /// Sets the default buckets of durations: upper bounds in seconds, in increasing order, without `+Inf`. Default:
    /// [`presets::SECONDS`](crate::presets::SECONDS), and for HTTP requests that of [`Http::buckets`](crate::http::Http::buckets).
    ///
    /// The buckets apply to histograms with the unit `seconds` that have no `buckets` of their own:
    /// - those of attributes, of `#[metrics]` modules, and of presets with [`presets::SECONDS`](crate::presets::SECONDS).
    ///   They are in the global registry, so a builder with another [registry](Self::registry) leaves them alone.
    /// - those of the HTTP middleware, unless `Http::buckets` is set. OpenTelemetry's buckets are fixed.
    /// - those of the facade `metrics`, unless a rule of its recorder sets others.
    ///
    /// ```standalone_crate
    /// use metrics_runtime::{Metrics, track};
    ///
    /// #[track(name = "render")]
    /// fn render() {}
    ///
    /// #[track(name = "import", buckets = [60, 600, 3600])]
    /// fn import() {}
    ///
    /// let metrics = Metrics::builder().duration_buckets([0.001, 0.01, 0.1, 1.0]).install()?;
    /// render();
    /// import();
    /// let page = metrics.render();
    /// assert!(page.contains("render_duration_seconds_bucket{le=\"0.001\"} 1\n"));
    /// assert!(page.contains("import_duration_seconds_bucket{le=\"60\"} 1\n"));
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    ///
    /// The promised latency of an `objective(..)` has to be a bound of these buckets too; give the function `buckets` of its
    /// own if it is not. [`build`](Self::build) and [`install`](Self::install) return an error if it is not, if the buckets
    /// are invalid, and if the global registry exists with other buckets: after the first call of an annotated function or of
    /// [`Registry::global`].
    pub fn duration_buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.duration_buckets = Some(bounds.into());
        self
    }

    /// Sets the time from which on a poll counts in `function_slow_polls_total`, for functions with `polls` and without
    /// `slow_poll` ([`#[track]`](macro@crate::track#polls)). Default: 10 ms, which delays every other task of the thread
    /// noticeably.
    ///
    /// It is a setting of attributes, which record into the global registry. A builder with another
    /// [registry](Self::registry) leaves it alone.
    ///
    /// ```
    /// use std::time::Duration;
    /// use metrics_runtime::Metrics;
    ///
    /// let metrics = Metrics::builder().slow_poll(Duration::from_millis(2)).install()?;
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    pub const fn slow_poll(mut self, limit: Duration) -> Self {
        self.slow_poll = Some(limit);
        self
    }

    /// Shows the toolkit's own metrics, `metrics_runtime_*`, on the page or leaves them out. Default: on.
    ///
    /// Leave them out for a batch job, whose few metrics would disappear between them: from the endpoint, from pushes, and from
    /// `render`, `visit` and `collector` of [`Metrics`](crate::Metrics). They are recorded, described and in the contract
    /// nevertheless. The alerts `LabelOverflow` and `ScrapeErrors` of `metrics-export`, which ask for them,
    /// never fire then; what they would tell is logged.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Metrics, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.counter(Descriptor::counter("rows_total", "Imported rows."))?.get_or_create(&[])?.inc_by(7);
    /// registry.counter(Descriptor::counter("skipped_total", "Skipped rows."))?.get_or_create(&[])?;
    /// # #[cfg(feature = "http")]
    /// let builder = Metrics::builder().registry(&registry).http(metrics_runtime::http::Http::none());
    /// # #[cfg(not(feature = "http"))]
    /// # let builder = Metrics::builder().registry(&registry);
    /// let metrics = builder.own_metrics(false).unused_metrics(false).build()?;
    /// assert_eq!(metrics.render(), "# HELP rows_total Imported rows.\n# TYPE rows_total counter\nrows_total 7\n");
    /// assert!(metrics.describe().metrics.iter().any(|metric| metric.name == "skipped_total"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn own_metrics(mut self, shown: bool) -> Self {
        self.own_metrics = shown;
        self
    }

    /// Shows metrics that were never used on the page, at zero, or leaves them out. Default: on.
    ///
    /// A counter or a histogram was never used if all of its series are zero, a gauge if none was set, and a gauge of
    /// operations in flight if there are none. Infos, computed metrics and collectors stay. Leave them out for a batch job
    /// that uses a part of the program: from the places of [`own_metrics`](Self::own_metrics). They are described and in the
    /// contract nevertheless.
    ///
    /// A service that is scraped shows them: an alert on a counter needs its zero before the first event.
    pub const fn unused_metrics(mut self, shown: bool) -> Self {
        self.unused_metrics = shown;
        self
    }

    /// Records all durations of the registry in [native buckets](crate::Histogram#native-buckets): those of attributes,
    /// of the HTTP middleware, and of all other histograms with the unit `seconds`. Default: classic buckets only.
    ///
    /// Histograms that are declared with `native` have native buckets without this setting. It has to be made before the
    /// first duration is recorded: a duration that was counted in classic buckets has no place in native ones.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, NativeHistograms, Registry};
    ///
    /// let builder = Metrics::builder().registry(&Registry::new());
    /// let metrics = builder.native_histograms(NativeHistograms::Beside).build()?;
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    ///
    /// [`build`](Self::build) and [`install`](Self::install) return an error if durations were recorded before with
    /// another setting.
    ///
    /// If the Prometheus that scrapes them stores native histograms, write dashboard and rules with the option
    /// `--histograms native` of the crate `metrics-export`.
    pub const fn native_histograms(mut self, setting: NativeHistograms) -> Self {
        self.native_histograms = Some(setting);
        self
    }

    /// Switches metrics on or off. Default: on.
    ///
    /// If metrics are switched off, annotated functions run without recording (once installed), the functions of
    /// `#[metrics]` modules return a series that is on no page, the HTTP layer passes requests through, and the page is
    /// not mounted. Circuit breakers keep working. A build with `--cfg metrics_off` is always switched off.
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets the registry, for a test or a second page. Default: [`Registry::global`]. Attributes and `#[metrics]`
    /// modules always record into the global registry.
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = Some(registry.clone());
        self
    }
}
