//! The client of Neurectomy's HTTP API, behind a circuit breaker of the same name.

use std::time::Duration;

use examples::json::Object;
use examples::log;
use examples::run::chain;
use examples::upstream::{self, UpstreamError, retry_after, start};
use metrics_runtime::circuit_breaker;
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen};
use metrics_runtime::client::{ClientLayer, ClientService};
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};
use tower_layer::Layer as _;
use tower_service::Service as _;
use url::Url;

use crate::completions::{Completion, GenerateRequest};
use crate::deadline::Deadline;

/// The maximum size of an answer: that of a completion with 2,048 tokens, and more.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// The maximum size that is read of an answer with an error.
const MAX_REASON_BYTES: usize = 4 << 10;

/// The time in which Neurectomy must answer when the service starts.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// The error of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NeurectomyError {
    /// The circuit breaker rejected the request.
    #[error(transparent)]
    Open(#[from] CircuitOpen),
    /// The request is invalid, for this reason that the client may see.
    #[error("{0}")]
    Refused(String),
    #[error("Neurectomy limits the rate of requests: {reason}")]
    Limited { retry_after: Option<Duration>, reason: String },
    #[error("Neurectomy answered {status}: {reason}")]
    Status { status: StatusCode, retry_after: Option<Duration>, reason: String },
    /// There was no answer before the deadline of the call.
    #[error("the deadline of the call is over")]
    Deadline,
    #[error("Neurectomy did not answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("the connection to Neurectomy failed")]
    Unreachable(#[source] reqwest::Error),
    #[error("Neurectomy's answer is not a completion: {0}")]
    Malformed(String),
}

impl NeurectomyError {
    /// Returns `true` if the cause is what clients send. It is neither a failure of Neurectomy nor a success: bad requests
    /// would keep the circuit breaker closed while Neurectomy is down.
    fn is_the_clients(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Limited { .. } | Self::Deadline)
    }
}

/// The body of a request.
#[derive(Serialize)]
struct Body<'a> {
    prompt: &'a str,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    seed: Option<u64>,
}

/// The body of an answer.
#[derive(Deserialize)]
struct Answer {
    model: String,
    text: String,
    finish_reason: Option<String>,
    tokens: Option<u64>,
}

/// The body of an answer with an error.
#[derive(Deserialize)]
struct Failure {
    error: Object<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    message: String,
}

/// The client of one Neurectomy.
#[derive(Debug)]
pub(crate) struct Neurectomy {
    http: Client,
    /// The same client, which records its requests.
    recorded: ClientService<Client>,
    url: Url,
    timeout: Duration,
    breaker: CircuitBreaker,
}

impl Neurectomy {
    /// Creates a client of the service at `url`, whose answers must end within `timeout`.
    ///
    /// # Errors
    /// Returns an error if the URL is not `http://`, or `https://` with the feature `cloud`.
    pub(crate) fn new(
        url: &Url,
        timeout: Duration,
        breaker: CircuitBreaker,
        layer: &ClientLayer,
    ) -> Result<Self, UpstreamError> {
        let http = upstream::client(url, timeout)?;
        Ok(Self { recorded: layer.layer(http.clone()), http, url: url.clone(), timeout, breaker })
    }

    /// Logs if Neurectomy does not answer.
    pub(crate) async fn check(&self) {
        let answer = self.http.get(self.at("health")).timeout(CHECK_TIMEOUT).send().await;
        if let Err(error) = answer.and_then(reqwest::Response::error_for_status) {
            log::line(format_args!(
                "Neurectomy is not available, so calls fail with UNAVAILABLE; start it with `cargo run --bin neurectomy`, or \
                 set NEURECTOMY_URL: {}",
                chain(&error.without_url())
            ));
        }
    }

    /// Requests a completion, unless the breaker is open.
    ///
    /// # Errors
    /// Returns an error if the breaker is open or Neurectomy returns no completion before the deadline.
    #[circuit_breaker(breaker = self.breaker, ignore_if = NeurectomyError::is_the_clients)]
    pub(crate) async fn generate(
        &self,
        request: &GenerateRequest,
        deadline: Deadline,
    ) -> Result<Completion, NeurectomyError> {
        let timeout = deadline.shorten(self.timeout);
        if timeout.is_zero() {
            return Err(NeurectomyError::Deadline);
        }
        let failure = |error| self.failure(error, timeout);
        let GenerateRequest { prompt, max_tokens, temperature, seed } = request;
        let body = Body { prompt, max_tokens: *max_tokens, temperature: *temperature, seed: *seed };
        let request = self.http.post(self.at("v1/generate")).timeout(timeout).json(&body).build().map_err(failure)?;
        let mut response = self.recorded.clone().call(request).await.map_err(failure)?;
        if !response.status().is_success() {
            // An answer counts even if the rest of it does not come.
            let reason = start(&mut response, MAX_REASON_BYTES).await.unwrap_or_default();
            return Err(error_of_status(response.status(), retry_after(response.headers()), &reason));
        }
        let body = start(&mut response, MAX_ANSWER_BYTES).await.map_err(failure)?;
        if body.len() > MAX_ANSWER_BYTES {
            return Err(NeurectomyError::Malformed(format!("it has more than {MAX_ANSWER_BYTES} bytes")));
        }
        let Object(Answer { model, text, finish_reason, tokens }) =
            serde_json::from_slice(&body).map_err(|error| NeurectomyError::Malformed(error.to_string()))?;
        Ok(Completion { model, text, finish_reason, tokens })
    }

    fn failure(&self, error: reqwest::Error, timeout: Duration) -> NeurectomyError {
        if !error.is_timeout() || error.is_connect() {
            // The URL may contain credentials.
            NeurectomyError::Unreachable(error.without_url())
        } else if timeout < self.timeout {
            NeurectomyError::Deadline
        } else {
            NeurectomyError::TimedOut(timeout)
        }
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url
    }
}

fn error_of_status(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> NeurectomyError {
    // Neurectomy's messages are for its clients. Other text may be of a proxy, and is only logged.
    let message = serde_json::from_slice(body).map(|Object(Failure { error: Object(reason) })| reason.message);
    let reason = |message: Option<&String>| match message {
        Some(message) => log::excerpt(message),
        None => log::excerpt(&String::from_utf8_lossy(body)),
    };
    match (status, message) {
        (StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY, Ok(message)) => {
            NeurectomyError::Refused(log::excerpt(&message))
        }
        (StatusCode::TOO_MANY_REQUESTS, message) => {
            NeurectomyError::Limited { retry_after, reason: reason(message.as_ref().ok()) }
        }
        (status, message) => NeurectomyError::Status { status, retry_after, reason: reason(message.as_ref().ok()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_have_a_path() {
        let breaker =
            || CircuitBreaker::new("neurectomy", circuit_breaker::Settings::consecutive(5)).expect("a breaker");
        for (base, expected) in [
            ("http://h", "http://h/v1/generate"),
            ("http://h:1/", "http://h:1/v1/generate"),
            ("http://h/llm", "http://h/llm/v1/generate"),
            ("http://h/llm/", "http://h/llm/v1/generate"),
        ] {
            let url = Url::parse(base).expect("a URL");
            let client = Neurectomy::new(&url, Duration::from_secs(1), breaker(), &ClientLayer::disabled());
            assert_eq!(client.expect("a client").at("v1/generate").as_str(), expected);
        }
    }

    #[test]
    fn only_neurectomys_own_messages_are_for_clients() {
        let bad_request = |body: &str| error_of_status(StatusCode::BAD_REQUEST, None, body.as_bytes());
        let refused = bad_request(r#"{"error":{"message":"no\nprompt","status":400}}"#);
        assert!(matches!(&refused, NeurectomyError::Refused(message) if message == "no\\nprompt"), "{refused}");
        for body in ["", "<h1>nginx</h1>", r#"{"error":"no"}"#, r#"[[["a"]]]"#] {
            let error = bad_request(body);
            assert!(matches!(error, NeurectomyError::Status { .. }), "{body}: {error}");
        }
    }
}
