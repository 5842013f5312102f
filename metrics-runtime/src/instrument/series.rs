//! The series of one set of label values, in all families of a call site: what a call does to them.

use std::sync::OnceLock;
use std::time::SystemTime;

use super::families::{Families, Part};
use crate::exemplars::{self, Exemplar};
use crate::family::Metric;
use crate::metric::{Counter, Histogram, InFlight, Moment, Thread};
use crate::schema::outcome::Outcome;

/// The series of one set of label values.
#[derive(Debug)]
pub struct Series {
    families: &'static Families,
    /// Whether anybody asks how long calls take: nobody looks at the clock otherwise.
    timed: bool,
    /// Whether calls under way are counted.
    gauged: bool,
    /// The entry and returned values, or nothing for the overflow.
    values: Option<Box<[Box<str>]>>,
    calls: [Found<Counter>; Outcome::ALL.len()],
    duration: Found<Histogram>,
    observed: Found<Histogram>,
    added: Found<Counter>,
    in_flight: Found<InFlight>,
}

/// One of them, once it was needed; nothing where the call site has no such family.
type Found<M> = OnceLock<Option<&'static M>>;

impl Series {
    pub(super) fn new(families: &'static Families, values: Option<&[&str]>) -> Self {
        Self {
            families,
            timed: families.duration.is_some(),
            gauged: families.in_flight.is_some(),
            values: values.map(|values| values.iter().map(|value| Box::from(*value)).collect()),
            calls: [const { OnceLock::new() }; Outcome::ALL.len()],
            duration: OnceLock::new(),
            observed: OnceLock::new(),
            added: OnceLock::new(),
            in_flight: OnceLock::new(),
        }
    }

    /// The series of an ended call: its entry values stand in this one. Apart from the calls that have no such values,
    /// which are not to make room for them.
    #[inline(never)]
    fn returned(&'static self, returned: &[&str]) -> &'static Self {
        self.values.as_deref().map_or(self, |entry| self.families.returned(entry, returned))
    }

    /// When the call starts, if it is timed.
    #[inline]
    pub(super) fn enter(&'static self) -> Moment {
        if self.gauged {
            self.enter_gauge();
        }
        if self.timed { Moment::now() } else { Moment::ZERO }
    }

    #[inline(never)]
    fn enter_gauge(&'static self) {
        // Remembered even if it is the overflow: the way out has to find the same gauge.
        let gauge = self.in_flight.get_or_init(|| {
            let part = self.families.in_flight.as_ref()?;
            Some(self.look_up(part, Outcome::Success).unwrap_or_else(|| part.family.overflow_series()))
        });
        if let (Some(part), Some(gauge)) = (&self.families.in_flight, gauge) {
            part.family.count_if_overflow(gauge);
            gauge.enter();
        }
    }

    #[inline]
    fn exit(&self) {
        if self.gauged
            && let Some(Some(gauge)) = self.in_flight.get()
        {
            gauge.exit();
        }
    }

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
            && let Some(duration) = self.found(&self.duration, |families| &families.duration, outcome)
        {
            duration.observe_nanos_by(thread, nanos);
        }
        if let (Some(value), Outcome::Success) = (value, outcome) {
            self.record_value(value);
        }
        // Last: who sees the call counted sees all of it.
        if let Some(calls) = self.found(&self.calls[outcome as usize], |families| &families.calls, outcome) {
            calls.inc_by_thread(thread);
        }
        if exemplars::wanted() {
            self.exemplify(outcome, nanos, value);
        }
    }

    /// Keeps the trace of a call that has been recorded.
    #[cold]
    #[inline(never)]
    fn exemplify(&self, outcome: Outcome, nanos: u64, value: Option<f64>) {
        fn keep<M: Metric>(part: Option<&Part<M>>, found: &Found<M>, value: f64, exemplar: &(Exemplar, SystemTime)) {
            // The overflow is never found, and has none.
            if let (Some(part), Some(Some(series))) = (part, found.get()) {
                part.family.exemplify(series, value, exemplar);
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
        if let Some(observed) = self.found(&self.observed, |families| &families.observed, Outcome::Success) {
            observed.observe(value);
        }
        if let Some(added) = self.found(&self.added, |families| &families.added, Outcome::Success) {
            added.add(value);
        }
    }

    /// The series of one family.
    #[inline]
    fn found<M: Metric>(
        &'static self,
        found: &'static Found<M>,
        part: fn(&Families) -> &Option<Part<M>>,
        outcome: Outcome,
    ) -> Option<&'static M> {
        match found.get() {
            Some(series) => *series,
            None => self.find(found, part(self.families).as_ref(), outcome),
        }
    }

    /// Finds it, and remembers it unless it is the overflow, where every operation counts.
    #[cold]
    fn find<M: Metric>(
        &'static self,
        found: &'static Found<M>,
        part: Option<&'static Part<M>>,
        outcome: Outcome,
    ) -> Option<&'static M> {
        let Some(part) = part else { return *found.get_or_init(|| None) };
        let Some(series) = self.look_up(part, outcome) else { return Some(part.family.overflow()) };
        // The program bounds how many of these there are, so each may have its memory from the start.
        if self.families.all_labels.is_empty() {
            series.spread();
        }
        *found.get_or_init(|| Some(series))
    }

    /// Looks it up by the values, if there is room for it.
    fn look_up<M: Metric>(&self, part: &Part<M>, outcome: Outcome) -> Option<&'static M> {
        part.find(self.values.as_deref()?, self.families.entry_labels.len(), outcome)
    }
}
