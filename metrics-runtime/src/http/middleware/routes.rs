//! The lookup of a request's series, by its route and its method.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::extract::{RequestExtractor, catch_panic};
use super::head::RequestHead;
use super::labels::{self, METHODS};
use super::recorder::{Recorder, Series};
use super::shared::Shared;
use super::skip::SkipRules;
use crate::family::{OVERFLOW, Table};

/// The routes of a layer, each with its series by method.
pub(super) struct Routes {
    recorder: Shared<Recorder>,
    extractor: Option<RequestExtractor>,
    skip: SkipRules,
    table: Table<Route>,
    /// Numbers of routes, indexed by the address of the route's text. They are hints that must be verified, because
    /// another text can be allocated at the same address.
    hints: [AtomicUsize; HINTS],
    unmatched: UnmatchedWarning,
}

/// A route, with its series by method.
struct Route {
    endpoint: Box<str>,
    series: [OnceLock<Shared<Series>>; METHODS.len()],
}

/// The number of hints, more than most applications have routes.
const HINTS: usize = 128;

/// The label name under which the table of routes is keyed.
const ROUTE: [&str; 1] = ["route"];

/// The maximum number of routes. A router has a fixed number of routes, but an extractor can return any text.
const MAX_ROUTES: usize = 1_000;

impl Routes {
    pub(super) fn new(recorder: Shared<Recorder>, extractor: Option<RequestExtractor>, skip: SkipRules) -> Self {
        Self {
            recorder,
            extractor,
            skip,
            table: Table::new(),
            hints: std::array::from_fn(|_| AtomicUsize::new(0)),
            unmatched: UnmatchedWarning(AtomicU32::new(0)),
        }
    }

    /// Returns the series of a request, or `None` if the request is skipped.
    #[inline]
    pub(super) fn series(&self, request: RequestHead<'_>) -> Option<&Shared<Series>> {
        if self.skip.matches(request) {
            return None;
        }
        let method = labels::method(request.method());
        if let Some(extract) = &self.extractor
            && let Some(endpoint) = catch_panic(|| extract(request)).flatten()
        {
            self.unmatched.note(true);
            return self.series_of(endpoint.as_str(), method);
        }
        let endpoint = matched_path(request);
        self.unmatched.note(endpoint.is_some());
        self.series_of(endpoint.unwrap_or(labels::UNMATCHED), method)
    }

    #[inline]
    fn series_of(&self, endpoint: &str, method: usize) -> Option<&Shared<Series>> {
        // A router keeps the texts of its routes, so a route usually has the same address as before.
        let hint = &self.hints[endpoint.as_ptr().addr() / 16 % HINTS];
        let route = match self.table.numbered(hint.load(Ordering::Relaxed)) {
            Some(route) if *route.value.endpoint == *endpoint => &route.value,
            _ => self.find(endpoint, hint)?,
        };
        let new = || Shared::new(Series::new(&self.recorder, &route.endpoint, method), self.recorder.is_static());
        Some(route.series.get(method)?.get_or_init(new))
    }

    /// Returns the route with this text, or the overflow route if there are too many.
    #[inline(never)]
    fn find(&self, endpoint: &str, hint: &AtomicUsize) -> Option<&Route> {
        if let Some(number) = self.table.number(&ROUTE, &[endpoint]) {
            hint.store(number, Ordering::Relaxed);
            return self.table.numbered(number).map(|route| &route.value);
        }
        self.get_or_add(MAX_ROUTES, endpoint).or_else(|| self.get_or_add(MAX_ROUTES + 1, OVERFLOW))
    }

    fn get_or_add(&self, limit: usize, endpoint: &str) -> Option<&Route> {
        let new = || Route { endpoint: endpoint.into(), series: Default::default() };
        // Checked before taking the lock, so that clients that always request new routes do not block other requests.
        let route = if self.table.len() < limit {
            self.table.get_or_insert(&ROUTE, &[endpoint], |len| len < limit, new)
        } else {
            self.table.get(&ROUTE, &[endpoint])
        };
        route.map(|route| &route.value)
    }

    /// Returns the number of routes and of extracted label values.
    #[cfg(all(test, feature = "axum"))]
    pub(super) fn remembered(&self) -> usize {
        self.table.len() + self.recorder.extracted.len()
    }
}

#[cfg(feature = "axum")]
fn matched_path(request: RequestHead<'_>) -> Option<&str> {
    request.extensions().get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched_path(_: RequestHead<'_>) -> Option<&str> {
    None
}

/// Logs a warning if the first [`UNMATCHED_LIMIT`] requests match no route. Counts those requests, and holds
/// [`SETTLED`] once a request has matched or the warning was logged.
struct UnmatchedWarning(AtomicU32);

const UNMATCHED_LIMIT: u32 = 100;
const SETTLED: u32 = u32::MAX;

impl UnmatchedWarning {
    #[inline]
    fn note(&self, matched: bool) {
        let count = self.0.load(Ordering::Relaxed);
        if count != SETTLED {
            self.update(count, matched);
        }
    }

    #[cold]
    fn update(&self, count: u32, matched: bool) {
        let next = if matched || count + 1 == UNMATCHED_LIMIT { SETTLED } else { count + 1 };
        // If another thread was faster, this request is not counted.
        let updated = self.0.compare_exchange(count, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if updated && next == SETTLED && !matched {
            tracing::warn!(
                "none of the first {UNMATCHED_LIMIT} HTTP requests matched a route, so all are recorded as `{}`; add the \
                 layer inside the router, after all routes (`Metrics::instrument` or `HttpLayer::install`), or extract \
                 the route with `Http::route`",
                labels::UNMATCHED,
            );
        }
    }
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::any;
    use http::Request;
    use tower::{Service, ServiceExt};

    use crate::http::middleware::{Http, RequestHead};
    use crate::registry::Registry;
    use crate::schema::Label;

    const ROUTES: usize = 3;
    const PLANS: usize = 4;

    #[tokio::test]
    async fn a_layer_remembers_its_routes_and_the_declared_number_of_label_values() {
        fn plan(request: RequestHead<'_>) -> Option<Label<'_>> {
            Some(Label::from(request.headers().get("x-plan")?.to_str().ok()?))
        }
        let layer = Http::new().request_label("plan", PLANS, plan).layer(&Registry::new()).expect("valid");
        let app = Router::new()
            .route("/users/{id}", any(|| async {}))
            .route("/files/{*path}", any(|| async {}))
            .nest("/shops/{shop}", Router::new().route("/items/{item}", any(|| async {})));
        let mut app = layer.clone().install(app);
        let mut after_the_first_fifth = 0;
        for i in 0..100_000 {
            let path = match i % 4 {
                0 => format!("/users/{i}"),
                1 => format!("/shops/{i}/items/{i}"),
                2 => format!("/files/{i}/{i}"),
                _ => format!("/{i}/{i}"),
            };
            let request =
                Request::builder().method(format!("M{i}").as_str()).uri(format!("http://{i}:80{path}?{i}={i}"));
            let request = request.header("x-plan", i).body(Body::empty()).expect("a request");
            let response = app.as_service().ready().await.expect("ready").call(request).await;
            drop(response.expect("routers do not fail"));
            if i == 20_000 {
                after_the_first_fifth = layer.remembered();
            }
        }
        assert_eq!(layer.remembered(), after_the_first_fifth);
        assert_eq!(after_the_first_fifth, ROUTES + 1 + PLANS);
    }
}
