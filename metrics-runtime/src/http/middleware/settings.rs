//! What a layer records, and under which names.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::extract::{Custom, Declared, From as Extract, FromRequest, MAX_LABELS};
use super::head::{RequestHead, ResponseHead};
use super::layer::HttpLayer;
use super::metric::{HttpMetric, Named};
use super::recorder::{Families, Recorder};
use super::routes::Shared;
use super::shared::Handle;
use super::skip::{Exceptions, Pattern};
use crate::family::{Family, Metric};
use crate::metric::clock;
use crate::registry::{Registry, RegistryError};
use crate::schema::label::Label;
use crate::schema::{Descriptor, Source};

/// The most values that a series can have: method, route and status, and the application's own.
pub(super) const MAX_VALUES: usize = 3 + MAX_LABELS;

/// Why there is no such layer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// A name, a label or the buckets are refused by Prometheus' rules, or another definition has the name.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A pattern that no path matches.
    #[error("the requests to leave out cannot be {pattern:?}: {problem}")]
    #[non_exhaustive]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// More labels of the application's own than a request can carry.
    #[error("{found} labels are added to the HTTP metrics ({}), and 4 are allowed: leave some out", names.join(", "))]
    #[non_exhaustive]
    TooManyLabels {
        /// How many there are.
        found: usize,
        /// Their names.
        names: Vec<String>,
    },
    /// A label that may have no value.
    #[error("label `{name}` may have 0 values; allowed are 1 and more: as many as it can have, or leave it out")]
    #[non_exhaustive]
    NoValues {
        /// The label.
        name: String,
    },
}

/// What is recorded of every request, and under which names.
///
/// [`HttpMetric`] lists what there is. The first two, requests and their durations, are recorded unless
/// [switched off](Self::without), the others if [switched on](Self::with). All names, the names of the labels and the
/// buckets can be chosen. [The module](super) says what the labels read and when a request counts.
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
///     .leave_out_path("/internal/*")
///     .layer(&registry)?;
/// let app: Router = layer.install(Router::new().route("/users/{id}", get(|| async { "hello" })));
/// # Ok::<(), metrics_runtime::http::HttpError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Http {
    metrics: [Named; HttpMetric::ALL.len()],
    method_label: Cow<'static, str>,
    endpoint_label: Cow<'static, str>,
    status_label: Cow<'static, str>,
    duration_status: bool,
    classes: bool,
    buckets: Cow<'static, [f64]>,
    size_buckets: Cow<'static, [f64]>,
    labels: Vec<Declared>,
    route: Option<FromRequest>,
    exceptions: Exceptions,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics: Vec<_> = self.metrics.iter().filter(|metric| metric.on).map(|metric| &metric.name).collect();
        f.debug_struct("Http").field("metrics", &metrics).finish_non_exhaustive()
    }
}

impl Http {
    /// Requests and durations, under the names that [`HttpMetric`] says.
    pub const fn new() -> Self {
        Self {
            metrics: HttpMetric::NAMED,
            method_label: Cow::Borrowed("method"),
            endpoint_label: Cow::Borrowed("endpoint"),
            status_label: Cow::Borrowed("status"),
            duration_status: false,
            classes: false,
            buckets: Cow::Borrowed(&[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0]),
            size_buckets: Cow::Borrowed(&[100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8]),
            labels: Vec::new(),
            route: None,
            exceptions: Exceptions::new(),
        }
    }

    /// [`HttpMetric::OpenTelemetry`] and nothing else. For a migration, both are recorded by
    /// `Http::new().with(HttpMetric::OpenTelemetry)`.
    pub fn opentelemetry() -> Self {
        Self::new().without(HttpMetric::Requests).without(HttpMetric::Duration).with(HttpMetric::OpenTelemetry)
    }

    /// Records this as well.
    pub fn with(mut self, metric: HttpMetric) -> Self {
        self.metrics[metric as usize].on = true;
        self
    }

    /// Does not record this.
    pub fn without(mut self, metric: HttpMetric) -> Self {
        self.metrics[metric as usize].on = false;
        self
    }

    /// Records this under another name, without namespace.
    pub fn named(mut self, metric: HttpMetric, name: impl Into<Cow<'static, str>>) -> Self {
        self.metrics[metric as usize].name = name.into();
        self.with(metric)
    }

    /// The name of the counter, without namespace. It ends in `_total`.
    pub fn requests(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.named(HttpMetric::Requests, name)
    }

    /// The name of the histogram of durations, without namespace. It ends in `_seconds`.
    pub fn duration(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.named(HttpMetric::Duration, name)
    }

    /// The name of the label `method`.
    pub fn method_label(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.method_label = name.into();
        self
    }

    /// The name of the label `endpoint`.
    pub fn endpoint_label(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.endpoint_label = name.into();
        self
    }

    /// The name of the label `status`.
    pub fn status_label(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.status_label = name.into();
        self
    }

    /// Whether the histogram of durations has the label `status` as well. Each status then costs a series for every
    /// bucket.
    pub const fn duration_status(mut self, yes: bool) -> Self {
        self.duration_status = yes;
        self
    }

    /// Whether the label `status` reads `2xx` instead of `200`. OpenTelemetry's always has the code.
    pub const fn status_classes(mut self, yes: bool) -> Self {
        self.classes = yes;
        self
    }

    /// The bounds of the buckets for durations.
    #[cfg(feature = "axum")]
    pub(crate) fn bounds(&self) -> &[f64] {
        &self.buckets
    }

    /// The upper bounds of the buckets for durations and times to the first byte, in seconds, sorted, `+Inf` left out.
    /// OpenTelemetry's are fixed.
    pub fn buckets(mut self, bounds: impl Into<Cow<'static, [f64]>>) -> Self {
        self.buckets = bounds.into();
        self
    }

    /// The upper bounds of the buckets for sizes, in bytes, sorted, `+Inf` left out.
    pub fn size_buckets(mut self, bounds: impl Into<Cow<'static, [f64]>>) -> Self {
        self.size_buckets = bounds.into();
        self
    }

    /// The route of a request, for services whose routes are not those of an axum router. Where it says nothing, that of
    /// the router is taken, if there is one, and `unmatched` else.
    ///
    /// It is to answer with a route of the application, never with something that a client wrote. As a last resort, what
    /// comes after the first 1,000 routes is counted as `_overflow`.
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

    /// A label of the application's own, read from every request, on the counter and on the histogram of durations. At
    /// most four can be added, those of responses included.
    ///
    /// It has at most `values` values. What comes after them, and what is longer than 128 bytes, reads `_overflow`. Where
    /// there is no value, the label is empty, which to Prometheus is as if it was not there.
    ///
    /// ```
    /// use metrics_runtime::Label;
    /// use metrics_runtime::http::{Http, RequestHead};
    ///
    /// fn plan(request: RequestHead<'_>) -> Option<Label<'_>> {
    ///     Some(Label::from(request.headers().get("x-plan")?.to_str().ok()?))
    /// }
    /// let http = Http::new().request_label("plan", 3, plan);
    /// ```
    pub fn request_label<F>(self, name: impl Into<Cow<'static, str>>, values: usize, value: F) -> Self
    where
        F: for<'a> Fn(RequestHead<'a>) -> Option<Label<'a>> + Send + Sync + 'static,
    {
        self.label(name.into(), values, Extract::Request(Arc::new(value)))
    }

    /// The same, read from every response. It is empty for requests that had none.
    pub fn response_label<F>(self, name: impl Into<Cow<'static, str>>, values: usize, value: F) -> Self
    where
        F: for<'a> Fn(ResponseHead<'a>) -> Option<Label<'a>> + Send + Sync + 'static,
    {
        self.label(name.into(), values, Extract::Response(Arc::new(value)))
    }

    fn label(mut self, name: Cow<'static, str>, limit: usize, from: Extract) -> Self {
        self.labels.push(Declared { name, limit, from });
        self
    }

    /// Does not record requests for this path, in which `*` stands for any characters: `/health`, `/internal/*`.
    ///
    /// [`LeftOut`](super::LeftOut) leaves out a route, whatever its path.
    pub fn leave_out_path(mut self, pattern: impl Into<String>) -> Self {
        self.exceptions.patterns.push(Pattern(pattern.into()));
        self
    }

    /// Does not record requests for which this is true.
    pub fn leave_out<F>(mut self, predicate: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> bool + Send + Sync + 'static,
    {
        self.exceptions.predicates.push(Arc::new(predicate));
        self
    }

    /// The middleware that records into this registry.
    ///
    /// Layers with the same definition and the same registry record into the same metrics. One that records into
    /// [`Registry::global`] stays in memory to the end, as the registry does.
    ///
    /// # Errors
    /// A name, a label or the buckets are refused by Prometheus' rules, or another definition has the name; a path to
    /// leave out could not match; there are more than four labels of one's own, or one that may have no value.
    #[track_caller]
    pub fn layer(&self, registry: &Registry) -> Result<HttpLayer, HttpError> {
        self.check()?;
        clock::start();
        let source = Source::caller();
        let families = Families {
            requests: self.family(HttpMetric::Requests, registry, source)?,
            duration: self.family(HttpMetric::Duration, registry, source)?,
            first_byte: self.family(HttpMetric::FirstByte, registry, source)?,
            in_flight: self.family(HttpMetric::InFlight, registry, source)?,
            request_size: self.family(HttpMetric::RequestBodySize, registry, source)?,
            response_size: self.family(HttpMetric::ResponseBodySize, registry, source)?,
            aborted: self.family(HttpMetric::Aborted, registry, source)?,
            upgrades: self.family(HttpMetric::Upgrades, registry, source)?,
            upgrades_open: self.family(HttpMetric::UpgradesOpen, registry, source)?,
            opentelemetry: self.family(HttpMetric::OpenTelemetry, registry, source)?,
        };
        let recorder = Recorder {
            families,
            duration_status: self.duration_status,
            classes: self.classes,
            custom: Custom::new(&self.labels),
        };
        let forever = registry.is_global();
        let recorder = Handle::new(recorder, forever);
        let shared = Shared::new(recorder, self.route.clone(), self.exceptions.clone());
        Ok(HttpLayer::new(Handle::new(shared, forever)))
    }

    fn check(&self) -> Result<(), HttpError> {
        if let Some((pattern, problem)) =
            self.exceptions.patterns.iter().find_map(|pattern| Some((pattern, pattern.problem()?)))
        {
            return Err(HttpError::Pattern { pattern: pattern.0.clone(), problem });
        }
        if self.labels.len() > MAX_LABELS {
            let names = self.labels.iter().map(|label| label.name.to_string()).collect();
            return Err(HttpError::TooManyLabels { found: self.labels.len(), names });
        }
        match self.labels.iter().find(|label| label.limit == 0) {
            Some(label) => Err(HttpError::NoValues { name: label.name.to_string() }),
            None => Ok(()),
        }
    }

    /// The family of a metric, if it is recorded.
    fn family<M: Metric>(
        &self,
        metric: HttpMetric,
        registry: &Registry,
        source: Source,
    ) -> Result<Option<Family<M>>, RegistryError> {
        self.described(metric).map(|descriptor| registry.registered_at(descriptor, source)).transpose()
    }

    fn described(&self, metric: HttpMetric) -> Option<Descriptor> {
        let named = &self.metrics[metric as usize];
        if !named.on {
            return None;
        }
        let bounds = match metric {
            HttpMetric::RequestBodySize | HttpMetric::ResponseBodySize => &self.size_buckets,
            _ => &self.buckets,
        };
        let mut labels = vec![self.method_label.clone(), self.endpoint_label.clone()];
        if metric == HttpMetric::Requests || metric == HttpMetric::Duration && self.duration_status {
            labels.push(self.status_label.clone());
        }
        if matches!(metric, HttpMetric::Requests | HttpMetric::Duration) {
            labels.extend(self.labels.iter().map(|label| label.name.clone()));
        }
        Some(metric.descriptor(named.name.clone(), labels, bounds.clone()))
    }
}
