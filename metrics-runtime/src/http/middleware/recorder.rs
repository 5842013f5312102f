//! What a layer records into: its families, and for a route and a method the series it has found in them.

use std::sync::OnceLock;
use std::time::SystemTime;

use http::StatusCode;

use super::extract::{Custom, Picked};
use super::labels::{End, METHODS};
use super::shared::Handle;
use super::values::{Values, is_timed};
use crate::exemplars::{self, Exemplar};
use crate::family::{Family, Metric};
use crate::metric::{Counter, Histogram, InFlight, Moment, Thread};

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
    pub(super) fn new(recorder: &Handle<Recorder>, endpoint: &str, method: usize) -> Self {
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

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
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
        let mut nanos = 0;
        if ended.duration != NOTHING || ended.opentelemetry != NOTHING {
            nanos = outcome.start.elapsed_nanos();
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
        if exemplars::is_installed() {
            self.exemplify(ended, nanos);
        }
    }

    /// Keeps the trace of a request that has been recorded.
    #[cold]
    #[inline(never)]
    fn exemplify(&self, ended: &Ended, nanos: u64) {
        let Some(exemplar) = exemplars::current() else { return };
        let families = &self.recorder.families;
        let seconds = nanos as f64 / 1e9;
        for (family, number) in [(&families.duration, ended.duration), (&families.opentelemetry, ended.opentelemetry)] {
            keep(family.as_ref(), |family| family.numbered(number), seconds, &exemplar);
        }
        keep(families.requests.as_ref(), |family| family.numbered(ended.requests), 1.0, &exemplar);
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
        if let Some(exemplar) = exemplars::current() {
            let seconds = nanos as f64 / 1e9;
            if is_timed(outcome.end) {
                keep(families.duration.as_ref(), |family| family.lookup(values.duration()), seconds, &exemplar);
            }
            if outcome.end != End::Upgraded {
                keep(
                    families.opentelemetry.as_ref(),
                    |family| family.lookup(&values.opentelemetry),
                    seconds,
                    &exemplar,
                );
            }
            keep(families.requests.as_ref(), |family| family.lookup(values.requests()), 1.0, &exemplar);
        }
    }
}

/// Keeps a trace at a series, unless that is the one for what found no room.
fn keep<M: Metric>(
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
