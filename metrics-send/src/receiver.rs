//! The requests to a receiver, and the meaning of its answers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fmt, marker};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::Connect;
use metrics_runtime::__shared::{Answer, Client, Failure, Patient, deadline, root_cause};

use crate::request::{Batch, Protocol};

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");

/// The headers with the numbers of accepted samples and native histograms, in remote write 2.0.
const WRITTEN: [&str; 2] =
    ["x-prometheus-remote-write-samples-written", "x-prometheus-remote-write-histograms-written"];

/// Sends a request, which has to be answered within a duration.
type Send = Arc<dyn Fn(Request<Full<Bytes>>, Duration) -> Sending + marker::Send + Sync>;

type Sending = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + marker::Send>>;

/// A receiver. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Receiver {
    send: Send,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
}

/// The result of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The receiver has accepted so many samples.
    Accepted(u64),
    /// The receiver has refused the request for good, except so many samples.
    Refused { written: u64, problem: String },
    /// The request has to be sent again, not before the receiver wants it.
    Retry { after: Option<Duration>, problem: String },
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("uri", &self.url()).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Receiver {
    pub(crate) fn new<C: Clone + marker::Send + Sync + 'static>(connector: C, uri: Uri) -> Self
    where
        Patient<C>: Connect,
    {
        let mut headers = HeaderMap::new();
        let agent = concat!("metrics-send/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        Self { send: sender(connector), uri, headers, timeout: Duration::from_secs(30) }
    }

    /// Replaces the connector.
    #[cfg(feature = "tls")]
    pub(crate) fn connect_with<C: Clone + marker::Send + Sync + 'static>(&mut self, connector: C)
    where
        Patient<C>: Connect,
    {
        self.send = sender(connector);
    }

    pub(crate) fn set_header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Returns the host and the port.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map(http::uri::Authority::as_str).unwrap_or_default()
    }

    /// Returns the address without its query, which may contain a secret.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", self.uri.scheme_str().unwrap_or_default(), self.authority(), self.uri.path())
    }

    /// Sends a batch.
    pub(crate) async fn write(&self, batch: Batch, protocol: Protocol) -> Outcome {
        let mut request = Request::new(Full::new(batch.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let [content_type, version] = protocol.headers().map(HeaderValue::from_static);
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        headers.insert(VERSION, version);
        match (self.send)(request, self.timeout).await {
            Ok(answer) => outcome(&answer, batch.samples, protocol),
            Err(Failure::TimedOut) => {
                Outcome::Retry { after: None, problem: format!("no answer within {:?}", self.timeout) }
            }
            Err(Failure::Failed(error)) => Outcome::Retry { after: None, problem: root_cause(&error) },
        }
    }
}

/// Returns a function without the type of the connector.
fn sender<C: Clone + marker::Send + Sync + 'static>(connector: C) -> Send
where
    Patient<C>: Connect,
{
    // With one idle connection, because the requests follow each other.
    let client = Client::new(connector, 1);
    Arc::new(move |request, timeout| {
        let client = client.clone();
        Box::pin(async move { client.send(request, deadline(timeout)).await })
    })
}

fn outcome(answer: &Answer, samples: u64, protocol: Protocol) -> Outcome {
    let Answer { status, headers, text, .. } = answer;
    let written = match protocol {
        Protocol::V1 => None,
        Protocol::V2 => written(headers).map(|written| written.min(samples)),
    };
    let problem = if text.is_empty() { format!("status {status}") } else { format!("status {status}: {text:?}") };
    if status.is_success() {
        return match (protocol, written) {
            (Protocol::V1, _) => Outcome::Accepted(samples),
            (Protocol::V2, Some(written)) => Outcome::Accepted(written),
            // A receiver of the first version may find nothing in the request, and say that it has accepted it.
            (Protocol::V2, None) => Outcome::Refused {
                written: 0,
                problem: format!("{problem} without a number of samples, as of remote write 1.0; use `Protocol::V1`"),
            },
        };
    }
    if status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS {
        return Outcome::Retry { after: retry_after(headers, SystemTime::now()), problem };
    }
    Outcome::Refused { written: written.unwrap_or(0), problem }
}

/// Returns the number of samples and native histograms that the receiver has accepted, or `None` if it does not say.
fn written(headers: &HeaderMap) -> Option<u64> {
    let numbers = WRITTEN.iter().filter_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse().ok());
    numbers.reduce(u64::saturating_add)
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
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }

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
            assert_eq!(retry_after(&headers("retry-after", text), now), expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn the_numbers_of_accepted_samples_are_added() {
        assert_eq!(written(&HeaderMap::new()), None);
        let mut both = headers(WRITTEN[0], "3");
        assert_eq!(written(&both), Some(3));
        both.extend(headers(WRITTEN[1], "4"));
        assert_eq!(written(&both), Some(7));
        assert_eq!(written(&headers(WRITTEN[0], "many")), None);
    }
}
