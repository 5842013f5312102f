//! The series of one set of label values in all families of a call site, and the recording of a call into them.

use std::panic::RefUnwindSafe;
use std::sync::OnceLock;
use std::time::SystemTime;

use super::families::{SiteFamilies, SiteFamily};
use crate::exemplars::{self, Exemplar};
use crate::family::Metric;
use crate::metric::{Counter, Histogram, InFlight, Moment, Thread};
use crate::schema::Outcome;

/// The series of one set of label values, in all families of a call site.
#[derive(Debug)]
pub struct Series {
    families: &'static SiteFamilies,
    /// `true` if durations are recorded. The clock is not read otherwise.
    timed: bool,
    /// `true` if calls in flight are counted.
    counts_in_flight: bool,
    /// The entry values, followed by the values of the result if these are known.
    values: Box<[Box<str>]>,
    calls: [CachedSeries<Counter>; Outcome::ALL.len()],
    duration: CachedSeries<Histogram>,
    observed: CachedSeries<Histogram>,
    added: CachedSeries<Counter>,
    in_flight: OnceLock<Option<EnteredGauge>>,
}

/// The gauge of the calls in flight.
#[derive(Clone, Copy, Debug)]
struct EnteredGauge {
    gauge: &'static InFlight,
    /// `true` if it is an overflow series, where every call is counted.
    overflows: bool,
}

/// The series of one family, looked up when it is first needed; `None` if the call site has no such family.
type CachedSeries<M> = OnceLock<Option<&'static M>>;

// A panic leaves the atomic numbers valid. Futures store a reference to their series until the first poll.
impl RefUnwindSafe for Series {}

impl Series {
    pub(super) fn new(families: &'static SiteFamilies, values: &[&str]) -> Self {
        Self {
            families,
            timed: families.duration.is_some(),
            counts_in_flight: families.in_flight.is_some(),
            values: values.iter().map(|value| Box::from(*value)).collect(),
            calls: [const { OnceLock::new() }; Outcome::ALL.len()],
            duration: OnceLock::new(),
            observed: OnceLock::new(),
            added: OnceLock::new(),
            in_flight: OnceLock::new(),
        }
    }

    /// Returns the series for the entry values of this one and the given values of the result.
    ///
    /// Not inlined, so that calls without values of the result do not reserve stack space for them.
    #[inline(never)]
    fn returned(&'static self, returned: &[&str]) -> &'static Self {
        self.families.returned(&self.values, returned)
    }

    /// Counts the call as in flight, and returns its start, or zero if the call is not timed.
    #[inline]
    pub(super) fn enter(&'static self) -> Moment {
        if self.counts_in_flight {
            self.enter_gauge();
        }
        if self.timed { Moment::now() } else { Moment::ZERO }
    }

    #[inline(never)]
    fn enter_gauge(&'static self) {
        // Cached even if it is an overflow series: the end of the call must decrement the same gauge.
        let entered = self.in_flight.get_or_init(|| {
            let (gauge, overflows) = self.look_up(self.families.in_flight.as_ref()?, Outcome::Success);
            Some(EnteredGauge { gauge, overflows })
        });
        if let (Some(site_family), Some(EnteredGauge { gauge, overflows })) = (&self.families.in_flight, entered) {
            if *overflows {
                site_family.family.count_overflow();
            }
            gauge.enter();
        }
    }

    #[inline]
    fn exit(&self) {
        if self.counts_in_flight
            && let Some(Some(entered)) = self.in_flight.get()
        {
            entered.gauge.exit();
        }
    }

    /// Records a call that has ended.
    #[inline]
    pub(super) fn end(&'static self, start: Moment, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
        let nanos = if self.timed { start.elapsed_nanos() } else { 0 };
        self.exit();
        let series = if returned.is_empty() { self } else { self.returned(returned) };
        series.record(outcome, nanos, value);
    }

    #[inline]
    fn record(&'static self, outcome: Outcome, nanos: u64, value: Option<f64>) {
        let thread = Thread::current();
        if outcome != Outcome::Cancelled
            && let Some(duration) = self.cached(&self.duration, |families| &families.duration, outcome)
        {
            duration.observe_nanos_by(thread, nanos);
        }
        if let (Some(value), Outcome::Success) = (value, outcome) {
            self.record_value(value);
        }
        // Counted last, so that a scrape that includes the call also includes its duration and value.
        if let Some(calls) = self.cached(&self.calls[outcome as usize], |families| &families.calls, outcome) {
            calls.inc_by_thread(thread);
        }
        if exemplars::is_installed() {
            self.exemplify(outcome, nanos, value);
        }
    }

    /// Stores the current exemplar with the samples of a recorded call.
    #[cold]
    #[inline(never)]
    fn exemplify(&self, outcome: Outcome, nanos: u64, value: Option<f64>) {
        fn keep<M: Metric>(
            site_family: Option<&SiteFamily<M>>,
            cached: &CachedSeries<M>,
            value: f64,
            exemplar: &(Exemplar, SystemTime),
        ) {
            // An overflow series is never cached and has no exemplars.
            if let (Some(site_family), Some(Some(series))) = (site_family, cached.get()) {
                site_family.family.exemplify(series, value, exemplar);
            }
        }
        let Some(exemplar) = exemplars::current() else { return };
        let families = self.families;
        if outcome != Outcome::Cancelled {
            keep(families.duration.as_ref(), &self.duration, nanos as f64 / 1e9, &exemplar);
        }
        if let (Some(value), Outcome::Success) = (value, outcome) {
            keep(families.observed.as_ref(), &self.observed, value, &exemplar);
            keep(families.added.as_ref(), &self.added, value, &exemplar);
        }
        keep(families.calls.as_ref(), &self.calls[outcome as usize], 1.0, &exemplar);
    }

    #[inline(never)]
    fn record_value(&'static self, value: f64) {
        if let Some(observed) = self.cached(&self.observed, |families| &families.observed, Outcome::Success) {
            observed.observe(value);
        }
        if let Some(added) = self.cached(&self.added, |families| &families.added, Outcome::Success) {
            added.add(value);
        }
    }

    /// Returns the series of one family, or `None` if the call site has no such family.
    #[inline]
    fn cached<M: Metric>(
        &'static self,
        cached: &'static CachedSeries<M>,
        site_family: fn(&SiteFamilies) -> &Option<SiteFamily<M>>,
        outcome: Outcome,
    ) -> Option<&'static M> {
        match cached.get() {
            Some(series) => *series,
            None => self.resolve(cached, site_family(self.families).as_ref(), outcome),
        }
    }

    /// Looks up the series and caches it, unless it is an overflow series, where every call is counted.
    #[cold]
    fn resolve<M: Metric>(
        &'static self,
        cached: &'static CachedSeries<M>,
        site_family: Option<&'static SiteFamily<M>>,
        outcome: Outcome,
    ) -> Option<&'static M> {
        let Some(site_family) = site_family else { return *cached.get_or_init(|| None) };
        let (series, overflows) = self.look_up(site_family, outcome);
        if overflows {
            site_family.family.count_overflow();
            return Some(series);
        }
        // The program bounds the number of series without run-time labels, so their shards are allocated at once.
        if self.families.all_labels.is_empty() {
            series.spread();
        }
        *cached.get_or_init(|| Some(series))
    }

    /// Looks up the series by its label values. Returns `true` with an overflow series.
    fn look_up<M: Metric>(&self, site_family: &SiteFamily<M>, outcome: Outcome) -> (&'static M, bool) {
        site_family.find(&self.values, self.families.entry_labels.len(), outcome)
    }
}
