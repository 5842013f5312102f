//! The settings and the routes of the page.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use axum::routing::any;
use metrics_runtime::Metrics;
use metrics_runtime::http::AccessRules;

use crate::access::{Part, check, text};
use crate::assets::{self, HTML, SCRIPT, STYLE};
use crate::hub::Hub;
use crate::stream::events;

/// The shortest and the longest interval by default.
const INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// The bounds of the bounds: a walk over many series takes milliseconds, and the server remembers series that are gone
/// for some minutes.
const POSSIBLE_INTERVALS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(120);

/// The interval of a request that names none.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// The live page of a service. Clones share the last sample and the viewers.
///
/// ```
/// use std::time::Duration;
/// use metrics_live::Live;
/// use metrics_runtime::{Metrics, Registry};
///
/// let metrics = Metrics::builder().registry(&Registry::new()).build()?;
/// let live = Live::new(&metrics).max_viewers(8).intervals(Duration::from_secs(2)..=Duration::from_secs(30));
/// let router: axum::Router = live.router()?;
/// assert_eq!(live.path(), "/metrics/live");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Live {
    hub: Arc<Hub>,
    rules: AccessRules,
    path: String,
    intervals: RangeInclusive<Duration>,
    max_viewers: usize,
    deadline: Duration,
}

/// An invalid setting of [`Live`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The path is not one that a page can have.
    #[error(
        "{path:?} is not a path of the live page; expected a slash and segments of letters, digits, `-`, `_` and `.`, such \
         as /metrics/live"
    )]
    #[non_exhaustive]
    Path {
        /// The path.
        path: String,
    },
    /// The intervals are not possible.
    #[error(
        "intervals from {from:?} to {to:?} are not possible; expected a shortest one of at least 0.1 s, and a longest one of at most 120 s"
    )]
    #[non_exhaustive]
    Intervals {
        /// The shortest interval.
        from: Duration,
        /// The longest interval.
        to: Duration,
    },
    /// There is no room for a viewer, or no time.
    #[error(
        "the live page admits no viewer, or gives them no time to read; expected at least one, and a deadline above 0"
    )]
    NoViewer,
}

impl Live {
    /// Creates a page of these metrics at `live` below the path of the metrics page, such as `/metrics/live`.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            hub: Arc::new(Hub::new(metrics.clone())),
            rules: metrics.access_rules(),
            path: format!("{}/live", metrics.path().trim_end_matches('/')),
            intervals: INTERVALS,
            max_viewers: 64,
            deadline: Duration::from_secs(10),
        }
    }

    /// Sets the path.
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the shortest and the longest time between two events that a viewer may choose. The default is from 1 to 60
    /// seconds.
    pub fn intervals(mut self, intervals: RangeInclusive<Duration>) -> Self {
        self.intervals = intervals;
        self
    }

    /// Sets the largest number of viewers. Further ones get `503`. The default is 64.
    pub fn max_viewers(mut self, viewers: usize) -> Self {
        self.max_viewers = viewers;
        self
    }

    /// Sets the time in which a viewer has to read an event. The stream of a slower one ends. The default is 10 seconds.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns the path of the page.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Ends the streams of all viewers, and refuses new ones. A server that shuts down gracefully waits for the end of all
    /// responses, so call this first.
    pub fn close(&self) {
        self.hub.close();
    }

    /// Returns the routes of the page: [`path`](Self::path) and some below it.
    ///
    /// Merge them into the router of the application after [`Metrics::instrument`], so that their requests are not
    /// recorded. Without access rules, or with allowed networks, the server has to provide the address of the peer, with
    /// [`into_make_service_with_connect_info::<SocketAddr>`](Router::into_make_service_with_connect_info). Such a server may
    /// also serve the page alone, on an address of its own:
    ///
    /// ```no_run
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::SocketAddr;
    /// use metrics_live::Live;
    /// use metrics_runtime::Metrics;
    ///
    /// let metrics = Metrics::builder().namespace("shop").install()?;
    /// let page = Live::new(&metrics).router()?.into_make_service_with_connect_info::<SocketAddr>();
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9465").await?;
    /// # #[cfg(any())]
    /// axum::serve(listener, page).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if a setting is not valid.
    pub fn router(&self) -> Result<Router, LiveError> {
        let path = &self.path;
        let is_segment = |segment: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !segment.is_empty() && segment.bytes().all(is_allowed) && !segment.bytes().all(|byte| byte == b'.')
        };
        if !path.strip_prefix('/').is_some_and(|path| path.split('/').all(is_segment)) {
            return Err(LiveError::Path { path: path.clone() });
        }
        let (from, to) = (*self.intervals.start(), *self.intervals.end());
        if from > to || !POSSIBLE_INTERVALS.contains(&from) || !POSSIBLE_INTERVALS.contains(&to) {
            return Err(LiveError::Intervals { from, to });
        }
        if self.max_viewers == 0 || self.deadline.is_zero() {
            return Err(LiveError::NoViewer);
        }
        Ok(Router::new()
            .route(path, any(page))
            .route(&format!("{path}/live.js"), any(script))
            .route(&format!("{path}/live.css"), any(style))
            .route(&format!("{path}/model"), any(model))
            .route(&format!("{path}/events"), any(stream))
            .with_state(self.clone()))
    }

    /// Checks the access to a part of the page, and the method.
    fn admit(&self, request: Request, part: Part) -> Result<Parts, Box<Response<Body>>> {
        let (request, _) = request.into_parts();
        check(&self.rules, &request, part)?;
        if request.method != Method::GET && request.method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Err(Box::new(response));
        }
        Ok(request)
    }

    /// Returns the interval that a request asks for in seconds: `interval=2`.
    fn interval(&self, request: &Parts) -> Result<Duration, String> {
        let mut pairs = request.uri.query().unwrap_or_default().split('&');
        let Some(text) = pairs.find_map(|pair| pair.strip_prefix("interval=")) else {
            return Ok(DEFAULT_INTERVAL.clamp(*self.intervals.start(), *self.intervals.end()));
        };
        let interval = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        interval.filter(|interval| self.intervals.contains(interval)).ok_or_else(|| {
            let (from, to) = (self.intervals.start().as_secs_f64(), self.intervals.end().as_secs_f64());
            format!("`{text}` is not an interval of this page; expected seconds from {from} to {to}, such as `interval={from}`\n")
        })
    }
}

async fn page(State(live): State<Live>, request: Request) -> Response<Body> {
    match live.admit(request, Part::Shell) {
        Err(refused) => *refused,
        Ok(_) => {
            let name = live.path.rsplit('/').next().unwrap_or_default();
            assets::response("text/html; charset=utf-8", HTML.replace("{{name}}", name))
        }
    }
}

async fn script(State(live): State<Live>, request: Request) -> Response<Body> {
    live.admit(request, Part::Shell).map_or_else(|refused| *refused, |request| SCRIPT.response(&request.headers))
}

async fn style(State(live): State<Live>, request: Request) -> Response<Body> {
    live.admit(request, Part::Shell).map_or_else(|refused| *refused, |request| STYLE.response(&request.headers))
}

async fn model(State(live): State<Live>, request: Request) -> Response<Body> {
    let request = match live.admit(request, Part::Data) {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    match live.hub.model().await {
        Some(model) => assets::json(&request.headers, model),
        None => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be described, because describing them panicked\n",
        ),
    }
}

async fn stream(State(live): State<Live>, request: Request) -> Response<Body> {
    let request = match live.admit(request, Part::Data) {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let interval = match live.interval(&request) {
        Ok(interval) => interval,
        Err(problem) => return text(StatusCode::BAD_REQUEST, problem),
    };
    let Some(seat) = live.hub.sit(live.max_viewers) else {
        let full = format!("the live page has {} viewers already, as many as it admits\n", live.max_viewers);
        let mut response = text(StatusCode::SERVICE_UNAVAILABLE, full);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        return response;
    };
    let body = if request.method == Method::HEAD {
        Body::empty()
    } else {
        Body::new(events(Arc::clone(&live.hub), seat, interval, live.deadline))
    };
    let mut response = Response::new(body);
    let headers =
        [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}
