//! A metric family: one metric with all its series.

mod any;
#[cfg_attr(
    not(any(feature = "circuit-breaker", feature = "process", feature = "tokio-runtime")),
    allow(dead_code, reason = "only these features register computed families")
)]
pub(crate) mod computed;
mod created;
mod exemplars;
#[cfg(any(feature = "client", feature = "grpc"))]
mod known;
mod labelled;
mod limit;
mod metric;
#[cfg(all(test, models))]
mod models;
#[cfg(feature = "http")]
mod numbered;
mod removable;
mod removal;
mod series;
mod table;

pub(crate) use any::{AnyFamily, Owner, visit};
#[cfg(any(feature = "client", feature = "grpc"))]
pub(crate) use known::KnownSeries;
pub use labelled::Labelled;
pub(crate) use limit::{DEFAULT_SERIES_LIMIT, KNOWN_SERIES_LIMIT, Shared, SharedLimit};
pub use metric::{Info, Metric};
#[cfg(feature = "http")]
pub(crate) use numbered::Numbered;
pub(crate) use removable::{Removable, RemovableTable};
pub(crate) use removal::{Checked, removals};
pub(crate) use series::StoredSeries;
pub use series::{OwnedSeries, Series};

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use limit::Limit;
use metric::Sample;
use removal::{Hidden, Leaving};
use series::{Held, Owners, Place};
pub(crate) use table::Table;

use crate::exemplars::{Exemplar, StoredExemplar};
use crate::metric::sync::{Mutex, MutexGuard, OnceLock};
use crate::metric::{Bounds, First, Striped};
pub(crate) use crate::schema::name::OVERFLOW;
use crate::schema::{Descriptor, Kind, OpenLabels, Source, shortened};

/// A metric with all its series, keyed by the full tuple of label values.
///
/// Cloning is cheap: clones are handles of the same family.
///
/// ```
/// use metrics_runtime::{Descriptor, Registry};
///
/// let registry = Registry::new();
/// let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs by state.").labels(["state"]))?;
/// jobs.get_or_create(&["done"])?.inc();
/// assert!(registry.render().contains("jobs_total{state=\"done\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Limit of series
///
/// The number of series is bounded: by [`set_series_limit`](Self::set_series_limit), by
/// [`Descriptor::series_limit`], or by [the limit of the registry](crate::Registry::set_series_limit). Series whose label
/// values the program bounds (literals, `bool`, enums with [`LabelValue`](derive@crate::LabelValue), the outcome of a
/// call) do not count against it, and always have room.
///
/// A new series beyond the limit is not created. Counters, histograms and gauges of operations in flight record in an
/// overflow series instead, so totals stay exact: its labels have the value `_overflow`, except those whose value the
/// program bounds, such as `status`. The label values of [`get_or_create`](Self::get_or_create) are all unbounded. A
/// [`Gauge`](crate::Gauge) or an [`Info`] has no overflow series, since the last value of one series says nothing about
/// the others: it is not on the page.
///
/// `metrics_runtime_label_overflow_total{metric}` counts the look-ups that found no room, and the first one is logged. A
/// function with attributes looks up once for each call, the HTTP middleware once for each request, and other code once
/// for each `get_or_create`, no matter how often it uses the result.
///
/// A label value has at most [`MAX_LABEL_VALUE_BYTES`](crate::MAX_LABEL_VALUE_BYTES).
///
/// # Removal
///
/// [`remove`](Self::remove), [`retain`](Self::retain) and [`clear`](Self::clear) remove series from the page, an
/// [owned](Self::owned) series goes with its last owner, and an info is [set](Self::set).
/// [`Registry::remove_series`](crate::Registry::remove_series) removes those of a label value in all families, also those
/// of attributes. A removed series makes room for another one, and its memory is released when no handle is left.
/// A thread that has called an annotated function with its labels can hold it until it has called functions with 64 other
/// new tuples of labels, or ends.
///
/// No operation is lost. What a handle of a removed counter or histogram records afterwards is added to the series of
/// the same labels, which is then on the next page and starts again from zero. A handle of a removed gauge or info has
/// no effect; keep that of an [`InFlight`](crate::InFlight) from `enter` to `exit`.
///
/// A series whose label values the program bounds, and that an attribute or a function of a `#[metrics]` module has, is
/// held for as long as the program runs. So is a series of the HTTP middleware without labels of its own. The removal of
/// such a series hides it until its value changes; it then continues from its last value.
///
/// For Prometheus, a removed series ends. `rate` and `increase` count what it recorded until its last scrape, and not
/// what it recorded between that scrape and the removal. If a series of the same labels starts again from zero, they
/// take it as a reset, as after a restart, and count what it has recorded at its second scrape and later; the value at
/// its first scrape counts only if the last one of the removed series is still in their range. A sum over series, such as
/// `sum(jobs_total)`, falls by the value of the removed series, so compute `sum(rate(..))`, not `rate(sum(..))`.
pub struct Family<M> {
    inner: Arc<Inner<M>>,
}

struct Inner<M> {
    descriptor: Descriptor,
    source: Source,
    owner: Owner,
    bounds: Arc<Bounds>,
    /// The series that functions hold, which are kept: those whose values the program bounds, and those of HTTP routes.
    table: Table<Held<M>>,
    /// The other series, which can be removed. No series is in both.
    loose: OnceLock<Box<RemovableTable<M>>>,
    /// Locked while a series moves from `loose` to `table`, and while those of `loose` are written. Locked after `owners`.
    moving: Mutex<()>,
    /// Locked while a series is created or moves. Locked after `moving`, and never while a page is written.
    creating: Mutex<()>,
    leaving: Mutex<Leaving<M>>,
    hidden: Mutex<Hidden>,
    /// Locked while owners come and go, and while an info is set or written.
    owners: Mutex<Owners>,
    /// The number of series that do not count against the limit.
    known: AtomicUsize,
    limit: Limit,
    /// The overflow series, by the values that the program bounds.
    overflow: OnceLock<Box<Table<Held<M>>>>,
    /// Takes the values that are refused because the family is full. It is on no page.
    refused: OnceLock<M>,
    overflowed: Striped,
    warned: First,
    exemplars: exemplars::Exemplars,
    /// The description for the `prometheus` crate, created on first use.
    #[cfg(feature = "prometheus")]
    desc: OnceLock<prometheus::core::Desc>,
}

impl<M> Clone for Family<M> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<M> fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("descriptor", &self.inner.descriptor)
            .field("series", &(self.inner.table.len() + self.inner.loose.get().map_or(0, |loose| loose.len())))
            .finish_non_exhaustive()
    }
}

/// The number of label values does not match the labels of a family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{metric}` has {} label(s) ({}), but {given} value(s) were given", labels.len(), labels.join(", "))]
#[non_exhaustive]
pub struct LabelCountError {
    /// The name of the metric, without namespace.
    pub metric: String,
    /// The labels of the metric.
    pub labels: Vec<String>,
    /// The number of values that were given.
    pub given: usize,
}

impl LabelCountError {
    /// Checks that there is one value for each label.
    pub(crate) fn check(descriptor: &Descriptor, values: &[&str]) -> Result<(), Self> {
        if values.len() == descriptor.labels.len() {
            return Ok(());
        }
        Err(Self {
            metric: descriptor.name.to_string(),
            labels: descriptor.labels.iter().map(ToString::to_string).collect(),
            given: values.len(),
        })
    }
}

impl<M: Metric> Family<M> {
    /// Creates a family of the service. The caller has checked the descriptor.
    pub(crate) fn new(descriptor: Descriptor, source: Source, shared: impl Into<Shared>) -> Self {
        Self::of(Owner::Service, descriptor, source, shared)
    }

    /// Creates a family of this owner. The caller has checked the descriptor.
    pub(crate) fn of(owner: Owner, descriptor: Descriptor, source: Source, shared: impl Into<Shared>) -> Self {
        let shared = shared.into();
        let mut bounds = Bounds::of(&descriptor);
        // Histograms of durations.
        if descriptor.kind == Kind::Histogram && descriptor.unit.as_deref() == Some("seconds") {
            bounds = bounds.switched_by(shared.native_durations);
        }
        Self {
            inner: Arc::new(Inner {
                bounds: Arc::new(bounds),
                limit: Limit::new(descriptor.series_limit, shared.limit),
                descriptor,
                source,
                owner,
                table: Table::new(),
                loose: OnceLock::new(),
                moving: Mutex::default(),
                creating: Mutex::default(),
                leaving: Mutex::default(),
                hidden: Mutex::default(),
                owners: Mutex::default(),
                known: AtomicUsize::new(0),
                overflow: OnceLock::new(),
                refused: OnceLock::new(),
                overflowed: Striped::new(),
                warned: First::new(),
                exemplars: exemplars::Exemplars::default(),
                #[cfg(feature = "prometheus")]
                desc: OnceLock::new(),
            }),
        }
    }

    /// Returns the series of these label values, given in the order of the declared labels. Creates it if it is new.
    ///
    /// Beyond the limit of series, it returns the overflow series.
    ///
    /// # Errors
    /// Returns an error if the number of values differs from the number of labels.
    pub fn get_or_create(&self, values: &[&str]) -> Result<Series<'_, M>, LabelCountError> {
        self.check_count(values)?;
        Ok(self.any_series(values))
    }

    /// Returns the series of these label values if it is on the page, and does not create it. An overflow series is found by
    /// its own label values.
    ///
    /// # Errors
    /// Returns an error if the number of values differs from the number of labels.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs by state.").labels(["state"]))?;
    /// assert!(jobs.get(&["done"])?.is_none());
    /// jobs.get_or_create(&["done"])?.inc();
    /// assert_eq!(jobs.get(&["done"])?.map(|done| done.get()), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get(&self, values: &[&str]) -> Result<Option<Series<'_, M>>, LabelCountError> {
        self.check_count(values)?;
        Ok(self.existing(values))
    }

    fn check_count(&self, values: &[&str]) -> Result<(), LabelCountError> {
        LabelCountError::check(&self.inner.descriptor, values)
    }

    /// Sets the limit of series of this family, in place of [that of the
    /// registry](crate::Registry::set_series_limit). Series that exist are kept.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["tenant"]))?;
    /// jobs.set_series_limit(1);
    /// for tenant in ["a", "b", "c"] {
    ///     jobs.get_or_create(&[tenant])?.inc();
    /// }
    /// assert!(registry.render().contains("jobs_total{tenant=\"_overflow\"} 2\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_series_limit(&self, limit: usize) {
        self.inner.limit.set(limit);
    }

    /// Keeps the classic buckets of a histogram on the page, whatever [`NativeHistograms`](crate::NativeHistograms) say.
    pub(crate) fn keep_classic(&self) {
        self.inner.bounds.keep_classic();
    }

    pub(crate) fn series_limit(&self) -> usize {
        self.inner.limit.get()
    }

    /// Returns the series of these values, or the overflow series if it is new and the limit is reached. The series can
    /// be removed, unless the program bounds all values. The caller gives one value for each label.
    #[inline]
    pub(crate) fn series_among(&self, values: &[&str], open: OpenLabels) -> Series<'_, M> {
        let place = self.place_among(values, open);
        Series { place: place.unwrap_or_else(|| Place::Held(self.overflow_among(values, open))) }
    }

    /// Returns the series of these values, as [`series_among`](Self::series_among) does, and `true` if it is an overflow
    /// series, which counts no look-up.
    pub(crate) fn stored_among(&'static self, values: &[&str], open: OpenLabels) -> (StoredSeries<M>, bool) {
        match self.place_among(values, open) {
            Some(place) => (place.store(), false),
            None => (StoredSeries::Held(self.overflow_series_among(values, open)), true),
        }
    }

    #[inline]
    fn place_among(&self, values: &[&str], open: OpenLabels) -> Option<Place<'_, M>> {
        if open.is_any(values.len()) {
            self.loose_place(values, open)
        } else {
            self.held(values, open).map(Place::Held)
        }
    }

    /// Returns the series of these values, and keeps it from now on. Returns `None` if it is new and the limit is reached.
    /// The limit does not apply if the program bounds all values.
    #[inline]
    pub(crate) fn held(&self, values: &[&str], open: OpenLabels) -> Option<&M> {
        let names = &self.inner.descriptor.labels;
        debug_assert_eq!(names.len(), values.len());
        match self.inner.table.get(names, values) {
            Some(entry) => Some(&*entry.value),
            None => self.hold(values, open),
        }
    }

    /// Creates a series that is kept, or adopts the one that could be removed until now.
    #[cold]
    fn hold(&self, values: &[&str], open: OpenLabels) -> Option<&M> {
        if let Some(short) = shortened(values) {
            return self.held(&short.iter().map(AsRef::as_ref).collect::<Vec<_>>(), open);
        }
        let inner = &*self.inner;
        let is_known = !open.is_any(values.len());
        let mut moving = None;
        let _creating = loop {
            let creating = lock(&inner.creating);
            if moving.is_some() || self.loose_entry(values).is_none() {
                break creating;
            }
            drop(creating);
            moving = Some(lock(&inner.moving));
        };
        let adopted = self.unlink(values, |_| true);
        let has_room = adopted.is_some() || !is_overflow(values, open) && (is_known || self.has_room());
        let create = |_: &[&str]| {
            inner.known.fetch_add(usize::from(is_known), Ordering::Relaxed);
            adopted.map_or_else(|| Held::own(M::new(&inner.bounds)), Held::Adopted)
        };
        let entry = inner.table.get_or_insert(&inner.descriptor.labels, values, |_| has_room, create);
        entry.map(|entry| &*entry.value)
    }

    /// Returns the series of these values, which can be removed, or `None` if it is new and the limit is reached.
    #[cfg(feature = "http")]
    pub(crate) fn within_limit(&self, values: &[&str]) -> Option<Series<'_, M>> {
        Some(Series { place: self.loose_place(values, OpenLabels::ALL)? })
    }

    /// Returns the number of the series of these values, for callers that store it, or `None` if it is new and the
    /// limit is reached.
    #[cfg(feature = "http")]
    pub(crate) fn number(&self, values: &[&str]) -> Option<u32> {
        self.held(values, OpenLabels::ALL)?;
        u32::try_from(self.inner.table.number(&self.inner.descriptor.labels, values)?).ok()
    }

    /// Returns the series with a number from [`number`](Self::number).
    #[cfg(feature = "http")]
    #[inline]
    pub(crate) fn numbered(&self, number: u32) -> Option<&M> {
        self.inner.table.numbered(number as usize).map(|entry| &*entry.value)
    }

    /// Returns the series of values that the program bounds, such as a literal, without applying the limit. It is kept.
    #[inline]
    pub(crate) fn known_series(&self, values: &[&str]) -> &M {
        self.held(values, OpenLabels::NONE).unwrap_or_else(|| self.overflow_among(values, OpenLabels::NONE))
    }

    /// Returns the number of the series of values that the program bounds. The limit of series does not apply, and the
    /// series gets its shards at once.
    #[cfg(feature = "http")]
    pub(crate) fn known_number(&self, values: &[&str]) -> Option<u32> {
        self.known_series(values).spread();
        self.number(values)
    }

    /// Returns the overflow series whose labels all have the value `_overflow`. Every call counts one look-up.
    #[cfg(feature = "http")]
    #[cold]
    pub(crate) fn overflow(&self) -> &M {
        self.count_overflow();
        self.overflow_series()
    }

    /// Returns the overflow series for these values. Every call counts one look-up.
    #[cold]
    pub(crate) fn overflow_among(&self, values: &[&str], open: OpenLabels) -> &M {
        self.count_overflow();
        self.overflow_series_among(values, open)
    }

    /// Counts a look-up that was recorded with `_overflow` as the value of a label.
    #[cold]
    pub(crate) fn count_overflow(&self) {
        self.inner.overflowed.add(1);
    }

    /// Counts a look-up that was recorded in a less detailed series, because the limit is reached.
    #[cfg(feature = "http")]
    #[cold]
    pub(crate) fn count_full(&self) {
        self.count_overflow();
        self.warn_full();
    }

    /// Stores the exemplar of a call that has added `value` to a series of this family.
    pub(crate) fn exemplify(&self, series: &M, value: f64, (exemplar, time): &(Exemplar, SystemTime)) {
        let bounds = &self.inner.bounds;
        // A rejected value has changed no number.
        if bounds.accepts(value) {
            let kept = StoredExemplar { exemplar: exemplar.clone(), value, time: *time };
            let last = bounds.upper().len();
            self.inner.exemplars.keep(series, bounds.bucket(value).min(last), last + 1, kept);
        }
    }

    /// Returns the overflow series whose labels all have the value `_overflow`, for callers that store it and count the
    /// look-ups themselves.
    pub(crate) fn overflow_series(&self) -> &M {
        self.overflow_series_among(&vec![OVERFLOW; self.inner.descriptor.labels.len()], OpenLabels::NONE)
    }

    /// Returns the overflow series for these values, for callers that store it and count the look-ups themselves. It
    /// keeps the values that the program bounds, so the number of overflow series is bounded too.
    pub(crate) fn overflow_series_among(&self, values: &[&str], open: OpenLabels) -> &M {
        self.warn_full();
        let inner = &*self.inner;
        let refused = || inner.refused.get_or_init(|| M::new(&inner.bounds));
        if !M::MERGES {
            return refused();
        }
        let values: Vec<_> =
            values.iter().enumerate().map(|(i, value)| if open.contains(i) { OVERFLOW } else { value }).collect();
        let table = inner.overflow.get_or_init(|| Box::new(Table::new()));
        let entry =
            table.get_or_insert(&inner.descriptor.labels, &values, |_| true, |_| Held::own(M::new(&inner.bounds)));
        entry.map_or_else(refused, |entry| &*entry.value)
    }

    fn warn_full(&self) {
        let inner = &*self.inner;
        if inner.warned.is_now() {
            let (metric, limit) = (&*inner.descriptor.name, inner.limit.get());
            if M::MERGES {
                tracing::warn!(
                    metric,
                    limit,
                    "a metric has reached its limit of series; further label values are counted under `{OVERFLOW}`"
                );
            } else {
                tracing::warn!(
                    metric,
                    limit,
                    "a metric has reached its limit of series; further series are not on the page"
                );
            }
        }
    }

    /// Returns the description for the `prometheus` crate. `describe` creates it on first use.
    #[cfg(feature = "prometheus")]
    pub(crate) fn desc_or_init(&self, describe: impl FnOnce() -> prometheus::core::Desc) -> &prometheus::core::Desc {
        self.inner.desc.get_or_init(describe)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while one of the locks is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns `true` for the values of an overflow series, which must not exist twice.
fn is_overflow(values: &[&str], open: OpenLabels) -> bool {
    let mut values = values.iter().enumerate().filter(|(label, _)| open.contains(*label)).peekable();
    values.peek().is_some() && values.all(|(_, value)| *value == OVERFLOW)
}

/// Returns the labels and the values of all series of a family without buckets.
#[cfg(test)]
fn samples(family: &dyn AnyFamily) -> Vec<(String, f64)> {
    use crate::visit::{FamilyRef, SeriesRef, Value, Visitor};

    struct Samples(Vec<(String, f64)>);

    impl Visitor for Samples {
        fn series(&mut self, _: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
            let (Value::Counter(number) | Value::Gauge(number)) = value else { return };
            self.0.push((series.labels.to_owned(), number.as_f64()));
        }
    }

    let mut samples = Samples(Vec::new());
    visit(family, &crate::schema::Naming::default(), false, &mut samples);
    samples.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Counter;

    fn family(labels: &[&'static str], limit: usize) -> Family<Counter> {
        let descriptor = Descriptor::counter("x_total", "x").labels(labels.iter().copied());
        Family::new(descriptor, Source::caller(), Arc::new(AtomicUsize::new(limit)))
    }

    #[test]
    fn operations_beyond_the_limit_go_to_one_series_and_the_total_stays_exact() {
        let family = family(&["tenant"], 3);
        for i in (0..10).chain(0..10) {
            family.get_or_create(&[&i.to_string()]).unwrap().inc();
        }
        let samples = samples(&family);
        assert_eq!(samples.len(), 4);
        assert_eq!(samples[3], (r#"tenant="_overflow""#.to_owned(), 14.0));
        assert_eq!(samples.iter().map(|(_, value)| value).sum::<f64>(), 20.0);
        assert_eq!(family.overflowed(), 14);
    }

    #[test]
    fn a_label_value_named_overflow_does_not_create_a_second_overflow_series() {
        let family = family(&["tenant"], 1);
        for tenant in [OVERFLOW, "a", "b"] {
            family.get_or_create(&[tenant]).unwrap().inc();
        }
        assert_eq!(samples(&family), [(r#"tenant="a""#.to_owned(), 1.0), (r#"tenant="_overflow""#.to_owned(), 2.0)]);
    }

    #[test]
    fn series_that_the_program_bounds_do_not_count_against_the_limit() {
        let family = family(&["kind"], 1);
        for kind in ["a", "b", "c"] {
            family.known_series(&[kind]).inc();
        }
        family.get_or_create(&["d"]).unwrap().inc();
        assert_eq!(samples(&family).len(), 4);
        assert_eq!(family.overflowed(), 0);
    }

    #[test]
    fn the_overflow_series_keeps_the_values_that_the_program_bounds() {
        let family = family(&["tenant", "status"], 1);
        let open = OpenLabels::NONE.with(0);
        for (tenant, status) in [("a", "ok"), ("b", "ok"), ("c", "error"), ("d", "error"), (OVERFLOW, "ok")] {
            family.series_among(&[tenant, status], open).inc();
        }
        let expected = [("a", "ok", 1.0), (OVERFLOW, "ok", 2.0), (OVERFLOW, "error", 2.0)];
        let text = |(tenant, status, n): (&str, &str, f64)| (format!("tenant=\"{tenant}\",status=\"{status}\""), n);
        assert_eq!(samples(&family), expected.map(text));
        assert_eq!(family.overflowed(), 4);
    }

    #[test]
    fn a_gauge_without_room_is_refused_and_counted() {
        let limit = Arc::new(AtomicUsize::new(1));
        let gauges = Family::<crate::metric::Gauge>::new(
            Descriptor::gauge("x", "x").labels(["tenant"]),
            Source::caller(),
            limit,
        );
        for (value, tenant) in [(1.0, "a"), (2.0, "b"), (3.0, "c")] {
            gauges.get_or_create(&[tenant]).unwrap().set(value);
        }
        assert_eq!(samples(&gauges), [(r#"tenant="a""#.to_owned(), 1.0)]);
        assert_eq!(gauges.overflowed(), 2);
    }

    #[test]
    fn a_long_value_is_stored_short_and_stays_one_series() {
        let family = family(&["tenant"], 10);
        let [a, b] = ["a", "b"].map(|last| format!("{}{last}", "x".repeat(1 << 20)));
        for tenant in [&a, &b, &a] {
            family.get_or_create(&[tenant]).unwrap().inc();
        }
        let samples = samples(&family);
        assert_eq!(samples.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [2.0, 1.0]);
        assert!(samples.iter().all(|(labels, _)| labels.len() < 2 * crate::schema::MAX_LABEL_VALUE_BYTES));
    }
}
