//! The description of everything that a program declares and registers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::Metrics;
use crate::family::{AnyFamily, KNOWN_SERIES_LIMIT, Owner, visit};
use crate::instrument::{Declaration, catalog};
#[cfg(feature = "prometheus")]
use crate::registry::CollectedMetric;
use crate::registry::Gathered;
#[cfg(feature = "test")]
use crate::registry::{Registry, Walk};
use crate::schema::label::each_tuple;
pub use crate::schema::objective::RouteObjective;
use crate::schema::{MetricKind, Naming, Source};
use crate::visit::{FamilyRef, SeriesRef, Value, Visitor};

/// The description of a service's metrics, returned by [`Metrics::describe`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Description {
    /// The namespace, without the underscore that separates it from a name. It is empty if there is none.
    pub namespace: String,
    /// The names and values of the labels on every sample of the families.
    pub constant_labels: Vec<(String, String)>,
    /// The path of the page: `/metrics` without the feature `axum`.
    pub path: String,
    /// `true` if a scraper can send a bearer token, which the page requires unless it also takes a user.
    pub requires_token: bool,
    /// `true` if a scraper can send a user and a password, which the page requires unless it also takes a token.
    pub requires_user: bool,
    /// The address that the page is served on, if it is not a route of the application.
    pub listen: Option<SocketAddr>,
    /// The TLS of this address, or `None` if it is served without.
    pub tls: Option<TlsDescription>,
    /// The objectives of HTTP routes, in the order in which the builder got them.
    pub objectives: Vec<RouteObjective>,
    /// The objectives of the gRPC methods that a server has a layer for, by their paths, such as `/shop.Orders/Place`.
    pub grpc_objectives: Vec<RouteObjective>,
    /// The largest number of series of each family with label values that are only known at run time, unless the family
    /// has its own limit.
    pub series_limit: usize,
    /// All metrics, sorted by name.
    pub metrics: Vec<MetricDescription>,
}

/// The TLS of the address of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsDescription {
    /// `true` if scrapers need a certificate.
    pub requires_client_certificate: bool,
}

/// The description of one metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MetricDescription {
    /// The name on the page.
    pub name: String,
    /// The name without the namespace of the service.
    pub base_name: String,
    /// The names that it had before, on the page.
    pub replaces: Vec<String>,
    /// The kind.
    pub kind: MetricKind,
    /// The declared unit. Collectors of the `prometheus` crate declare none.
    pub unit: Option<String>,
    /// The help text.
    pub help: String,
    /// The labels in the order of their definition, without the constant labels of the service.
    pub labels: Vec<LabelDescription>,
    /// The upper bounds of a histogram's classic buckets, without `+Inf`; empty for other kinds, and for a histogram with
    /// native buckets only.
    pub buckets: Vec<f64>,
    /// `true` for a histogram with native buckets.
    pub native: bool,
    /// The places in the program that declare the metric, or register it or its series. They are sorted, and empty for
    /// collectors and for the toolkit's own metrics.
    pub places: Vec<Source>,
    /// The declarations of the metric by attributes and `#[metrics]` modules. Only metrics of the global registry have
    /// declarations.
    pub declarations: Vec<Declaration>,
    /// The part of the program that records the metric.
    pub origin: Origin,
    /// The label sets that the metric can have.
    pub label_sets: LabelSets,
    /// The metric's own limit of series with label values that are only known at run time, or `None` if the limit of
    /// the registry applies.
    pub series_limit: Option<usize>,
}

/// A label of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelDescription {
    /// The name.
    pub name: String,
    /// All values that the label can have, sorted, or `None` if they are only known at run time.
    pub values: Option<Vec<String>>,
}

/// The label sets of a metric, from which its number of series follows.
///
/// A label set has one value for each label. A counter, a gauge and an info have one series for each label set. A
/// histogram has one for each bucket, one for `+Inf`, the sum and the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelSets {
    /// The number of label sets that exist now.
    pub current: usize,
    /// The number of label sets that are known before any call. They do not count against the limit of series.
    pub known: usize,
    /// `true` if there are other label sets, with values that are only known at run time.
    pub open: bool,
}

/// The origin of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A [`Family`](crate::Family). The limit of series applies to it.
    Family,
    /// A family whose samples are computed for each page, such as the state of circuit breakers. No limit applies to
    /// it.
    Computed,
    /// A collector of the `prometheus` crate. No limit applies to it.
    Collector,
    /// The toolkit itself (`metrics_runtime_*`). All series exist from the start.
    Toolkit,
}

impl Metrics {
    /// Describes the service's metrics: everything that is declared, and everything that is registered now.
    ///
    /// The description contains every metric of the page, and also metrics that have no series yet. Calls each
    /// collector of the `prometheus` crate once, on this thread. Documents about metrics can be derived from it, as the
    /// crate `metrics-export` does.
    ///
    /// ```
    /// use metrics_runtime::description::MetricKind;
    /// use metrics_runtime::{Descriptor, Metrics, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.gauge(Descriptor::gauge("queue_depth", "Waiting jobs.").labels(["queue"]))?;
    /// let metrics = Metrics::builder().namespace("shop").registry(&registry).build()?;
    ///
    /// let description = metrics.describe();
    /// assert_eq!(description.namespace, "shop");
    /// let depth = description.metrics.iter().find(|metric| metric.base_name == "queue_depth").unwrap();
    /// assert_eq!((depth.name.as_str(), depth.kind), ("shop_queue_depth", MetricKind::Gauge));
    /// assert_eq!((depth.help.as_str(), depth.labels[0].name.as_str()), ("Waiting jobs.", "queue"));
    /// assert_eq!(depth.labels[0].values, None, "any value is possible");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn describe(&self) -> Description {
        self.describe_with(self.inner.registry.gather())
    }

    /// Describes the service's metrics as [`describe`](Self::describe) does, without the metrics of collectors that have
    /// not answered by the deadline, unless the collectors declare them. Other threads call the collectors, and this one
    /// waits for them.
    #[must_use]
    pub fn describe_within(&self, deadline: Duration) -> Description {
        self.describe_with(self.gather_within(deadline))
    }

    fn describe_with(&self, answers: Gathered) -> Description {
        let (registry, naming) = (&self.inner.registry, &self.inner.naming);
        let mut declarations: BTreeMap<String, Vec<Declaration>> = BTreeMap::new();
        if registry.is_global() {
            for declaration in catalog() {
                declarations.entry(declaration.descriptor.name.to_string()).or_default().push(declaration);
            }
        }
        let walk = registry.walk(naming, answers);
        let mut metrics = BTreeMap::new();
        for family in &walk.snapshot.families {
            let declarations = declarations.get(&*family.descriptor().name).cloned().unwrap_or_default();
            metrics.insert(family.full_name(naming), describe(&**family, naming, declarations));
        }
        #[cfg(feature = "prometheus")]
        for metric in registry.collected_metrics(&walk) {
            metrics.entry(metric.name.clone()).or_insert_with(|| describe_collected(metric, naming));
        }
        let description = Description {
            namespace: naming.prefix.strip_suffix('_').unwrap_or_default().to_owned(),
            constant_labels: naming.constant.clone(),
            path: "/metrics".to_owned(),
            requires_token: false,
            requires_user: false,
            #[cfg(feature = "serve")]
            listen: self.inner.listen,
            #[cfg(not(feature = "serve"))]
            listen: None,
            tls: None,
            objectives: self.inner.objectives.clone(),
            grpc_objectives: registry.promised_methods(),
            series_limit: registry.series_limit(),
            metrics: metrics.into_values().collect(),
        };
        #[cfg(feature = "axum")]
        let description = self.describe_page(description);
        description
    }

    /// Adds the settings of the page.
    #[cfg(feature = "axum")]
    fn describe_page(&self, description: Description) -> Description {
        let access = self.inner.scraper.access();
        Description {
            path: self.inner.path.clone(),
            requires_token: access.takes_token(),
            requires_user: access.takes_user(),
            tls: access
                .tls()
                .map(|tls| TlsDescription { requires_client_certificate: tls.requires_client_certificate() }),
            ..description
        }
    }
}

/// Describes one metric of a walk without namespace, or returns the names of all if none has this name.
#[cfg(feature = "test")]
pub(crate) fn describe_named(
    #[cfg_attr(not(feature = "prometheus"), expect(unused_variables, reason = "there are no collectors"))]
    registry: &Registry,
    walk: &Walk<'_>,
    name: &str,
    declarations: Vec<Declaration>,
) -> Result<MetricDescription, BTreeSet<String>> {
    let families = &walk.snapshot.families;
    if let Some(family) = families.iter().find(|family| family.descriptor().name == name) {
        return Ok(describe(&**family, &Naming::default(), declarations));
    }
    #[cfg_attr(not(feature = "prometheus"), expect(unused_mut, reason = "there are no collectors"))]
    let mut others: BTreeSet<_> = families.iter().map(|family| family.descriptor().name.to_string()).collect();
    #[cfg(feature = "prometheus")]
    for metric in registry.collected_metrics(walk) {
        if metric.name == name {
            return Ok(describe_collected(metric, &Naming::default()));
        }
        others.insert(metric.name);
    }
    Err(others)
}

/// Describes a family.
fn describe(family: &dyn AnyFamily, naming: &Naming, declarations: Vec<Declaration>) -> MetricDescription {
    let descriptor = family.descriptor();
    let origin = match family.owner() {
        Owner::Toolkit => Origin::Toolkit,
        _ if family.is_computed() => Origin::Computed,
        _ => Origin::Family,
    };
    let mut series = CurrentSeries { count: 0, values: vec![BTreeSet::new(); descriptor.labels.len()] };
    visit::<dyn Visitor>(family, &Naming::default(), false, &mut series);
    let current = series.count;
    let values: Vec<_> = match origin {
        Origin::Toolkit => series.values,
        Origin::Computed => descriptor.labels.iter().map(|label| owned(family.known_values(label))).collect(),
        _ => descriptor.labels.iter().map(|label| declared_values(label, &declarations)).collect(),
    };
    let label_sets = match origin {
        Origin::Toolkit => LabelSets { current, known: current, open: false },
        Origin::Computed => LabelSets {
            current,
            known: if values.iter().any(BTreeSet::is_empty) { 0 } else { values.iter().map(BTreeSet::len).product() },
            open: values.iter().any(BTreeSet::is_empty),
        },
        _ => {
            let labels: Vec<_> = descriptor.labels.iter().map(AsRef::as_ref).collect();
            LabelSets { current, ..declared_label_sets(&labels, &declarations) }
        }
    };
    let labels = descriptor.labels.iter().zip(values).map(|(name, values)| LabelDescription {
        name: name.to_string(),
        values: (!values.is_empty()).then(|| values.into_iter().collect()),
    });
    MetricDescription {
        name: family.full_name(naming),
        base_name: descriptor.name.to_string(),
        replaces: descriptor.replaces.iter().map(|name| format!("{}{name}", family.prefix(naming))).collect(),
        kind: descriptor.kind.into(),
        unit: descriptor.unit.as_ref().map(ToString::to_string),
        help: descriptor.help.to_string(),
        labels: labels.collect(),
        buckets: family.bounds().to_vec(),
        native: family.is_native(),
        places: places(family, &declarations),
        declarations,
        origin,
        label_sets,
        series_limit: family.own_limit(),
    }
}

/// The number of series, and the values of each label among them.
struct CurrentSeries {
    count: usize,
    values: Vec<BTreeSet<String>>,
}

impl Visitor for CurrentSeries {
    fn series(&mut self, _: &FamilyRef<'_>, series: &SeriesRef<'_>, _: Value<'_>) {
        self.count += 1;
        for (values, (_, value)) in self.values.iter_mut().zip(series.labels()) {
            if !values.contains(&*value) {
                values.insert(value.into_owned());
            }
        }
    }
}

/// Returns all values that declarations list for a label, or an empty set if one of them lists none.
fn declared_values(label: &str, declarations: &[Declaration]) -> BTreeSet<String> {
    let lists: Vec<_> = declarations.iter().map(|declaration| values_of(label, declaration)).collect();
    if lists.iter().any(Vec::is_empty) { BTreeSet::new() } else { owned(lists.concat()) }
}

fn values_of(label: &str, declaration: &Declaration) -> Vec<&'static str> {
    let index = declaration.descriptor.labels.iter().position(|name| name == label);
    index.and_then(|index| declaration.values.get(index)).cloned().unwrap_or_default()
}

fn owned(values: Vec<&'static str>) -> BTreeSet<String> {
    values.into_iter().map(str::to_owned).collect()
}

/// Counts the label sets that declarations list. Without declarations, only a family without labels has a known one.
fn declared_label_sets(labels: &[&str], declarations: &[Declaration]) -> LabelSets {
    if labels.is_empty() {
        return LabelSets { current: 0, known: 1, open: false };
    }
    let mut known = BTreeSet::new();
    let mut open = declarations.is_empty();
    for declaration in declarations {
        let lists: Vec<_> = labels.iter().map(|label| values_of(label, declaration)).collect();
        let mut listed = false;
        each_tuple(&lists, KNOWN_SERIES_LIMIT, &mut |tuple| {
            listed = true;
            known.insert(tuple.to_vec());
        });
        open |= !listed;
    }
    LabelSets { current: 0, known: known.len(), open }
}

fn places(family: &dyn AnyFamily, declarations: &[Declaration]) -> Vec<Source> {
    if family.owner() == Owner::Toolkit {
        return Vec::new();
    }
    let declared = declarations.iter().map(|declaration| declaration.source);
    let places: BTreeSet<_> = declared.chain(family.places()).collect();
    if places.is_empty() { vec![family.source()] } else { places.into_iter().collect() }
}

/// Describes a metric of a collector.
#[cfg(feature = "prometheus")]
fn describe_collected(metric: CollectedMetric, naming: &Naming) -> MetricDescription {
    let open = !metric.labels.is_empty();
    let labels = metric.labels.into_iter().map(|name| LabelDescription { name, values: None });
    MetricDescription {
        base_name: metric.name.strip_prefix(&naming.prefix).unwrap_or(&metric.name).to_owned(),
        name: metric.name,
        replaces: Vec::new(),
        kind: metric.kind,
        unit: None,
        help: metric.help,
        labels: labels.collect(),
        buckets: metric.buckets,
        native: false,
        places: Vec::new(),
        declarations: Vec::new(),
        origin: Origin::Collector,
        label_sets: LabelSets { current: metric.series, known: usize::from(!open), open },
        series_limit: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Descriptor;

    #[test]
    fn label_sets_are_known_by_the_declarations_that_list_them() {
        let descriptor = Descriptor::counter("jobs_total", "J.").labels(["kind", "state"]);
        let declared = |values: [&[&'static str]; 2]| Declaration {
            descriptor: descriptor.clone(),
            source: Source::caller(),
            values: values.map(<[_]>::to_vec).to_vec(),
            result_labels: Vec::new(),
            objective: None,
        };
        let (a, b) = (declared([&["a"], &["new", "done"]]), declared([&["b"], &["done"]]));
        let any = declared([&[], &["new", "done"]]);
        let label_sets = |declarations: &[Declaration]| {
            let LabelSets { known, open, .. } = declared_label_sets(&["kind", "state"], declarations);
            (known, open)
        };
        assert_eq!(label_sets(&[a.clone(), b.clone(), a.clone()]), (3, false));
        assert_eq!(label_sets(&[a.clone(), any.clone()]), (2, true));
        assert_eq!(label_sets(&[]), (0, true));
        assert_eq!(declared_values("kind", &[a.clone(), b]), owned(vec!["a", "b"]));
        assert_eq!(declared_values("kind", &[a, any]), BTreeSet::new());
    }
}
