//! The polls of async functions: the time inside of them, their number, and those that block the thread.
//!
//! A poll runs on one thread from its start to its end, so polls nest like calls, also in `join!` and `select!`. The times of
//! the polls within a poll are in a thread-local, which each poll takes at its start and puts back at its end.

use std::cell::Cell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::catalog::{registry_of, warn_incomplete};
use super::declaration::{Declaration, Declare};
use super::switch::enabled;
use crate::family::{AnyFamily as _, Family, Metric};
use crate::metric::{Counter, Histogram, Moment, Ticks};
use crate::registry::Registry;
use crate::schema::{Descriptor, Source};
use crate::scope::{self, PerScope};

/// The limit of polls without `slow_poll`, unless [`Builder::slow_poll`](crate::Builder::slow_poll) sets another one.
const SLOW: Duration = Duration::from_millis(10);

/// The bounds of the delay of first polls. The first ones are those of an idle runtime.
const DELAYS: &[f64] = &[0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

const LABELS: [&str; 2] = ["function", "module"];

static DEFAULT_LIMIT: Limit = Limit::new();

/// The duration from which on a poll is slow, in ticks.
#[derive(Debug)]
struct Limit(AtomicU64);

impl Limit {
    /// The value before the clock is known.
    const UNSET: u64 = u64::MAX;

    const fn new() -> Self {
        Self(AtomicU64::new(Self::UNSET))
    }

    fn set(&self, limit: Duration) {
        self.0.store(ticks(limit).count().min(Self::UNSET - 1), Ordering::Relaxed);
    }

    #[inline]
    fn get(&self) -> Ticks {
        match self.0.load(Ordering::Relaxed) {
            Self::UNSET => self.get_default(),
            ticks => Ticks::of(ticks),
        }
    }

    #[cold]
    fn get_default(&self) -> Ticks {
        let slow = ticks(SLOW);
        // Another thread may have set a limit.
        match self.0.compare_exchange(Self::UNSET, slow.count(), Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => slow,
            Err(set) => Ticks::of(set),
        }
    }
}

fn ticks(limit: Duration) -> Ticks {
    Ticks::at_least(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
}

impl PerScope for Limit {
    fn fresh(&self) -> Self {
        Self::new()
    }
}

/// Sets the limit of polls without `slow_poll`.
pub(crate) fn set_slow_poll(limit: Duration) {
    scope::current(&DEFAULT_LIMIT).set(limit);
}

/// The polls of one annotated function.
#[derive(Debug)]
pub struct Polls {
    source: Source,
    slow_after: Option<Duration>,
    is_created_by_call: bool,
    series: OnceLock<Box<PollSeries>>,
}

impl Polls {
    /// Creates the polls of a function. Its series are registered when the registry is built.
    #[must_use]
    pub const fn new(source: Source) -> Self {
        Self { source, slow_after: None, is_created_by_call: false, series: OnceLock::new() }
    }

    /// Sets the duration from which on a poll is slow.
    #[must_use]
    pub const fn slow_after(mut self, limit: Duration) -> Self {
        self.slow_after = Some(limit);
        self
    }

    /// Says that a call of the function creates its future. The delay of the first poll is only known then.
    #[must_use]
    pub const fn created_by_call(mut self) -> Self {
        self.is_created_by_call = true;
        self
    }

    fn series(&'static self) -> &'static PollSeries {
        match self.series.get() {
            Some(series) => series,
            None => self.resolve(),
        }
    }

    #[cold]
    fn resolve(&'static self) -> &'static PollSeries {
        // As for a call site, before `get_or_init`.
        let registry = registry_of(self);
        if self.series.get().is_none() {
            warn_incomplete(self.source);
        }
        self.series.get_or_init(|| Box::new(PollSeries::new(self, registry)))
    }

    fn descriptors(&self) -> Vec<Descriptor> {
        let delay = self.is_created_by_call.then(delay);
        [busy(), polls(), slow_polls()].into_iter().chain(delay).collect()
    }
}

fn busy() -> Descriptor {
    let help = "Time inside of polls of async functions, without that of the polls of other functions in them.";
    Descriptor::counter("function_busy_seconds_total", help).unit("seconds").labels(LABELS)
}

fn polls() -> Descriptor {
    Descriptor::counter("function_polls_total", "Polls of async functions.").labels(LABELS)
}

fn slow_polls() -> Descriptor {
    let help = "Polls of async functions that blocked their thread: they took longer than a limit, without slow polls \
                in them.";
    Descriptor::counter("function_slow_polls_total", help).labels(LABELS)
}

fn delay() -> Descriptor {
    let help = "Time from the call of an async function to the first poll of its future.";
    Descriptor::histogram("function_first_poll_delay_seconds", help, DELAYS).unit("seconds").labels(LABELS)
}

impl PerScope for Polls {
    fn fresh(&self) -> Self {
        Self { series: OnceLock::new(), ..*self }
    }
}

impl Declare for Polls {
    fn declarations(&self) -> Vec<Declaration> {
        if cfg!(metrics_off) {
            return Vec::new();
        }
        let declaration = |descriptor| Declaration {
            descriptor,
            source: self.source,
            values: vec![vec![self.source.function], vec![self.source.module]],
            result_labels: Vec::new(),
            objective: None,
        };
        self.descriptors().into_iter().map(declaration).collect()
    }

    fn declare(&'static self, registry: &Registry) {
        if !cfg!(metrics_off) {
            let this = scope::current(self);
            this.series.get_or_init(|| Box::new(PollSeries::new(this, registry)));
        }
    }
}

/// The series that the polls of one function record into.
#[derive(Debug)]
pub(super) struct PollSeries {
    busy: &'static Counter,
    polls: &'static Counter,
    slow: &'static Counter,
    /// `None` if the future may have been created long after the call.
    delay: Option<&'static Histogram>,
    /// The limit of the attribute.
    limit: Option<Ticks>,
    default_limit: &'static Limit,
}

// A panic leaves the atomic numbers valid. So the future is as unwind safe as that of the function.
impl UnwindSafe for PollSeries {}
impl RefUnwindSafe for PollSeries {}

impl PollSeries {
    fn new(polls_of: &Polls, registry: &Registry) -> Self {
        let Polls { source, slow_after, is_created_by_call, .. } = polls_of;
        Self {
            busy: series(registry, &busy(), *source),
            polls: series(registry, &polls(), *source),
            slow: series(registry, &slow_polls(), *source),
            delay: is_created_by_call.then(|| series(registry, &delay(), *source)),
            limit: slow_after.map(ticks),
            default_limit: scope::current(&DEFAULT_LIMIT),
        }
    }
}

/// Returns the series of a function, with a shard for each thread.
fn series<M: Metric>(registry: &Registry, descriptor: &Descriptor, source: Source) -> &'static M {
    // Attributes are static, so the family is needed until the program ends.
    let family: &'static Family<M> = Box::leak(Box::new(registry.family_or_detached(descriptor, source)));
    let value = |label: &str| if label == LABELS[0] { source.function } else { source.module };
    // Another place may have declared the family with its labels in another order.
    let values: Vec<_> = family.descriptor().labels.iter().map(|label| value(label)).collect();
    let series = family.known_series(&values);
    series.spread();
    series
}

pin_project_lite::pin_project! {
    /// A future whose polls are measured.
    #[must_use = "futures do nothing unless polled"]
    pub struct Polled<F> {
        #[pin]
        future: F,
        // `None` if nothing is recorded.
        series: Option<&'static PollSeries>,
        // The time of the call, until the first poll.
        created: Option<Moment>,
    }
}

impl<F> fmt::Debug for Polled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled").finish_non_exhaustive()
    }
}

/// Returns a future whose polls are measured. It has no bound on the future, as `recorded_as`.
#[inline]
pub fn polled<F>(future: F, polls: &'static Polls) -> Polled<F> {
    let (series, created) = created(polls);
    Polled { future, series, created }
}

/// Not inlined, to keep generated code small; likewise the start and the end of a poll.
#[inline(never)]
fn created(polls: &'static Polls) -> (Option<&'static PollSeries>, Option<Moment>) {
    if !enabled() {
        return (None, None);
    }
    let series = scope::current(polls).series();
    (Some(series), series.delay.map(|_| Moment::now()))
}

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Ends after the poll, also if that panics.
        let _poll = this.series.map(|series| StartedPoll::now(series, this.created.take()));
        this.future.poll(cx)
    }
}

/// The times of the polls within the current poll of this thread, in ticks.
#[derive(Clone, Copy)]
struct Within {
    /// The time of the polls, without those within these.
    polls: u64,
    /// The time that is not the fault of the current poll: that of slow polls.
    slow: u64,
}

thread_local! {
    static WITHIN: Cell<Within> = const { Cell::new(Within::NONE) };
}

impl Within {
    const NONE: Self = Self { polls: 0, slow: 0 };
}

/// A poll in progress. Dropping it records the poll.
struct StartedPoll {
    series: &'static PollSeries,
    start: Moment,
    /// The polls within the one around this, before it.
    around: Within,
}

impl StartedPoll {
    #[inline(never)]
    fn now(series: &'static PollSeries, created: Option<Moment>) -> Self {
        let around = WITHIN.replace(Within::NONE);
        let start = Moment::now();
        if let (Some(delay), Some(created)) = (series.delay, created) {
            delay.observe_nanos(created.until(start).nanos());
        }
        Self { series, start, around }
    }
}

impl Drop for StartedPoll {
    #[inline(never)]
    fn drop(&mut self) {
        let Self { series, start, around } = *self;
        let total = start.elapsed();
        let within = WITHIN.get();
        let limit = series.limit.unwrap_or_else(|| series.default_limit.get());
        let is_slow = total.count().saturating_sub(within.slow) >= limit.count();
        WITHIN.set(Within {
            polls: around.polls.saturating_add(total.count()),
            slow: around.slow.saturating_add(if is_slow { total.count() } else { within.slow }),
        });
        series.busy.add_nanos(Ticks::of(total.count().saturating_sub(within.polls)).nanos());
        if is_slow {
            series.slow.inc();
        }
        // Last, so that a scrape that includes the poll also includes its time.
        series.polls.inc();
    }
}
