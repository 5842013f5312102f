//! Reading all samples of a registry, for formats and destinations of your own.
//!
//! [`Registry::visit`](crate::Registry::visit) and [`Metrics::visit`](crate::Metrics::visit) walk once over everything
//! that a page has: the families of the service and of libraries, those of collectors of the `prometheus` crate, and
//! those of the toolkit. The toolkit's own pages are visitors too, so a [`Visitor`] sees the samples of a page.
//! [`Registry::visit_within`](crate::Registry::visit_within) walks on a thread of its own and does not wait for a source that
//! hangs. The crate `metrics-send` is such a visitor.
//!
//! ```
//! use metrics_runtime::visit::{FamilyRef, SeriesRef, Value, Visitor};
//! use metrics_runtime::{Descriptor, Metrics, Registry};
//!
//! /// Writes counters as lines of StatsD.
//! #[derive(Default)]
//! struct Statsd(String);
//!
//! impl Visitor for Statsd {
//!     fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
//!         if let Value::Counter(value) = value {
//!             let tags: Vec<_> = series.labels().map(|(name, value)| format!("{name}:{value}")).collect();
//!             self.0 += &format!("{}:{}|c|#{}\n", family.name, value.as_f64(), tags.join(","));
//!         }
//!     }
//! }
//!
//! let registry = Registry::new();
//! let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs by state.").labels(["state"]))?;
//! jobs.get_or_create(&["done"])?.inc();
//!
//! let metrics = Metrics::builder().registry(&registry).namespace("shop").constant_label("region", "eu").build()?;
//! let mut statsd = Statsd::default();
//! metrics.visit(&mut statsd);
//! assert!(statsd.0.contains("shop_jobs_total:1|c|#region:eu,state:done\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::exemplars::StoredExemplar;
use crate::schema::{LabelPairs, Source, name};
pub use crate::schema::{MetricKind, NativeBuckets, Number};

/// Reads the families, series and samples of a registry.
///
/// A walk calls [`family`](Self::family) for a family, and [`series`](Self::series) for each of its series, before it
/// goes on to the next family. Other threads record, create and remove series, and register families meanwhile. A
/// histogram is read as a whole: its buckets add up to its count. Series that are created or removed during the walk may
/// or may not be visited, each at most once. A panic of a visitor ends its walk; the next one visits all series.
///
/// The walk can hold a lock of the current family. So a visitor must neither visit the registry again, nor create or
/// remove series of it, and should not block: write into a buffer first, and to a network or a file after the walk.
/// Recording into series that exist is allowed.
pub trait Visitor {
    /// Starts a family. Families without series are visited too, except those of collectors. Does nothing by default.
    fn family(&mut self, family: &FamilyRef<'_>) {
        let _ = family;
    }

    /// Notes a source that has not answered yet, by its description, before the first family. This walk has none of its
    /// series. Does nothing by default.
    fn awaits(&mut self, source: &str) {
        let _ = source;
    }

    /// Notes a source or family that is left out and counted in `metrics_runtime_scrape_errors_total`, with the reason,
    /// before the first family. Does nothing by default.
    fn leaves_out(&mut self, problem: &str) {
        let _ = problem;
    }

    /// Reads a series of the family.
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>);

    /// Returns `false` if the visitor needs no exemplars. Then they are not read. The default is `true`.
    fn takes_exemplars(&self) -> bool {
        true
    }

    /// Returns `false` if the visitor needs no native buckets. Then they are not read. The default is `true`.
    fn takes_native_buckets(&self) -> bool {
        true
    }
}

impl<V: Visitor + ?Sized> Visitor for &mut V {
    fn family(&mut self, family: &FamilyRef<'_>) {
        (**self).family(family);
    }

    fn awaits(&mut self, source: &str) {
        (**self).awaits(source);
    }

    fn leaves_out(&mut self, problem: &str) {
        (**self).leaves_out(problem);
    }

    #[inline]
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        (**self).series(family, series, value);
    }

    fn takes_exemplars(&self) -> bool {
        (**self).takes_exemplars()
    }

    fn takes_native_buckets(&self) -> bool {
        (**self).takes_native_buckets()
    }
}

/// Both visitors read the same samples of one walk.
impl<A: Visitor, B: Visitor> Visitor for (A, B) {
    fn family(&mut self, family: &FamilyRef<'_>) {
        self.0.family(family);
        self.1.family(family);
    }

    fn awaits(&mut self, source: &str) {
        self.0.awaits(source);
        self.1.awaits(source);
    }

    fn leaves_out(&mut self, problem: &str) {
        self.0.leaves_out(problem);
        self.1.leaves_out(problem);
    }

    #[inline]
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        self.0.series(family, series, value);
        self.1.series(family, series, value);
    }

    fn takes_exemplars(&self) -> bool {
        self.0.takes_exemplars() || self.1.takes_exemplars()
    }

    fn takes_native_buckets(&self) -> bool {
        self.0.takes_native_buckets() || self.1.takes_native_buckets()
    }
}

/// A family during a walk.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FamilyRef<'a> {
    /// The name, with namespace. That of a counter ends in `_total`, unless it is the counter of a collector or has a
    /// [legacy name](crate::Descriptor::legacy_name).
    pub name: &'a str,
    /// The kind.
    pub kind: MetricKind,
    /// The help text.
    pub help: &'a str,
    /// The unit, such as `seconds`. The name ends in it, before `_total`.
    pub unit: Option<&'a str>,
    /// The places of the declaration. Empty for families of collectors.
    pub places: &'a [Source],
    /// The escaped text of the constant labels.
    pub(crate) constant: &'a str,
    /// `true` for a counter if another family has its name without `_total`, or with `_created` in place of it. Formats
    /// that name families without `_total` cannot have both.
    pub(crate) is_ambiguous: bool,
}

impl FamilyRef<'_> {
    /// Returns the name without the suffix of the kind, `_total` or `_info`, as OpenMetrics and OpenTelemetry name
    /// families.
    #[must_use]
    pub fn stem(&self) -> &str {
        match self.kind {
            MetricKind::Counter => name::stem(self.name),
            MetricKind::Info => self.name.strip_suffix("_info").unwrap_or(self.name),
            _ => self.name,
        }
    }
}

/// A series during a walk.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SeriesRef<'a> {
    /// The exemplars: one place for a counter, one for each bucket of a histogram with `+Inf`. Empty if the series has
    /// none.
    pub exemplars: &'a [Option<StoredExemplar>],
    /// The escaped texts of the constant labels and of the labels of the series.
    pub(crate) constant: &'a str,
    pub(crate) labels: &'a str,
    pub(crate) created: Option<Millis>,
    pub(crate) timestamp: Option<Millis>,
}

/// Milliseconds since 1970.
pub(crate) type Millis = u64;

impl<'a> SeriesRef<'a> {
    /// Returns a series with the constant labels and its own labels, as escaped text.
    pub(crate) fn new(constant: &'a str, labels: &'a str) -> Self {
        Self { constant, labels, exemplars: &[], created: None, timestamp: None }
    }

    /// Returns the names and values of the labels: the constant ones, then those of the series in the order of their
    /// declaration.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + Clone + use<'a> {
        LabelPairs::new(self.constant).chain(LabelPairs::new(self.labels))
    }

    /// Appends the labels in the notation of the text formats: `a="x",b="y"`, with escaped values. This is cheaper than
    /// [`labels`](Self::labels), because the text exists.
    pub fn push_text(&self, out: &mut String) {
        out.push_str(self.constant);
        if !self.constant.is_empty() && !self.labels.is_empty() {
            out.push(',');
        }
        out.push_str(self.labels);
    }

    /// Returns the time at which the series started from zero, or `None` if it is not known or the series does not
    /// count.
    #[must_use]
    pub fn created(&self) -> Option<SystemTime> {
        self.created.and_then(time)
    }

    /// Returns the time of the sample, if it is that of a collector that sets one. All other samples are those of the
    /// time of the walk.
    #[must_use]
    pub fn timestamp(&self) -> Option<SystemTime> {
        self.timestamp.and_then(time)
    }
}

fn time(millis: Millis) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

/// The value of a series during a walk.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A counter.
    Counter(Number),
    /// A gauge.
    Gauge(Number),
    /// A histogram.
    Histogram(HistogramRef<'a>),
    /// An info, whose value is always 1.
    Info,
    /// A summary of a collector.
    Summary(SummaryRef<'a>),
    /// A value of a collector without a type.
    Unknown(Number),
}

/// The buckets and the sum of a histogram during a walk.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistogramRef<'a> {
    /// The upper bounds of the classic buckets, without `+Inf`.
    pub bounds: &'a [f64],
    /// The number of observations at or below each bound, followed by the number of all observations.
    pub cumulative: &'a [u64],
    /// The sum of all observations. That of a collected histogram can be negative or NaN.
    pub sum: f64,
    /// The native buckets, if the histogram has some.
    pub native: Option<&'a NativeBuckets>,
}

impl HistogramRef<'_> {
    /// Returns the number of observations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }

    /// Returns the classic buckets: bounds, with `+Inf` at the end, and cumulative counts.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.bounds.iter().copied().chain([f64::INFINITY]).zip(self.cumulative.iter().copied())
    }
}

/// The quantiles, the count and the sum of a summary during a walk.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SummaryRef<'a> {
    /// The quantiles, from 0 to 1, with their values. The value of a quantile without observations is NaN.
    pub quantiles: &'a [(f64, f64)],
    /// The number of observations.
    pub count: u64,
    /// The sum of all observations. It can be negative or NaN.
    pub sum: f64,
}
