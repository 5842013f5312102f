//! The HTTP client of pushes. It follows no redirects.

use std::error::Error;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

pub use super::connection::Patient;

/// The time until a deadline that is beyond the range of times.
const NEVER: Duration = Duration::from_secs(86_400);

/// The maximum number of bytes of an answer that are read.
const MAX_BODY: usize = 1024;

/// A client that sends bytes to one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client<C>(legacy::Client<Patient<C>, Full<Bytes>>);

/// The answer of a server.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The first 1,024 bytes of the body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

/// The reason why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// There was none by the deadline.
    TimedOut,
    /// The server cannot be reached, or the connection broke.
    Failed(legacy::Error),
}

impl<C: Clone> Client<C>
where
    Patient<C>: Connect,
{
    /// Creates a client that keeps as many connections for later requests.
    pub fn new(connector: C, idle: usize) -> Self {
        let mut client = legacy::Client::builder(TokioExecutor::new());
        Self(client.pool_max_idle_per_host(idle).pool_timer(TokioTimer::new()).build(Patient(connector)))
    }
}

impl<C: Clone + Send + Sync + 'static> Client<C>
where
    Patient<C>: Connect,
{
    /// Sends a request, and returns the answer.
    ///
    /// # Errors
    /// Returns an error if there is no answer.
    pub async fn send(&self, request: Request<Full<Bytes>>, deadline: Instant) -> Result<Answer, Failure> {
        let response = timeout_at(deadline, self.0.request(request)).await.map_err(|_| Failure::TimedOut)?;
        let mut response = response.map_err(Failure::Failed)?;
        let mut body = Vec::new();
        // The status is known, so an answer that stalls is no timeout.
        let _ = timeout_at(deadline, read_start(&mut response, &mut body)).await;
        let (head, _) = response.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

/// Reads the first [`MAX_BODY`] bytes of a response. An error while reading ends them.
async fn read_start<B: http_body::Body<Data = Bytes> + Unpin>(response: &mut Response<B>, kept: &mut Vec<u8>) {
    while kept.len() < MAX_BODY
        && let Some(Ok(frame)) = response.body_mut().frame().await
    {
        if let Some(data) = frame.data_ref() {
            kept.extend_from_slice(&data[..data.len().min(MAX_BODY - kept.len())]);
        }
    }
}

/// Returns the time after this duration.
#[must_use]
pub fn deadline(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).unwrap_or(now + NEVER)
}

/// Parses an address of a server.
///
/// # Errors
/// Returns the problem with it.
pub fn address(url: &str) -> Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is not a valid URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("does not begin with http:// or https://");
    }
    let authority = uri.authority().ok_or("has no host")?;
    if authority.as_str().contains('@') {
        return Err("contains a user or password; use `basic_auth` for these");
    }
    // A client would take the default port for one that is no number.
    if authority.port().is_none() && authority.as_str().len() > authority.host().len() {
        return Err("has no port from 0 to 65535 after its colon");
    }
    if url.contains('#') {
        return Err("has a fragment");
    }
    Ok(uri)
}

/// Returns an address without its query, which may contain a secret, or nothing if it may contain a password.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    if url.contains('@') { String::new() } else { url.split('?').next().unwrap_or_default().to_owned() }
}

/// Returns an address without secrets for the text of an error, with a space before it.
#[must_use]
pub fn shown_address(url: &str) -> String {
    if url.is_empty() { String::new() } else { format!(" {url:?}") }
}

/// Returns the header `Authorization` for HTTP basic authentication.
#[must_use]
pub fn basic_auth(user: &str, password: &str) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    // Every character of base64 is valid in a header.
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Returns the text of the innermost source, which names the cause, such as a refused connection.
#[must_use]
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}
