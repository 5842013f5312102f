//! The answers of receivers.
//!
//! Source: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use metrics_runtime::__shared::Answer;
use micropb::{PbDecoder, WIRE_TYPE_LEN, WIRE_TYPE_VARINT};

use crate::outcome::{Outcome, problem};

/// The statuses after which a request is sent again.
const RETRIED: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// Returns the meaning of the answer to a request with so many data points.
pub(super) fn outcome(answer: &Answer, samples: u64) -> Outcome {
    let Answer { status, headers, body, .. } = answer;
    let is_protobuf =
        headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/x-proto"));
    if status.is_success() {
        let (rejected, message) = if is_protobuf { partial_success(body) } else { Default::default() };
        return Outcome::Answered { accepted: samples.saturating_sub(rejected), problem: message };
    }
    // The body is a `google.rpc.Status`.
    let message = if is_protobuf { text(body, 2) } else { None };
    let problem = problem(*status, &message.unwrap_or_else(|| answer.text()));
    if RETRIED.contains(status) {
        return Outcome::retry(headers, problem);
    }
    Outcome::Answered { accepted: 0, problem: Some(problem) }
}

/// Reads an `ExportMetricsServiceResponse`: the number of data points that were refused, and the reason or an advice.
fn partial_success(body: &[u8]) -> (u64, Option<String>) {
    let partial = Fields(body).find_map(|field| match field {
        (1, Value::Bytes(partial)) => Some(partial),
        _ => None,
    });
    let partial = partial.unwrap_or_default();
    let rejected = Fields(partial).find_map(|field| match field {
        (1, Value::Varint(rejected)) => u64::try_from(rejected.cast_signed()).ok(),
        _ => None,
    });
    (rejected.unwrap_or(0), text(partial, 2))
}

/// Returns a field with a text that is not empty.
fn text(message: &[u8], number: u32) -> Option<String> {
    let text = Fields(message).find_map(|field| match field {
        (found, Value::Bytes(text)) if found == number => Some(String::from_utf8_lossy(text).trim().to_owned()),
        _ => None,
    });
    text.filter(|text| !text.is_empty())
}

/// The fields of a message with their numbers. A body that is cut off ends in the middle of one.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Bytes(&'a [u8]),
    Varint(u64),
    Other,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut decoder = PbDecoder::new(self.0);
        let tag = decoder.decode_tag().ok()?;
        let mut end = None;
        let value = match tag.wire_type() {
            WIRE_TYPE_LEN => {
                let length = decoder.decode_varint32().ok()? as usize;
                let rest = self.0.get(decoder.bytes_read()..)?;
                let bytes = &rest[..length.min(rest.len())];
                end = Some(decoder.bytes_read() + bytes.len());
                Value::Bytes(bytes)
            }
            WIRE_TYPE_VARINT => Value::Varint(decoder.decode_varint64().ok()?),
            other => {
                decoder.skip_wire_value(other).ok()?;
                Value::Other
            }
        };
        self.0 = self.0.get(end.unwrap_or(decoder.bytes_read())..)?;
        Some((tag.field_num(), value))
    }
}

#[cfg(test)]
mod tests {
    use metrics_runtime::__shared::Message;

    use super::*;

    fn response(rejected: Option<u64>, message: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Message::new(&mut out).message(1, |partial| {
            if let Some(rejected) = rejected {
                partial.uint(1, rejected);
            }
            partial.string(2, message);
        });
        out
    }

    #[test]
    fn a_partial_success_has_a_number_and_a_reason() {
        assert_eq!(partial_success(b""), (0, None));
        assert_eq!(partial_success(&response(Some(3), "too old")), (3, Some("too old".to_owned())));
        assert_eq!(partial_success(&response(None, "slow down")), (0, Some("slow down".to_owned())));
        assert_eq!(partial_success(&response(Some(u64::MAX), "")), (0, None), "a negative number");
        let long = response(Some(7), &"x".repeat(5_000));
        assert_eq!(partial_success(&long[..1_024]).0, 7, "a body that is cut off");
        assert_eq!(partial_success(b"\xff\xff\xff{\"partialSuccess\":{}}"), (0, None));
    }
}
