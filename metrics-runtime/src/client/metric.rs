//! The metrics of outgoing requests.

use std::borrow::Cow;

use crate::schema::Descriptor;

/// A metric of outgoing requests.
///
/// The labels are `upstream` and `method`, unless stated otherwise. [`Client::with`](super::Client::with) and
/// [`Client::without`](super::Client::without) switch them on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientMetric {
    /// The counter `http_client_requests_total{upstream, method, status}`: finished requests. The status is the class of
    /// the response, such as `2xx`, or `error` if there was none, or `cancelled` if the caller dropped the request before
    /// the response. Recorded by default.
    Requests,
    /// The histogram `http_client_request_duration_seconds`, buckets 0.01 0.05 0.1 0.5 1 2.5 5 10: the time from a
    /// request to the end of its response body. Recorded by default.
    Duration,
    /// The counter `http_client_errors_total{upstream, method, cause}`: requests that did not reach the end of their
    /// response. [`Cause`](super::Cause) lists the values of `cause`; besides, it is `cancelled` if the caller dropped the
    /// request or a part of the response, and `panic` if the client panicked. Recorded by default.
    Errors,
    /// The gauge `http_client_requests_in_flight`: requests whose response has not ended yet. Recorded by default.
    InFlight,
    /// The histogram `http_client_response_first_byte_seconds`, with the buckets of the duration: the time from a request
    /// to the headers of its response.
    FirstByte,
    /// The counter `http_client_retries_total`: requests that were sent before, as their extension
    /// [`Attempts`](super::Attempts) shows.
    Retries,
    /// The histogram `http_client_request_body_size_bytes`, buckets 100 to 100,000,000 in powers of ten: the number of
    /// bytes of the request body, if it is known before the request is sent.
    RequestBodySize,
    /// The histogram `http_client_response_body_size_bytes`, with the same buckets: the number of bytes that were read of
    /// the response body. Observed for each request with a response, except upgrades.
    ResponseBodySize,
}

impl ClientMetric {
    /// All metrics.
    pub const ALL: &'static [Self] = &[
        Self::Requests,
        Self::Duration,
        Self::Errors,
        Self::InFlight,
        Self::FirstByte,
        Self::Retries,
        Self::RequestBodySize,
        Self::ResponseBodySize,
    ];

    /// The number of metrics that are recorded by default, the first ones of [`ALL`](Self::ALL).
    pub(super) const DEFAULTS: usize = 4;

    /// Returns the descriptor. `buckets` are those of a histogram.
    pub(super) fn descriptor(self, buckets: Cow<'static, [f64]>) -> Descriptor {
        match self {
            Self::Requests => Descriptor::counter(
                "http_client_requests_total",
                "Finished requests to an upstream, by method and class of status; error means no response, cancelled that the caller gave up before it.",
            )
            .labels(["upstream", "method", "status"]),
            Self::Duration => Descriptor::histogram(
                "http_client_request_duration_seconds",
                "Time from a request to an upstream to the end of its response, in seconds; not observed for cancelled requests and long-lived streams.",
                buckets,
            )
            .unit("seconds")
            .labels(LABELS),
            Self::Errors => Descriptor::counter(
                "http_client_errors_total",
                "Requests to an upstream that did not reach the end of their response, by cause; cancelled by the caller is no fault of the upstream.",
            )
            .labels(["upstream", "method", "cause"]),
            Self::InFlight => Descriptor::gauge(
                "http_client_requests_in_flight",
                "Requests to an upstream whose response has not ended yet.",
            )
            .labels(LABELS),
            Self::FirstByte => Descriptor::histogram(
                "http_client_response_first_byte_seconds",
                "Time from a request to an upstream to the headers of its response, in seconds.",
                buckets,
            )
            .unit("seconds")
            .labels(LABELS),
            Self::Retries => Descriptor::counter(
                "http_client_retries_total",
                "Finished requests to an upstream that repeat an earlier one.",
            )
            .labels(LABELS),
            Self::RequestBodySize => Descriptor::histogram(
                "http_client_request_body_size_bytes",
                "Bytes of request bodies of known size to an upstream.",
                buckets,
            )
            .unit("bytes")
            .labels(LABELS),
            Self::ResponseBodySize => Descriptor::histogram(
                "http_client_response_body_size_bytes",
                "Bytes that were read of response bodies of an upstream.",
                buckets,
            )
            .unit("bytes")
            .labels(LABELS),
        }
    }
}

const LABELS: [&str; 2] = ["upstream", "method"];
