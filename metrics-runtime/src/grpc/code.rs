//! The codes of calls.

use std::error::Error;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tonic::{Code, Status, TimeoutExpired};

use super::families::Side;
use crate::schema::{Classify as _, Outcome};

/// The names of the codes in OpenTelemetry's conventions, in the order of their numbers.
pub(super) const OPENTELEMETRY: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

// Names of headers, so that no request parses them.
static GRPC_STATUS: HeaderName = Status::GRPC_STATUS;
static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The number of headers that are compared faster than the name of one is hashed.
const FEW: usize = 8;

/// Returns the value of `error_type`, which is empty without an error. For a client, everything but `OK` is one; for a
/// server, what is its own fault.
pub(super) fn error_type(side: Side, code: Code) -> &'static str {
    let is_error = match side {
        Side::Server => code.classify() == Outcome::Error,
        Side::Client => code != Code::Ok,
    };
    if is_error { OPENTELEMETRY.get(code as usize).copied().unwrap_or("_OTHER") } else { "" }
}

/// Returns the first header with a name, as `get` does.
#[inline]
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    if headers.len() > FEW {
        return headers.get(name);
    }
    headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
}

/// Returns the code in the headers of a response or in its trailers, or `None` if they have none. A code that does not
/// exist is `Unknown`.
pub(super) fn in_headers(headers: &HeaderMap) -> Option<Code> {
    Some(Code::from_bytes(header(headers, &GRPC_STATUS)?.as_bytes()))
}

/// Returns the [code for a response that has none][1].
///
/// [1]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
pub(super) fn of_http(status: StatusCode) -> Code {
    match status {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// Returns the code of a status. A timeout of tonic has the code `Cancelled`, and is an exceeded deadline.
pub(super) fn of_status(status: &Status) -> Code {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<TimeoutExpired>() {
            return Code::DeadlineExceeded;
        }
        source = error.source();
    }
    status.code()
}

/// Returns the deadline of a call, from the head of its request, or `None` if it has none.
pub(super) fn deadline(headers: &HeaderMap) -> Option<Duration> {
    parse_timeout(header(headers, &GRPC_TIMEOUT)?.to_str().ok()?)
}

/// Reads the value of the header [`grpc-timeout`][1], the time that the client of a call waits: up to eight digits and a
/// unit. Returns `None` if it is anything else.
///
/// A service that calls others reads it to give them no more time than it has itself.
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::grpc::parse_timeout;
///
/// let call = tonic::Request::new(());
/// let timeout = call.metadata().get("grpc-timeout").and_then(|value| parse_timeout(value.to_str().ok()?));
/// # assert_eq!(timeout, None);
/// assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
/// ```
///
/// [1]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
#[must_use]
pub fn parse_timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn a_code_that_does_not_exist_is_unknown() {
        for (value, expected) in
            [("0", Code::Ok), ("16", Code::Unauthenticated), ("17", Code::Unknown), ("x", Code::Unknown)]
        {
            assert_eq!(in_headers(&headers("grpc-status", value)), Some(expected), "{value}");
        }
        assert_eq!(in_headers(&HeaderMap::new()), None);
    }

    #[test]
    fn the_first_of_several_codes_counts_among_any_number_of_headers() {
        for others in [0, FEW - 3, FEW - 2, FEW - 1, FEW, 100] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status-details-bin", HeaderValue::from_static("3"));
            for i in 0..others {
                headers.insert(HeaderName::try_from(format!("x-{i}")).unwrap(), HeaderValue::from_static("4"));
            }
            assert_eq!(in_headers(&headers), None, "{others}");
            headers.append("Grpc-Status", HeaderValue::from_static("5"));
            headers.append(&GRPC_STATUS, HeaderValue::from_static("0"));
            // The last entry takes the place of one that is removed.
            headers.remove("grpc-status-details-bin");
            assert_eq!(in_headers(&headers), Some(Code::NotFound), "{others}");
            assert_eq!(header(&headers, &GRPC_STATUS), headers.get(&GRPC_STATUS), "{others}");
        }
    }

    #[test]
    fn a_code_is_read_as_the_client_of_tonic_does() {
        for value in [" 0", "00", "-1", "0,5", "256", ""] {
            let expected = Code::from_bytes(value.as_bytes());
            assert_eq!(in_headers(&headers("grpc-status", value)), Some(expected), "{value:?}");
        }
        let bytes = HeaderMap::from_iter([(GRPC_STATUS.clone(), HeaderValue::from_bytes(&[0xff]).unwrap())]);
        assert_eq!(in_headers(&bytes), Some(Code::Unknown));
        let bytes = HeaderMap::from_iter([(GRPC_TIMEOUT.clone(), HeaderValue::from_bytes(&[b'1', 0xff]).unwrap())]);
        assert_eq!(deadline(&bytes), None);
    }

    #[test]
    fn codes_have_the_names_of_opentelemetry() {
        for (number, name) in (0..).zip(OPENTELEMETRY) {
            let code = Code::from_i32(number);
            assert_eq!(name.replace('_', ""), format!("{code:?}").to_uppercase());
        }
    }

    #[test]
    fn faults_of_the_client_are_errors_for_the_client_only() {
        let of = |code| [Side::Server, Side::Client].map(|side| error_type(side, code));
        assert_eq!(of(Code::Ok), ["", ""]);
        assert_eq!(of(Code::NotFound), ["", "NOT_FOUND"]);
        assert_eq!(of(Code::Cancelled), ["", "CANCELLED"]);
        assert_eq!(of(Code::DataLoss), ["DATA_LOSS", "DATA_LOSS"]);
    }

    #[test]
    fn deadlines_are_read_in_every_unit() {
        let millis = |value| deadline(&headers("grpc-timeout", value)).map(|deadline| deadline.as_nanos());
        for (value, nanos) in [("2H", 7_200_000_000_000), ("1M", 60_000_000_000), ("3S", 3_000_000_000)] {
            assert_eq!(millis(value), Some(nanos), "{value}");
        }
        for (value, nanos) in [("5m", 5_000_000), ("7u", 7_000), ("99999999n", 99_999_999)] {
            assert_eq!(millis(value), Some(nanos), "{value}");
        }
        assert_eq!(millis("99999999H"), Some(99_999_999 * 3_600 * 1_000_000_000));
        assert_eq!(millis("0S"), Some(0));
        for value in ["", "S", "1", "1s", "-1S", "+1S", "123456789S", "1 S", "1S ", "1S, 2S", "1.5S", "9e9S"] {
            assert_eq!(millis(value), None, "{value:?}");
        }
        assert_eq!(parse_timeout("5é"), None);
    }
}
