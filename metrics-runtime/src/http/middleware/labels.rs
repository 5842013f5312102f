//! The values of the labels `method` and `endpoint`, and what a method and a status say about a response.

use http::{Method, StatusCode};

/// The endpoint of a request that matched no route.
pub(super) const UNMATCHED: &str = "unmatched";

/// The methods of RFC 9110, `PATCH` of RFC 5789, `QUERY`, and OpenTelemetry's value for all other methods. Methods are
/// case-sensitive.
pub(crate) const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", OTHER];

/// The method of requests whose method is unknown, and of those beyond the limit whose method a route does not serve.
pub(super) const OTHER: &str = "_OTHER";

const HEAD: usize = 1;
const CONNECT: usize = 5;

/// Returns the index of the method in [`METHODS`]. Clients can send any method, so all unknown ones share the last
/// index.
#[inline]
pub(crate) fn method(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => HEAD,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::CONNECT => CONNECT,
        Method::OPTIONS => 6,
        Method::TRACE => 7,
        Method::PATCH => 8,
        _ if method.as_str() == METHODS[9] => 9,
        _ => 10,
    }
}

/// Returns the class of a status, such as `2xx`.
pub(super) fn class(status: &str) -> &'static str {
    const CLASSES: [&str; 9] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "7xx", "8xx", "9xx"];
    // A status is between 100 and 999.
    CLASSES[usize::from(status.as_bytes()[0] - b'1')]
}

/// Returns `true` if this response upgrades the connection (RFC 9110, sections 15.2.2 and 9.3.6; RFC 8441).
#[inline]
pub(crate) fn is_upgrade(method: usize, status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || method == CONNECT && status.is_success()
}

/// Returns `true` if a response to this method with this status has a body. Servers drop the body of any other response
/// without polling it.
#[inline]
pub(crate) fn has_body(method: usize, status: StatusCode) -> bool {
    // Most responses are decided by this line.
    if status == StatusCode::OK && method != HEAD && method != CONNECT {
        return true;
    }
    !(method == HEAD
        || is_upgrade(method, status)
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(name: &str) -> usize {
        method(&Method::from_bytes(name.as_bytes()).expect("a method"))
    }

    #[test]
    fn unknown_methods_share_one_value() {
        for (i, known) in METHODS.into_iter().enumerate() {
            assert_eq!(index(known), i);
        }
        for unknown in ["get", "PROPFIND", "GETT", "_OTHER", "X-A-VERY-LONG-METHOD-THAT-A-CLIENT-SENT"] {
            assert_eq!(METHODS[index(unknown)], "_OTHER", "{unknown}");
        }
    }

    #[test]
    fn responses_without_a_body_match_the_rfc() {
        let has_body = |method, status| has_body(index(method), StatusCode::from_u16(status).expect("a status"));
        assert!(has_body("GET", 200) && has_body("CONNECT", 407) && has_body("POST", 205));
        assert!(!has_body("HEAD", 200) && !has_body("HEAD", 404) && !has_body("CONNECT", 200));
        assert!([101, 103, 204, 304].iter().all(|&status| !has_body("GET", status)));
    }

    #[test]
    fn every_status_has_a_class() {
        for code in 100..1000 {
            let status = StatusCode::from_u16(code).expect("a status");
            assert_eq!(class(status.as_str()), format!("{}xx", code / 100));
        }
    }
}
