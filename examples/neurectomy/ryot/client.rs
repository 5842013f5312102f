//! The client of Ryot, behind a circuit breaker. Ryot is any server with an `OpenAI`-compatible completions API.

use std::time::Duration;

use examples::json::Object;
use examples::log;
use examples::upstream::{self, UpstreamError, retry_after, start};
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen};
use metrics_runtime::client::{ClientLayer, ClientService};
use metrics_runtime::{Classify, LabelValue, Outcome, circuit_breaker, metrics, track_ryot};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_layer::Layer as _;
use tower_service::Service as _;
use url::Url;

/// The maximum size of an answer, far larger than any completion.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// The maximum size that is read of an answer with an error.
const MAX_REASON_BYTES: usize = 4 << 10;

/// The maximum number of tokens of an answer. A larger one is an error of the server, and would spoil the counter for
/// ever.
const MAX_TOKENS: f64 = 1_048_576.0;

/// The settings of the client.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The base URL, `http://host:port`, with or without `/v1` or `/v1/completions`, as `OpenAI`'s clients have it.
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
    /// The number of generated tokens, if Ryot says so.
    pub(crate) tokens: Option<u64>,
}

/// An error of a call to Ryot. Its texts are for the log: what Ryot answers may contain secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RyotError {
    /// The circuit breaker rejected the call.
    #[error(transparent)]
    Open(#[from] CircuitOpen),
    /// The request is invalid.
    #[error("Ryot rejected the request: {0}")]
    Refused(String),
    /// There are too many requests.
    #[error("Ryot limits the rate of requests: {reason}")]
    Limited { retry_after: Option<Duration>, reason: String },
    #[error("Ryot answered {status}: {reason}")]
    Status { status: StatusCode, retry_after: Option<Duration>, reason: String },
    #[error("Ryot did not answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("the connection to Ryot failed")]
    Unreachable(#[source] reqwest::Error),
    #[error("Ryot's answer is not a completion: {0}")]
    Malformed(String),
}

impl RyotError {
    /// Returns `true` if the cause is what clients send. It says nothing about Ryot, and is no success either: bad requests
    /// would keep the circuit breaker closed while Ryot is down.
    fn is_the_clients(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Limited { .. })
    }
}

impl Classify for RyotError {
    fn classify(&self) -> Outcome {
        if self.is_the_clients() { Outcome::Success } else { Outcome::Error }
    }
}

/// The reason why the number of generated tokens is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
enum Unknown {
    /// The answer does not have it.
    Missing,
    /// It is not a number, or not one that a model can generate.
    Invalid,
}

#[metrics]
mod tokens {
    use super::Unknown;

    /// Completions whose number of tokens is unknown, by reason.
    pub(super) fn tokens_unknown_total(reason: Unknown) -> Counter;
}

/// An error of creating the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(
        "`{0}` is the address of chats; Ryot is called for completions, at an address such as http://127.0.0.1:8080/v1"
    )]
    Chat(Url),
    #[error("RYOT_API_KEY has characters that a header cannot have")]
    ApiKey,
    #[error(transparent)]
    Client(#[from] UpstreamError),
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
    choices: Vec<Object<Choice>>,
    /// Some servers leave it out, or have other numbers in it.
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Choice {
    text: String,
    finish_reason: Option<String>,
}

/// The client of one Ryot.
#[derive(Debug)]
pub(crate) struct Ryot {
    http: Client,
    /// The same client, which records its requests.
    recorded: ClientService<Client>,
    endpoint: Url,
    model: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    breaker: CircuitBreaker,
}

impl Ryot {
    /// Creates a client.
    ///
    /// # Errors
    /// Returns an error if the URL is not `http://`, or `https://` with the feature `cloud`, or is that of chats; or if
    /// the key cannot be sent.
    pub(crate) fn new(config: Config, breaker: CircuitBreaker, layer: &ClientLayer) -> Result<Self, ConfigError> {
        let endpoint = endpoint(&config.url).ok_or_else(|| ConfigError::Chat(config.url.clone()))?;
        let authorization = config.api_key.as_deref().map(authorization).transpose()?;
        let http = upstream::client(&config.url, config.timeout)?;
        Ok(Self {
            recorded: layer.layer(http.clone()),
            http,
            endpoint,
            model: config.model,
            authorization,
            timeout: config.timeout,
            breaker,
        })
    }

    /// Requests a completion, unless the breaker is open.
    ///
    /// # Errors
    /// Returns an error if the breaker is open or Ryot returns no completion.
    #[circuit_breaker(breaker = self.breaker, ignore_if = RyotError::is_the_clients)]
    #[track_ryot(
        model = self.model.as_str(),
        tokens = |completion| completion.tokens,
        objective(success = 99.0, latency("10s", 95.0)),
    )]
    pub(crate) async fn generate(&self, prompt: &Prompt) -> Result<Completion, RyotError> {
        let mut request = self.http.post(self.endpoint.clone()).json(&Body { model: &self.model, prompt });
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.build().map_err(|error| self.failure(error))?;
        let mut response = self.recorded.clone().call(request).await.map_err(|error| self.failure(error))?;
        if !response.status().is_success() {
            // The reason is only logged, so that the answer counts even if the rest of it does not come.
            let reason = start(&mut response, MAX_REASON_BYTES).await.unwrap_or_default();
            return Err(error_of_status(response.status(), response.headers(), &String::from_utf8_lossy(&reason)));
        }
        let body = start(&mut response, MAX_ANSWER_BYTES).await.map_err(|error| self.failure(error))?;
        if body.len() > MAX_ANSWER_BYTES {
            return Err(RyotError::Malformed(format!("it has more than {MAX_ANSWER_BYTES} bytes")));
        }
        let Object(answer) =
            serde_json::from_slice::<Object<Answer>>(&body).map_err(|error| RyotError::Malformed(error.to_string()))?;
        let Some(Object(choice)) = answer.choices.into_iter().next() else {
            return Err(RyotError::Malformed("it has no choices".to_owned()));
        };
        let tokens = generated_tokens(&answer.usage);
        if let Err(reason) = tokens {
            tokens::tokens_unknown_total(reason).inc();
        }
        Ok(Completion {
            model: self.model.clone(),
            text: choice.text,
            finish_reason: choice.finish_reason,
            tokens: tokens.ok(),
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

fn error_of_status(status: StatusCode, headers: &HeaderMap, reason: &str) -> RyotError {
    let reason = log::excerpt(reason);
    match status {
        // Errors of the client's request. Other 4xx (key, model) concern this service.
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            RyotError::Refused(reason)
        }
        StatusCode::TOO_MANY_REQUESTS => RyotError::Limited { retry_after: retry_after(headers), reason },
        _ => RyotError::Status { status, retry_after: retry_after(headers), reason },
    }
}

/// Returns the number of generated tokens, which some servers write as a float.
fn generated_tokens(usage: &Value) -> Result<u64, Unknown> {
    let tokens = usage.get("completion_tokens").filter(|tokens| !tokens.is_null()).ok_or(Unknown::Missing)?;
    let whole = tokens.as_f64().filter(|tokens| tokens.fract() == 0.0 && (0.0..=MAX_TOKENS).contains(tokens));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number within the limits")]
    whole.map(|tokens| tokens as u64).ok_or(Unknown::Invalid)
}

/// Returns the URL of completions, or `None` if the base URL is that of chats.
fn endpoint(base: &Url) -> Option<Url> {
    let mut url = base.clone();
    let mut path = base.path().trim_end_matches('/');
    if path.ends_with("/chat/completions") {
        return None;
    }
    for end in ["/completions", "/v1"] {
        path = path.strip_suffix(end).unwrap_or(path).trim_end_matches('/');
    }
    url.set_path(&format!("{path}/v1/completions"));
    Some(url)
}

fn authorization(key: &str) -> Result<HeaderValue, ConfigError> {
    let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| ConfigError::ApiKey)?;
    value.set_sensitive(true);
    Ok(value)
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
        Ryot::new(config, CircuitBreaker::new("test", settings).expect("a breaker"), &ClientLayer::disabled())
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
            ("http://h/v1/completions", "http://h/v1/completions"),
            ("http://h/v1/completions/", "http://h/v1/completions"),
            ("http://h/completions", "http://h/v1/completions"),
            ("http://h/llm/v1", "http://h/llm/v1/completions"),
        ] {
            assert_eq!(endpoint(&url(base)).expect(base).as_str(), expected);
        }
    }

    #[test]
    fn unsupported_urls_are_errors() {
        let error = ryot(config(url("ftp://h"))).expect_err("ftp");
        assert!(matches!(error, ConfigError::Client(UpstreamError::NotHttp(_))), "{error}");
        let error = ryot(config(url("http://h/v1/chat/completions"))).expect_err("chats");
        assert!(error.to_string().contains("/v1"), "{error}");
        let key = Config { api_key: Some("a\nb".to_owned()), ..config(url("http://h")) };
        assert!(matches!(ryot(key), Err(ConfigError::ApiKey)));
    }

    #[tokio::test]
    async fn the_server_in_this_process_returns_completions() {
        let url = server::start("tiny").await.expect("a server");
        let client = ryot(config(url)).expect("a client");
        let first = client.generate(&prompt(20)).await.expect("a completion");
        assert!(first.tokens.is_some_and(|tokens| (1..=20).contains(&tokens)), "{first:?}");
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
        for body in [
            "",
            "hello",
            "{}",
            r#"{"choices":[],"usage":{"completion_tokens":1}}"#,
            r#"[[{"text":"a"}]]"#,
            r#"{"choices":[["a",null]]}"#,
            r#"{"choices":[{"message":{"content":"a chat"}}]}"#,
        ] {
            let error = error_of(StatusCode::OK, body).await;
            assert!(matches!(error, RyotError::Malformed(_)), "{body}: {error}");
        }
    }

    #[test]
    fn tokens_are_counted_or_unknown() {
        use serde_json::json;
        for (usage, expected) in [
            (json!({ "completion_tokens": 3 }), Ok(3)),
            (json!({ "completion_tokens": 3.0 }), Ok(3)),
            (json!({ "completion_tokens": 0 }), Ok(0)),
            (json!(null), Err(Unknown::Missing)),
            (json!({}), Err(Unknown::Missing)),
            (json!({ "completion_tokens": null }), Err(Unknown::Missing)),
            (json!({ "completion_tokens": u64::MAX }), Err(Unknown::Invalid)),
            (json!({ "completion_tokens": 1e300 }), Err(Unknown::Invalid)),
            (json!({ "completion_tokens": -1 }), Err(Unknown::Invalid)),
            (json!({ "completion_tokens": 2.5 }), Err(Unknown::Invalid)),
            (json!({ "completion_tokens": "3" }), Err(Unknown::Invalid)),
        ] {
            assert_eq!(generated_tokens(&usage), expected, "{usage}");
        }
    }

    #[tokio::test]
    async fn an_answer_with_an_error_is_judged_by_its_status() {
        for (status, is_the_clients) in [
            (400, true),
            (413, true),
            (422, true),
            (429, true),
            (401, false),
            (404, false),
            (307, false),
            (500, false),
            (503, false),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let error = error_of(status, "the reason").await;
            assert!(error.to_string().ends_with(": the reason"), "{error}");
            let outcome = if is_the_clients { Outcome::Success } else { Outcome::Error };
            assert_eq!((error.is_the_clients(), error.classify()), (is_the_clients, outcome), "{status}");
        }
    }
}
