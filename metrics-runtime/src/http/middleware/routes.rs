//! How a request finds its series: by its route and its method.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::extract::{FromRequest, guarded};
use super::head::RequestHead;
use super::labels::{self, METHODS};
use super::recorder::{Recorder, Series};
use super::shared::Handle;
use super::skip::Exceptions;
use crate::family::{OVERFLOW, Table};

/// A layer: how a request finds its series.
pub(super) struct Shared {
    recorder: Handle<Recorder>,
    route: Option<FromRequest>,
    exceptions: Exceptions,
    /// By their text.
    routes: Table<Route>,
    /// Numbers of routes, by the address of their text: a guess, since a text may have come to the address of another.
    guesses: [AtomicUsize; GUESSES],
    unmatched: Unmatched,
}

/// A route, with its series by method.
struct Route {
    endpoint: Box<str>,
    series: [OnceLock<Handle<Series>>; METHODS.len()],
}

/// More than most applications have routes.
const GUESSES: usize = 128;

/// The names that the table of routes goes by.
const ROUTE: [&str; 1] = ["route"];

/// Routes that a router names are as many as the program has; those that an extractor names could be anything.
const MAX_ROUTES: usize = 1_000;

impl Shared {
    pub(super) fn new(recorder: Handle<Recorder>, route: Option<FromRequest>, exceptions: Exceptions) -> Self {
        Self {
            recorder,
            route,
            exceptions,
            routes: Table::new(),
            guesses: std::array::from_fn(|_| AtomicUsize::new(0)),
            unmatched: Unmatched(AtomicU32::new(0)),
        }
    }

    /// The series of this request; none if it is not to be recorded.
    #[inline]
    pub(super) fn series(&self, request: RequestHead<'_>) -> Option<&Handle<Series>> {
        if self.exceptions.hold(request) {
            return None;
        }
        let method = labels::method(request.method());
        if let Some(route) = &self.route
            && let Some(endpoint) = guarded(|| route(request)).flatten()
        {
            self.unmatched.note(true);
            return self.of(endpoint.as_str(), method);
        }
        let endpoint = matched_path(request);
        self.unmatched.note(endpoint.is_some());
        self.of(endpoint.unwrap_or(labels::UNMATCHED), method)
    }

    #[inline]
    fn of(&self, endpoint: &str, method: usize) -> Option<&Handle<Series>> {
        // A router keeps the texts of its routes, so most are where they were.
        let guess = &self.guesses[endpoint.as_ptr().addr() / 16 % GUESSES];
        let route = match self.routes.numbered(guess.load(Ordering::Relaxed)) {
            Some(route) if *route.value.endpoint == *endpoint => &route.value,
            _ => self.find(endpoint, guess)?,
        };
        let new = || Handle::new(Series::new(&self.recorder, &route.endpoint, method), self.recorder.is_forever());
        Some(route.series.get(method)?.get_or_init(new))
    }

    /// The route of this text, or the one for all those for which there is no room.
    #[inline(never)]
    fn find(&self, endpoint: &str, guess: &AtomicUsize) -> Option<&Route> {
        if let Some(number) = self.routes.number(&ROUTE, &[endpoint]) {
            guess.store(number, Ordering::Relaxed);
            return self.routes.numbered(number).map(|route| &route.value);
        }
        self.add(MAX_ROUTES, endpoint).or_else(|| self.add(MAX_ROUTES + 1, OVERFLOW))
    }

    fn add(&self, limit: usize, endpoint: &str) -> Option<&Route> {
        let new = || Route { endpoint: endpoint.into(), series: Default::default() };
        // Looked at before the lock: who asks for ever new routes is not to hold up the others.
        let route = if self.routes.len() < limit {
            self.routes.get_or_insert(&ROUTE, &[endpoint], |len| len < limit, new)
        } else {
            self.routes.get(&ROUTE, &[endpoint])
        };
        route.map(|route| &route.value)
    }

    /// How many routes and values of labels it has seen.
    #[cfg(all(test, feature = "axum"))]
    pub(super) fn known(&self) -> usize {
        self.routes.len() + self.recorder.custom.len()
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

/// How many requests in a row have matched no route, from the first on.
struct Unmatched(AtomicU32);

/// That many say that something is wrong.
const SUSPICIOUS: u32 = 100;
/// Nobody needs to know any more.
const SETTLED: u32 = u32::MAX;

impl Unmatched {
    #[inline]
    fn note(&self, matched: bool) {
        let seen = self.0.load(Ordering::Relaxed);
        if seen != SETTLED {
            self.settle(seen, matched);
        }
    }

    #[cold]
    fn settle(&self, seen: u32, matched: bool) {
        let next = if matched || seen + 1 == SUSPICIOUS { SETTLED } else { seen + 1 };
        // Where another thread came first, this request is as good as unseen.
        let first = self.0.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if first && next == SETTLED && !matched {
            tracing::warn!(
                "none of the first {SUSPICIOUS} HTTP requests matched a route, all are `{}`: the layer has to be \
                 inside of the router, after all routes (`Metrics::instrument`, `HttpLayer::install`), or be told the \
                 route (`Http::route`)",
                labels::UNMATCHED,
            );
        }
    }
}
