//! The settings of the middleware.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::extract::{ExtractedLabel, Extractor, MAX_LABELS, RequestExtractor, Values};
use super::head::{RequestHead, ResponseHead};
use super::metric::{HttpMetric, MetricSetting};
use super::skip::{Pattern, SkipRules};
use crate::registry::RegistryError;
use crate::schema::objective::RouteObjective;
use crate::schema::{Descriptor, Label, name};

/// An error of [`Http::layer`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Prometheus does not allow a name, a label or the buckets, or the name is registered with another definition.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A pattern that no path can match.
    #[error("the pattern {pattern:?} of paths to skip never matches: {problem}")]
    #[non_exhaustive]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The reason why it never matches.
        problem: &'static str,
    },
    /// More than four extracted labels.
    #[error("{found} labels are added to the HTTP metrics ({}); at most 4 are allowed", names.join(", "))]
    #[non_exhaustive]
    TooManyLabels {
        /// The number of extracted labels.
        found: usize,
        /// Their names.
        names: Vec<String>,
    },
    /// An extracted label that may have no value, or an allowed value that is not possible.
    #[error("the label `{name}` {problem}")]
    #[non_exhaustive]
    Values {
        /// The name of the label.
        name: String,
        /// The reason why its values are not allowed.
        problem: String,
    },
}

/// The default buckets for durations, in seconds.
const BUCKETS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The settings of the middleware: the metrics, their names, labels and buckets, and the requests to skip.
///
/// [`HttpMetric`] lists the metrics, and says which are recorded by default. [`with`](Self::with) and
/// [`without`](Self::without) switch them on and off. The [module](crate::http) documents the label values and when a
/// request is recorded.
///
/// ```
/// use axum::{Router, routing::get};
/// use metrics_runtime::{Registry, http::{Http, HttpMetric}};
///
/// let registry = Registry::new();
/// let layer = Http::new()
///     .requests("requests_total")
///     .duration("request_duration_seconds")
///     .with(HttpMetric::InFlight)
///     .endpoint_label("path")
///     .buckets(&[0.1, 1.0, 10.0])
///     .skip_path("/internal/*")
///     .layer(&registry)?;
/// let app: Router = layer.install(Router::new().route("/users/{id}", get(|| async { "hello" })));
/// # Ok::<(), metrics_runtime::http::HttpError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Http {
    metrics: [MetricSetting; HttpMetric::ALL.len()],
    method_label: Cow<'static, str>,
    endpoint_label: Cow<'static, str>,
    status_label: Cow<'static, str>,
    pub(super) duration_status: bool,
    pub(super) status_classes: bool,
    /// `None` for the default.
    buckets: Option<Cow<'static, [f64]>>,
    size_buckets: Cow<'static, [f64]>,
    pub(super) labels: Vec<ExtractedLabel>,
    pub(super) route: Option<RequestExtractor>,
    pub(super) skip: SkipRules,
    /// The promised latencies of routes, in seconds.
    pub(super) latencies: Vec<(String, f64)>,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics: Vec<_> = self.metrics.iter().filter(|metric| metric.enabled).map(|metric| &metric.name).collect();
        f.debug_struct("Http").field("metrics", &metrics).finish_non_exhaustive()
    }
}

impl Http {
    /// Creates the default settings: [`HttpMetric::Requests`], [`HttpMetric::Duration`], [`HttpMetric::Aborted`] and, for
    /// routes with a latency objective, [`HttpMetric::Overdue`], under their default names.
    pub const fn new() -> Self {
        Self {
            metrics: HttpMetric::DEFAULTS,
            method_label: Cow::Borrowed("method"),
            endpoint_label: Cow::Borrowed("endpoint"),
            status_label: Cow::Borrowed("status"),
            duration_status: false,
            status_classes: false,
            buckets: None,
            size_buckets: Cow::Borrowed(&[100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8]),
            labels: Vec::new(),
            route: None,
            skip: SkipRules::new(),
            latencies: Vec::new(),
        }
    }

    /// Counts the overdue requests of routes with a latency objective.
    pub(crate) fn promising(mut self, objectives: &[RouteObjective]) -> Self {
        let latency = |objective: &RouteObjective| {
            objective.objective.latency_bound().map(|(seconds, _)| (objective.route.clone(), seconds))
        };
        self.latencies = objectives.iter().filter_map(latency).collect();
        self
    }

    /// Creates settings that record no metric, for a service without HTTP requests. Exported dashboards and rules then
    /// have no part about HTTP: they are made before the program decides to serve, so they have it in any other case.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry, http::Http};
    ///
    /// let worker = Metrics::builder().registry(&Registry::new()).http(Http::none()).build()?;
    /// assert!(worker.describe().metrics.iter().all(|metric| !metric.name.starts_with("http_")));
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    pub fn none() -> Self {
        HttpMetric::ALL.iter().copied().fold(Self::new(), Self::without)
    }

    /// Creates settings that record [`HttpMetric::OpenTelemetry`] in place of [`HttpMetric::Requests`] and
    /// [`HttpMetric::Duration`]. To migrate, record all of them with `Http::new().with(HttpMetric::OpenTelemetry)`.
    pub fn opentelemetry() -> Self {
        Self::new().without(HttpMetric::Requests).without(HttpMetric::Duration).with(HttpMetric::OpenTelemetry)
    }

    /// Records this metric.
    pub fn with(mut self, metric: HttpMetric) -> Self {
        self.metrics[metric as usize].enabled = true;
        self
    }

    /// Does not record this metric.
    pub fn without(mut self, metric: HttpMetric) -> Self {
        self.metrics[metric as usize].enabled = false;
        self
    }

    /// Records this metric under another name, without the namespace.
    pub fn named(mut self, metric: HttpMetric, name: impl Into<Cow<'static, str>>) -> Self {
        let setting = &mut self.metrics[metric as usize];
        (setting.name, setting.is_legacy) = (name.into(), false);
        self.with(metric)
    }

    /// Records this metric under any name that Prometheus allows, without the namespace, like
    /// [`Descriptor::legacy_name`]: for dashboards that know it by a name against the conventions. It has a unit only if
    /// the name ends in it, and dashboards and rules take only a histogram in seconds for durations.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    /// use metrics_runtime::http::{Http, HttpMetric};
    ///
    /// let http = Http::new().legacy_named(HttpMetric::Requests, "request_count");
    /// let metrics = Metrics::builder().registry(&Registry::new()).http(http).build()?;
    /// assert!(metrics.render().contains("# TYPE request_count counter\n"));
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    pub fn legacy_named(self, metric: HttpMetric, name: impl Into<Cow<'static, str>>) -> Self {
        let mut settings = self.named(metric, name);
        settings.metrics[metric as usize].is_legacy = true;
        settings
    }

    /// Sets the name of the counter of requests, without the namespace. It has to end in `_total`.
    pub fn requests(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.named(HttpMetric::Requests, name)
    }

    /// Sets the name of the histogram of durations, without the namespace. It has to end in `_seconds`.
    pub fn duration(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.named(HttpMetric::Duration, name)
    }

    /// Sets the name of the label `method`.
    pub fn method_label(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.method_label = name.into();
        self
    }

    /// Sets the name of the label `endpoint`.
    pub fn endpoint_label(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.endpoint_label = name.into();
        self
    }

    /// Sets the name of the label `status`.
    pub fn status_label(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.status_label = name.into();
        self
    }

    /// Sets whether the histogram of durations has the label `status`; default `false`. Each status then costs one
    /// series per bucket.
    pub const fn duration_status(mut self, yes: bool) -> Self {
        self.duration_status = yes;
        self
    }

    /// Sets whether the label `status` has classes such as `2xx` instead of codes; default `false`. OpenTelemetry's
    /// label always has the code.
    pub const fn status_classes(mut self, yes: bool) -> Self {
        self.status_classes = yes;
        self
    }

    /// Returns the upper bounds of the buckets for durations.
    pub(crate) fn bounds(&self) -> &[f64] {
        self.buckets.as_deref().unwrap_or(BUCKETS)
    }

    /// Sets the buckets for durations, unless they are set.
    pub(crate) fn or_buckets(mut self, bounds: &[f64]) -> Self {
        self.buckets.get_or_insert_with(|| bounds.to_vec().into());
        self
    }

    /// Sets the buckets for durations and times to the first byte: upper bounds in seconds, sorted, without `+Inf`.
    /// Default: [`Builder::duration_buckets`](crate::Builder::duration_buckets), and without it 0.01 0.05 0.1 0.5 1 2.5 5 10.
    /// OpenTelemetry's buckets are fixed.
    pub fn buckets(mut self, bounds: impl Into<Cow<'static, [f64]>>) -> Self {
        self.buckets = Some(bounds.into());
        self
    }

    /// Sets the buckets for body sizes: upper bounds in bytes, sorted, without `+Inf`.
    pub fn size_buckets(mut self, bounds: impl Into<Cow<'static, [f64]>>) -> Self {
        self.size_buckets = bounds.into();
        self
    }

    /// Extracts the label `endpoint` from requests, for services whose routes are not those of an axum router. If the
    /// closure returns `None`, the label is the route of the axum router, or `unmatched` if there is none.
    ///
    /// Return a route of the application, never text that a client sent. As a last resort, all routes after the first
    /// 1,000 are recorded as `_overflow`. If the closure panics, the request is handled as if it returned `None`.
    ///
    /// ```
    /// use metrics_runtime::http::Http;
    ///
    /// // The methods of a gRPC service.
    /// const METHODS: [&str; 2] = ["/shop.Cart/Add", "/shop.Cart/Pay"];
    ///
    /// let http = Http::new().route(|request| {
    ///     let known = METHODS.into_iter().find(|method| *method == request.uri().path())?;
    ///     Some(known.into())
    /// });
    /// ```
    pub fn route<F>(mut self, route: F) -> Self
    where
        F: for<'a> Fn(RequestHead<'a>) -> Option<Label<'a>> + Send + Sync + 'static,
    {
        self.route = Some(Arc::new(route));
        self
    }

    /// Adds a label that is extracted from every request, to the counter of requests and the histogram of durations. At
    /// most four labels can be added with this method and its three relatives.
    ///
    /// The label has at most `values` values: the first ones that requests have. Further values, and values longer than
    /// 128 bytes, are recorded as `_overflow`, so a client that invents values can take the places of real ones. If you
    /// know the values, list them with [`request_label_values`](Self::request_label_values). If the closure returns
    /// `None` or panics, the label is empty, which Prometheus treats as absent.
    ///
    /// ```
    /// use metrics_runtime::Label;
    /// use metrics_runtime::http::{Http, RequestHead};
    ///
    /// fn tenant(request: RequestHead<'_>) -> Option<Label<'_>> {
    ///     Some(Label::from(request.headers().get("x-tenant")?.to_str().ok()?))
    /// }
    /// let http = Http::new().request_label("tenant", 50, tenant);
    /// ```
    pub fn request_label<F>(self, name: impl Into<Cow<'static, str>>, values: usize, value: F) -> Self
    where
        F: for<'a> Fn(RequestHead<'a>) -> Option<Label<'a>> + Send + Sync + 'static,
    {
        self.label(name.into(), Values::First(values), Extractor::Request(Arc::new(value)))
    }

    /// Adds a label with these values, which is extracted from every request like a
    /// [`request_label`](Self::request_label). All other values are recorded as `_overflow`.
    ///
    /// ```
    /// use metrics_runtime::Label;
    /// use metrics_runtime::http::{Http, RequestHead};
    ///
    /// fn plan(request: RequestHead<'_>) -> Option<Label<'_>> {
    ///     Some(Label::from(request.headers().get("x-plan")?.to_str().ok()?))
    /// }
    /// let http = Http::new().request_label_values("plan", ["free", "paid"], plan);
    /// ```
    pub fn request_label_values<V, F>(self, name: impl Into<Cow<'static, str>>, values: V, value: F) -> Self
    where
        V: IntoIterator<Item: Into<Cow<'static, str>>>,
        F: for<'a> Fn(RequestHead<'a>) -> Option<Label<'a>> + Send + Sync + 'static,
    {
        self.label(name.into(), Values::allowed(values), Extractor::Request(Arc::new(value)))
    }

    /// Adds a label that is extracted from every response, like [`request_label`](Self::request_label). It is empty for
    /// requests without a response.
    pub fn response_label<F>(self, name: impl Into<Cow<'static, str>>, values: usize, value: F) -> Self
    where
        F: for<'a> Fn(ResponseHead<'a>) -> Option<Label<'a>> + Send + Sync + 'static,
    {
        self.label(name.into(), Values::First(values), Extractor::Response(Arc::new(value)))
    }

    /// Adds a label with these values, which is extracted from every response, like
    /// [`request_label_values`](Self::request_label_values). It is empty for requests without a response.
    pub fn response_label_values<V, F>(self, name: impl Into<Cow<'static, str>>, values: V, value: F) -> Self
    where
        V: IntoIterator<Item: Into<Cow<'static, str>>>,
        F: for<'a> Fn(ResponseHead<'a>) -> Option<Label<'a>> + Send + Sync + 'static,
    {
        self.label(name.into(), Values::allowed(values), Extractor::Response(Arc::new(value)))
    }

    fn label(mut self, name: Cow<'static, str>, values: Values, extractor: Extractor) -> Self {
        self.labels.push(ExtractedLabel { name, values, extractor });
        self
    }

    /// Does not record requests to paths that match this pattern, in which `*` matches any number of characters:
    /// `/health`, `/internal/*`.
    ///
    /// To skip requests by route instead of path, add the layer [`Skip`](super::Skip) to the route.
    pub fn skip_path(mut self, pattern: impl Into<String>) -> Self {
        self.skip.patterns.push(Pattern(pattern.into()));
        self
    }

    /// Does not record requests for which the predicate returns `true`. A predicate that panics skips nothing.
    pub fn skip<F>(mut self, predicate: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> bool + Send + Sync + 'static,
    {
        self.skip.predicates.push(Arc::new(predicate));
        self
    }

    /// Checks the settings that registering the families does not check.
    pub(super) fn check(&self) -> Result<(), HttpError> {
        if let Some((pattern, problem)) =
            self.skip.patterns.iter().find_map(|pattern| Some((pattern, pattern.problem()?)))
        {
            return Err(HttpError::Pattern { pattern: pattern.0.clone(), problem });
        }
        if self.labels.len() > MAX_LABELS {
            let names = self.labels.iter().map(|label| label.name.to_string()).collect();
            return Err(HttpError::TooManyLabels { found: self.labels.len(), names });
        }
        match self.labels.iter().find_map(|label| Some((label, label.values.problem()?))) {
            Some((label, problem)) => Err(HttpError::Values { name: label.name.to_string(), problem }),
            None => Ok(()),
        }
    }

    /// Returns the descriptor of a metric, or `None` if it is switched off.
    pub(super) fn descriptor(&self, metric: HttpMetric) -> Option<Descriptor> {
        let setting = &self.metrics[metric as usize];
        let is_possible = metric != HttpMetric::Overdue
            || !self.latencies.is_empty() && self.metrics[HttpMetric::Duration as usize].enabled;
        if !setting.enabled || !is_possible {
            return None;
        }
        let bounds = match metric {
            HttpMetric::RequestBodySize | HttpMetric::ResponseBodySize => &*self.size_buckets,
            _ => self.bounds(),
        };
        let mut labels = vec![self.method_label.clone(), self.endpoint_label.clone()];
        let of_duration = matches!(metric, HttpMetric::Duration | HttpMetric::Overdue);
        if metric == HttpMetric::Requests || of_duration && self.duration_status {
            labels.push(self.status_label.clone());
        }
        if metric == HttpMetric::Requests || of_duration {
            labels.extend(self.labels.iter().map(|label| label.name.clone()));
        }
        let descriptor = metric.descriptor(setting.name.clone(), labels, bounds.to_vec().into());
        if !setting.is_legacy {
            return Some(descriptor);
        }
        let has_unit = |unit: &Cow<'_, str>| name::check_unit(&descriptor.name, descriptor.kind, unit).is_ok();
        let unit = descriptor.unit.clone().filter(has_unit);
        Some(Descriptor { unit, ..descriptor.legacy_name() })
    }
}
