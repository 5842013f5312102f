//! The label values that a request can have.

use axum::extract::MatchedPath;
use http::{Method, StatusCode};

/// The endpoint of a request that no route matched.
pub(super) const UNMATCHED: &str = "unmatched";

/// The method of a request whose method is none of the known ones. OpenTelemetry's word for it.
pub(super) const OTHER_METHOD: &str = "_OTHER";

/// The status of a request whose service or body has panicked or failed.
pub(super) const FAILED: &str = "500";

/// The status of a request whose client left before the end of the response. nginx' word for it.
pub(super) const CLIENT_LEFT: &str = "499";

/// The methods of RFC 9110, RFC 5789 (PATCH) and the QUERY method; methods are case-sensitive.
const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/// The method, if it is one of the known ones: a client can make up any other.
pub(super) fn method(method: &Method) -> &'static str {
    let known = METHODS.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or(OTHER_METHOD)
}

/// The route as the application wrote it.
pub(super) fn endpoint(route: Option<&MatchedPath>) -> &str {
    route.map_or(UNMATCHED, MatchedPath::as_str)
}

/// Whether a response has a body at all. Servers drop the body of one that has none, whatever it holds.
pub(super) fn has_body(method: &str, status: StatusCode) -> bool {
    !(method == "HEAD"
        || method == "CONNECT" && status.is_success()
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_methods_are_one_value() {
        for known in METHODS {
            let parsed = Method::from_bytes(known.as_bytes()).expect("a method");
            assert_eq!(method(&parsed), known);
        }
        for unknown in ["get", "PROPFIND", "GETT", "_OTHER", "X-A-VERY-LONG-METHOD-OF-A-CLIENT'S-OWN"] {
            let parsed = Method::from_bytes(unknown.as_bytes()).expect("a method");
            assert_eq!(method(&parsed), OTHER_METHOD, "{unknown}");
        }
    }

    #[test]
    fn responses_without_a_body_are_those_of_the_rfc() {
        let has_body = |method, status| has_body(method, StatusCode::from_u16(status).expect("a status"));
        assert!(has_body("GET", 200) && has_body("CONNECT", 407) && has_body("POST", 205));
        assert!(!has_body("HEAD", 200) && !has_body("HEAD", 404) && !has_body("CONNECT", 200));
        assert!([101, 103, 204, 304].iter().all(|&status| !has_body("GET", status)));
    }
}
