//! One metric with all its series.

pub(crate) mod computed;
mod exemplars;
#[cfg(all(test, models))]
mod models;
mod table;

pub(crate) use table::Table;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use crate::encode::Page;
use crate::exemplars::{Exemplar, Kept};
use crate::metric::sync::OnceLock;
use crate::metric::{Bounds, Counter, First, Gauge, Histogram, InFlight, Striped};
use crate::schema::label::LabelText;
use crate::schema::{Buckets, Descriptor, Kind, Naming, Number, Source};

/// How many series a family takes from label values that are only known at run time, unless told otherwise.
pub(crate) const DEFAULT_SERIES_LIMIT: usize = 2_000;

/// The value of every variable label of the series that takes what does not fit under the limit.
pub(crate) const OVERFLOW: &str = "_overflow";

/// What one series can be: [`Counter`], [`Gauge`], [`InFlight`], [`Histogram`] or [`Info`].
pub trait Metric: sealed::Metric {}

pub(crate) mod sealed {
    use super::{Arc, Bounds, Kind, Page, Sample};

    pub trait Metric: Send + Sync + 'static {
        const KIND: Kind;
        fn new(bounds: &Arc<Bounds>) -> Self;
        fn sample(&self) -> Sample;
        fn write(&self, labels: &str, page: &mut Page);
        fn spread(&self);
    }
}

/// The value of one series at one moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    Counter(Number),
    Gauge(f64),
    Histogram(Buckets),
    Info,
}

/// An info: one series whose labels are the facts and whose value is 1.
#[derive(Debug)]
pub struct Info(());

macro_rules! metrics {
    ($($ty:ident: $kind:ident {
        new: $new:expr, sample: $sample:expr, write: $write:expr, spread: $spread:expr $(,)?
    })*) => {$(
        impl Metric for $ty {}
        impl sealed::Metric for $ty {
            const KIND: Kind = Kind::$kind;

            fn new(bounds: &Arc<Bounds>) -> Self {
                let new: fn(&Arc<Bounds>) -> Self = $new;
                new(bounds)
            }

            fn sample(&self) -> Sample {
                let sample: fn(&Self) -> Sample = $sample;
                sample(self)
            }

            #[inline]
            fn write(&self, labels: &str, page: &mut Page) {
                let write: fn(&Self, &str, &mut Page) = $write;
                write(self, labels, page);
            }

            fn spread(&self) {
                let spread: fn(&Self) = $spread;
                spread(self);
            }
        }
    )*};
}
metrics! {
    Counter: Counter {
        new: |_| Counter::new(),
        sample: |counter| Sample::Counter(counter.number()),
        write: |counter, labels, page| page.sample(labels, counter.number()),
        spread: Counter::spread,
    }
    Gauge: Gauge {
        new: |_| Gauge::new(),
        sample: |gauge| Sample::Gauge(gauge.get()),
        write: |gauge, labels, page| page.sample(labels, gauge.get().into()),
        spread: |_| (),
    }
    InFlight: Gauge {
        new: |_| InFlight::new(),
        sample: |calls| Sample::Gauge(calls.get() as f64),
        write: |calls, labels, page| page.sample(labels, Number::Whole(calls.get())),
        spread: InFlight::spread,
    }
    Histogram: Histogram {
        new: |bounds| Histogram::new(Arc::clone(bounds)),
        sample: |histogram| Sample::Histogram(histogram.read()),
        write: |histogram, labels, page| page.histogram(labels, |buckets| histogram.read_into(buckets)),
        spread: Histogram::spread,
    }
    Info: Info {
        new: |_| Info(()),
        sample: |_| Sample::Info,
        write: |_, labels, page| page.sample(labels, Number::Whole(1)),
        spread: |_| (),
    }
}

/// A metric with all its series, keyed by the full tuple of label values. Cheap to clone: clones are the same family.
///
/// The number of series is bounded. Beyond the limit, operations go to one series whose labels all read `_overflow`,
/// so that totals stay exact; `metrics_runtime_label_overflow_total{metric}` counts them, and the first is logged.
/// Series that were known before the first call (static labels, bounded enums) do not count against the limit.
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
    bounds: Arc<Bounds>,
    table: Table<M>,
    /// Series that do not count against the limit.
    known: AtomicUsize,
    limit: Arc<AtomicUsize>,
    overflow: OnceLock<(LabelText, M)>,
    overflowed: Striped,
    warned: First,
    exemplars: exemplars::Exemplars,
    /// Made when the family is registered with a registry of the `prometheus` crate.
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

/// The wrong number of label values for a family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{metric}` has {} label(s) ({}), but {given} value(s) were given", labels.len(), labels.join(", "))]
#[non_exhaustive]
pub struct LabelCountError {
    /// The metric, without namespace.
    pub metric: String,
    /// The labels it has.
    pub labels: Vec<String>,
    /// How many values were given.
    pub given: usize,
}

impl<M: Metric> Family<M> {
    /// The caller has checked the descriptor.
    pub(crate) fn new(descriptor: Descriptor, source: Source, limit: Arc<AtomicUsize>) -> Self {
        Self {
            inner: Arc::new(Inner {
                bounds: Arc::new(Bounds::new(&descriptor.buckets)),
                descriptor,
                source,
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

    /// The series of these label values, in the order of the declared labels; made now if it is new.
    ///
    /// # Errors
    /// The number of values is not the number of labels.
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

    /// Like [`get_or_create`](Self::get_or_create), for callers that have one value for each label.
    #[inline]
    pub(crate) fn series(&self, values: &[&str]) -> &M {
        self.lookup(values).unwrap_or_else(|| self.overflow())
    }

    /// The series of these values, unless there is no room for it.
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

    /// The number of the series of these values, unless there is no room for it: for callers that remember it.
    #[cfg(feature = "http")]
    pub(crate) fn number(&self, values: &[&str]) -> Option<u32> {
        self.lookup(values)?;
        u32::try_from(self.inner.table.number(&self.inner.descriptor.labels, values)?).ok()
    }

    /// The series of a number that [`number`](Self::number) gave.
    #[cfg(feature = "http")]
    #[inline]
    pub(crate) fn numbered(&self, number: u32) -> Option<&M> {
        self.inner.table.numbered(number as usize).map(|entry| &entry.value)
    }

    /// The series of values that the program itself bounds, such as a literal; the limit does not apply. Nothing where they
    /// are those of the overflow.
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

    /// The series for what found no room. Every call counts one operation.
    #[cold]
    pub(crate) fn overflow(&self) -> &M {
        self.inner.overflowed.add(1);
        self.overflow_series()
    }

    /// Keeps the trace of a call that has added `value` to one of this family's series before.
    pub(crate) fn exemplify(&self, series: &M, value: f64, (exemplar, time): &(Exemplar, SystemTime)) {
        let bounds = &self.inner.bounds;
        // What was refused led to no number.
        if bounds.accepts(value) {
            let kept = Kept { exemplar: exemplar.clone(), value, time: *time };
            self.inner.exemplars.keep(series, bounds.bucket(value), bounds.upper().len() + 1, kept);
        }
    }

    /// Counts an operation on this series, if it is the one for what found no room.
    pub(crate) fn count_if_overflow(&self, series: &M) {
        if self.inner.overflow.get().is_some_and(|(_, overflow)| std::ptr::eq(overflow, series)) {
            self.inner.overflowed.add(1);
        }
    }

    /// Returns the description of the family for the `prometheus` crate. `describe` makes it the first time.
    #[cfg(feature = "prometheus")]
    pub(crate) fn desc(&self, describe: impl FnOnce() -> prometheus::core::Desc) -> &prometheus::core::Desc {
        self.inner.desc.get_or_init(describe)
    }

    /// The series for what found no room, for callers that remember it and count by themselves.
    pub(crate) fn overflow_series(&self) -> &M {
        let inner = &*self.inner;
        if inner.warned.is_now() {
            tracing::warn!(
                metric = %inner.descriptor.name,
                limit = inner.limit.load(Ordering::Relaxed),
                "a metric has reached its limit of series; further label values are counted under `{OVERFLOW}`"
            );
        }
        let (_, series) = inner.overflow.get_or_init(|| {
            let names = &inner.descriptor.labels;
            (LabelText::new(names, &vec![OVERFLOW; names.len()]), M::new(&inner.bounds))
        });
        series
    }
}

/// The tuple that the overflow series itself has; it must not get a second one.
fn is_overflow(values: &[&str]) -> bool {
    !values.is_empty() && values.iter().all(|value| *value == OVERFLOW)
}

/// What a line has beside the name and the labels. The longest number is `18446744073709551615`; most are far from it.
pub(crate) const LINE: usize = "{} \n".len() + 20;

/// A family of any kind, as the registry keeps it.
pub(crate) trait AnyFamily: Send + Sync {
    fn descriptor(&self) -> &Descriptor;
    fn source(&self) -> Source;
    /// What the page puts in front of its name.
    fn prefix<'a>(&self, naming: &'a Naming) -> &'a str {
        &naming.prefix
    }
    /// What computes its samples, if they are computed; then no limit applies.
    #[cfg(feature = "export")]
    fn computed(&self) -> Option<&dyn computed::Computed> {
        None
    }
    /// Writes every series, in the order in which they were made, the overflow last.
    fn write(&self, page: &mut Page);
    /// How many bytes `write` takes on a page where this many stand beside the labels of each line: rather too many than
    /// too few.
    fn page_len(&self, beside: usize) -> usize;
    /// Every series, in the same order.
    fn visit(&self, visit: &mut dyn FnMut(&LabelText, Sample));
    fn bounds(&self) -> &[f64];
    fn overflowed(&self) -> u64;
    fn as_any(&self) -> &dyn Any;
}

impl<M: Metric> AnyFamily for Family<M> {
    fn descriptor(&self) -> &Descriptor {
        &self.inner.descriptor
    }

    fn source(&self) -> Source {
        self.inner.source
    }

    fn write(&self, page: &mut Page) {
        let exemplars = if page.takes_exemplars() { self.inner.exemplars.read() } else { None };
        for entry in self.inner.table.iter() {
            if let Some(exemplars) = &exemplars {
                // Read before the numbers, so that what led to an exemplar is counted in them.
                page.exemplars(exemplars.texts(&entry.value));
            }
            entry.value.write(entry.labels.as_str(), page);
        }
        page.exemplars(Vec::new());
        if let Some((labels, series)) = self.inner.overflow.get() {
            series.write(labels.as_str(), page);
        }
    }

    fn page_len(&self, beside: usize) -> usize {
        // Of a histogram, a line for each bucket, the last one included, the sum and the count, with a suffix and a bound.
        let (lines, beside) = match M::KIND {
            Kind::Histogram => (self.inner.bounds.upper().len() + 3, beside + "_bucket,le=\"0.0000\"".len()),
            Kind::Counter | Kind::Gauge | Kind::Info => (1, beside),
        };
        let table = &self.inner.table;
        (table.text_len() + (table.len() + 1) * (beside + LINE)) * lines
    }

    fn visit(&self, visit: &mut dyn FnMut(&LabelText, Sample)) {
        for entry in self.inner.table.iter() {
            visit(&entry.labels, entry.value.sample());
        }
        if let Some((labels, series)) = self.inner.overflow.get() {
            visit(labels, series.sample());
        }
    }

    fn bounds(&self) -> &[f64] {
        self.inner.bounds.upper()
    }

    fn overflowed(&self) -> u64 {
        self.inner.overflowed.sum()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn beyond_the_limit_one_series_takes_the_rest_and_the_total_stays_exact() {
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
    fn a_value_that_reads_overflow_does_not_make_a_second_such_series() {
        let family = family(&["tenant"], 1);
        family.series(&[OVERFLOW]).inc();
        family.series(&["a"]).inc();
        family.series(&["b"]).inc();
        assert_eq!(samples(&family), [(r#"tenant="a""#.to_owned(), 1.0), (r#"tenant="_overflow""#.to_owned(), 2.0)]);
    }

    #[test]
    fn series_the_program_bounds_do_not_use_up_the_limit() {
        let family = family(&["kind"], 1);
        for kind in ["a", "b", "c"] {
            family.known_series(&[kind]).expect("not the overflow").inc();
        }
        family.series(&["d"]).inc();
        assert_eq!(samples(&family).len(), 4);
        assert_eq!(family.overflowed(), 0);
    }

    #[test]
    fn the_wrong_number_of_values_is_an_error_that_names_the_labels() {
        let error = family(&["a", "b"], 9).get_or_create(&["x"]).map(|_| ()).expect_err("one value for two labels");
        assert_eq!(error.to_string(), "`x_total` has 2 label(s) (a, b), but 1 value(s) were given");
    }
}
