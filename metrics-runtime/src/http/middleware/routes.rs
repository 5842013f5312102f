//! The lookup of a request's series, by its route and its method.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

#[cfg(feature = "axum")]
use axum::extract::MatchedPath;
use http::Request;

use super::extract::RequestExtractor;
use super::head::RequestHead;
#[cfg(feature = "axum")]
use super::known_paths::{ADDRESSES, KnownPaths};
use super::labels::{self, METHODS};
use super::mark::Marking;
use super::recorder::{Recorder, Series};
#[cfg(feature = "axum")]
use super::router::nested_prefix;
use super::skip::SkipRules;
use crate::contained::contained;
use crate::family::{OVERFLOW, Table};
use crate::metric::First;
use crate::schema::shortened;
use crate::shared::Shared;

/// The routes of a layer, each with its series by method.
pub(super) struct Routes {
    recorder: Shared<Recorder>,
    marking: Marking,
    extractor: Option<RequestExtractor>,
    skip: SkipRules,
    /// The routes of the router, which the program bounds.
    matched: RouteTable,
    #[cfg(feature = "axum")]
    known_paths: KnownPaths,
    /// The routes of the extractor, which can return any text.
    extracted: RouteTable,
    unmatched: UnmatchedWarning,
    too_many: First,
    nested: First,
    is_layered: AtomicBool,
}

/// The origin of the text of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A router. A program has a fixed number of these routes, so nothing limits them.
    Router,
    /// An extractor.
    Extracted,
    /// The extractor has returned too many routes: this one stands for the others.
    Overflow,
}

/// A route, with its series by method.
pub(super) struct Route {
    endpoint: Box<str>,
    origin: Origin,
    /// The number of remembered addresses of its path.
    #[cfg(feature = "axum")]
    addresses: AtomicUsize,
    series: [OnceLock<Shared<Series>>; METHODS.len()],
}

impl Route {
    fn new(endpoint: &str, origin: Origin) -> Arc<Self> {
        Arc::new(Self {
            endpoint: endpoint.into(),
            origin,
            #[cfg(feature = "axum")]
            addresses: AtomicUsize::new(0),
            series: Default::default(),
        })
    }

    /// Returns `true` if a further address of its path can be remembered.
    #[cfg(feature = "axum")]
    pub(super) fn takes_address(&self) -> bool {
        self.addresses.load(Ordering::Relaxed) < ADDRESSES && self.addresses.fetch_add(1, Ordering::Relaxed) < ADDRESSES
    }
}

struct RouteTable {
    table: Table<Arc<Route>>,
    /// Numbers of routes, indexed by the address of the route's text. They are hints that must be verified, because
    /// another text can be allocated at the same address.
    hints: [AtomicUsize; HINTS],
}

/// The number of hints, more than most applications have routes.
const HINTS: usize = 128;

/// The label name under which the table of routes is keyed.
const ROUTE: [&str; 1] = ["route"];

/// The maximum number of extracted routes.
const MAX_EXTRACTED: usize = 1_000;

impl RouteTable {
    fn new() -> Self {
        Self { table: Table::new(), hints: std::array::from_fn(|_| AtomicUsize::new(0)) }
    }

    /// Returns the route with this text. Adds it if it is new and there are fewer than `limit` routes.
    #[inline]
    fn route(&self, endpoint: &str, origin: Origin, limit: usize) -> Option<&Arc<Route>> {
        // A router keeps the texts of its routes, so a route usually has the same address as before.
        let hint = &self.hints[endpoint.as_ptr().addr() / 16 % HINTS];
        match self.table.numbered(hint.load(Ordering::Relaxed)) {
            Some(route) if *route.value.endpoint == *endpoint => Some(&route.value),
            _ => self.find(endpoint, hint, origin, limit),
        }
    }

    #[inline(never)]
    fn find(&self, endpoint: &str, hint: &AtomicUsize, origin: Origin, limit: usize) -> Option<&Arc<Route>> {
        if let Some(number) = self.table.number(&ROUTE, &[endpoint]) {
            hint.store(number, Ordering::Relaxed);
            return self.table.numbered(number).map(|route| &route.value);
        }
        if let Some(short) = shortened(&[endpoint]) {
            // The table has the short form.
            return self.find(&short[0], hint, origin, limit);
        }
        // Checked before taking the lock, so that clients that always request new routes do not block other requests.
        if self.table.len() >= limit {
            return None;
        }
        let new = |values: &[&str]| Route::new(values[0], origin);
        self.table.get_or_insert(&ROUTE, &[endpoint], |len| len < limit, new).map(|route| &route.value)
    }
}

impl Routes {
    pub(super) fn new(
        recorder: Shared<Recorder>,
        marking: Marking,
        extractor: Option<RequestExtractor>,
        skip: SkipRules,
    ) -> Self {
        Self {
            recorder,
            marking,
            extractor,
            skip,
            matched: RouteTable::new(),
            #[cfg(feature = "axum")]
            known_paths: KnownPaths::new(),
            extracted: RouteTable::new(),
            unmatched: UnmatchedWarning(AtomicU32::new(0)),
            too_many: First::new(),
            nested: First::new(),
            is_layered: AtomicBool::new(false),
        }
    }

    /// Notes that the layer is added to a service. A request can pass a layer twice from its second addition on.
    pub(super) fn note_layered(&self) {
        if self.is_layered.swap(true, Ordering::Relaxed) {
            self.marking.start();
        }
    }

    /// Returns `true` if a request is marked.
    #[inline]
    pub(super) fn marks<B>(&self, request: &Request<B>) -> bool {
        self.marking.includes(request.headers())
    }

    /// Logs a warning if it is the first request that an outer layer records already.
    #[cold]
    pub(super) fn warn_nested(&self) {
        if self.nested.is_now() {
            tracing::warn!(
                "an HTTP request has passed two layers that record into the same metrics; it is counted once, by the \
                 outer layer; instrument a router once, after all routers were nested or merged"
            );
        }
    }

    /// Returns the series of a request, or `None` if the request is skipped.
    #[inline]
    pub(super) fn series<B>(&self, request: &Request<B>) -> Option<&Shared<Series>> {
        let head = RequestHead::of(request);
        if self.skip.matches(head) {
            return None;
        }
        let method = labels::method(request.method());
        if let Some(extract) = &self.extractor
            && let Some(endpoint) = contained(|| extract(head)).flatten()
        {
            self.unmatched.note(true);
            return self.series_of(self.extracted(endpoint.as_str())?, method);
        }
        #[cfg(feature = "axum")]
        if let Some(path) = matched_path(head) {
            let route = match self.known_paths.get(path) {
                Some(route) => route,
                None => self.new_path(path)?,
            };
            return self.series_of(route, method);
        }
        self.unmatched(head, method)
    }

    /// Returns the route of a path whose address is not known.
    #[cfg(feature = "axum")]
    #[inline(never)]
    fn new_path(&self, path: &MatchedPath) -> Option<&Route> {
        self.unmatched.note(true);
        let route = self.route(path.as_str())?;
        self.known_paths.remember(path, route);
        Some(route)
    }

    /// Returns the series of a request without a route.
    #[inline(never)]
    fn unmatched(&self, head: RequestHead<'_>, method: usize) -> Option<&Shared<Series>> {
        let prefix = nested_prefix(head);
        self.unmatched.note(prefix.is_some());
        self.series_of(self.route(prefix.as_deref().unwrap_or(labels::UNMATCHED))?, method)
    }

    fn route(&self, endpoint: &str) -> Option<&Arc<Route>> {
        self.matched.route(endpoint, Origin::Router, usize::MAX)
    }

    /// Returns the route with this extracted text, or the overflow route if there are too many.
    fn extracted(&self, endpoint: &str) -> Option<&Arc<Route>> {
        let known = self.extracted.route(endpoint, Origin::Extracted, MAX_EXTRACTED);
        known.filter(|_| endpoint != OVERFLOW).or_else(|| {
            if self.too_many.is_now() {
                tracing::warn!(
                    limit = MAX_EXTRACTED,
                    "the closure of `Http::route` has returned too many routes; further ones are recorded as `{OVERFLOW}`"
                );
            }
            self.matched.route(OVERFLOW, Origin::Overflow, usize::MAX)
        })
    }

    #[inline]
    fn series_of<'s>(&'s self, route: &'s Route, method: usize) -> Option<&'s Shared<Series>> {
        match route.series.get(method)?.get() {
            Some(series) => Some(series),
            None => self.new_series(route, method),
        }
    }

    #[cold]
    fn new_series<'s>(&'s self, route: &'s Route, method: usize) -> Option<&'s Shared<Series>> {
        let new = || {
            let series = Series::new(&self.recorder, &route.endpoint, route.origin, method);
            Shared::new(series, self.recorder.is_static())
        };
        Some(route.series.get(method)?.get_or_init(new))
    }

    /// Returns the number of routes and of extracted label values.
    #[cfg(all(test, feature = "axum"))]
    pub(super) fn remembered(&self) -> usize {
        self.matched.table.len() + self.extracted.table.len() + self.recorder.extracted.len()
    }
}

#[cfg(feature = "axum")]
#[inline]
fn matched_path(request: RequestHead<'_>) -> Option<&MatchedPath> {
    request.extensions().get()
}

#[cfg(not(feature = "axum"))]
fn nested_prefix(_: RequestHead<'_>) -> Option<String> {
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
