//! The label values that a request can have.

use http::{Method, StatusCode};

/// The endpoint of a request that no route matched.
pub(super) const UNMATCHED: &str = "unmatched";

/// The methods of RFC 9110, RFC 5789 (PATCH) and the QUERY method, and at the end OpenTelemetry's word for all others.
/// Methods are case-sensitive.
pub(super) const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "_OTHER"];

/// Where the method stands among [`METHODS`]: a client can make up any other.
#[inline]
pub(super) fn method(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::CONNECT => 5,
        Method::OPTIONS => 6,
        Method::TRACE => 7,
        Method::PATCH => 8,
        _ if method.as_str() == METHODS[9] => 9,
        _ => 10,
    }
}

/// How a request came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The response was handed over to its end.
    Complete,
    /// The connection is no longer one of requests and responses.
    Upgraded,
    /// The service or the body has failed.
    Failed,
    /// The service or the body has panicked.
    Panicked,
    /// The response was dropped before its end.
    ClientLeft,
}

/// The status that a request counts as, from that of its response where there is one.
pub(super) fn status(end: End, sent: Option<StatusCode>) -> StatusCode {
    match (end, sent) {
        (End::Complete | End::Upgraded, Some(status)) => status,
        // nginx' code.
        (End::ClientLeft, _) => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The class of a status: `2xx`.
pub(super) fn class(status: StatusCode) -> &'static str {
    const CLASSES: [&str; 9] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "7xx", "8xx", "9xx"];
    // A `StatusCode` is between 100 and 999.
    CLASSES[usize::from(status.as_u16() / 100 - 1)]
}

/// `http_response_status_code` and `error_type` of OpenTelemetry's [semantic conventions for HTTP metrics][1]: the code
/// that was sent, if one was; the same code where it is a server error, and else what kept the response from its end.
///
/// [1]: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration
pub(super) fn opentelemetry(end: End, sent: Option<&StatusCode>) -> [&str; 2] {
    let code = sent.map_or("", StatusCode::as_str);
    let error = match end {
        End::Complete | End::Upgraded if sent.is_some_and(StatusCode::is_server_error) => code,
        End::Complete | End::Upgraded => "",
        End::Failed => "_OTHER",
        End::Panicked => "panic",
        End::ClientLeft => "cancelled",
    };
    [code, error]
}

/// Whether the connection is another one after this response: RFC 9110, 15.2.2 and 9.3.6, RFC 8441.
pub(super) fn is_upgrade(method: usize, status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || METHODS[method] == "CONNECT" && status.is_success()
}

/// Whether a response has a body at all. Servers drop the body of one that has none, whatever it holds.
pub(super) fn has_body(method: usize, status: StatusCode) -> bool {
    !(METHODS[method] == "HEAD"
        || is_upgrade(method, status)
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str) -> usize {
        method(&Method::from_bytes(name.as_bytes()).expect("a method"))
    }

    #[test]
    fn unknown_methods_are_one_value() {
        for (i, known) in METHODS.into_iter().enumerate() {
            assert_eq!(number(known), i);
        }
        for unknown in ["get", "PROPFIND", "GETT", "_OTHER", "X-A-VERY-LONG-METHOD-OF-A-CLIENT'S-OWN"] {
            assert_eq!(METHODS[number(unknown)], "_OTHER", "{unknown}");
        }
    }

    #[test]
    fn responses_without_a_body_are_those_of_the_rfc() {
        let has_body = |method, status| has_body(number(method), StatusCode::from_u16(status).expect("a status"));
        assert!(has_body("GET", 200) && has_body("CONNECT", 407) && has_body("POST", 205));
        assert!(!has_body("HEAD", 200) && !has_body("HEAD", 404) && !has_body("CONNECT", 200));
        assert!([101, 103, 204, 304].iter().all(|&status| !has_body("GET", status)));
    }

    #[test]
    fn every_status_has_a_class() {
        for code in 100..1000 {
            let status = StatusCode::from_u16(code).expect("a status");
            assert_eq!(class(status), format!("{}xx", code / 100));
        }
    }
}
