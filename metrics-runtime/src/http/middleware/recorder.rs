//! The series of each route and method, and the recording of a request in them.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use super::ending::{Aborted, Ending, Outcome};
use super::extract::{ExtractedLabels, ExtractedValues, MAX_LABELS};
use super::families::Families;
use super::labels::{self, METHODS};
use super::routes::Origin;
use crate::exemplars::{self, Exemplar};
use crate::family::{self, Family, Metric, Numbered, OVERFLOW};
use crate::metric::{Counter, Histogram, InFlight, Moment, RequestShards, Thread, Ticks};
use crate::shared::Shared;

/// The families and label settings that all requests of a layer share.
pub(super) struct Recorder {
    pub(super) families: Families,
    /// `true` if the duration has the label `status`.
    pub(super) duration_status: bool,
    /// `true` if statuses are recorded as classes.
    pub(super) status_classes: bool,
    pub(super) extracted: Arc<ExtractedLabels>,
    /// The promised latencies of routes, in seconds.
    pub(super) latencies: Arc<[(String, f64)]>,
}

/// The place of a series in its family.
#[derive(Clone, Copy)]
struct Place {
    number: u32,
    /// `true` if a label value is recorded as `_overflow`, so each operation counts as an overflow.
    is_beyond: bool,
}

/// The cached place of a series.
#[derive(Default)]
struct CachedSeries(OnceLock<Option<Place>>);

/// Returns the place of the series with these values, or `None` if it is new and the limit is reached.
fn limited_place<M: Metric>(family: &Family<M>, values: &[&str]) -> Option<u32> {
    let number = family.number(values)?;
    family.numbered(number)?.spread();
    Some(number)
}

/// Returns the series with these values, or `None` if it is new and the limit is reached.
fn stored<M: Metric>(
    recorder: &Shared<Recorder>,
    family: impl for<'a> Fn(&'a Families) -> Option<&'a Family<M>>,
    values: &[&str],
    is_open: bool,
) -> Option<StoredSeries<M>> {
    let Some(of_recorder) = family(&recorder.families) else { return Some(StoredSeries(None)) };
    let place = if is_open { limited_place(of_recorder, values) } else { of_recorder.known_number(values) };
    Some(StoredSeries(Some(Numbered::of(recorder, |recorder| family(&recorder.families), place?))))
}

#[inline]
fn numbered<M: Metric>(family: &Family<M>, number: u32) -> &M {
    family.numbered(number).unwrap_or_else(|| family.overflow())
}

/// The series of one route and one method.
pub(super) struct Series {
    recorder: Shared<Recorder>,
    endpoint: Box<str>,
    origin: Origin,
    method: usize,
    /// `true` if the layer records more than the default metrics: in flight, first bytes, sizes, upgrades or extracted
    /// labels. The code for them is out of line.
    records_more: bool,
    /// The promised latency in seconds, if cancelled requests count against it.
    promised: Option<f64>,
    in_flight: CachedSeries,
    first_byte: CachedSeries,
    request_size: CachedSeries,
    response_size: CachedSeries,
    aborted: [CachedSeries; Aborted::COUNT],
    upgrades: CachedSeries,
    upgrades_open: CachedSeries,
    by_ending: [CachedEnding; 8],
    /// The same series without the families in which an outer layer records a request.
    within: Mutex<Vec<Reduced>>,
}

/// The excluded families, and the series without them, or `None` if no family is left.
type Reduced = ([bool; Families::COUNT], Option<Shared<Series>>);

/// The cached series of one ending.
struct CachedEnding {
    series: OnceLock<EndingSeries>,
    /// The shards of the requests that are recorded in two series, a counter and durations, and in nothing else.
    shards: RequestShards,
}

impl Default for CachedEnding {
    fn default() -> Self {
        Self { series: OnceLock::new(), shards: RequestShards::new() }
    }
}

/// The series for one ending, except those of `records_more`.
#[derive(Clone, Copy)]
struct EndingSeries {
    ending: Ending,
    aborted: Option<Aborted>,
    requests: StoredSeries<Counter>,
    duration: StoredSeries<Histogram>,
    opentelemetry: StoredSeries<Histogram>,
}

/// A series in its family, or `None` if the metric is not recorded.
struct StoredSeries<M: 'static>(Option<Numbered<M>>);

impl<M> Clone for StoredSeries<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for StoredSeries<M> {}

impl<M: Metric> StoredSeries<M> {
    #[inline]
    fn get(self, family: Option<&Family<M>>) -> Option<&M> {
        match self.0? {
            Numbered::Static(series) => Some(series),
            Numbered::Number(number) => family.map(|family| numbered(family, number)),
        }
    }

    /// Returns the series if it lives until the process exits, with `None` in place of one that is not recorded.
    #[expect(clippy::option_option, reason = "unknown, or known not to be recorded")]
    fn lasting(self) -> Option<Option<&'static M>> {
        match self.0 {
            None => Some(None),
            Some(Numbered::Static(series)) => Some(Some(series)),
            Some(Numbered::Number(_)) => None,
        }
    }
}

impl EndingSeries {
    /// Creates the shards of a thread, if these requests can be recorded in shards alone.
    #[cold]
    fn create_shards(&self, shards: &RequestShards, thread: Thread) {
        if self.aborted.is_none()
            && self.opentelemetry.0.is_none()
            && let (Some(duration), Some(requests)) = (self.duration.lasting(), self.requests.lasting())
        {
            shards.create(thread, duration, requests);
        }
    }
}

/// A request that is over.
pub(super) struct FinishedRequest<'a> {
    pub(super) ending: Ending,
    pub(super) start: Moment,
    pub(super) extracted: &'a ExtractedValues,
    /// The bytes read of the request body, if they were counted.
    pub(super) request_bytes: Option<u64>,
    /// The bytes sent of the response body.
    pub(super) response_bytes: u64,
}

impl Recorder {
    /// Returns `true` if more than the default metrics are recorded.
    fn records_more(&self) -> bool {
        let Families { first_byte, in_flight, request_size, response_size, upgrades, upgrades_open, .. } =
            &self.families;
        [first_byte, request_size, response_size].into_iter().any(Option::is_some)
            || [in_flight, upgrades_open].into_iter().any(Option::is_some)
            || upgrades.is_some()
            || !self.extracted.is_empty()
    }
}

impl Series {
    pub(super) fn new(recorder: &Shared<Recorder>, endpoint: &str, origin: Origin, method: usize) -> Self {
        let promised = || recorder.latencies.iter().find(|(route, _)| *route == *endpoint).map(|(_, seconds)| *seconds);
        let series = Self {
            recorder: recorder.clone(),
            endpoint: endpoint.into(),
            origin,
            method,
            records_more: recorder.records_more(),
            promised: recorder.families.overdue.as_ref().and_then(|_| promised()),
            in_flight: CachedSeries::default(),
            first_byte: CachedSeries::default(),
            request_size: CachedSeries::default(),
            response_size: CachedSeries::default(),
            aborted: Default::default(),
            upgrades: CachedSeries::default(),
            upgrades_open: CachedSeries::default(),
            by_ending: Default::default(),
            within: Mutex::default(),
        };
        series.declare_overdue();
        series
    }

    /// Creates the series of overdue requests at zero, if the program bounds its label values, so that the first one is an
    /// increase.
    fn declare_overdue(&self) {
        if self.promised.is_some() && self.origin == Origin::Router && self.recorder.extracted.is_empty() {
            let ending = Ending { outcome: Outcome::Cancelled, status: None, is_stream: false };
            let extracted = &ExtractedValues::default();
            let (start, request_bytes, response_bytes) = (Moment::ZERO, None, 0);
            drop(self.overdue(&FinishedRequest { ending, start, extracted, request_bytes, response_bytes }));
        }
    }

    /// Returns the series of overdue requests, or `None` if they are not counted.
    fn overdue(&self, request: &FinishedRequest<'_>) -> Option<family::Series<'_, Counter>> {
        let family = self.recorder.families.overdue.as_ref()?;
        let full = LabelValues::of(self, request, Detail::Full);
        let bounded = Bounded { series: self, request, full, is_open: self.is_open(request) };
        Some(bounded.series(family, LabelValues::duration))
    }

    /// Returns the same series without the excluded families, or `None` if no family is left.
    pub(super) fn without(&self, excluded: [bool; Families::COUNT]) -> Option<Shared<Self>> {
        // No step below panics, so the data behind a poisoned lock is consistent.
        let mut within = self.within.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, series)) = within.iter().find(|(others, _)| *others == excluded) {
            return series.clone();
        }
        let families = self.recorder.families.without(excluded);
        let is_left = families.addresses().iter().any(Option::is_some);
        let series = is_left.then(|| {
            let (duration_status, status_classes) = (self.recorder.duration_status, self.recorder.status_classes);
            let extracted = Arc::clone(&self.recorder.extracted);
            let is_static = self.recorder.is_static();
            let latencies = Arc::clone(&self.recorder.latencies);
            let recorder = Recorder { families, duration_status, status_classes, extracted, latencies };
            let recorder = Shared::new(recorder, is_static);
            Shared::new(Self::new(&recorder, &self.endpoint, self.origin, self.method), is_static)
        });
        within.push((excluded, series.clone()));
        series
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    #[inline]
    pub(super) fn method(&self) -> usize {
        self.method
    }

    #[inline]
    pub(super) fn records_more(&self) -> bool {
        self.records_more
    }

    /// Returns the series with the labels `method` and `endpoint`, and these further ones.
    #[inline]
    fn cached<'s, M: Metric>(&self, family: &'s Family<M>, cache: &CachedSeries, further: &[&str]) -> &'s M {
        match *cache.0.get_or_init(|| self.place(family, further)) {
            Some(Place { number, is_beyond }) => {
                if is_beyond {
                    family.count_overflow();
                }
                numbered(family, number)
            }
            None => family.overflow(),
        }
    }

    /// Returns the place of the series with these labels. It is cached even if the family is full: a gauge must be
    /// decremented in the series in which it was incremented.
    #[cold]
    fn place<M: Metric>(&self, family: &Family<M>, further: &[&str]) -> Option<Place> {
        let values = |endpoint| [METHODS[self.method], endpoint].into_iter().chain(further.iter().copied());
        let values = |endpoint| values(endpoint).collect::<Vec<_>>();
        let (number, is_beyond) = match self.origin {
            Origin::Router => (family.known_number(&values(&self.endpoint))?, false),
            Origin::Extracted => match limited_place(family, &values(&self.endpoint)) {
                Some(number) => (number, false),
                None => (family.known_number(&values(OVERFLOW))?, true),
            },
            Origin::Overflow => (family.known_number(&values(OVERFLOW))?, true),
        };
        Some(Place { number, is_beyond })
    }

    /// Returns the gauge that was incremented, without counting an overflow again. Not inlined, because the gauges are
    /// off by default.
    #[inline(never)]
    fn entered<'s>(family: &'s Family<InFlight>, cache: &CachedSeries) -> &'s InFlight {
        let place = cache.0.get().copied().flatten();
        place.and_then(|place| family.numbered(place.number)).unwrap_or_else(|| family.overflow_series())
    }

    #[inline]
    pub(super) fn enter(&self) {
        if let Some(family) = &self.recorder.families.in_flight {
            self.cached(family, &self.in_flight, &[]).enter();
        }
    }

    #[inline]
    pub(super) fn exit(&self) {
        if let Some(family) = &self.recorder.families.in_flight {
            Self::entered(family, &self.in_flight).exit();
        }
    }

    #[inline]
    pub(super) fn observe_first_byte(&self, start: Moment) {
        if let Some(family) = &self.recorder.families.first_byte {
            self.cached(family, &self.first_byte, &[]).observe_nanos(start.elapsed_nanos());
        }
    }

    pub(super) fn open_upgrade(&self) {
        if let Some(family) = &self.recorder.families.upgrades_open {
            self.cached(family, &self.upgrades_open, &[]).enter();
        }
    }

    pub(super) fn close_upgrade(&self) {
        if let Some(family) = &self.recorder.families.upgrades_open {
            Self::entered(family, &self.upgrades_open).exit();
        }
    }

    /// Records a request that is over in the shards of the thread. Returns `false`, and records nothing, if it has none for
    /// the ending yet, or if they are not all that is recorded.
    #[inline]
    pub(super) fn record_usual(&self, ending: Ending, start: Moment) -> bool {
        if self.records_more {
            return false;
        }
        let mut cached = self.by_ending.iter().map_while(|cached| Some((cached.series.get()?, &cached.shards)));
        let Some((series, shards)) = cached.find(|(series, _)| series.ending == ending) else { return false };
        let ticks = start.elapsed();
        let Some(shards) = shards.existing(Thread::known()) else { return false };
        shards.record(ticks);
        if exemplars::is_installed() {
            self.record_exemplars(series, ticks);
        }
        true
    }

    /// Records a request that is over.
    #[inline(never)]
    pub(super) fn record(&self, request: &FinishedRequest<'_>) {
        if self.records_more {
            self.record_more(request);
        }
        if let Some(aborted) = request.ending.aborted() {
            self.record_aborted(aborted, request);
        }
        match self.ending_series(request) {
            Some((series, shards)) => self.record_cached(series, shards, request.start.elapsed()),
            None => self.record_uncached(request),
        }
    }

    fn record_cached(&self, series: &EndingSeries, shards: &RequestShards, ticks: Ticks) {
        let (families, thread) = (&self.recorder.families, Thread::current());
        let duration = series.duration.get(families.duration.as_ref());
        let opentelemetry = series.opentelemetry.get(families.opentelemetry.as_ref());
        for histogram in [duration, opentelemetry].into_iter().flatten() {
            histogram.observe_nanos_by(thread, ticks.nanos());
        }
        if self.records_more {
            self.exit();
        }
        // Last: a scrape that includes this count includes everything else about the request.
        if let Some(requests) = series.requests.get(families.requests.as_ref()) {
            requests.inc_by_thread(thread);
        }
        if exemplars::is_installed() {
            self.record_exemplars(series, ticks);
        }
        if !self.records_more {
            series.create_shards(shards, thread);
        }
    }

    /// Records the sizes and the upgrade of a request that is over.
    fn record_more(&self, request: &FinishedRequest<'_>) {
        let families = &self.recorder.families;
        if let (Some(family), Some(bytes)) = (&families.request_size, request.request_bytes) {
            self.cached(family, &self.request_size, &[]).observe(bytes as f64);
        }
        if let Some(family) = &families.response_size
            && request.ending.has_size()
        {
            self.cached(family, &self.response_size, &[]).observe(request.response_bytes as f64);
        }
        if let Some(family) = &families.upgrades
            && request.ending.outcome == Outcome::Upgraded
        {
            self.cached(family, &self.upgrades, &[]).inc();
        }
    }

    /// Attaches the current trace as an exemplar to the series of a recorded request.
    #[cold]
    #[inline(never)]
    fn record_exemplars(&self, series: &EndingSeries, ticks: Ticks) {
        let Some(exemplar) = exemplars::current() else { return };
        let families = &self.recorder.families;
        let seconds = ticks.nanos() as f64 / 1e9;
        attach(families.duration.as_ref(), series.duration, seconds, &exemplar);
        attach(families.opentelemetry.as_ref(), series.opentelemetry, seconds, &exemplar);
        attach(families.requests.as_ref(), series.requests, 1.0, &exemplar);
    }

    /// Counts an aborted response, and a broken promise.
    fn record_aborted(&self, aborted: Aborted, request: &FinishedRequest<'_>) {
        if let Some(family) = &self.recorder.families.aborted {
            self.cached(family, &self.aborted[aborted as usize], &aborted.labels()).inc();
        }
        if let Some(promised) = self.promised
            && request.ending.may_be_overdue()
            && request.start.elapsed_nanos() as f64 / 1e9 > promised
            && let Some(overdue) = self.overdue(request)
        {
            overdue.inc();
        }
    }

    /// Returns the cached series for this ending, or `None` if an operation counts as an overflow or the cache is full.
    fn ending_series(&self, request: &FinishedRequest<'_>) -> Option<(&EndingSeries, &RequestShards)> {
        let mut new = None;
        for slot in &self.by_ending {
            let series = match slot.series.get() {
                Some(series) => series,
                None => {
                    let created = match new {
                        Some(created) => created,
                        None => *new.insert(self.create_ending_series(request)?),
                    };
                    // Another thread may have filled this slot meanwhile, for another ending.
                    slot.series.get_or_init(|| created)
                }
            };
            if series.ending == request.ending {
                return Some((series, &slot.shards));
            }
        }
        None
    }

    #[cold]
    fn create_ending_series(&self, request: &FinishedRequest<'_>) -> Option<EndingSeries> {
        if self.origin == Origin::Overflow || !self.recorder.extracted.is_empty() {
            return None;
        }
        let ending = request.ending;
        let is_open = self.is_open(request);
        let values = LabelValues::of(self, request, Detail::Full);
        let recorder = &self.recorder;
        Some(EndingSeries {
            ending,
            aborted: ending.aborted(),
            requests: stored(recorder, |families| families.requests.as_ref(), values.requests(), is_open)?,
            duration: stored(
                recorder,
                |families| families.duration.as_ref().filter(|_| ending.has_duration()),
                values.duration(),
                is_open,
            )?,
            opentelemetry: stored(
                recorder,
                |families| families.opentelemetry.as_ref().filter(|_| ending.has_opentelemetry()),
                &values.opentelemetry,
                is_open,
            )?,
        })
    }

    /// Returns `true` if a client can vary a label value of this request, so the limit of series applies to it.
    fn is_open(&self, request: &FinishedRequest<'_>) -> bool {
        self.origin == Origin::Extracted
            || request.ending.has_unserved_method() && METHODS[self.method] != labels::OTHER
            || self.recorder.extracted.is_open(*request.extracted)
    }

    /// Records a request whose series are not cached: there are extracted labels, an operation counts as an overflow,
    /// or the cache is full.
    fn record_uncached(&self, request: &FinishedRequest<'_>) {
        let (families, ending) = (&self.recorder.families, request.ending);
        let nanos = request.start.elapsed_nanos();
        let full = LabelValues::of(self, request, Detail::Full);
        let bound = Bounded { series: self, request, full, is_open: self.is_open(request) };
        let duration = families.duration.as_ref().filter(|_| ending.has_duration());
        let duration = duration.map(|family| (family, bound.series(family, LabelValues::duration)));
        let opentelemetry = families.opentelemetry.as_ref().filter(|_| ending.has_opentelemetry());
        let opentelemetry = opentelemetry.map(|family| (family, bound.series(family, LabelValues::opentelemetry)));
        for (_, series) in [&duration, &opentelemetry].into_iter().flatten() {
            series.observe_nanos(nanos);
        }
        self.exit();
        let requests = families.requests.as_ref().map(|family| (family, bound.series(family, LabelValues::requests)));
        if let Some((_, series)) = &requests {
            series.inc();
        }
        if let Some(exemplar) = exemplars::current() {
            for (family, series) in [duration, opentelemetry].into_iter().flatten() {
                family.exemplify(&*series, nanos as f64 / 1e9, &exemplar);
            }
            if let Some((family, series)) = requests {
                family.exemplify(&*series, 1.0, &exemplar);
            }
        }
    }
}

/// The look-up of the series of a request, within their bounds.
struct Bounded<'a> {
    series: &'a Series,
    request: &'a FinishedRequest<'a>,
    full: LabelValues<'a>,
    is_open: bool,
}

impl<'a> Bounded<'a> {
    /// Returns the series of the request. If it is new and the limit is reached, returns the series in which only the
    /// values that a client can vary are replaced, so that the status of a request is never lost.
    fn series<'f, M: Metric>(
        &self,
        family: &'f Family<M>,
        select: impl for<'v> Fn(&'v LabelValues<'a>) -> &'v [&'a str],
    ) -> family::Series<'f, M> {
        let values = select(&self.full);
        let known = |values| family::Series::held(family.known_series(values));
        let series = if self.is_open { family.within_limit(values) } else { Some(known(values)) };
        if let Some(series) = series {
            if values.contains(&OVERFLOW) {
                family.count_overflow();
            }
            return series;
        }
        let bounded = LabelValues::of(self.series, self.request, Detail::Bounded);
        family.count_full();
        known(select(&bounded))
    }
}

/// Attaches an exemplar to a series.
fn attach<M: Metric>(
    family: Option<&Family<M>>,
    series: StoredSeries<M>,
    value: f64,
    exemplar: &(Exemplar, SystemTime),
) {
    if let Some(family) = family
        && let Some(series) = series.get(Some(family))
    {
        family.exemplify(series, value, exemplar);
    }
}

/// The maximum number of label values of a series: method, endpoint, status and the extracted labels.
const MAX_VALUES: usize = 3 + MAX_LABELS;

/// The detail of label values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// All values as they are.
    Full,
    /// The values that the program bounds. Those that a client can vary are `_OTHER` for a method and `_overflow`
    /// otherwise.
    Bounded,
}

/// The label values of a request that is over.
struct LabelValues<'a> {
    /// The values of the counter, and of the duration, which may have no status.
    values: [[&'a str; MAX_VALUES]; 2],
    len: [usize; 2],
    opentelemetry: [&'a str; 4],
}

impl<'a> LabelValues<'a> {
    fn of(series: &'a Series, request: &'a FinishedRequest<'_>, detail: Detail) -> Self {
        let (recorder, ending) = (&*series.recorder, &request.ending);
        let is_bounded = detail == Detail::Bounded;
        let method = if is_bounded && ending.has_unserved_method() { labels::OTHER } else { METHODS[series.method] };
        let endpoint = if is_bounded && series.origin == Origin::Extracted { OVERFLOW } else { &series.endpoint };
        let route = if endpoint == labels::UNMATCHED { "" } else { endpoint };
        let status = if recorder.status_classes { labels::class(ending.status()) } else { ending.status() };
        let [code, error] = ending.opentelemetry();
        let mut values =
            Self { values: [[""; MAX_VALUES]; 2], len: [0; 2], opentelemetry: [method, route, code, error] };
        for (family, with_status) in [true, recorder.duration_status].into_iter().enumerate() {
            let status = with_status.then_some(status);
            let extracted = recorder.extracted.texts(request.extracted, is_bounded);
            let all = [method, endpoint].into_iter().chain(status).chain(extracted);
            for (slot, value) in values.values[family].iter_mut().zip(all) {
                *slot = value;
                values.len[family] += 1;
            }
        }
        values
    }

    fn requests(&self) -> &[&'a str] {
        &self.values[0][..self.len[0]]
    }

    fn duration(&self) -> &[&'a str] {
        &self.values[1][..self.len[1]]
    }

    fn opentelemetry(&self) -> &[&'a str] {
        &self.opentelemetry
    }
}
