//! The metrics of crates that use the facade `metrics`.
//!
//! [`Facade`] is a recorder of the crate [`metrics`](https://docs.rs/metrics): what libraries record with its macros
//! is on the page, beside the metrics of attributes.
//!
//! ```
//! use metrics_runtime::facade::{Facade, Names};
//! use metrics_runtime::{Metrics, Registry};
//!
//! let registry = Registry::new();
//! let facade = Facade::new(&registry).buckets(Names::Prefix("db"), [0.001, 0.01, 0.1])?;
//! # metrics::with_local_recorder(&facade, || {
//! // `facade.install()?` makes it the recorder of the whole program.
//! metrics::describe_counter!("db.queries", "Queries by table.");
//! metrics::counter!("db.queries", "table" => "orders").increment(3);
//! metrics::histogram!("db.query_time").record(0.02);
//! # });
//! let page = Metrics::builder().registry(&registry).build()?.render();
//! assert!(page.contains("# HELP db_queries Queries by table.\n"));
//! assert!(page.contains("db_queries{table=\"orders\"} 3\n"));
//! assert!(page.contains("db_query_time_bucket{le=\"0.1\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Names
//!
//! A name keeps its text, with `_` in place of characters that Prometheus does not allow; so do the names of labels. No
//! suffix is added, so dashboards that know the metric from another exporter find it. Names against the conventions are
//! [legacy names](crate::Descriptor::legacy_name). A namespace of the program is added as to all its metrics.
//!
//! The unit of a description is on the page, in OpenMetrics, if the name ends in it. Describe a metric before its first use:
//! later descriptions are ignored.
//!
//! # Labels
//!
//! The first use of a name decides its labels. A later use without one of them has an empty value for it, which for
//! Prometheus is the same as no label. A label that the first use did not have is left out, and logged once for each
//! metric; a gauge with such a label is not recorded, because its values would replace each other. Series of a counter that
//! differ only in such labels are one, which has their sum; of their absolute values, it has the largest.
//!
//! # Bounds
//!
//! The number of series of each metric is [limited](crate::Family#limit-of-series), and so are the lengths of values. There
//! are at most 1,000 metrics; uses of further names record nothing, and the first one is logged. So does a name that
//! already has another kind.

mod handles;
mod names;

pub use names::Names;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use metrics::{Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString, Unit};

use crate::family::{Family, Metric, StoredSeries};
use crate::instrument::durations::default_buckets;
use crate::instrument::enabled;
use crate::metric::{Counter, First, Gauge, Histogram};
use crate::registry::{Registry, RegistryError};
use crate::schema::{Descriptor, NameError, OpenLabels, Source, name};
use names::sanitized;

/// The most metrics that the facade can have.
const MOST_METRICS: usize = 1_000;

/// The buckets of histograms without a rule whose unit is neither seconds nor bytes.
const DECADES: &[f64] = &[0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

/// The buckets of histograms of bytes without a rule.
const BYTES: &[f64] = &[256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// A recorder that puts the metrics of the facade `metrics` onto the page. See the [module documentation](self).
pub struct Facade {
    registry: Registry,
    rules: Vec<(Names, Vec<f64>)>,
    native: Vec<Names>,
    metrics: ArcSwap<UsedByName>,
    /// The help text and the unit of each described metric. Locked while a metric is created, but not while something is
    /// logged: what listens to the log may record a metric of the facade.
    descriptions: Mutex<HashMap<String, Description>>,
    overfull: First,
}

/// The metrics that were used, by the name that users of the facade give.
type UsedByName = HashMap<String, Arc<Used>, RandomState>;

#[derive(Clone, Default)]
struct Description {
    help: String,
    unit: Option<Unit>,
}

/// A metric that was used.
struct Used {
    family: AnyFamily,
    /// The labels, as users of the facade name them.
    labels: Vec<String>,
    other_labels: First,
    other_kind: First,
    /// Serializes calls of `absolute`.
    absolute: Arc<Mutex<()>>,
}

enum AnyFamily {
    Counter(&'static Family<Counter>),
    Gauge(&'static Family<Gauge>),
    Histogram(&'static Family<Histogram>),
    /// The registry has refused the definition.
    Refused,
}

/// A type of metric that the facade has.
trait FacadeMetric: Metric + Sized {
    /// Returns a definition without help text and labels.
    fn descriptor(name: String) -> Descriptor;
    fn wrap(family: &'static Family<Self>) -> AnyFamily;
    /// Returns the family, or `None` if it has another type.
    fn of(family: &AnyFamily) -> Option<&'static Family<Self>>;
}

macro_rules! facade_metrics {
    ($($ty:ident: $descriptor:expr;)*) => {$(
        impl FacadeMetric for $ty {
            fn descriptor(name: String) -> Descriptor {
                let descriptor: fn(String) -> Descriptor = $descriptor;
                descriptor(name)
            }

            fn wrap(family: &'static Family<Self>) -> AnyFamily {
                AnyFamily::$ty(family)
            }

            fn of(family: &AnyFamily) -> Option<&'static Family<Self>> {
                if let AnyFamily::$ty(family) = family { Some(family) } else { None }
            }
        }
    )*};
}
facade_metrics! {
    Counter: |name| Descriptor::counter(name, "");
    Gauge: |name| Descriptor::gauge(name, "");
    Histogram: |name| Descriptor::histogram(name, "", DECADES);
}

/// The metric and the series of one key.
struct Registered<M: 'static> {
    used: Arc<Used>,
    family: &'static Family<M>,
    series: StoredSeries<M>,
}

impl Facade {
    /// Creates a recorder for this registry, such as [`Registry::global`].
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            rules: Vec::new(),
            native: Vec::new(),
            metrics: ArcSwap::default(),
            descriptions: Mutex::default(),
            overfull: First::new(),
        }
    }

    /// Sets the buckets of histograms with these names, in increasing order and without `+Inf`. The first rule that matches
    /// the name decides.
    ///
    /// Without a rule, a histogram whose unit is seconds, or whose name ends in it, has the [default buckets of
    /// durations](crate::Builder::duration_buckets), from 0.005 to 10 unless the builder sets others; one of bytes has buckets
    /// from 256 to 16 MiB; all others have one for each power of ten from 0.001 to 1,000,000.
    ///
    /// # Errors
    /// Returns an error if the list is empty, not finite or not strictly increasing.
    pub fn buckets(mut self, names: Names, bounds: impl Into<Vec<f64>>) -> Result<Self, NameError> {
        let bounds = bounds.into();
        name::check_buckets(&bounds)?;
        self.rules.push((names, bounds));
        Ok(self)
    }

    /// Adds native buckets to histograms with these names, beside the classic ones. See
    /// [`Histogram`](crate::Histogram#native-buckets).
    #[must_use]
    pub fn native(mut self, names: Names) -> Self {
        self.native.push(names);
        self
    }

    /// Makes this the recorder of the whole program.
    ///
    /// # Errors
    /// Returns an error with the recorder if the program has one already.
    #[expect(clippy::result_large_err, reason = "the error has the recorder, once in a program")]
    pub fn install(self) -> Result<(), SetRecorderError<Self>> {
        metrics::set_global_recorder(self)
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>, help: SharedString) {
        let mut descriptions = self.descriptions.lock().unwrap_or_else(PoisonError::into_inner);
        // Names can have run-time parts.
        if descriptions.len() < MOST_METRICS || descriptions.contains_key(name.as_str()) {
            descriptions.insert(name.as_str().to_owned(), Description { help: help.into_owned(), unit });
        }
    }

    /// Returns the series of a key, or `None` if it is not recorded.
    fn registered<M: FacadeMetric>(&self, key: &Key) -> Option<Registered<M>> {
        let used = self.used::<M>(key).filter(|_| enabled())?;
        let Some(family) = M::of(&used.family) else {
            Self::refuse(key, &used);
            return None;
        };
        let series = Self::series(key, &used, family)?;
        Some(Registered { used, family, series })
    }

    /// Returns the metric of a name. Creates it if it is new.
    fn used<M: FacadeMetric>(&self, key: &Key) -> Option<Arc<Used>> {
        if let Some(used) = self.metrics.load().get(key.name()) {
            return Some(Arc::clone(used));
        }
        let descriptions = self.descriptions.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = self.metrics.load();
        if let Some(used) = metrics.get(key.name()) {
            return Some(Arc::clone(used));
        }
        if metrics.len() >= MOST_METRICS {
            drop(descriptions);
            if self.overfull.is_now() {
                let (metric, most) = (key.name(), MOST_METRICS);
                tracing::warn!(metric, "the facade has {most} metrics; further names record nothing");
            }
            return None;
        }
        let description = descriptions.get(key.name()).cloned().unwrap_or_default();
        let mut labels: Vec<(String, String)> = Vec::new();
        for label in key.labels() {
            let label = (label.key().to_owned(), names::label(label.key()));
            if labels.iter().all(|(_, other)| *other != label.1) {
                labels.push(label);
            }
        }
        let (labels, names): (Vec<_>, Vec<_>) = labels.into_iter().unzip();
        let name = sanitized(key.name());
        let mut descriptor = M::descriptor(name.clone()).labels(names).legacy_name();
        descriptor.help = Cow::Owned(description.help);
        if let Some(unit) = description.unit.map(|unit| unit.as_str())
            && name::check_unit(&name, descriptor.kind, unit).is_ok()
        {
            descriptor = descriptor.unit(unit);
        }
        if !descriptor.buckets.is_empty() {
            descriptor.buckets = self.bounds(key.name(), &name, description.unit).into();
            descriptor.native = self.native.iter().any(|names| names.matches(key.name()) || names.matches(&name));
        }
        let (family, refusal) = match self.family::<M>(descriptor) {
            Ok(family) => (M::wrap(family), None),
            Err(error) => (AnyFamily::Refused, Some(error)),
        };
        let used = Arc::new(Used {
            family,
            labels,
            other_labels: First::new(),
            other_kind: First::new(),
            absolute: Arc::default(),
        });
        let mut metrics = UsedByName::clone(&metrics);
        metrics.insert(key.name().to_owned(), Arc::clone(&used));
        self.metrics.store(Arc::new(metrics));
        drop(descriptions);
        if let Some(error) = refusal {
            tracing::warn!(%error, "a metric of the facade is not recorded");
        }
        Some(used)
    }

    fn bounds(&self, given: &str, name: &str, unit: Option<Unit>) -> Vec<f64> {
        let rule = self.rules.iter().find(|(names, _)| names.matches(given) || names.matches(name));
        let default = || match unit {
            Some(Unit::Seconds) => default_buckets(),
            Some(Unit::Bytes) => BYTES,
            None if name.ends_with("_seconds") => default_buckets(),
            None if name.ends_with("_bytes") => BYTES,
            _ => DECADES,
        };
        rule.map_or_else(|| default().to_vec(), |(_, bounds)| bounds.clone())
    }

    /// Registers a family, which is kept until the program ends.
    fn family<M: Metric>(&self, descriptor: Descriptor) -> Result<&'static Family<M>, RegistryError> {
        let place = Source::new(file!(), line!(), "metrics", "");
        let family = self.registry.registered_at(descriptor, place)?;
        Ok(Box::leak(Box::new(family)))
    }

    /// Returns the series of a key, or `None` if it is not recorded.
    fn series<M: Metric>(key: &Key, used: &Used, family: &'static Family<M>) -> Option<StoredSeries<M>> {
        let given: Vec<_> = key.labels().collect();
        let value =
            |label: &String| given.iter().rev().find(|given| given.key() == *label).map_or("", |given| given.value());
        let values: Vec<_> = used.labels.iter().map(value).collect();
        let left_out = given.iter().find(|given| used.labels.iter().all(|label| given.key() != label));
        if let Some(left_out) = left_out {
            let recorded = M::MERGES;
            if used.other_labels.is_now() {
                let (metric, label, labels) = (key.name(), left_out.key(), used.labels.join(", "));
                let instead = if recorded { "it is left out" } else { "the gauge is not recorded with it" };
                tracing::warn!(metric, label, "the label is not one of the first use ({labels}); {instead}");
            }
            if !recorded {
                return None;
            }
        }
        let (series, overflows) = family.stored_among(&values, OpenLabels::ALL);
        if overflows {
            family.count_overflow();
        }
        Some(series)
    }

    fn refuse(key: &Key, used: &Used) {
        if used.other_kind.is_now() && !matches!(used.family, AnyFamily::Refused) {
            let metric = key.name();
            tracing::warn!(metric, "the metric has another kind; this use of it is not recorded");
        }
    }
}

impl fmt::Debug for Facade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facade").field("metrics", &self.metrics.load().len()).finish_non_exhaustive()
    }
}

impl Recorder for Facade {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe(&name, unit, help);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe(&name, unit, help);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe(&name, unit, help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        self.registered::<Counter>(key).map_or_else(metrics::Counter::noop, |registered| {
            let Registered { used, family, series } = registered;
            handles::counter(family, series, Arc::clone(&used.absolute))
        })
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        let registered = self.registered::<Gauge>(key);
        registered.map_or_else(metrics::Gauge::noop, |registered| handles::gauge(registered.series))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let registered = self.registered::<Histogram>(key);
        registered.map_or_else(metrics::Histogram::noop, |registered| handles::histogram(registered.series))
    }
}
