//! Requests that are not recorded: path patterns, predicates, and the layer [`Skip`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::head::RequestHead;
use super::mark::{Mark, Marked, Marking};
use crate::contained::contained;

/// A path pattern in which `*` matches any number of characters, including none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(pub(super) String);

impl Pattern {
    /// Returns the reason why the pattern can never match, if there is one.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if !self.0.starts_with(['/', '*']) {
            Some("expected a pattern that starts with `/` or `*`, such as `/health` or `/internal/*`")
        } else if self.0.contains(['{', '}']) {
            Some("a pattern has no parameters; write `*`, or add the layer `Skip` to the route")
        } else if self.0.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#')) {
            Some("a path never contains whitespace, control characters, `?` or `#`")
        } else {
            None
        }
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == path };
        let Some(mut path) = path.strip_prefix(start) else { return false };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(inner) = path.strip_suffix(end) else { return false };
        path = inner;
        // The first match of a part leaves the longest rest for the parts after it.
        middle.split('*').all(|part| match path.find(part) {
            Some(at) => {
                path = &path[at + part.len()..];
                true
            }
            None => false,
        })
    }
}

pub(super) type Predicate = Arc<dyn Fn(RequestHead<'_>) -> bool + Send + Sync>;

/// The rules that skip a request before the inner service is called.
#[derive(Clone, Default)]
pub(super) struct SkipRules {
    pub(super) patterns: Vec<Pattern>,
    pub(super) predicates: Vec<Predicate>,
}

impl SkipRules {
    pub(super) const fn new() -> Self {
        Self { patterns: Vec::new(), predicates: Vec::new() }
    }

    #[inline]
    pub(super) fn matches(&self, request: RequestHead<'_>) -> bool {
        (!self.patterns.is_empty() || !self.predicates.is_empty()) && self.matches_any(request)
    }

    fn matches_any(&self, request: RequestHead<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(request.uri().path()))
            || self.predicates.iter().any(|predicate| contained(|| predicate(request)).unwrap_or(false))
    }
}

/// A layer for routes whose requests are not recorded by any [`HttpLayer`](super::HttpLayer), also if they fail or are
/// cancelled.
///
/// ```
/// use axum::{Router, routing::get};
/// use metrics_runtime::{Registry, http::{Http, Skip}};
///
/// let app: Router = Router::new()
///     .route("/", get(|| async { "counted" }))
///     .route("/health", get(|| async { "not counted" }).layer(Skip));
/// let app = Http::new().layer(&Registry::new())?.install(app);
/// # Ok::<(), metrics_runtime::http::HttpError>(())
/// ```
///
/// A program that uses this layer marks all its recorded requests in their extensions, which takes three allocations.
/// [`Http::skip_path`](super::Http::skip_path) is cheaper.
///
/// A handler can also add `Skip` to the extensions of a response; requests that are cancelled before that response are
/// recorded. To skip requests that an outer layer has marked, use [`Http::skip`](super::Http::skip).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skip;

impl Skip {
    /// Marks the calls of gRPC in all layers from now on, so that they can be skipped.
    #[cfg(feature = "grpc")]
    pub(crate) fn start_for_calls() {
        Marking::start_everywhere(Marked::Calls);
    }

    /// Skips a request in all layers that it has passed.
    pub(crate) fn request<B>(request: &Request<B>) {
        Mark::skip(request);
    }
}

impl<S> Layer<S> for Skip {
    type Service = SkipService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Marking::start_everywhere(Marked::Everything);
        SkipService { inner }
    }
}

/// A service whose requests are not recorded. Created by [`Skip`].
#[derive(Clone, Debug)]
pub struct SkipService<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for SkipService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Skip::request(&request);
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_characters() {
        let matches = |pattern: &str, path| Pattern(pattern.to_owned()).matches(path);
        for (pattern, path) in [
            ("/health", "/health"),
            ("/internal/*", "/internal/"),
            ("/internal/*", "/internal/a/b"),
            ("*", "/"),
            ("*.ico", "/a/favicon.ico"),
            ("/a/*/c", "/a/b/b/c"),
            ("/*a*b*", "/xxaxxbxx"),
            ("/*ab*ab", "/abab"),
            ("/a**b", "/ab"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/health", "/health/"),
            ("/health", "/healthy"),
            ("/internal/*", "/internal"),
            ("/ab*ba", "/aba"),
            ("/*ab*ab", "/ab"),
            ("*.ico", "/favicon.ico/"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn patterns_that_can_never_match_have_a_problem() {
        for pattern in ["", "health", "/users/{id}", "/a b", "/a?b=c", "/a#b", "/a\n"] {
            assert!(Pattern(pattern.to_owned()).problem().is_some(), "{pattern:?}");
        }
        assert_eq!(Pattern("/a*".to_owned()).problem(), None);
    }
}
