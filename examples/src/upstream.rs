//! HTTP clients of other services: their settings, the start of an answer, and the delay until a retry.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response};
use url::{Host, Url};

/// The timeout of connecting, shorter than that of a call, so that calls to an unreachable host fail early.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum delay that is passed on to clients.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// An error of creating a client.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The URL has another scheme.
    #[error("`{0}` is not an http URL such as http://127.0.0.1:8080")]
    NotHttp(Url),
    /// The URL is `https://`, without the feature `cloud`.
    #[error("`{0}` requires TLS, which this build does not include; build with --features cloud")]
    NoTls(Url),
    /// For example, the system has no randomness.
    #[error("the HTTP client cannot be built")]
    Client(#[from] reqwest::Error),
}

/// Creates a client of the service at `url`, whose answers must end within `timeout`. It follows no redirects.
///
/// # Errors
/// Returns an error if the URL is not `http://`, or `https://` with the feature `cloud`.
pub fn client(url: &Url, timeout: Duration) -> Result<Client, UpstreamError> {
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "cloud") => {}
        "https" => return Err(UpstreamError::NoTls(url.clone())),
        _ => return Err(UpstreamError::NotHttp(url.clone())),
    }
    let mut builder =
        Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(timeout).redirect(reqwest::redirect::Policy::none());
    if is_loopback(url) {
        // A proxy would connect to 127.0.0.1 on the proxy's host.
        builder = builder.no_proxy();
    }
    Ok(builder.build()?)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Returns the start of a body: all of it, or a few more bytes than `limit`.
///
/// # Errors
/// Returns an error if the body cannot be read.
pub async fn start(response: &mut Response, limit: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() <= limit
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Returns the delay of the header `Retry-After`, which has seconds or a date.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let until = || httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok();
    let delay = value.parse().ok().map(Duration::from_secs).or_else(until)?;
    Some(delay.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_urls_are_errors() {
        let error = |url| client(&Url::parse(url).expect("a URL"), Duration::from_secs(1)).expect_err(url);
        assert!(matches!(error("ftp://h"), UpstreamError::NotHttp(_)));
        if cfg!(not(feature = "cloud")) {
            let error = error("https://h");
            assert!(error.to_string().contains("--features cloud"), "{error}");
        }
    }

    #[test]
    fn a_delay_is_read_as_seconds_or_as_a_date_and_is_limited() {
        let delay = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().expect("a value"));
            retry_after(&headers)
        };
        assert_eq!(delay("7"), Some(Duration::from_secs(7)));
        assert_eq!(delay("99999999999"), Some(MAX_RETRY_AFTER));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(delay(&date).is_some_and(|delay| delay <= Duration::from_secs(100)), "{date}");
        for none in ["-1", "soon", "", "Thu, 01 Jan 1970 00:00:00 GMT"] {
            assert_eq!(delay(none), None, "{none}");
        }
    }
}
