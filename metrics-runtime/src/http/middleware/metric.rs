//! The metrics of HTTP requests.

use std::borrow::Cow;

use crate::schema::Descriptor;

/// A metric of HTTP requests.
///
/// The labels are `method` and `endpoint`, unless stated otherwise. All names, and all buckets except
/// OpenTelemetry's, can be changed with [`Http`](super::Http).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpMetric {
    /// The counter `http_requests_total{method, endpoint, status}`: finished requests; the status is `499` if the
    /// request was cancelled before the response, by the client or an outer layer. Recorded by default.
    Requests,
    /// The histogram `http_request_duration_seconds`, buckets 0.01 0.05 0.1 0.5 1 2.5 5 10: the time from a request to
    /// the end of its response body. Recorded by default.
    Duration,
    /// The histogram `http_response_first_byte_seconds`, with the buckets of the duration: the time from a request to
    /// the headers of its response. Also observed if the response is aborted after the headers.
    FirstByte,
    /// The gauge `http_requests_in_flight`: requests whose response has not ended yet.
    InFlight,
    /// The histogram `http_request_body_size_bytes`, buckets 100 to 100,000,000 in powers of ten: the number of bytes
    /// of the request body that were read before the request was over. Requires [`RequestBodyLayer`] unless the layer
    /// was added with [`HttpLayer::install`].
    ///
    /// [`HttpLayer::install`]: super::HttpLayer::install
    /// [`RequestBodyLayer`]: super::RequestBodyLayer
    RequestBodySize,
    /// The histogram `http_response_body_size_bytes`, with the same buckets: the number of bytes of the response body
    /// that were sent, without trailers. Observed once for each request except upgrades, also if the response was
    /// aborted.
    ResponseBodySize,
    /// The counter `http_responses_aborted_total{method, endpoint, phase, cause}`: responses that did not reach their
    /// end. Recorded by default. `phase` is `headers` before the response, and `body` within its body, whose status is
    /// counted by [`Requests`](Self::Requests). `cause` is `cancelled` if the client disconnected or an outer layer gave
    /// up, and `error` or `panic` if the body returned an error or panicked.
    Aborted,
    /// The counter `http_requests_overdue_total`, with the labels of [`Duration`](Self::Duration): requests of routes with
    /// a [latency objective](crate::Objective::latency) that were cancelled after this latency, before their response or
    /// within its body. They have no duration, but have broken the promise. Not counted for long-lived streams. Recorded
    /// by default if a route has a latency objective and the duration is recorded; a label of the response is empty, and
    /// the status is the one of [`Requests`](Self::Requests).
    Overdue,
    /// The counter `http_upgrades_total`: connections upgraded by a response `101` or by a successful `CONNECT`.
    Upgrades,
    /// The gauge `http_upgrades_open`: upgraded connections that are in use, if their handlers hold an
    /// [`OpenUpgrade`](super::OpenUpgrade).
    UpgradesOpen,
    /// The histogram
    /// `http_server_request_duration_seconds{http_request_method, http_route, http_response_status_code, error_type}`
    /// of OpenTelemetry's [semantic conventions for HTTP metrics][1], under its Prometheus name and with the
    /// recommended buckets: the time from a request to the end of its response, also if the client disconnected early.
    /// Not observed for upgrades and long-lived streams.
    ///
    /// The route is empty if none matched, and the code is empty if there was no response. `error_type` is `_OTHER` if
    /// the service or the body returned an error, `panic`, the code of a server error, `cancelled` if the client
    /// disconnected early, and empty otherwise.
    ///
    /// [1]: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration
    OpenTelemetry,
}

/// The name of a metric, and whether it is recorded.
#[derive(Clone, Debug)]
pub(super) struct MetricSetting {
    pub(super) name: Cow<'static, str>,
    pub(super) is_legacy: bool,
    pub(super) enabled: bool,
}

impl MetricSetting {
    const fn new(name: &'static str, enabled: bool) -> Self {
        Self { name: Cow::Borrowed(name), is_legacy: false, enabled }
    }
}

impl HttpMetric {
    /// All metrics.
    pub const ALL: &'static [Self] = &[
        Self::Requests,
        Self::Duration,
        Self::FirstByte,
        Self::InFlight,
        Self::RequestBodySize,
        Self::ResponseBodySize,
        Self::Aborted,
        Self::Overdue,
        Self::Upgrades,
        Self::UpgradesOpen,
        Self::OpenTelemetry,
    ];

    /// The default settings, in the order of [`ALL`](Self::ALL).
    pub(super) const DEFAULTS: [MetricSetting; Self::ALL.len()] = [
        MetricSetting::new("http_requests_total", true),
        MetricSetting::new("http_request_duration_seconds", true),
        MetricSetting::new("http_response_first_byte_seconds", false),
        MetricSetting::new("http_requests_in_flight", false),
        MetricSetting::new("http_request_body_size_bytes", false),
        MetricSetting::new("http_response_body_size_bytes", false),
        MetricSetting::new("http_responses_aborted_total", true),
        MetricSetting::new("http_requests_overdue_total", true),
        MetricSetting::new("http_upgrades_total", false),
        MetricSetting::new("http_upgrades_open", false),
        MetricSetting::new("http_server_request_duration_seconds", false),
    ];

    /// Returns the descriptor with this name. OpenTelemetry's metric has its own labels and buckets.
    pub(super) fn descriptor(
        self,
        name: Cow<'static, str>,
        mut labels: Vec<Cow<'static, str>>,
        buckets: Cow<'static, [f64]>,
    ) -> Descriptor {
        let descriptor = match self {
            Self::Requests => Descriptor::counter(
                name,
                "Finished HTTP requests, by method, route and status; 499 means that the client disconnected before the response.",
            ),
            Self::Duration => Descriptor::histogram(
                name,
                "Time from an HTTP request to the end of its response, in seconds; not observed for cancelled requests and long-lived streams.",
                buckets,
            ),
            Self::FirstByte => Descriptor::histogram(
                name,
                "Time from an HTTP request to the headers of its response, in seconds.",
                buckets,
            ),
            Self::InFlight => Descriptor::gauge(name, "HTTP requests whose response has not ended yet."),
            Self::RequestBodySize => {
                Descriptor::histogram(name, "Bytes of HTTP request bodies that were read.", buckets)
            }
            Self::ResponseBodySize => {
                Descriptor::histogram(name, "Bytes of HTTP response bodies that were sent.", buckets)
            }
            Self::Aborted => {
                labels.extend(["phase", "cause"].map(Cow::Borrowed));
                Descriptor::counter(
                    name,
                    "HTTP responses that did not reach their end, by the phase they were in and the cause: cancelled by the client or an outer layer, an error or a panic of the body.",
                )
            }
            Self::Overdue => Descriptor::counter(
                name,
                "HTTP requests that were cancelled after the promised latency of their route, before the end of the response; they have no duration.",
            ),
            Self::Upgrades => Descriptor::counter(name, "Upgraded HTTP connections, such as WebSockets."),
            Self::UpgradesOpen => Descriptor::gauge(name, "Upgraded HTTP connections in use."),
            Self::OpenTelemetry => {
                labels = ["http_request_method", "http_route", "http_response_status_code", "error_type"]
                    .map(Cow::Borrowed)
                    .to_vec();
                Descriptor::histogram(name, "Duration of HTTP server requests.", OPENTELEMETRY_BUCKETS)
            }
        };
        let descriptor = descriptor.labels(labels);
        match self {
            Self::Duration | Self::FirstByte | Self::OpenTelemetry => descriptor.unit("seconds"),
            Self::RequestBodySize | Self::ResponseBodySize => descriptor.unit("bytes"),
            _ => descriptor,
        }
    }
}

/// The buckets that the semantic conventions recommend, in seconds.
const OPENTELEMETRY_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
