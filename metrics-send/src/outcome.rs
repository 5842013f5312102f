//! The meaning of answers.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};

/// The result of a request.
#[derive(Debug)]
pub enum Outcome {
    /// The receiver has accepted so many samples, and refused the others for good. It may say why, or give advice about
    /// those that it has accepted.
    Answered { accepted: u64, problem: Option<String> },
    /// The request has to be sent again, not before the receiver wants it.
    Retry { after: Option<Duration>, problem: String },
}

impl Outcome {
    /// Returns the outcome of a request that has to be sent again, after the time that the headers ask for.
    pub(crate) fn retry(headers: &HeaderMap, problem: String) -> Self {
        Self::Retry { after: retry_after(headers, SystemTime::now()), problem }
    }
}

/// Returns a status and the text of an answer.
pub(crate) fn problem(status: StatusCode, text: &str) -> String {
    if text.is_empty() { format!("status {status}") } else { format!("status {status}: {text:?}") }
}

/// Returns the time that the receiver asks for, as a number of seconds or as a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).ok(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_receiver_asks_for_seconds_or_for_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, expected) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", None),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
