//! The series of one upstream and one method, and the recording of a request in them.

use std::sync::OnceLock;

use http::StatusCode;

use super::cause::Cause;
use super::upstream::{Families, Recorder};
use crate::exemplars;
use crate::family::{Family, KnownSeries, Metric};
use crate::http::middleware::{Ending, METHODS, Outcome};
use crate::metric::{
    Counter, CounterShard, DurationShard, Histogram, InFlight, InFlightShard, Moment, Observed, Sharded, Thread, Ticks,
};
use crate::shared::Shared;

/// The values of the label `status`.
const STATUSES: [&str; 7] = ["1xx", "2xx", "3xx", "4xx", "5xx", "error", "cancelled"];

/// Returns the index of the class of a status in [`STATUSES`].
#[inline]
fn class(status: StatusCode) -> usize {
    // Cheaper than a division, for most responses.
    if status.is_success() {
        return 1;
    }
    // A client treats an invalid status as 5xx (RFC 9110, section 15).
    usize::from((status.as_u16() / 100 - 1).min(4))
}

/// Returns the index of the status of a request in [`STATUSES`].
#[inline]
fn status(ending: Ending) -> usize {
    match (ending.status, ending.outcome) {
        (Some(status), _) => class(status),
        (None, Outcome::Cancelled) => 6,
        (None, _) => 5,
    }
}

/// The values of the label `cause`.
const CAUSES: [&str; 7] = {
    let [connect, timeout, reset, decode, other] = Cause::ALL;
    [connect.as_str(), timeout.as_str(), reset.as_str(), decode.as_str(), other.as_str(), "cancelled", "panic"]
};

/// Returns the index of the cause in [`CAUSES`], or `None` if the request reached its end. A long-lived stream has no end
/// to reach: its reader leaves when it likes.
fn cause(ending: Ending, cause: Option<Cause>) -> Option<usize> {
    match ending.outcome {
        Outcome::Completed | Outcome::Upgraded | Outcome::Unread => None,
        Outcome::Failed => Some(cause.unwrap_or(Cause::Other) as usize),
        Outcome::Cancelled => (!ending.is_stream).then_some(5),
        Outcome::Panicked => Some(6),
    }
}

/// The series of one method.
pub(super) struct Series {
    recorder: Shared<Recorder>,
    method: usize,
    /// `true` if the layer records the times of first bytes or sizes. The code for them is out of line.
    records_more: bool,
    requests: [KnownSeries<Counter>; STATUSES.len()],
    duration: KnownSeries<Histogram>,
    errors: [KnownSeries<Counter>; CAUSES.len()],
    in_flight: KnownSeries<InFlight>,
    first_byte: KnownSeries<Histogram>,
    retries: KnownSeries<Counter>,
    request_size: KnownSeries<Histogram>,
    response_size: KnownSeries<Histogram>,
    /// The shards of each thread in the series above, once these have shards.
    shards: Sharded<ThreadShards>,
}

/// The shards that the requests of one thread record into, found by one look-up. A shard is `None` if its metric is
/// switched off.
struct ThreadShards {
    in_flight: Option<InFlightShard<'static>>,
    duration: Option<DurationShard<'static>>,
    /// By status, each from its first request on.
    requests: [OnceLock<Option<CounterShard<'static>>>; STATUSES.len()],
}

impl ThreadShards {
    /// Counts a request that is over, after its duration.
    #[inline]
    fn count(&self, requests: Option<CounterShard<'_>>) {
        if let Some(in_flight) = self.in_flight {
            in_flight.exit();
        }
        // Last: a scrape that includes this count includes everything else about the request.
        if let Some(requests) = requests {
            requests.inc();
        }
    }
}

/// A request that is over.
pub(super) struct FinishedRequest {
    pub(super) ending: Ending,
    /// The cause of a failure.
    pub(super) cause: Option<Cause>,
    pub(super) start: Moment,
    pub(super) is_retry: bool,
    pub(super) request_bytes: Option<u64>,
    pub(super) response_bytes: u64,
}

impl Series {
    /// Creates the series of a method. Its counters start at zero, so that the first error is an increase.
    pub(super) fn new(recorder: &Shared<Recorder>, method: usize) -> Self {
        let Families { first_byte, request_size, response_size, .. } = &recorder.families;
        let series = Self {
            recorder: recorder.clone(),
            method,
            records_more: [first_byte, request_size, response_size].into_iter().any(Option::is_some),
            requests: Default::default(),
            duration: KnownSeries::default(),
            errors: Default::default(),
            in_flight: KnownSeries::default(),
            first_byte: KnownSeries::default(),
            retries: KnownSeries::default(),
            request_size: KnownSeries::default(),
            response_size: KnownSeries::default(),
            shards: Sharded::new(),
        };
        // Only few methods can be answered with 1xx.
        for status in 1..STATUSES.len() {
            series.requests(status);
        }
        for cause in 0..CAUSES.len() {
            series.errors(cause);
        }
        series.retries();
        series
    }

    #[inline]
    pub(super) fn method(&self) -> usize {
        self.method
    }

    #[inline]
    pub(super) fn records_more(&self) -> bool {
        self.records_more
    }

    fn values<'a, const N: usize>(&'a self, further: [&'a str; N]) -> Vec<&'a str> {
        [&*self.recorder.name, METHODS[self.method]].into_iter().chain(further).collect()
    }

    /// Returns the series of a family with these further label values, or `None` if the metric is switched off.
    #[inline]
    fn get<M: Metric, const N: usize>(
        &self,
        known: &KnownSeries<M>,
        family: fn(&Families) -> Option<&Family<M>>,
        further: [&str; N],
    ) -> Option<&M> {
        known.get(&self.recorder, |recorder| family(&recorder.families), || self.values(further))
    }

    fn requests(&self, status: usize) -> Option<&Counter> {
        self.get(&self.requests[status], |families| families.requests.as_ref(), [STATUSES[status]])
    }

    fn errors(&self, cause: usize) -> Option<&Counter> {
        self.get(&self.errors[cause], |families| families.errors.as_ref(), [CAUSES[cause]])
    }

    fn retries(&self) -> Option<&Counter> {
        self.get(&self.retries, |families| families.retries.as_ref(), [])
    }

    fn duration(&self) -> Option<&Histogram> {
        self.get(&self.duration, |families| families.duration.as_ref(), [])
    }

    #[inline]
    fn in_flight(&self) -> Option<&InFlight> {
        self.get(&self.in_flight, |families| families.in_flight.as_ref(), [])
    }

    #[inline]
    pub(super) fn enter(&self) {
        match self.shards.existing(Thread::known()) {
            Some(ThreadShards { in_flight: Some(in_flight), .. }) => in_flight.enter(),
            Some(_) => {}
            None => self.enter_slowly(),
        }
    }

    #[inline(never)]
    fn enter_slowly(&self) {
        if let Some(in_flight) = self.in_flight() {
            in_flight.enter();
        }
    }

    pub(super) fn exit(&self) {
        if let Some(in_flight) = self.in_flight() {
            in_flight.exit();
        }
    }

    #[cold]
    pub(super) fn observe_first_byte(&self, start: Moment) {
        if let Some(first_byte) = self.get(&self.first_byte, |families| families.first_byte.as_ref(), []) {
            first_byte.observe_nanos(start.elapsed_nanos());
        }
    }

    /// Records the default metrics of a request whose response was read to its end. Returns `false`, and records nothing,
    /// if the thread has no shards for it yet.
    #[inline]
    pub(super) fn record_completed(&self, status: StatusCode, ticks: Ticks) -> bool {
        let Some(shards) = self.shards.existing(Thread::known()) else { return false };
        let status = class(status);
        let Some(requests) = shards.requests[status].get() else { return false };
        // A call of a function in the middle would cost all requests the registers that are saved around it.
        let observed = shards.duration.as_ref().map_or(Observed::Whole, |duration| duration.observe(ticks));
        if !matches!(observed, Observed::Whole) || exemplars::is_installed() {
            self.complete_slowly(shards, status, ticks, observed);
            return true;
        }
        shards.count(*requests);
        true
    }

    /// Records what is left of a request whose duration was observed.
    #[cold]
    #[inline(never)]
    fn complete_slowly(&self, shards: &ThreadShards, status: usize, ticks: Ticks, observed: Observed) {
        if let Some(duration) = &shards.duration {
            match observed {
                Observed::Whole => {}
                Observed::Carry => duration.carry(),
                Observed::Nothing => duration.observe_slowly(ticks),
            }
        }
        shards.count(shards.requests[status].get().copied().flatten());
        if exemplars::is_installed() {
            self.record_exemplars(status, Some(ticks));
        }
    }

    /// Records a request that is over.
    #[inline(never)]
    pub(super) fn record(&self, request: &FinishedRequest) {
        let (ending, thread) = (request.ending, Thread::current());
        let duration = if ending.has_duration() { self.duration() } else { None };
        let ticks = duration.map(|_| request.start.elapsed());
        if let (Some(duration), Some(ticks)) = (duration, ticks) {
            duration.observe_nanos_by(thread, ticks.nanos());
        }
        self.record_sizes(request);
        if let Some(cause) = cause(ending, request.cause)
            && let Some(errors) = self.errors(cause)
        {
            errors.inc_by_thread(thread);
        }
        if request.is_retry
            && let Some(retries) = self.retries()
        {
            retries.inc_by_thread(thread);
        }
        self.exit();
        let status = status(ending);
        // Last, as above.
        if let Some(requests) = self.requests(status) {
            requests.inc_by_thread(thread);
        }
        if exemplars::is_installed() {
            self.record_exemplars(status, ticks);
        }
        if ending.outcome == Outcome::Completed {
            self.create_shards(thread, status);
        }
    }

    /// Creates the shards of a thread for this status, unless one of the series has none.
    #[cold]
    fn create_shards(&self, thread: Thread, status: usize) -> Option<()> {
        let (in_flight, duration) = (self.in_flight.lasting()?, self.duration.lasting()?);
        let requests = self.requests[status].lasting()?;
        // `None` too if a series that is recorded has no shard.
        let in_flight = in_flight.map_or(Some(None), |in_flight| in_flight.shard(thread).map(Some))?;
        let requests = requests.map_or(Some(None), |requests| requests.shard(thread).map(Some))?;
        let duration = duration.map_or(Some(None), |duration| {
            duration.has_duration_shards().then(|| duration.duration_shard(thread))?.map(Some)
        })?;
        self.shards.spread();
        let shards = self.shards.of(thread, || ThreadShards { in_flight, duration, requests: Default::default() })?;
        shards.requests[status].get_or_init(|| requests);
        Some(())
    }

    fn record_sizes(&self, request: &FinishedRequest) {
        if let Some(bytes) = request.request_bytes
            && let Some(size) = self.get(&self.request_size, |families| families.request_size.as_ref(), [])
        {
            size.observe(bytes as f64);
        }
        if request.ending.status.is_some()
            && request.ending.has_size()
            && let Some(size) = self.get(&self.response_size, |families| families.response_size.as_ref(), [])
        {
            size.observe(request.response_bytes as f64);
        }
    }

    /// Attaches the current trace as an exemplar to the series of a recorded request, and of its duration if it has one.
    #[cold]
    #[inline(never)]
    fn record_exemplars(&self, status: usize, ticks: Option<Ticks>) {
        let Some(exemplar) = exemplars::current() else { return };
        let families = &self.recorder.families;
        if let (Some(family), Some(series), Some(ticks)) = (&families.duration, self.duration(), ticks) {
            family.exemplify(series, ticks.nanos() as f64 / 1e9, &exemplar);
        }
        if let (Some(family), Some(series)) = (&families.requests, self.requests(status)) {
            family.exemplify(series, 1.0, &exemplar);
        }
    }
}
