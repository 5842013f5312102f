//! Questions about one metric: the series that match labels, and comparisons of their values.

use std::fmt;

use super::Scope;
use super::report;
use super::samples::{self, Metric, Reading, Sample, Samples};
use crate::schema::MetricKind;

/// A [`Scope`], or [`Samples`] of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no metrics to assert",
    label = "expected a `Scope`, or `Samples` of one"
)]
pub trait Readable: sealed::Readable {}

mod sealed {
    use super::Metric;

    pub trait Readable {
        /// Returns the metric of this name, or the text of an error if there is none.
        fn metric(&self, name: &str) -> Result<Metric, String>;
    }
}

impl Readable for Scope {}
impl sealed::Readable for Scope {
    fn metric(&self, name: &str) -> Result<Metric, String> {
        self.enter(|| samples::current(name))
    }
}

impl Readable for Samples {}
impl sealed::Readable for Samples {
    fn metric(&self, name: &str) -> Result<Metric, String> {
        self.metric(name)
    }
}

impl<R: Readable + ?Sized> Readable for &R {}
impl<R: Readable + ?Sized> sealed::Readable for &R {
    fn metric(&self, name: &str) -> Result<Metric, String> {
        (**self).metric(name)
    }
}

/// A number in an assertion.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a number", label = "expected a number")]
pub trait ComparedNumber {
    /// Returns the number, as Prometheus stores it.
    fn number(self) -> f64;
}

macro_rules! numbers {
    ($($ty:ty)*) => {$(
        impl ComparedNumber for $ty {
            #[allow(clippy::cast_lossless, trivial_numeric_casts, reason = "for all numbers alike")]
            fn number(self) -> f64 {
                self as f64
            }
        }
    )*};
}
numbers! { u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64 }

/// The part of a series that is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// The value of a counter or a gauge.
    Value,
    /// The number of observations of a histogram.
    Count,
    /// The sum of the observations of a histogram.
    Sum,
}

impl Part {
    /// Returns the part of a reading, or `None` if it does not have the part.
    fn of(self, reading: Reading) -> Option<f64> {
        match (self, reading) {
            (Self::Value, Reading::Number(value)) => Some(value),
            (Self::Count, Reading::Observations(count, _)) => Some(count),
            (Self::Sum, Reading::Observations(_, sum)) => Some(sum),
            _ => None,
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A comparison of a part with a number.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    part: Part,
    comparison: Comparison,
    expected: f64,
}

impl Check {
    /// Creates a comparison of a part with a number.
    pub fn new(part: Part, comparison: Comparison, expected: impl ComparedNumber) -> Self {
        Self { part, comparison, expected: expected.number() }
    }

    #[expect(clippy::float_cmp, reason = "the comparison of the test")]
    fn holds(&self, found: f64) -> bool {
        let expected = self.expected;
        match self.comparison {
            Comparison::Equal => found == expected,
            Comparison::NotEqual => found != expected,
            Comparison::Less => found < expected,
            Comparison::LessOrEqual => found <= expected,
            Comparison::Greater => found > expected,
            Comparison::GreaterOrEqual => found >= expected,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Value => "",
            Part::Count => "count ",
            Part::Sum => "sum ",
        };
        let comparison = match self.comparison {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        };
        write!(f, "{part}{comparison} {}", self.expected)
    }
}

/// The content of an assertion.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) name: String,
    /// The labels that a series must have.
    pub(super) labels: Vec<(&'static str, String)>,
    checks: Vec<Check>,
}

impl Query {
    /// Creates an assertion about the series with these labels.
    #[must_use]
    pub fn new(name: &str, mut labels: Vec<(&'static str, String)>, checks: Vec<Check>) -> Self {
        for (label, _) in &mut labels {
            *label = label.strip_prefix("r#").unwrap_or(label);
        }
        Self { name: name.to_owned(), labels, checks }
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        self.labels.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        report::write_labels(f, self.labels())?;
        for (i, check) in self.checks.iter().enumerate() {
            write!(f, "{}{check}", if i == 0 { " " } else { ", " })?;
        }
        Ok(())
    }
}

/// The series of a metric that have certain labels.
struct Matching<'m> {
    metric: &'m Metric,
    series: Vec<&'m Sample>,
}

impl<'m> Matching<'m> {
    /// Returns the series with these labels, or the text of an error if the metric cannot have them.
    fn new(metric: &'m Metric, labels: &[(&str, &str)]) -> Result<Self, String> {
        for (label, value) in labels {
            report::check_label(metric, label, value)?;
        }
        let has = |sample: &&Sample| {
            labels.iter().all(|(label, value)| sample.labels.iter().any(|(own, of)| own == label && of == value))
        };
        Ok(Self { metric, series: metric.series.iter().filter(has).collect() })
    }

    /// Returns a part of the series: the sum of all, or `None` if there are none. Several series of a gauge are an error, and
    /// so is a part that the kind does not have.
    fn part(&self, part: Part) -> Result<Option<f64>, String> {
        let (name, kind) = (&self.metric.description.base_name, self.metric.description.kind);
        let observes = matches!(kind, MetricKind::Histogram | MetricKind::Summary);
        if observes && part == Part::Value {
            return Err(format!("`{name}` is a {kind}, which has no single value: compare its `count` or its `sum`"));
        }
        if !observes && part != Part::Value {
            return Err(format!(
                "`{name}` is of the kind {kind}, which has one value: compare it without `count` or `sum`"
            ));
        }
        if !observes && kind != MetricKind::Counter && self.series.len() > 1 {
            return Err(format!(
                "{} series of `{name}` match, and a value of the kind {kind} cannot be added: give more labels",
                self.series.len()
            ));
        }
        Ok(self.series.iter().filter_map(|sample| part.of(sample.reading)).reduce(|sum, value| sum + value))
    }

    /// Returns the number that an assertion compares: a counter or a histogram without series has counted nothing.
    fn counted(&self, part: Part) -> Result<Option<f64>, String> {
        let counts = !matches!(self.metric.description.kind, MetricKind::Gauge | MetricKind::Unknown);
        Ok(self.part(part)?.or(counts.then_some(0.0)))
    }
}

impl Query {
    /// Checks that all comparisons hold. Otherwise returns the text of the failure.
    pub(super) fn check(&self, source: &impl Readable) -> Result<(), String> {
        let metric = source.metric(&self.name)?;
        let labels = self.labels();
        let matching = Matching::new(&metric, &labels).map_err(|error| report::misuse(self, &metric, &error))?;
        let mut found = Vec::new();
        let mut holds = true;
        for check in &self.checks {
            let value = matching.counted(check.part).map_err(|error| report::misuse(self, &metric, &error))?;
            holds &= value.is_some_and(|value| check.holds(value));
            found.push((check.part, value));
        }
        if holds {
            return Ok(());
        }
        Err(report::differs(self, &metric, matching.series.len(), &found, self.outside(&labels)))
    }

    /// Checks that the comparisons hold for no series. Otherwise returns the text of the failure.
    fn check_none(&self, source: &impl Readable) -> Result<(), String> {
        let metric = source.metric(&self.name)?;
        let matching = Matching::new(&metric, &self.labels()).map_err(|error| report::misuse(self, &metric, &error))?;
        for check in &self.checks {
            let one = Matching { metric: &metric, series: Vec::new() };
            one.part(check.part).map_err(|error| report::misuse(self, &metric, &error))?;
        }
        let holds = |sample: &&&Sample| {
            self.checks.iter().all(|check| check.part.of(sample.reading).is_some_and(|value| check.holds(value)))
        };
        let found: Vec<_> = matching.series.iter().filter(holds).copied().collect();
        if found.is_empty() { Ok(()) } else { Err(report::unexpected(self, &metric, &found)) }
    }

    /// Returns what the series have in the registry of the process, if that is not zero: what a test has lost there.
    fn outside(&self, labels: &[(&str, &str)]) -> Option<f64> {
        let metric = crate::scope::outside(|| samples::current(&self.name)).ok()?;
        let value = Matching::new(&metric, labels).ok()?.part(self.checks.first()?.part).ok()?;
        value.filter(|value| *value != 0.0)
    }
}

/// Asserts that all comparisons hold.
///
/// # Panics
/// Panics if one does not.
#[track_caller]
pub fn assert(source: &impl Readable, query: &Query) {
    if let Err(failure) = query.check(source) {
        panic!("{failure}");
    }
}

/// Asserts that the comparisons hold for no series.
///
/// # Panics
/// Panics if they hold for one.
#[track_caller]
pub fn assert_no(source: &impl Readable, query: &Query) {
    if let Err(failure) = query.check_none(source) {
        panic!("{failure}");
    }
}

#[track_caller]
fn read(source: &impl Readable, name: &str, labels: &[(&str, &str)], part: Part) -> Option<f64> {
    let read = source.metric(name).and_then(|metric| Matching::new(&metric, labels)?.part(part));
    read.unwrap_or_else(|error| panic!("{error}"))
}

macro_rules! readers {
    ($($ty:ty)*) => {$(
        impl $ty {
            /// Returns the value of a counter or a gauge with these labels, or `None` if no series has them. Several series of
            /// a counter are added.
            ///
            /// # Panics
            /// Panics if there is no metric of this name, if it has no such label or value of a label, if it is a histogram,
            /// or if several series of a gauge match.
            #[must_use]
            #[track_caller]
            pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
                read(self, name, labels, Part::Value)
            }

            /// Returns the number of observations of a histogram with these labels, or `None` if no series has them.
            ///
            /// # Panics
            /// Panics if there is no metric of this name, if it has no such label or value of a label, or if it is not a
            /// histogram.
            #[must_use]
            #[track_caller]
            pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
                read(self, name, labels, Part::Count)
            }

            /// Returns the sum of the observations of a histogram with these labels, or `None` if no series has them.
            ///
            /// # Panics
            /// Panics as [`count`](Self::count) does.
            #[must_use]
            #[track_caller]
            pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
                read(self, name, labels, Part::Sum)
            }
        }
    )*};
}
readers! { Scope Samples }
