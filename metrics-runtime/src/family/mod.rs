//! A metric family: one metric with all its series.

mod any;
#[cfg_attr(
    not(any(feature = "circuit-breaker", feature = "process", feature = "tokio-runtime")),
    allow(dead_code, reason = "only these features register computed families")
)]
pub(crate) mod computed;
mod exemplars;
mod metric;
#[cfg(all(test, models))]
mod models;
mod table;

pub(crate) use any::{AnyFamily, Owner};
pub(crate) use metric::Sample;
pub use metric::{Info, Metric};
pub(crate) use table::Table;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use crate::exemplars::{Exemplar, StoredExemplar};
use crate::metric::sync::OnceLock;
use crate::metric::{Bounds, First, Striped};
use crate::schema::{Descriptor, LabelText, Source};

/// The default limit of series: the number of series of a family with label values that are only known at run time.
pub(crate) const DEFAULT_SERIES_LIMIT: usize = 2_000;

/// The value of every label of the overflow series, which takes the operations beyond the limit.
pub(crate) const OVERFLOW: &str = "_overflow";

/// A metric with all its series, keyed by the full tuple of label values.
///
/// Cloning is cheap: clones are handles of the same family.
///
/// The number of series is bounded. Operations beyond the [limit](crate::Registry::set_series_limit) go to the overflow
/// series, whose labels all have the value `_overflow`, so totals stay exact.
/// `metrics_runtime_label_overflow_total{metric}` counts them, and the first one is logged. Series that are known
/// before the first call (static labels, bounded enums) do not count against the limit.
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
pub struct Family<M> {
    inner: Arc<Inner<M>>,
}

struct Inner<M> {
    descriptor: Descriptor,
    source: Source,
    owner: Owner,
    bounds: Arc<Bounds>,
    table: Table<M>,
    /// The number of series that do not count against the limit.
    known: AtomicUsize,
    limit: Arc<AtomicUsize>,
    overflow: OnceLock<(LabelText, M)>,
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
            .field("series", &self.inner.table.len())
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

impl<M: Metric> Family<M> {
    /// Creates a family of the service. The caller has checked the descriptor.
    pub(crate) fn new(descriptor: Descriptor, source: Source, limit: Arc<AtomicUsize>) -> Self {
        Self::of(Owner::Service, descriptor, source, limit)
    }

    /// Creates a family of this owner. The caller has checked the descriptor.
    pub(crate) fn of(owner: Owner, descriptor: Descriptor, source: Source, limit: Arc<AtomicUsize>) -> Self {
        Self {
            inner: Arc::new(Inner {
                bounds: Arc::new(Bounds::new(&descriptor.buckets)),
                descriptor,
                source,
                owner,
                table: Table::new(),
                known: AtomicUsize::new(0),
                limit,
                overflow: OnceLock::new(),
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
    pub fn get_or_create(&self, values: &[&str]) -> Result<&M, LabelCountError> {
        let descriptor = &self.inner.descriptor;
        if values.len() == descriptor.labels.len() {
            return Ok(self.series(values));
        }
        Err(LabelCountError {
            metric: descriptor.name.to_string(),
            labels: descriptor.labels.iter().map(ToString::to_string).collect(),
            given: values.len(),
        })
    }

    /// Returns the series of these values, like [`get_or_create`](Self::get_or_create). The caller gives one value for
    /// each label.
    #[inline]
    pub(crate) fn series(&self, values: &[&str]) -> &M {
        self.lookup(values).unwrap_or_else(|| self.overflow())
    }

    /// Returns the series of these values, or `None` if it is new and the limit is reached.
    #[inline]
    pub(crate) fn lookup(&self, values: &[&str]) -> Option<&M> {
        let inner = &*self.inner;
        let names = &inner.descriptor.labels;
        debug_assert_eq!(names.len(), values.len());
        let admit = |len: usize| {
            let counted = len.saturating_sub(inner.known.load(Ordering::Relaxed));
            counted < inner.limit.load(Ordering::Relaxed) && !is_overflow(values)
        };
        let entry = inner.table.get_or_insert(names, values, admit, || M::new(&inner.bounds));
        entry.map(|entry| &entry.value)
    }

    /// Returns the number of the series of these values, for callers that store it, or `None` if it is new and the
    /// limit is reached.
    #[cfg(feature = "http")]
    pub(crate) fn number(&self, values: &[&str]) -> Option<u32> {
        self.lookup(values)?;
        u32::try_from(self.inner.table.number(&self.inner.descriptor.labels, values)?).ok()
    }

    /// Returns the series with a number from [`number`](Self::number).
    #[cfg(feature = "http")]
    #[inline]
    pub(crate) fn numbered(&self, number: u32) -> Option<&M> {
        self.inner.table.numbered(number as usize).map(|entry| &entry.value)
    }

    /// Returns the series of values that the program bounds, such as a literal, without applying the limit. Returns
    /// `None` for the values of the overflow series.
    pub(crate) fn known_series(&self, values: &[&str]) -> Option<&M> {
        let inner = &*self.inner;
        let entry = inner.table.get_or_insert(
            &inner.descriptor.labels,
            values,
            |_| !is_overflow(values),
            || {
                inner.known.fetch_add(1, Ordering::Relaxed);
                M::new(&inner.bounds)
            },
        );
        entry.map(|entry| &entry.value)
    }

    /// Returns the overflow series. Every call counts one operation.
    #[cold]
    pub(crate) fn overflow(&self) -> &M {
        self.inner.overflowed.add(1);
        self.overflow_series()
    }

    /// Counts an operation that was recorded with `_overflow` as the value of a label, in a series of its own.
    #[cfg(feature = "http")]
    #[cold]
    pub(crate) fn count_overflow(&self) {
        self.inner.overflowed.add(1);
    }

    /// Counts an operation that was recorded in a less detailed series, because the limit is reached.
    #[cfg(feature = "http")]
    #[cold]
    pub(crate) fn count_full(&self) {
        self.inner.overflowed.add(1);
        self.warn_full();
    }

    /// Stores the exemplar of a call that has added `value` to a series of this family.
    pub(crate) fn exemplify(&self, series: &M, value: f64, (exemplar, time): &(Exemplar, SystemTime)) {
        let bounds = &self.inner.bounds;
        // A rejected value has changed no number.
        if bounds.accepts(value) {
            let kept = StoredExemplar { exemplar: exemplar.clone(), value, time: *time };
            self.inner.exemplars.keep(series, bounds.bucket(value), bounds.upper().len() + 1, kept);
        }
    }

    /// Counts one operation if the series is the overflow series.
    pub(crate) fn count_if_overflow(&self, series: &M) {
        if self.inner.overflow.get().is_some_and(|(_, overflow)| std::ptr::eq(overflow, series)) {
            self.inner.overflowed.add(1);
        }
    }

    /// Returns the overflow series, for callers that store it and count the operations themselves.
    pub(crate) fn overflow_series(&self) -> &M {
        self.warn_full();
        let inner = &*self.inner;
        let (_, series) = inner.overflow.get_or_init(|| {
            let names = &inner.descriptor.labels;
            (LabelText::new(names, &vec![OVERFLOW; names.len()]), M::new(&inner.bounds))
        });
        series
    }

    fn warn_full(&self) {
        let inner = &*self.inner;
        if inner.warned.is_now() {
            tracing::warn!(
                metric = %inner.descriptor.name,
                limit = inner.limit.load(Ordering::Relaxed),
                "a metric has reached its limit of series; further label values are counted under `{OVERFLOW}`"
            );
        }
    }

    /// Returns the description for the `prometheus` crate. `describe` creates it on first use.
    #[cfg(feature = "prometheus")]
    pub(crate) fn desc_or_init(&self, describe: impl FnOnce() -> prometheus::core::Desc) -> &prometheus::core::Desc {
        self.inner.desc.get_or_init(describe)
    }
}

/// Returns `true` for the values of the overflow series, which must not exist twice.
fn is_overflow(values: &[&str]) -> bool {
    !values.is_empty() && values.iter().all(|value| *value == OVERFLOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Counter;

    fn family(labels: &[&'static str], limit: usize) -> Family<Counter> {
        let descriptor = Descriptor::counter("x_total", "x").labels(labels.iter().copied());
        Family::new(descriptor, Source::caller(), Arc::new(AtomicUsize::new(limit)))
    }

    fn samples(family: &dyn AnyFamily) -> Vec<(String, f64)> {
        let mut samples = Vec::new();
        family.visit(&mut |labels, sample| {
            if let Sample::Counter(number) = sample {
                samples.push((labels.as_str().to_owned(), number.as_f64()));
            }
        });
        samples
    }

    #[test]
    fn operations_beyond_the_limit_go_to_one_series_and_the_total_stays_exact() {
        let family = family(&["tenant"], 3);
        for i in (0..10).chain(0..10) {
            family.series(&[&i.to_string()]).inc();
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
        family.series(&[OVERFLOW]).inc();
        family.series(&["a"]).inc();
        family.series(&["b"]).inc();
        assert_eq!(samples(&family), [(r#"tenant="a""#.to_owned(), 1.0), (r#"tenant="_overflow""#.to_owned(), 2.0)]);
    }

    #[test]
    fn series_that_the_program_bounds_do_not_count_against_the_limit() {
        let family = family(&["kind"], 1);
        for kind in ["a", "b", "c"] {
            family.known_series(&[kind]).expect("not the overflow").inc();
        }
        family.series(&["d"]).inc();
        assert_eq!(samples(&family).len(), 4);
        assert_eq!(family.overflowed(), 0);
    }
}
