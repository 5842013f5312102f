//! Requests that are not recorded at all.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::extract::guarded;
use super::head::RequestHead;

/// A path in which `*` stands for any characters, none included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(pub(super) String);

impl Pattern {
    /// What is wrong with it, if anything: it could never match.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if !self.0.starts_with(['/', '*']) {
            Some("it has to start with `/` or `*`, as in `/health` or `/internal/*`")
        } else if self.0.contains(['{', '}']) {
            Some("a path has no parameters: write `*`, or put the layer `LeftOut` on the route")
        } else if self.0.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#')) {
            Some("no path contains whitespace, `?` or `#`")
        } else {
            None
        }
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == path };
        let Some(mut path) = path.strip_prefix(start) else { return false };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(within) = path.strip_suffix(end) else { return false };
        path = within;
        // The first place where a part fits leaves the most to the parts after it.
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

/// Which requests are left out before anything is known of their response.
#[derive(Clone, Default)]
pub(super) struct Exceptions {
    pub(super) patterns: Vec<Pattern>,
    pub(super) predicates: Vec<Predicate>,
}

impl Exceptions {
    pub(super) const fn new() -> Self {
        Self { patterns: Vec::new(), predicates: Vec::new() }
    }

    #[inline]
    pub(super) fn hold(&self, request: RequestHead<'_>) -> bool {
        (!self.patterns.is_empty() || !self.predicates.is_empty()) && self.any(request)
    }

    fn any(&self, request: RequestHead<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(request.uri().path()))
            || self.predicates.iter().any(|predicate| guarded(|| predicate(request)).unwrap_or(false))
    }
}

thread_local! {
    /// Whether a route that is left out was reached by the innermost [`watch`].
    static REACHED: Cell<bool> = const { Cell::new(false) };
}

/// From now until it is dropped: whether a route that is left out is reached on this thread.
///
/// The layer is outside of the route and is told from inside of it. A mark on the response alone would not do: a request
/// whose client leaves has none.
#[derive(Debug)]
pub(super) struct Watch {
    outer: bool,
}

#[inline]
pub(super) fn watch() -> Watch {
    Watch { outer: REACHED.replace(false) }
}

impl Watch {
    #[inline]
    pub(super) fn reached() -> bool {
        REACHED.get()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A layer further out wants to know as well.
        REACHED.set(self.outer || REACHED.get());
    }
}

/// A route, or any part of an application, whose requests no [`HttpLayer`](super::HttpLayer) records.
///
/// It is a layer for the routes that are left out:
///
/// ```
/// use axum::{Router, routing::get};
/// use metrics_runtime::{Registry, http::{Http, LeftOut}};
///
/// let app: Router = Router::new()
///     .route("/", get(|| async { "counted" }))
///     .route("/health", get(|| async { "not counted" }).layer(LeftOut));
/// let app = Http::new().layer(&Registry::new())?.install(app);
/// # Ok::<(), metrics_runtime::http::HttpError>(())
/// ```
///
/// It also is an extension, which a handler can put on a response; that comes too late for requests whose clients leave
/// before. Requests that are marked outside of the metrics' layer are left out by [`Http::leave_out`](super::Http::leave_out).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut;

impl<S> Layer<S> for LeftOut {
    type Service = LeftOutService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LeftOutService { inner }
    }
}

/// A service whose requests are not recorded, made by [`LeftOut`].
#[derive(Clone, Debug)]
pub struct LeftOutService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for LeftOutService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = LeftOutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        REACHED.set(true);
        LeftOutFuture { inner: self.inner.call(request) }
    }
}

pin_project! {
    /// The response of a [`LeftOutService`], under way.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct LeftOutFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, R, E> Future for LeftOutFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Again: the call may have been on another thread than the layer.
        REACHED.set(true);
        let mut polled = ready!(self.project().inner.poll(cx));
        if let Ok(response) = &mut polled {
            response.extensions_mut().insert(LeftOut);
        }
        Poll::Ready(polled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
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
    fn patterns_that_match_nothing_have_a_problem() {
        for pattern in ["", "health", "/users/{id}", "/a b", "/a?b=c", "/a#b", "/a\n"] {
            assert!(Pattern(pattern.to_owned()).problem().is_some(), "{pattern:?}");
        }
        assert_eq!(Pattern("/a*".to_owned()).problem(), None);
    }
}
