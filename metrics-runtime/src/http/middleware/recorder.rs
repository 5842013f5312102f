//! The families of a layer, and the series of each route and method.

use std::sync::OnceLock;
use std::time::SystemTime;

use http::StatusCode;

use super::extract::{ExtractedLabels, ExtractedValues, MAX_LABELS};
use super::labels::{self, METHODS, RequestOutcome};
use super::shared::Shared;
use crate::exemplars::{self, Exemplar};
use crate::family::{Family, Metric};
use crate::metric::{Counter, Histogram, InFlight, Moment, Thread};

/// The families of a layer, `None` for each metric that is switched off.
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

/// The families and label settings that all requests of a layer share.
pub(super) struct Recorder {
    pub(super) families: Families,
    /// `true` if the duration has the label `status`.
    pub(super) duration_status: bool,
    /// `true` if statuses are recorded as classes.
    pub(super) status_classes: bool,
    pub(super) extracted: ExtractedLabels,
}

/// The cached number of a series in its family.
#[derive(Default)]
struct CachedSeries(OnceLock<u32>);

/// In place of a number: the overflow series, because the family is full.
const OVERFLOW_SERIES: u32 = u32::MAX;
/// In place of a number: the metric is not recorded.
const NOT_RECORDED: u32 = u32::MAX - 1;

impl CachedSeries {
    #[inline]
    fn get_or_create<'f, M: Metric>(
        &self,
        family: &'f Family<M>,
        values: impl FnOnce() -> [&'f str; 3],
        len: usize,
    ) -> &'f M {
        // Cached even if the family is full: a gauge must be decremented in the series in which it was incremented.
        let number = *self.0.get_or_init(|| create_series(family, &values()[..len]).unwrap_or(OVERFLOW_SERIES));
        numbered(family, number)
    }

    /// Returns the series that [`get_or_create`](Self::get_or_create) returned. Does not count a further operation if
    /// it is the overflow series.
    #[inline]
    fn get<'f, M: Metric>(&self, family: &'f Family<M>) -> &'f M {
        let series = self.0.get().and_then(|&number| family.numbered(number));
        series.unwrap_or_else(|| family.overflow_series())
    }
}

/// Returns the number of the series with these values, or `None` if the family is full.
///
/// The program bounds the number of these series, so each gets its shards at once.
fn create_series<M: Metric>(family: &Family<M>, values: &[&str]) -> Option<u32> {
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
    recorder: Shared<Recorder>,
    endpoint: Box<str>,
    method: usize,
    in_flight: CachedSeries,
    first_byte: CachedSeries,
    request_size: CachedSeries,
    response_size: CachedSeries,
    aborted: [CachedSeries; 2],
    upgrades: CachedSeries,
    upgrades_open: CachedSeries,
    by_outcome: [OnceLock<OutcomeSeries>; 8],
}

/// The numbers of the series for one outcome and one status of the response.
#[derive(Clone, Copy)]
struct OutcomeSeries {
    outcome: RequestOutcome,
    status: Option<StatusCode>,
    requests: u32,
    duration: u32,
    opentelemetry: u32,
}

/// A request that is over.
pub(super) struct FinishedRequest<'a> {
    pub(super) outcome: RequestOutcome,
    /// The status of the response, if there was one.
    pub(super) status: Option<StatusCode>,
    pub(super) start: Moment,
    pub(super) extracted: &'a ExtractedValues,
    /// The bytes read of the request body, if they were counted.
    pub(super) request_bytes: Option<u64>,
    /// The bytes sent of the response body.
    pub(super) response_bytes: u64,
}

impl Series {
    pub(super) fn new(recorder: &Shared<Recorder>, endpoint: &str, method: usize) -> Self {
        Self {
            recorder: recorder.clone(),
            endpoint: endpoint.into(),
            method,
            in_flight: CachedSeries::default(),
            first_byte: CachedSeries::default(),
            request_size: CachedSeries::default(),
            response_size: CachedSeries::default(),
            aborted: Default::default(),
            upgrades: CachedSeries::default(),
            upgrades_open: CachedSeries::default(),
            by_outcome: Default::default(),
        }
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(super) fn method(&self) -> usize {
        self.method
    }

    /// Returns the series with the labels `method` and `endpoint`.
    #[inline]
    fn cached<'s, M: Metric>(&'s self, family: &'s Family<M>, cache: &CachedSeries) -> &'s M {
        cache.get_or_create(family, || [METHODS[self.method], &self.endpoint, ""], 2)
    }

    #[inline]
    pub(super) fn enter(&self) {
        if let Some(family) = &self.recorder.families.in_flight {
            self.cached(family, &self.in_flight).enter();
        }
    }

    #[inline]
    pub(super) fn exit(&self) {
        if let Some(family) = &self.recorder.families.in_flight {
            self.in_flight.get(family).exit();
        }
    }

    #[inline]
    pub(super) fn observe_first_byte(&self, start: Moment) {
        if let Some(family) = &self.recorder.families.first_byte {
            self.cached(family, &self.first_byte).observe_nanos(start.elapsed_nanos());
        }
    }

    pub(super) fn open_upgrade(&self) {
        if let Some(family) = &self.recorder.families.upgrades_open {
            self.cached(family, &self.upgrades_open).enter();
        }
    }

    pub(super) fn close_upgrade(&self) {
        if let Some(family) = &self.recorder.families.upgrades_open {
            self.upgrades_open.get(family).exit();
        }
    }

    /// Records a request that is over. Called from one place only, where it is inlined.
    #[inline]
    pub(super) fn record(&self, request: &FinishedRequest<'_>) {
        let families = &self.recorder.families;
        let thread = Thread::current();
        if let (Some(family), Some(bytes)) = (&families.request_size, request.request_bytes) {
            self.cached(family, &self.request_size).observe(bytes as f64);
        }
        if let Some(family) = &families.response_size
            && request.outcome != RequestOutcome::Upgraded
        {
            self.cached(family, &self.response_size).observe(request.response_bytes as f64);
        }
        if let Some(family) = &families.aborted {
            self.record_aborted(family, request);
        }
        if let Some(family) = &families.upgrades
            && request.outcome == RequestOutcome::Upgraded
        {
            self.cached(family, &self.upgrades).inc();
        }
        let series = if self.recorder.extracted.is_empty() { self.outcome_series(request) } else { None };
        let Some(series) = series else { return self.record_uncached(request) };
        let mut nanos = 0;
        if series.duration != NOT_RECORDED || series.opentelemetry != NOT_RECORDED {
            nanos = request.start.elapsed_nanos();
            for (family, number) in
                [(&families.duration, series.duration), (&families.opentelemetry, series.opentelemetry)]
            {
                if let Some(family) = family
                    && number != NOT_RECORDED
                {
                    numbered(family, number).observe_nanos_by(thread, nanos);
                }
            }
        }
        self.exit();
        // Last: a scrape that includes this count includes everything else about the request.
        if let Some(family) = &families.requests {
            numbered(family, series.requests).inc_by_thread(thread);
        }
        if exemplars::is_installed() {
            self.record_exemplars(series, nanos);
        }
    }

    /// Attaches the current trace as an exemplar to the series of a recorded request.
    #[cold]
    #[inline(never)]
    fn record_exemplars(&self, series: &OutcomeSeries, nanos: u64) {
        let Some(exemplar) = exemplars::current() else { return };
        let families = &self.recorder.families;
        let seconds = nanos as f64 / 1e9;
        for (family, number) in [(&families.duration, series.duration), (&families.opentelemetry, series.opentelemetry)]
        {
            attach(family.as_ref(), |family| family.numbered(number), seconds, &exemplar);
        }
        attach(families.requests.as_ref(), |family| family.numbered(series.requests), 1.0, &exemplar);
    }

    /// Counts an aborted response, by the phase that it reached.
    fn record_aborted(&self, family: &Family<Counter>, request: &FinishedRequest<'_>) {
        let phase = match (request.outcome, request.status) {
            (RequestOutcome::Cancelled, None) => 0,
            (RequestOutcome::Cancelled | RequestOutcome::Failed | RequestOutcome::Panicked, Some(_)) => 1,
            _ => return,
        };
        let values = || [METHODS[self.method], &self.endpoint, ["headers", "body"][phase]];
        self.aborted[phase].get_or_create(family, values, 3).inc();
    }

    /// Returns the cached series for this outcome and status, or `None` if a family or the cache is full.
    #[inline]
    fn outcome_series(&self, request: &FinishedRequest<'_>) -> Option<&OutcomeSeries> {
        let mut new = None;
        for slot in &self.by_outcome {
            let series = match slot.get() {
                Some(series) => series,
                None => {
                    let created = match new {
                        Some(created) => created,
                        None => *new.insert(self.create_outcome_series(request)?),
                    };
                    // Another thread may have filled this slot meanwhile, for another outcome.
                    slot.get_or_init(|| created)
                }
            };
            if series.outcome == request.outcome && series.status == request.status {
                return Some(series);
            }
        }
        None
    }

    #[cold]
    fn create_outcome_series(&self, request: &FinishedRequest<'_>) -> Option<OutcomeSeries> {
        fn number<M: Metric>(family: Option<&Family<M>>, values: &[&str]) -> Option<u32> {
            family.map_or(Some(NOT_RECORDED), |family| create_series(family, values))
        }
        let values = LabelValues::of(self, request);
        let families = &self.recorder.families;
        Some(OutcomeSeries {
            outcome: request.outcome,
            status: request.status,
            requests: number(families.requests.as_ref(), values.requests())?,
            duration: number(families.duration.as_ref().filter(|_| has_duration(request.outcome)), values.duration())?,
            opentelemetry: number(
                families.opentelemetry.as_ref().filter(|_| request.outcome != RequestOutcome::Upgraded),
                &values.opentelemetry,
            )?,
        })
    }

    /// Records a request whose series are not cached: there are extracted labels, or a family or the cache is full.
    fn record_uncached(&self, request: &FinishedRequest<'_>) {
        let values = LabelValues::of(self, request);
        let families = &self.recorder.families;
        let nanos = request.start.elapsed_nanos();
        if let Some(family) = &families.duration
            && has_duration(request.outcome)
        {
            family.series(values.duration()).observe_nanos(nanos);
        }
        if let Some(family) = &families.opentelemetry
            && request.outcome != RequestOutcome::Upgraded
        {
            family.series(&values.opentelemetry).observe_nanos(nanos);
        }
        self.exit();
        if let Some(family) = &families.requests {
            family.series(values.requests()).inc();
        }
        if let Some(exemplar) = exemplars::current() {
            let seconds = nanos as f64 / 1e9;
            if has_duration(request.outcome) {
                attach(families.duration.as_ref(), |family| family.lookup(values.duration()), seconds, &exemplar);
            }
            if request.outcome != RequestOutcome::Upgraded {
                attach(
                    families.opentelemetry.as_ref(),
                    |family| family.lookup(&values.opentelemetry),
                    seconds,
                    &exemplar,
                );
            }
            attach(families.requests.as_ref(), |family| family.lookup(values.requests()), 1.0, &exemplar);
        }
    }
}

/// Attaches an exemplar to a series. Does nothing if the request was recorded in the overflow series.
fn attach<M: Metric>(
    family: Option<&Family<M>>,
    series: impl FnOnce(&Family<M>) -> Option<&M>,
    value: f64,
    exemplar: &(Exemplar, SystemTime),
) {
    if let Some(family) = family
        && let Some(series) = series(family)
    {
        family.exemplify(series, value, exemplar);
    }
}

/// Returns `true` if the duration is observed: durations of cancelled requests depend on the client, and an upgraded
/// connection has none.
fn has_duration(outcome: RequestOutcome) -> bool {
    !matches!(outcome, RequestOutcome::Cancelled | RequestOutcome::Upgraded)
}

/// The maximum number of label values of a series: method, endpoint, status and the extracted labels.
const MAX_VALUES: usize = 3 + MAX_LABELS;

/// The label values of a request that is over.
struct LabelValues<'a> {
    /// The values of the counter, and of the duration, which may have no status.
    values: [[&'a str; MAX_VALUES]; 2],
    len: [usize; 2],
    opentelemetry: [&'a str; 4],
}

impl<'a> LabelValues<'a> {
    fn of(series: &'a Series, request: &'a FinishedRequest<'_>) -> Self {
        let recorder = &*series.recorder;
        let method = METHODS[series.method];
        let endpoint: &str = &series.endpoint;
        let route = if endpoint == labels::UNMATCHED { "" } else { endpoint };
        let [code, error] = labels::opentelemetry(request.outcome, request.status.as_ref());
        let status = recorder.status(request.outcome, request.status.as_ref());
        let mut values =
            Self { values: [[""; MAX_VALUES]; 2], len: [0; 2], opentelemetry: [method, route, code, error] };
        for (family, with_status) in [true, recorder.duration_status].into_iter().enumerate() {
            let status = with_status.then_some(status);
            let all = [method, endpoint].into_iter().chain(status).chain(recorder.extracted.texts(request.extracted));
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
}

impl Recorder {
    /// Returns the value of the label `status`.
    fn status<'a>(&self, outcome: RequestOutcome, response: Option<&'a StatusCode>) -> &'a str {
        let status = labels::status(outcome, response.copied());
        match response {
            _ if self.status_classes => labels::class(status),
            Some(response) if *response == status => response.as_str(),
            _ if outcome == RequestOutcome::Cancelled => "499",
            _ => "500",
        }
    }
}
