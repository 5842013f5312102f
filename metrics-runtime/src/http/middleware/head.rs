//! The heads of requests and responses, as extractors and predicates see them.

use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri};

/// A request without its body: the input of [`Http::route`](super::Http::route),
/// [`Http::request_label`](super::Http::request_label) and [`Http::skip`](super::Http::skip).
///
/// ```
/// use metrics_runtime::http::{Http, RequestHead};
///
/// fn is_probe(request: RequestHead<'_>) -> bool {
///     request.headers().get("user-agent").is_some_and(|agent| agent.as_bytes().starts_with(b"kube-probe"))
/// }
/// let http = Http::new().skip(is_probe);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    #[inline]
    pub(super) fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// Returns the method, as the client sent it.
    #[must_use]
    pub const fn method(&self) -> &'a Method {
        self.method
    }

    /// Returns the requested URI.
    #[must_use]
    pub const fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// Returns the headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// Returns the extensions that the server and outer layers have added.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}

/// A response without its body: the input of [`Http::response_label`](super::Http::response_label).
///
/// ```
/// use metrics_runtime::Label;
/// use metrics_runtime::http::{Http, ResponseHead};
///
/// fn cache(response: ResponseHead<'_>) -> Option<Label<'_>> {
///     Some(Label::from(response.headers().get("x-cache")?.to_str().ok()?))
/// }
/// let http = Http::new().response_label("cache", 2, cache);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    status: StatusCode,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> ResponseHead<'a> {
    #[inline]
    pub(super) fn of<B>(response: &'a Response<B>) -> Self {
        Self { status: response.status(), headers: response.headers(), extensions: response.extensions() }
    }

    /// Returns the status code.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// Returns the extensions that the handler and inner layers have added.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}
