//! The metrics there are of requests.

use std::borrow::Cow;

use crate::schema::Descriptor;

/// What can be recorded of requests.
///
/// Where nothing else is said, the labels are `method` and `endpoint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpMetric {
    /// The counter `http_requests_total{method, endpoint, status}`: requests that are over. Recorded unless switched
    /// off.
    Requests,
    /// The histogram `http_request_duration_seconds`, buckets 0.01 0.05 0.1 0.5 1 2.5 5 10: the time from a request to
    /// the end of its response. Recorded unless switched off.
    Duration,
    /// The histogram `http_response_first_byte_seconds`: the time from a request to the headers of its response, which
    /// are its first bytes. Observed also where the response breaks off after them.
    FirstByte,
    /// The gauge `http_requests_in_flight`: requests that have come and are not over.
    InFlight,
    /// The histogram `http_request_body_size_bytes`, buckets 100 to 100,000,000 by the power of ten: how many bytes of a
    /// request's body were read until the request was over. Without axum, or without [`HttpLayer::install`], it needs
    /// [`RequestBodyLayer`].
    ///
    /// [`HttpLayer::install`]: super::HttpLayer::install
    /// [`RequestBodyLayer`]: super::RequestBodyLayer
    RequestBodySize,
    /// The histogram `http_response_body_size_bytes`, buckets as for requests: how many bytes of a response's body were
    /// handed over, trailers left out. One observation for each request that was no upgrade, be it over or broken off.
    ResponseBodySize,
    /// The counter `http_responses_aborted_total{method, endpoint, phase}`: responses that broke off. In the phase
    /// `headers` the client left before there were any; in the phase `body` it left after them, or the body has failed or
    /// panicked.
    Aborted,
    /// The counter `http_upgrades_total`: connections that became something else, by `101`, or by a `CONNECT` that
    /// succeeded.
    Upgrades,
    /// The gauge `http_upgrades_open`: those of them that are in use, as far as handlers hold an
    /// [`OpenUpgrade`](super::OpenUpgrade).
    UpgradesOpen,
    /// The histogram `http_server_request_duration_seconds{http_request_method, http_route, http_response_status_code,
    /// error_type}` of OpenTelemetry's [semantic conventions for HTTP metrics][1], under the name that Prometheus gives
    /// it, with the buckets that they ask for: the time from a request to the end of its response, however it ended.
    ///
    /// A label without a value is empty: the route where none matched, the code where there was no response. `error_type`
    /// is the code of a server error, `cancelled` where the client left, `panic`, or `_OTHER` where the service or the
    /// body returned an error.
    ///
    /// [1]: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration
    OpenTelemetry,
}

/// A metric under its name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: Cow<'static, str>,
    pub(super) on: bool,
}

impl Named {
    const fn new(name: &'static str, on: bool) -> Self {
        Self { name: Cow::Borrowed(name), on }
    }
}

impl HttpMetric {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Requests,
        Self::Duration,
        Self::FirstByte,
        Self::InFlight,
        Self::RequestBodySize,
        Self::ResponseBodySize,
        Self::Aborted,
        Self::Upgrades,
        Self::UpgradesOpen,
        Self::OpenTelemetry,
    ];

    /// Their names, in the same order, and whether they are recorded unless somebody says otherwise.
    pub(super) const NAMED: [Named; Self::ALL.len()] = [
        Named::new("http_requests_total", true),
        Named::new("http_request_duration_seconds", true),
        Named::new("http_response_first_byte_seconds", false),
        Named::new("http_requests_in_flight", false),
        Named::new("http_request_body_size_bytes", false),
        Named::new("http_response_body_size_bytes", false),
        Named::new("http_responses_aborted_total", false),
        Named::new("http_upgrades_total", false),
        Named::new("http_upgrades_open", false),
        Named::new("http_server_request_duration_seconds", false),
    ];

    /// The definition, from what is chosen for the metrics of these labels and buckets.
    pub(super) fn descriptor(
        self,
        name: Cow<'static, str>,
        mut labels: Vec<Cow<'static, str>>,
        buckets: Cow<'static, [f64]>,
    ) -> Descriptor {
        let descriptor = match self {
            Self::Requests => Descriptor::counter(
                name,
                "HTTP requests that are over, by method, route and status; 499 is a client that left early.",
            ),
            Self::Duration => Descriptor::histogram(
                name,
                "Time from an HTTP request to the end of its response, in seconds; not observed where the client left early.",
                buckets,
            ),
            Self::FirstByte => Descriptor::histogram(
                name,
                "Time from an HTTP request to the headers of its response, in seconds.",
                buckets,
            ),
            Self::InFlight => Descriptor::gauge(name, "HTTP requests that have come and are not over."),
            Self::RequestBodySize => Descriptor::histogram(name, "Bytes read of the bodies of HTTP requests.", buckets),
            Self::ResponseBodySize => {
                Descriptor::histogram(name, "Bytes handed over of the bodies of HTTP responses.", buckets)
            }
            Self::Aborted => {
                labels.push(Cow::Borrowed("phase"));
                Descriptor::counter(name, "HTTP responses that broke off, before their headers or in their body.")
            }
            Self::Upgrades => {
                Descriptor::counter(name, "HTTP connections that were upgraded, WebSockets for instance.")
            }
            Self::UpgradesOpen => Descriptor::gauge(name, "Upgraded HTTP connections that are in use."),
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

/// What the semantic conventions ask for, in seconds.
const OPENTELEMETRY_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
