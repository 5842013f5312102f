//! The engine that every attribute drives: a static call site, and a guard for each call.

use std::mem;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::SystemTime;

use crate::catalog::{Declaration, Declare, each_tuple};
use crate::cell::{Counter, Histogram, InFlight, Moment, Thread};
use crate::exemplars::{self, Exemplar};
use crate::family::{AnyFamily, DEFAULT_SERIES_LIMIT, Family, Metric, Table};
use crate::objective::Objective;
use crate::outcome::Outcome;
use crate::registry::Registry;
use crate::site::{MAX_LABELS, Role, Site, Want};

/// Whether attributes record. On until an install says otherwise.
static ENABLED: AtomicBool = AtomicBool::new(true);

pub(crate) fn set_enabled(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// Whether attributes record: one relaxed load.
#[inline]
#[must_use]
pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// One annotated function: what it declares, and the series it records into once it was called.
#[derive(Debug)]
pub struct Callsite {
    site: Site,
    objective: Option<Objective>,
    /// Boxed: a call site stands in the data of the program.
    families: OnceLock<Box<Families>>,
    /// The series of a call site without run-time labels.
    fixed: OnceLock<Series>,
}

/// The families a call site records into, and the series it has met.
#[derive(Debug)]
struct Families {
    calls: Option<Part<Counter>>,
    duration: Option<Part<Histogram>>,
    observed: Option<Part<Histogram>>,
    added: Option<Part<Counter>>,
    in_flight: Option<Part<InFlight>>,
    entry_labels: Vec<&'static str>,
    all_labels: Vec<&'static str>,
    /// By the values of the labels that are evaluated before the body. Boxed, as the next: most have no such labels.
    by_entry: OnceLock<Box<Table<Series>>>,
    /// By those, and the values of the labels that are evaluated on what the body returned.
    by_all: OnceLock<Box<Table<Series>>>,
    /// Where calls go whose labels found no room.
    overflow: OnceLock<Series>,
}

/// One family of a call site.
#[derive(Debug)]
struct Part<M: 'static> {
    family: &'static Family<M>,
    /// For each label of the family, in its order.
    wants: Vec<Want>,
}

/// The series of one set of label values.
#[derive(Debug)]
struct Series {
    families: &'static Families,
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

/// Up to [`MAX_LABELS`] label values (and a status), without an allocation.
#[derive(Clone, Copy)]
struct Values<'a> {
    values: [&'a str; MAX_LABELS + 1],
    len: usize,
}

impl<'a> Values<'a> {
    fn collect(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut out = Self { values: [""; MAX_LABELS + 1], len: 0 };
        for (slot, value) in out.values.iter_mut().zip(values) {
            *slot = value;
            out.len += 1;
        }
        out
    }

    fn as_slice(&self) -> &[&'a str] {
        &self.values[..self.len]
    }
}

impl<M: Metric> Part<M> {
    fn new(site: &Site, role: Role, registry: &Registry) -> Option<Self> {
        let instrument = site.instrument(role).filter(|instrument| instrument.kind == M::KIND)?;
        let family = registry.family_or_detached::<M>(&site.descriptor(role, &instrument), site.source);
        let wants = site.wants(role, &instrument);
        let labels = &family.descriptor().labels;
        // The family may have been declared elsewhere, with its labels in another order.
        let wants = labels.iter().filter_map(|label| wants.iter().find(|(name, _)| name == label)).map(|(_, w)| *w);
        let wants = wants.collect();
        // Call sites are static: their families live as long as the program.
        Some(Self { family: Box::leak(Box::new(family)), wants })
    }

    /// The series of these values, if there is room for it.
    fn find(&self, values: &[Box<str>], entries: usize, outcome: Outcome) -> Option<&'static M> {
        let family: &'static Family<M> = self.family;
        let value = |i: usize| values.get(i).map(AsRef::as_ref);
        let values = Values::collect(self.wants.iter().map(|want| match *want {
            Want::Literal(value) => value,
            Want::Entry(i, _) => value(i).unwrap_or_default(),
            // Where nothing was returned, the outcome stands for what cannot be known.
            Want::Returned(i, _) => value(entries + i).unwrap_or(outcome.as_str()),
            Want::Status => outcome.as_str(),
        }));
        family.lookup(values.as_slice())
    }

    fn declare_known_series(&self) {
        let known: Vec<_> = self.wants.iter().map(|want| want.known()).collect();
        each_tuple(&known, DEFAULT_SERIES_LIMIT, &mut |tuple| {
            self.family.known_series(tuple);
        });
    }
}

impl Families {
    fn new(site: &Site, registry: &Registry) -> Self {
        let (entry_labels, returned) = site.run_time_labels();
        let all_labels = [entry_labels.as_slice(), &returned].concat();
        Self {
            calls: Part::new(site, Role::Calls, registry),
            duration: Part::new(site, Role::Duration, registry),
            observed: Part::new(site, Role::Value, registry),
            added: Part::new(site, Role::Value, registry),
            in_flight: Part::new(site, Role::InFlight, registry),
            entry_labels,
            all_labels,
            by_entry: OnceLock::new(),
            by_all: OnceLock::new(),
            overflow: OnceLock::new(),
        }
    }

    fn entered(&'static self, values: &[&str]) -> &'static Series {
        self.find(&self.by_entry, &self.entry_labels, values)
    }

    fn find(
        &'static self,
        table: &'static OnceLock<Box<Table<Series>>>,
        names: &[&str],
        values: &[&str],
    ) -> &'static Series {
        let table = table.get_or_init(|| Box::new(Table::new()));
        let admit = |len: usize| len < Registry::global().series_limit();
        let entry = table.get_or_insert(names, values, admit, || Series::new(self, Some(values)));
        entry.map_or_else(|| self.overflow.get_or_init(|| Series::new(self, None)), |entry| &entry.value)
    }
}

impl Series {
    fn new(families: &'static Families, values: Option<&[&str]>) -> Self {
        Self {
            families,
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
        let Some(entry) = &self.values else { return self };
        let values = Values::collect(entry.iter().map(AsRef::as_ref).chain(returned.iter().copied()));
        self.families.find(&self.families.by_all, &self.families.all_labels, values.as_slice())
    }

    #[inline]
    fn enter(&'static self) {
        if !matches!(self.in_flight.get(), Some(None)) {
            self.enter_gauge();
        }
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
        if let Some(Some(gauge)) = self.in_flight.get() {
            gauge.exit();
        }
    }

    fn end(&'static self, start: Moment, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
        let nanos = start.elapsed_nanos();
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

impl Callsite {
    /// A call site that was not called yet.
    #[must_use]
    pub const fn new(site: Site) -> Self {
        Self { site, objective: None, families: OnceLock::new(), fixed: OnceLock::new() }
    }

    fn families(&'static self) -> &'static Families {
        self.families.get().unwrap_or_else(|| {
            // First of all, since building the registry resolves every call site in the catalog, this one too.
            let registry = Registry::global();
            self.families.get_or_init(|| Box::new(Families::new(&self.site, registry)))
        })
    }

    /// A call without labels that are evaluated before the body.
    #[inline]
    pub fn enter(&'static self) -> Call {
        if enabled() { self.begin() } else { Call::disabled() }
    }

    /// Stands here once, and not in every annotated function; so with all that is `inline(never)` below.
    #[inline(never)]
    fn begin(&'static self) -> Call {
        Call::begin(match self.fixed.get() {
            Some(series) => series,
            None => self.fix(),
        })
    }

    #[cold]
    fn fix(&'static self) -> &'static Series {
        let families = self.families();
        self.fixed.get_or_init(|| Series::new(families, Some(&[])))
    }

    /// The same with what the attribute promises.
    #[must_use]
    pub const fn promising(mut self, objective: Objective) -> Self {
        self.objective = Some(objective);
        self
    }

    /// A call with the values of the labels that are evaluated before the body, in the order of their declaration.
    pub fn enter_with(&'static self, values: &[&str]) -> Call {
        if !enabled() {
            return Call::disabled();
        }
        Call::begin(self.families().entered(values))
    }
}

impl Declare for Callsite {
    fn declarations(&self) -> Vec<Declaration> {
        let site = &self.site;
        let recorded = Role::ALL.into_iter().filter_map(|role| Some((role, site.instrument(role)?)));
        recorded
            .map(|(role, instrument)| Declaration {
                descriptor: site.descriptor(role, &instrument),
                source: site.source,
                values: site.wants(role, &instrument).into_iter().map(|(_, want)| want.known()).collect(),
                objective: self.objective.filter(|_| matches!(role, Role::Calls | Role::Duration)),
            })
            .collect()
    }

    fn declare(&'static self, registry: &Registry) {
        let families = self.families.get_or_init(|| Box::new(Families::new(&self.site, registry)));
        families.calls.iter().for_each(Part::declare_known_series);
        families.duration.iter().for_each(Part::declare_known_series);
        families.observed.iter().for_each(Part::declare_known_series);
        families.added.iter().for_each(Part::declare_known_series);
        families.in_flight.iter().for_each(Part::declare_known_series);
    }
}

/// A call that is under way. It is recorded when it is dropped, if it was not finished before.
#[derive(Debug)]
#[must_use = "a call that is dropped at once counts as a panic"]
pub struct Call {
    /// Nothing if nothing is to be recorded.
    series: Option<&'static Series>,
    start: Moment,
    /// What a drop records: a panic while the body runs, a cancellation while an async body waits to be polled, and at
    /// last what the returned value says.
    outcome: Outcome,
}

impl Call {
    #[inline]
    fn begin(series: &'static Series) -> Self {
        series.enter();
        Self { series: Some(series), start: Moment::now(), outcome: Outcome::Panic }
    }

    /// A call that records nothing.
    #[inline]
    pub const fn disabled() -> Self {
        Self { series: None, start: Moment::ZERO, outcome: Outcome::Panic }
    }

    /// Whether anything is recorded, and so whether the outcome is worth finding out.
    #[inline]
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.series.is_some()
    }

    /// The body has returned, and there is nothing to record but how.
    #[inline]
    pub fn returned(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// The body has returned. `value` is recorded on success; `returned` are the values of the labels evaluated on what
    /// it returned, in the order of their declaration.
    #[inline(never)]
    pub fn finish(&mut self, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
        if let Some(series) = self.series.take() {
            series.end(self.start, outcome, value, returned);
        }
    }

    #[inline(never)]
    fn record(&mut self) {
        self.finish(self.outcome, None, &[]);
    }

    /// Polls the body. A panic in it leaves its outcome, wherever and whenever the future is dropped after it.
    #[inline]
    fn poll<F: Future>(&mut self, body: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.outcome = Outcome::Panic;
        let polled = body.poll(cx);
        if polled.is_pending() {
            self.outcome = Outcome::Cancelled;
        }
        polled
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.is_active() {
            self.record();
        }
    }
}

/// Runs a synchronous body. The bound makes the closure one that may give away what it captured.
#[inline]
pub fn run<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// The value of a `return` that is never reached and only tells a type.
///
/// # Panics
/// Whenever it is called, which generated code never does.
#[cold]
#[must_use]
pub fn unreachable<T>() -> T {
    unreachable!("generated code asks only for the type")
}

pin_project_lite::pin_project! {
    /// The body of an async call, and its guard, which outlives it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Tracked<'c, F> {
        #[pin]
        body: F,
        call: &'c mut Call,
    }
}

/// Ties an async body to its guard.
#[inline]
pub fn tracked<F: Future>(call: &mut Call, body: F) -> Tracked<'_, F> {
    Tracked { body, call }
}

impl<F: Future> Future for Tracked<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.call.poll(this.body, cx)
    }
}

pin_project_lite::pin_project! {
    /// A future that a function returned, recorded from its first poll.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Recorded<F, E, X> {
        #[pin]
        body: F,
        call: Call,
        enter: Option<E>,
        finish: Option<X>,
    }
}

/// Ties a future to a guard that is made when the future is polled first, and that `finish` is given with what it
/// yields. No `async` block, which would keep the future twice: as what it captured, and where it is awaited.
#[inline]
pub fn recorded<F, E, X>(future: F, enter: E, finish: X) -> Recorded<F, E, X>
where
    F: Future,
    E: FnOnce() -> Call,
    X: FnOnce(&F::Output, &mut Call),
{
    Recorded { body: future, call: Call::disabled(), enter: Some(enter), finish: Some(finish) }
}

impl<F: Future, E: FnOnce() -> Call, X: FnOnce(&F::Output, &mut Call)> Future for Recorded<F, E, X> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(enter) = this.enter.take() {
            *this.call = enter();
        }
        let returned = std::task::ready!(this.call.poll(this.body, cx));
        // What is done is recorded now, not when the future is dropped.
        let mut call = mem::replace(this.call, Call::disabled());
        if let Some(finish) = this.finish.take() {
            finish(&returned, &mut call);
        }
        Poll::Ready(returned)
    }
}
