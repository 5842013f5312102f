//! What a layer records into: its families, and for each route and method the series it has found in them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use http::StatusCode;

use super::custom::{Custom, FromRequest, Picked, guarded};
use super::handle::Handle;
use super::head::RequestHead;
use super::labels::{self, End, METHODS};
use super::left_out::Exceptions;
use super::settings::MAX_VALUES;
use crate::cell::{Counter, Histogram, InFlight, Moment, Thread};
use crate::family::{Family, Metric, OVERFLOW, Table};

/// The families of a layer; those that are switched off are not there.
#[derive(Default)]
pub(super) struct Families {
    pub(super) requests: Option<Family<Counter>>,
    pub(super) duration: Option<Family<Histogram>>,
    pub(super) first_byte: Option<Family<Histogram>>,
    pub(super) in_flight: Option<Family<InFlight>>,
    pub(super) request_size: Option<Family<Histogram>>,
    pub(super) response_size: Option<Family<Histogram>>,
    pub(super) aborted: Option<Family<Counter>>,
    pub(super) upgrades: Option<Family<Counter>>,
    pub(super) upgrades_open: Option<Family<InFlight>>,
    pub(super) opentelemetry: Option<Family<Histogram>>,
}

/// What every request of a layer needs to know.
pub(super) struct Recorder {
    pub(super) families: Families,
    /// Whether the duration has the status as well.
    pub(super) duration_status: bool,
    /// Whether statuses are recorded as classes.
    pub(super) classes: bool,
    pub(super) custom: Custom,
}

/// A layer: how a request finds its series.
pub(super) struct Shared {
    recorder: Handle<Recorder>,
    route: Option<FromRequest>,
    exceptions: Exceptions,
    /// By the text of the route. What a router calls one lives as long as a request, so its address says nothing.
    routes: Table<Methods>,
    unmatched: Unmatched,
}

/// The series of a route, by method.
type Methods = [OnceLock<Handle<Series>>; METHODS.len()];

/// The names that the table of routes goes by.
const ROUTE: [&str; 1] = ["route"];

/// Routes that a router names are as many as the program has; those that an extractor names could be anything.
const MAX_ROUTES: usize = 1_000;

impl Shared {
    pub(super) fn new(recorder: Handle<Recorder>, route: Option<FromRequest>, exceptions: Exceptions) -> Self {
        Self { recorder, route, exceptions, routes: Table::new(), unmatched: Unmatched(AtomicU32::new(0)) }
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
        let (endpoint, methods) = match self.routes.get(&ROUTE, &[endpoint]) {
            Some(route) => (endpoint, &route.value),
            None => self.new_route(endpoint)?,
        };
        let series = methods.get(method)?;
        let new = || Handle::new(Series::new(&self.recorder, endpoint, method), self.recorder.is_forever());
        Some(series.get_or_init(new))
    }

    /// The series of a route that is new, or of all those for which there is no room.
    #[cold]
    fn new_route<'a>(&self, endpoint: &'a str) -> Option<(&'a str, &Methods)> {
        self.routes_up_to(MAX_ROUTES, endpoint)
            .map(|methods| (endpoint, methods))
            .or_else(|| Some((OVERFLOW, self.routes_up_to(MAX_ROUTES + 1, OVERFLOW)?)))
    }

    fn routes_up_to(&self, limit: usize, endpoint: &str) -> Option<&Methods> {
        // Looked at before the lock: who asks for ever new routes is not to hold up the others.
        let route = if self.routes.len() < limit {
            self.routes.get_or_insert(&ROUTE, &[endpoint], |len| len < limit, Methods::default)
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

/// The number of a series in its family, once it was needed.
#[derive(Default)]
struct Slot(OnceLock<u32>);

/// Instead of a number: the series that takes what finds no room.
const NO_ROOM: u32 = u32::MAX;
/// Instead of a number: nothing is recorded.
const NOTHING: u32 = u32::MAX - 1;

impl Slot {
    #[inline]
    fn find<'f, M: Metric>(&self, family: &'f Family<M>, values: impl FnOnce() -> [&'f str; 3], len: usize) -> &'f M {
        // Remembered even where there was no room: what goes up has to come down in the same series.
        let number = *self.0.get_or_init(|| remembered(family, &values()[..len]).unwrap_or(NO_ROOM));
        numbered(family, number)
    }

    /// The series that [`find`](Self::find) has found. What goes down is no further operation.
    #[inline]
    fn found<'f, M: Metric>(&self, family: &'f Family<M>) -> &'f M {
        let series = self.0.get().and_then(|&number| family.numbered(number));
        series.unwrap_or_else(|| family.overflow_series())
    }
}

/// The number of a series, if there is room for it. The program bounds how many are remembered, so each may have its memory
/// for every thread from the start.
fn remembered<M: Metric>(family: &Family<M>, values: &[&str]) -> Option<u32> {
    let number = family.number(values)?;
    family.numbered(number)?.spread();
    Some(number)
}

#[inline]
fn numbered<M: Metric>(family: &Family<M>, number: u32) -> &M {
    family.numbered(number).unwrap_or_else(|| family.overflow())
}

/// The series of one route and one method.
pub(super) struct Series {
    recorder: Handle<Recorder>,
    endpoint: Box<str>,
    method: usize,
    in_flight: Slot,
    first_byte: Slot,
    request_size: Slot,
    response_size: Slot,
    aborted: [Slot; 2],
    upgrades: Slot,
    upgrades_open: Slot,
    ended: [OnceLock<Ended>; 8],
}

/// The series that a request is counted in, by how it ended.
#[derive(Clone, Copy)]
struct Ended {
    end: End,
    sent: Option<StatusCode>,
    requests: u32,
    duration: u32,
    opentelemetry: u32,
}

/// A request that is over.
pub(super) struct Outcome<'a> {
    pub(super) end: End,
    /// The status of the response, if there was one.
    pub(super) sent: Option<StatusCode>,
    pub(super) start: Moment,
    pub(super) picked: &'a Picked,
    /// Bytes of the request's body that passed, where they were counted.
    pub(super) received: Option<u64>,
    /// Bytes of the response's body that passed.
    pub(super) passed: u64,
}

impl Series {
    fn new(recorder: &Handle<Recorder>, endpoint: &str, method: usize) -> Self {
        Self {
            recorder: recorder.clone(),
            endpoint: endpoint.into(),
            method,
            in_flight: Slot::default(),
            first_byte: Slot::default(),
            request_size: Slot::default(),
            response_size: Slot::default(),
            aborted: Default::default(),
            upgrades: Slot::default(),
            upgrades_open: Slot::default(),
            ended: Default::default(),
        }
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(super) fn method(&self) -> usize {
        self.method
    }

    /// The series of this route and method.
    #[inline]
    fn find<'s, M: Metric>(&'s self, family: &'s Family<M>, slot: &Slot) -> &'s M {
        slot.find(family, || [METHODS[self.method], &self.endpoint, ""], 2)
    }

    #[inline]
    pub(super) fn enter(&self) {
        if let Some(family) = &self.recorder.families.in_flight {
            self.find(family, &self.in_flight).enter();
        }
    }

    #[inline]
    pub(super) fn exit(&self) {
        if let Some(family) = &self.recorder.families.in_flight {
            self.in_flight.found(family).exit();
        }
    }

    #[inline]
    pub(super) fn first_byte(&self, start: Moment) {
        if let Some(family) = &self.recorder.families.first_byte {
            self.find(family, &self.first_byte).observe_nanos(start.elapsed_nanos());
        }
    }

    pub(super) fn open(&self) {
        if let Some(family) = &self.recorder.families.upgrades_open {
            self.find(family, &self.upgrades_open).enter();
        }
    }

    pub(super) fn close(&self) {
        if let Some(family) = &self.recorder.families.upgrades_open {
            self.upgrades_open.found(family).exit();
        }
    }

    /// Records a request that is over.
    pub(super) fn record(&self, outcome: &Outcome<'_>) {
        let families = &self.recorder.families;
        let thread = Thread::current();
        if let (Some(family), Some(bytes)) = (&families.request_size, outcome.received) {
            self.find(family, &self.request_size).observe(bytes as f64);
        }
        if let Some(family) = &families.response_size
            && outcome.end != End::Upgraded
        {
            self.find(family, &self.response_size).observe(outcome.passed as f64);
        }
        if let Some(family) = &families.aborted {
            self.record_aborted(family, outcome);
        }
        if let Some(family) = &families.upgrades
            && outcome.end == End::Upgraded
        {
            self.find(family, &self.upgrades).inc();
        }
        let remembered = if self.recorder.custom.is_empty() { self.ended(outcome) } else { None };
        let Some(ended) = remembered else { return self.record_by_values(outcome) };
        if ended.duration != NOTHING || ended.opentelemetry != NOTHING {
            let nanos = outcome.start.elapsed_nanos();
            for (family, number) in
                [(&families.duration, ended.duration), (&families.opentelemetry, ended.opentelemetry)]
            {
                if let Some(family) = family
                    && number != NOTHING
                {
                    numbered(family, number).observe_nanos_by(thread, nanos);
                }
            }
        }
        self.exit();
        // Last: who sees the request counted sees all of it.
        if let Some(family) = &families.requests {
            numbered(family, ended.requests).inc_by_thread(thread);
        }
    }

    /// A response that broke off, by how far it came.
    fn record_aborted(&self, family: &Family<Counter>, outcome: &Outcome<'_>) {
        let phase = match (outcome.end, outcome.sent) {
            (End::ClientLeft, None) => 0,
            (End::ClientLeft | End::Failed | End::Panicked, Some(_)) => 1,
            _ => return,
        };
        let values = || [METHODS[self.method], &self.endpoint, ["headers", "body"][phase]];
        self.aborted[phase].find(family, values, 3).inc();
    }

    /// The series of requests that end like this one; none where a family has no room for it.
    #[inline]
    fn ended(&self, outcome: &Outcome<'_>) -> Option<&Ended> {
        let mut new = None;
        for slot in &self.ended {
            let ended = match slot.get() {
                Some(ended) => ended,
                None => {
                    let resolved = match new {
                        Some(resolved) => resolved,
                        None => *new.insert(self.resolve(outcome)?),
                    };
                    // Another thread may come first, with another end.
                    slot.get_or_init(|| resolved)
                }
            };
            if ended.end == outcome.end && ended.sent == outcome.sent {
                return Some(ended);
            }
        }
        None
    }

    #[cold]
    fn resolve(&self, outcome: &Outcome<'_>) -> Option<Ended> {
        fn number<M: Metric>(family: Option<&Family<M>>, values: &[&str]) -> Option<u32> {
            family.map_or(Some(NOTHING), |family| remembered(family, values))
        }
        let values = Values::of(self, outcome);
        let families = &self.recorder.families;
        Some(Ended {
            end: outcome.end,
            sent: outcome.sent,
            requests: number(families.requests.as_ref(), values.requests())?,
            duration: number(families.duration.as_ref().filter(|_| is_timed(outcome.end)), values.duration())?,
            opentelemetry: number(
                families.opentelemetry.as_ref().filter(|_| outcome.end != End::Upgraded),
                &values.opentelemetry,
            )?,
        })
    }

    /// Records where nothing can be remembered: with labels of the application's own, or without room for a series.
    fn record_by_values(&self, outcome: &Outcome<'_>) {
        let values = Values::of(self, outcome);
        let families = &self.recorder.families;
        let nanos = outcome.start.elapsed_nanos();
        if let Some(family) = &families.duration
            && is_timed(outcome.end)
        {
            family.series(values.duration()).observe_nanos(nanos);
        }
        if let Some(family) = &families.opentelemetry
            && outcome.end != End::Upgraded
        {
            family.series(&values.opentelemetry).observe_nanos(nanos);
        }
        self.exit();
        if let Some(family) = &families.requests {
            family.series(values.requests()).inc();
        }
    }
}

/// Durations are those of requests that ran to their end.
fn is_timed(end: End) -> bool {
    !matches!(end, End::ClientLeft | End::Upgraded)
}

/// The label values of a request that is over.
struct Values<'a> {
    /// Those of the counter and of the duration, which may be without the status.
    own: [[&'a str; MAX_VALUES]; 2],
    len: [usize; 2],
    opentelemetry: [&'a str; 4],
}

impl<'a> Values<'a> {
    fn of(series: &'a Series, outcome: &'a Outcome<'_>) -> Self {
        let recorder = &*series.recorder;
        let method = METHODS[series.method];
        let route: &str = if &*series.endpoint == labels::UNMATCHED { "" } else { &series.endpoint };
        let [code, error] = labels::opentelemetry(outcome.end, outcome.sent.as_ref());
        let status = recorder.status(outcome.end, outcome.sent.as_ref());
        let mut values = Self { own: [[""; MAX_VALUES]; 2], len: [0; 2], opentelemetry: [method, route, code, error] };
        for (family, with_status) in [true, recorder.duration_status].into_iter().enumerate() {
            let status = with_status.then_some(status);
            let all = [method, &series.endpoint].into_iter().chain(status).chain(recorder.custom.texts(outcome.picked));
            for (slot, value) in values.own[family].iter_mut().zip(all) {
                *slot = value;
                values.len[family] += 1;
            }
        }
        values
    }

    fn requests(&self) -> &[&'a str] {
        &self.own[0][..self.len[0]]
    }

    fn duration(&self) -> &[&'a str] {
        &self.own[1][..self.len[1]]
    }
}

impl Recorder {
    /// The text of the status.
    fn status<'a>(&self, end: End, sent: Option<&'a StatusCode>) -> &'a str {
        let status = labels::status(end, sent.copied());
        match sent {
            _ if self.classes => labels::class(status),
            Some(sent) if *sent == status => sent.as_str(),
            _ if end == End::ClientLeft => "499",
            _ => "500",
        }
    }
}
