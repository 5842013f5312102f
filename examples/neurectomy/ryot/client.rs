//! The client of Ryot, behind a circuit breaker. Ryot is any server with an `OpenAI`-compatible completions API.

use std::time::Duration;

use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen};
use metrics_runtime::{circuit_breaker, track_ryot};
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The timeout of connecting, shorter than that of a call, so that calls to an unreachable host fail early.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum size of an answer, far larger than any completion.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// The settings of the client.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The base URL, `http://host:port`, with or without `/v1` as `OpenAI`'s clients have it.
    pub(crate) url: Url,
    pub(crate) model: String,
    pub(crate) api_key: Option<String>,
    /// The timeout of a call, until the end of the answer.
    pub(crate) timeout: Duration,
}

/// The request of a completion.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Prompt {
    #[serde(rename = "prompt")]
    pub(crate) text: String,
    pub(crate) max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
}

/// A completion.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Completion {
    pub(crate) model: String,
    pub(crate) text: String,
    pub(crate) finish_reason: Option<String>,
    pub(crate) tokens: u64,
}

/// An error of a call to Ryot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RyotError {
    /// The circuit breaker rejected the call.
    #[error(transparent)]
    Open(#[from] CircuitOpen),
    /// The request is invalid. This is the client's fault and does not count as a failure of Ryot.
    #[error("Ryot rejected the request: {0}")]
    Refused(String),
    #[error("Ryot answered {0}: {1}")]
    Status(StatusCode, String),
    #[error("Ryot did not answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("Ryot cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("Ryot's answer is not a completion: {0}")]
    Malformed(String),
}

/// An error of creating the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("`{0}` is not an http URL such as http://127.0.0.1:8080")]
    NotHttp(Url),
    #[error("`{0}` requires TLS, which this build does not include; build with --features cloud")]
    NoTls(Url),
    #[error("the HTTP client cannot be built")]
    Client(#[from] reqwest::Error),
}

/// The body of a request.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(flatten)]
    prompt: &'a Prompt,
}

/// The fields of an answer that are read.
#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Choice {
    text: String,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    completion_tokens: u64,
}

/// The fields of an error answer that are common to servers with this protocol.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: ErrorText,
}

#[derive(Deserialize)]
struct ErrorText {
    message: String,
}

/// The client of one Ryot.
#[derive(Debug)]
pub(crate) struct Ryot {
    http: Client,
    endpoint: Url,
    model: String,
    api_key: Option<String>,
    timeout: Duration,
    breaker: CircuitBreaker,
}

impl Ryot {
    /// Creates a client.
    ///
    /// # Errors
    /// Returns an error if the URL is not `http://`, or `https://` with the feature `cloud`.
    pub(crate) fn new(config: Config, breaker: CircuitBreaker) -> Result<Self, ConfigError> {
        match config.url.scheme() {
            "http" => {}
            "https" if cfg!(feature = "cloud") => {}
            "https" => return Err(ConfigError::NoTls(config.url)),
            _ => return Err(ConfigError::NotHttp(config.url)),
        }
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&config.url) {
            // A proxy would connect to 127.0.0.1 on the proxy's host.
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build()?,
            endpoint: endpoint(&config.url),
            model: config.model,
            api_key: config.api_key,
            timeout: config.timeout,
            breaker,
        })
    }

    /// Requests a completion, unless the breaker is open. A rejected request is an answer of a working Ryot and does
    /// not count as a failure.
    ///
    /// # Errors
    /// Returns an error if the breaker is open or Ryot returns no completion.
    #[circuit_breaker(breaker = self.breaker, failure_if = |error| !matches!(error, RyotError::Refused(_)))]
    #[track_ryot(
        model = self.model.as_str(),
        tokens = |completion| completion.tokens,
        objective(success = 99.0, latency("10s", 95.0)),
    )]
    pub(crate) async fn generate(&self, prompt: &Prompt) -> Result<Completion, RyotError> {
        let mut request = self.http.post(self.endpoint.clone()).json(&Body { model: &self.model, prompt });
        if let Some(key) = &self.api_key {
            request = request.bearer_auth(key);
        }
        let mut response = request.send().await.map_err(|error| self.failure(error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(RyotError::Malformed(format!("more than {MAX_ANSWER_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(error_of_status(status, &body));
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| RyotError::Malformed(error.to_string()))?;
        let choice =
            answer.choices.into_iter().next().ok_or_else(|| RyotError::Malformed("it has no choices".to_owned()))?;
        Ok(Completion {
            model: self.model.clone(),
            text: choice.text,
            finish_reason: choice.finish_reason,
            tokens: answer.usage.completion_tokens,
        })
    }

    fn failure(&self, error: reqwest::Error) -> RyotError {
        if error.is_timeout() && !error.is_connect() {
            RyotError::TimedOut(self.timeout)
        } else {
            // The URL may contain credentials.
            RyotError::Unreachable(error.without_url())
        }
    }
}

fn error_of_status(status: StatusCode, body: &[u8]) -> RyotError {
    let message = serde_json::from_slice::<ErrorAnswer>(body)
        .map_or_else(|_| "no reason given".to_owned(), |answer| answer.error.message);
    match status {
        // Errors of the client's request. Other 4xx (key, model, rate limit) concern this service.
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            RyotError::Refused(message)
        }
        _ => RyotError::Status(status, message),
    }
}

fn endpoint(base: &Url) -> Url {
    let mut url = base.clone();
    let path = base.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path);
    url.set_path(&format!("{path}/v1/completions"));
    url
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ryot::server;
    use axum::Router;
    use axum::routing::post;
    use metrics_runtime::circuit_breaker::Settings;
    use tokio::net::TcpListener;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn config(url: Url) -> Config {
        Config { url, model: "tiny".to_owned(), api_key: None, timeout: Duration::from_secs(5) }
    }

    fn ryot(config: Config) -> Result<Ryot, ConfigError> {
        let settings = Settings::consecutive(2).open(Duration::from_secs(60));
        Ryot::new(config, CircuitBreaker::new("test", settings).expect("a breaker"))
    }

    fn prompt(max_tokens: u32) -> Prompt {
        Prompt { text: "The keeper of the".to_owned(), max_tokens, seed: Some(1), temperature: None }
    }

    /// Starts a server that gives the same answer to every request, and returns its URL.
    async fn answering(status: StatusCode, body: &'static str) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let router = Router::new().route("/v1/completions", post(move || async move { (status, body) }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url(&format!("http://{address}"))
    }

    async fn error_of(status: StatusCode, body: &'static str) -> RyotError {
        let client = ryot(config(answering(status, body).await)).expect("a client");
        client.generate(&prompt(5)).await.expect_err("an error")
    }

    #[test]
    fn the_endpoint_is_derived_from_the_base_url() {
        for (base, expected) in [
            ("http://h", "http://h/v1/completions"),
            ("http://h:1/", "http://h:1/v1/completions"),
            ("http://h/v1", "http://h/v1/completions"),
            ("http://h/v1/", "http://h/v1/completions"),
            ("http://h/llm/v1", "http://h/llm/v1/completions"),
        ] {
            assert_eq!(endpoint(&url(base)).as_str(), expected);
        }
    }

    #[test]
    fn unsupported_urls_are_errors() {
        let error = ryot(config(url("ftp://h"))).expect_err("ftp");
        assert!(matches!(error, ConfigError::NotHttp(_)), "{error}");
        if cfg!(not(feature = "cloud")) {
            let error = ryot(config(url("https://h"))).expect_err("no TLS");
            assert!(error.to_string().contains("--features cloud"), "{error}");
        }
    }

    #[tokio::test]
    async fn the_server_in_this_process_returns_completions() {
        let url = server::start("tiny").await.expect("a server");
        let client = ryot(config(url)).expect("a client");
        let first = client.generate(&prompt(20)).await.expect("a completion");
        assert!((1..=20).contains(&first.tokens), "{first:?}");
        assert!(!first.text.is_empty());
        let second = client.generate(&prompt(20)).await.expect("a completion");
        assert_eq!(first, second, "one seed, one text");
    }

    #[tokio::test]
    async fn rejected_requests_do_not_open_the_breaker() {
        let url = server::start("tiny").await.expect("a server");
        let client = ryot(config(url)).expect("a client");
        for _ in 0..5 {
            let error = client.generate(&prompt(u32::MAX)).await.expect_err("an error");
            let RyotError::Refused(reason) = error else {
                panic!("{error:?}");
            };
            assert!(reason.contains("max_tokens"), "{reason}");
        }
    }

    #[tokio::test]
    async fn failures_open_the_breaker() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        drop(listener);
        let client = ryot(config(url(&format!("http://{address}")))).expect("a client");
        for _ in 0..2 {
            let error = client.generate(&prompt(5)).await.expect_err("nothing listens there");
            assert!(matches!(error, RyotError::Unreachable(_)), "{error:?}");
        }
        let error = client.generate(&prompt(5)).await.expect_err("rejected");
        assert!(matches!(error, RyotError::Open(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let client = ryot(Config { timeout: Duration::from_millis(50), ..config(url(&format!("http://{address}"))) });
        let error = client.expect("a client").generate(&prompt(5)).await;
        assert!(matches!(error, Err(RyotError::TimedOut(_))), "{error:?}");
    }

    #[tokio::test]
    async fn answers_without_a_completion_are_errors() {
        for body in ["", "hello", "{}", r#"{"choices":[],"usage":{"completion_tokens":1}}"#] {
            let error = error_of(StatusCode::OK, body).await;
            assert!(matches!(error, RyotError::Malformed(_)), "{body}: {error}");
        }
    }

    #[tokio::test]
    async fn each_status_is_its_own_error() {
        let body = r#"{"error":{"message":"no such model"}}"#;
        let error = error_of(StatusCode::NOT_FOUND, body).await;
        assert_eq!(error.to_string(), "Ryot answered 404 Not Found: no such model");
        let error = error_of(StatusCode::INTERNAL_SERVER_ERROR, "oops").await;
        assert!(matches!(error, RyotError::Status(..)), "{error}");
        let error = error_of(StatusCode::UNPROCESSABLE_ENTITY, "").await;
        assert!(matches!(error, RyotError::Refused(_)), "{error}");
    }
}
