//! The series of one set of label values in all families of a call site, and the recording of a call into them.

use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use super::erased::Erased;
use super::families::{SiteFamilies, SiteFamily};
use super::recent::OwnEntry;
use crate::exemplars::{self, Exemplar};
use crate::family::{Checked, Metric, Removable, StoredSeries};
use crate::metric::{CallShards, Counter, Histogram, InFlight, Moment, Observed, Sharded, Thread, Ticks};
use crate::schema::Outcome;

/// The series of one set of label values, in all families of a call site.
#[derive(Debug)]
pub struct Series {
    families: Erased<SiteFamilies>,
    /// `true` if durations are recorded, and nothing else is done at the start and the end of a call. Two flags, since
    /// the compiler tests two values of one number with more instructions.
    only_timed: bool,
    /// `true` if calls in flight are counted.
    counts_in_flight: bool,
    /// The entry values, followed by the values of the result if these are known.
    values: Box<[Box<str>]>,
    calls: [CachedSeries<Counter>; Outcome::ALL.len()],
    duration: CachedSeries<Histogram>,
    observed: CachedSeries<Histogram>,
    added: CachedSeries<Counter>,
    in_flight: OnceLock<Option<EnteredGauge>>,
    /// The shards of each thread in the series above, by outcome, once these have shards.
    shards: [Sharded<CallShards>; Outcome::ALL.len()],
    /// `true` if the program bounds the values, or if they stand for those beyond the limit.
    is_kept: bool,
    checked: Checked,
}

/// The gauge of the calls in flight.
#[derive(Debug)]
struct EnteredGauge {
    gauge: StoredSeries<InFlight>,
    /// `true` if it is an overflow series, where every call is counted.
    overflows: bool,
}

/// The series of one family, looked up when it is first needed; `None` if the call site has no such family.
type CachedSeries<M> = OnceLock<Option<StoredSeries<M>>>;

/// The series that a call with labels records into, kept for as long as the call.
#[derive(Debug)]
pub struct FoundSeries(Found);

#[derive(Debug)]
enum Found {
    /// Of label values that the program bounds.
    Kept(&'static Series),
    /// Of label values that are only known at run time.
    Counted(Arc<Removable<Series>>),
    /// The same, that the thread has used before.
    Own(OwnEntry),
}

impl FoundSeries {
    #[inline]
    pub(super) fn kept(series: &'static Series) -> Self {
        Self(Found::Kept(series))
    }

    /// Returns the series without a count, or itself if they are counted.
    #[inline]
    pub(super) fn into_kept(self) -> Result<&'static Series, Self> {
        match self.0 {
            Found::Kept(series) => Ok(series),
            counted => Err(Self(counted)),
        }
    }

    pub(super) fn counted(entry: Arc<Removable<Series>>) -> Self {
        Self(Found::Counted(entry))
    }

    #[inline]
    pub(super) fn own(entry: OwnEntry) -> Self {
        Self(Found::Own(entry))
    }
}

impl Deref for FoundSeries {
    type Target = Series;

    #[inline]
    fn deref(&self) -> &Series {
        match &self.0 {
            Found::Kept(series) => series,
            Found::Counted(entry) => &entry.value,
            Found::Own(entry) => &entry.value,
        }
    }
}

// As for `Series`.
impl UnwindSafe for FoundSeries {}
impl RefUnwindSafe for FoundSeries {}

// A panic leaves the atomic numbers valid. Futures store a reference to their series until the first poll.
impl RefUnwindSafe for Series {}

/// Reads the clock. Not inlined, to keep generated code small.
#[inline(never)]
fn now() -> Moment {
    Moment::now()
}

impl Series {
    /// Creates the series of values that are not bounded. They are replaced when one was removed from its family.
    pub(super) fn open(families: &'static SiteFamilies, values: &[&str]) -> Self {
        Self { is_kept: false, ..Self::kept(families, values) }
    }

    /// Creates the series of values that the program bounds, or of those beyond the limit.
    pub(super) fn kept(families: &'static SiteFamilies, values: &[&str]) -> Self {
        Self {
            families: Erased::new(families),
            only_timed: families.duration.is_some() && families.in_flight.is_none(),
            counts_in_flight: families.in_flight.is_some(),
            values: values.iter().map(|value| Box::from(*value)).collect(),
            calls: [const { OnceLock::new() }; Outcome::ALL.len()],
            duration: OnceLock::new(),
            observed: OnceLock::new(),
            added: OnceLock::new(),
            in_flight: OnceLock::new(),
            shards: std::array::from_fn(|_| Sharded::new()),
            is_kept: true,
            checked: Checked::new(),
        }
    }

    /// Returns `true` if these are the series of these values at this call site.
    #[inline]
    pub(super) fn is_of(&self, families: &SiteFamilies, values: &[&str]) -> bool {
        self.families.is(families)
            && self.values.len() == values.len()
            // An empty box has no address, and comparing nothing at no address takes 50 ns on some processors.
            && self.values.iter().zip(values).all(|(own, value)| own.len() == value.len() && (own.is_empty() || **own == **value))
    }

    /// Returns `true` if the series are those that a look-up finds.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        self.checked.is_current(|| self.is_outdated())
    }

    /// Returns `true` if a look-up may find others: one of the series was removed from its family, or the gauge had no
    /// room.
    pub(super) fn is_outdated(&self) -> bool {
        let overflows = || matches!(self.in_flight.get(), Some(Some(EnteredGauge { overflows: true, .. })));
        !self.is_kept && (self.removals().any(|is_removed| is_removed) || overflows())
    }

    /// Returns `true` if the next look-up can create the series as well. Those without one that can be removed from its
    /// family would never be outdated.
    pub(super) fn is_dispensable(&self) -> bool {
        !self.is_kept && (self.is_outdated() || self.removals().next().is_none())
    }

    /// Returns for each of the series that can be removed from its family, `true` if it was.
    fn removals(&self) -> impl Iterator<Item = bool> {
        fn removal<M>(cached: &CachedSeries<M>) -> Option<bool> {
            cached.get()?.as_ref()?.removal()
        }
        let in_flight = self.in_flight.get().and_then(Option::as_ref);
        let in_flight = in_flight.and_then(|entered| entered.gauge.removal());
        let others = [removal(&self.duration), removal(&self.observed), removal(&self.added), in_flight];
        self.calls.iter().map(removal).chain(others).flatten()
    }

    /// Counts the call as in flight, and returns its start, or zero if the call is not timed.
    #[inline]
    pub(super) fn enter(&self) -> Moment {
        if self.only_timed {
            now()
        } else if self.counts_in_flight {
            self.start_in_flight()
        } else {
            Moment::ZERO
        }
    }

    #[inline(never)]
    fn start_in_flight(&self) -> Moment {
        self.enter_gauge();
        if self.families.get().duration.is_some() { Moment::now() } else { Moment::ZERO }
    }

    fn enter_gauge(&self) {
        let entered = match self.in_flight.get() {
            Some(entered) => entered.as_ref(),
            None => self.resolve_gauge(),
        };
        if let (Some(site_family), Some(EnteredGauge { gauge, overflows })) = (&self.families.get().in_flight, entered)
        {
            if *overflows {
                site_family.family.count_overflow();
            }
            gauge.enter();
        }
    }

    /// Looks up the gauge and caches it, even an overflow series: the end of the call must decrement the same gauge.
    #[cold]
    fn resolve_gauge(&self) -> Option<&EnteredGauge> {
        let entered = self.in_flight.get_or_init(|| {
            let (gauge, overflows) = self.look_up(self.families.get().in_flight.as_ref()?, Outcome::Success);
            Some(EnteredGauge { gauge, overflows })
        });
        self.checked.demand();
        entered.as_ref()
    }

    /// Records a call that has ended, without a value and without values of the result.
    #[inline]
    pub(super) fn end(&self, start: Moment, outcome: Outcome) {
        if self.only_timed {
            self.end_timed(start, outcome);
        } else if self.counts_in_flight {
            self.end_in_flight(start, outcome);
        } else {
            // The thread is looked up here, where the series is in a saved register anyway: the compiler has to take the
            // look-up for a call.
            self.end_untimed(outcome, Thread::known());
        }
    }

    /// Here and in the next functions, a call of another function is the last step, except for what reads the clock. So
    /// few registers have to be saved.
    #[inline(never)]
    fn end_untimed(&self, outcome: Outcome, thread: Thread) {
        match self.shards[outcome as usize].existing(thread) {
            Some(shards) => self.count_by(shards, outcome, Ticks::ZERO),
            None => self.record(outcome, Ticks::ZERO, None),
        }
    }

    #[inline(never)]
    fn end_timed(&self, start: Moment, outcome: Outcome) {
        let ticks = start.elapsed();
        let thread = Thread::known();
        match self.shards[outcome as usize].existing(thread) {
            Some(shards) => match shards.observe(ticks) {
                Observed::Whole => self.count_by(shards, outcome, ticks),
                Observed::Carry => self.carry(shards, outcome, ticks),
                Observed::Nothing => self.record(outcome, ticks, None),
            },
            None => self.record(outcome, ticks, None),
        }
    }

    #[inline(never)]
    fn end_in_flight(&self, start: Moment, outcome: Outcome) {
        self.record(outcome, self.leave(start), None);
    }

    #[cold]
    #[inline(never)]
    fn carry(&self, shards: &CallShards, outcome: Outcome, ticks: Ticks) {
        shards.carry();
        self.count_by(shards, outcome, ticks);
    }

    /// Counts a call whose duration was recorded. Comes last, so that a scrape that includes the call also includes its
    /// duration and value.
    #[expect(clippy::inline_always, reason = "as for `end`")]
    #[inline(always)]
    fn count_by(&self, shards: &CallShards, outcome: Outcome, ticks: Ticks) {
        shards.count();
        if exemplars::is_installed() {
            self.exemplify(outcome, ticks, None);
        }
    }

    /// No longer counts the call as in flight, and returns its duration, or zero if the call is not timed.
    #[inline(never)]
    fn leave(&self, start: Moment) -> Ticks {
        let ticks = if self.families.get().duration.is_some() { start.elapsed() } else { Ticks::ZERO };
        if let Some(Some(entered)) = self.in_flight.get() {
            entered.gauge.exit();
        }
        ticks
    }

    /// Records a call that has ended, with the value and the values of the result.
    pub(super) fn end_with(&self, start: Moment, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
        let ticks = self.leave(start);
        if returned.is_empty() {
            self.record(outcome, ticks, value);
        } else {
            self.record_returned(outcome, ticks, value, returned);
        }
    }

    /// Records a call in the series of its entry values and these values of the result.
    ///
    /// Not inlined, so that calls without values of the result do not reserve stack space for them.
    #[inline(never)]
    fn record_returned(&self, outcome: Outcome, ticks: Ticks, value: Option<f64>, returned: &[&str]) {
        self.families.get().returned(&self.values, returned).record(outcome, ticks, value);
    }

    /// Records a call in these series.
    #[inline(never)]
    fn record(&self, outcome: Outcome, ticks: Ticks, value: Option<f64>) {
        if outcome == Outcome::Cancelled {
            return self.record_cancelled(ticks);
        }
        let thread = Thread::current();
        if let (Some(value), Outcome::Success) = (value, outcome) {
            self.record_value(value);
        }
        if self.is_kept
            && let Some(shards) = self.shards(thread, outcome)
        {
            shards.observe_slowly(ticks);
            shards.count();
        } else {
            if let Some(duration) = self.cached(&self.duration, |families| &families.duration, outcome) {
                duration.observe_nanos_by(thread, ticks.nanos());
            }
            self.count(thread, outcome);
        }
        if exemplars::is_installed() {
            self.exemplify(outcome, ticks, value);
        }
    }

    /// Returns the shards of a thread for calls with this outcome, or `None` if one of the series has no shards or can
    /// be removed.
    #[inline(never)]
    fn shards(&self, thread: Thread, outcome: Outcome) -> Option<&CallShards> {
        #[expect(clippy::option_option, reason = "no metric, a metric without a held series, or a held one")]
        fn held<M>(cached: &CachedSeries<M>) -> Option<Option<&'static M>> {
            match cached.get()? {
                Some(StoredSeries::Held(series)) => Some(Some(series)),
                Some(StoredSeries::Loose(_)) => None,
                None => Some(None),
            }
        }
        let shards = &self.shards[outcome as usize];
        if !shards.is_spread() {
            let (calls, duration) = (held(&self.calls[outcome as usize])?, held(&self.duration)?);
            if !calls.is_none_or(Counter::is_spread) || !duration.is_none_or(Histogram::has_duration_shards) {
                return None;
            }
            shards.spread();
        }
        shards.of(thread, || CallShards {
            duration: held(&self.duration).flatten().and_then(|duration| duration.duration_shard(thread)),
            calls: held(&self.calls[outcome as usize]).flatten().and_then(|calls| calls.shard(thread)),
        })
    }

    /// Records a cancelled call. It is overdue if it has broken the promise. Looks that series up each time, so that other
    /// calls do not pay for it.
    #[cold]
    fn record_cancelled(&self, ticks: Ticks) {
        let families = self.families.get();
        if let Some(overdue) = &families.overdue
            && ticks.nanos() as f64 / 1e9 > families.promised
        {
            let (series, overflows) = self.look_up(overdue, Outcome::Cancelled);
            if overflows {
                overdue.family.count_overflow();
            }
            series.inc();
        }
        self.count(Thread::current(), Outcome::Cancelled);
        if exemplars::is_installed() {
            self.exemplify(Outcome::Cancelled, ticks, None);
        }
    }

    /// Counts a recorded call. Comes last, so that a scrape that includes the call also includes its duration and value.
    #[inline]
    fn count(&self, thread: Thread, outcome: Outcome) {
        if let Some(calls) = self.cached(&self.calls[outcome as usize], |families| &families.calls, outcome) {
            calls.inc_by_thread(thread);
        }
    }

    /// Stores the current exemplar with the samples of a recorded call.
    #[cold]
    #[inline(never)]
    fn exemplify(&self, outcome: Outcome, ticks: Ticks, value: Option<f64>) {
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
        let families = self.families.get();
        if outcome != Outcome::Cancelled {
            keep(families.duration.as_ref(), &self.duration, ticks.nanos() as f64 / 1e9, &exemplar);
        }
        if let (Some(value), Outcome::Success) = (value, outcome) {
            keep(families.observed.as_ref(), &self.observed, value, &exemplar);
            keep(families.added.as_ref(), &self.added, value, &exemplar);
        }
        keep(families.calls.as_ref(), &self.calls[outcome as usize], 1.0, &exemplar);
    }

    #[inline(never)]
    fn record_value(&self, value: f64) {
        if let Some(observed) = self.cached(&self.observed, |families| &families.observed, Outcome::Success) {
            observed.observe(value);
        }
        if let Some(added) = self.cached(&self.added, |families| &families.added, Outcome::Success) {
            added.add(value);
        }
    }

    /// Returns the series of one family, or `None` if the call site has no such family.
    #[inline]
    fn cached<'s, M: Metric>(
        &self,
        cached: &'s CachedSeries<M>,
        site_family: fn(&SiteFamilies) -> &Option<SiteFamily<M>>,
        outcome: Outcome,
    ) -> Option<&'s M> {
        match cached.get() {
            Some(series) => series.as_deref(),
            None => self.resolve(cached, site_family(self.families.get()).as_ref(), outcome),
        }
    }

    /// Looks up the series and caches it, unless it is an overflow series, where every call is counted.
    #[cold]
    fn resolve<'s, M: Metric>(
        &self,
        cached: &'s CachedSeries<M>,
        site_family: Option<&'static SiteFamily<M>>,
        outcome: Outcome,
    ) -> Option<&'s M> {
        let Some(site_family) = site_family else { return cached.get_or_init(|| None).as_deref() };
        let series = match self.look_up(site_family, outcome) {
            (StoredSeries::Held(overflow), true) => {
                site_family.family.count_overflow();
                return Some(overflow);
            }
            (series, _) => series,
        };
        // The program bounds the number of series without run-time labels, so their shards are allocated at once.
        if self.families.get().all_labels.is_empty() {
            series.spread();
        }
        let cached = cached.get_or_init(|| Some(series)).as_deref();
        self.checked.demand();
        cached
    }

    /// Looks up the series by its label values. Returns `true` with an overflow series.
    fn look_up<M: Metric>(&self, site_family: &SiteFamily<M>, outcome: Outcome) -> (StoredSeries<M>, bool) {
        site_family.find(&self.values, self.families.get().entry_labels.len(), outcome)
    }
}
