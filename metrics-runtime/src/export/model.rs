//! The catalog as the documents see it: owned, sorted, with the part that each metric plays.

use std::collections::{BTreeMap, BTreeSet};

use super::page;
pub(crate) use super::parts::{Function, Http, Role, STATUS};
use super::parts::{functions, http, is_common, is_own, own_label, role};
use super::promql::Owner;
use super::series::{self, WorstCase};
use crate::config::Metrics;
use crate::family::{AnyFamily, Owner as FamilyOwner};
use crate::instrument::catalog::{Declaration, catalog};
use crate::schema::objective::RouteObjective;
use crate::schema::outcome::Outcome;
use crate::schema::{self, Source};

/// The kind of a metric; those of foreign collectors are more than ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
    Summary,
    #[default]
    Unknown,
}

impl Kind {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Counter, "counter"),
        (Self::Gauge, "gauge"),
        (Self::Histogram, "histogram"),
        (Self::Info, "info"),
        (Self::Summary, "summary"),
        (Self::Unknown, "unknown"),
    ];

    /// The kind of this word, `Unknown` for any that is none.
    pub(crate) fn read(word: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == word).map_or(Self::Unknown, |(kind, _)| *kind)
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("unknown", |(_, word)| word)
    }
}

impl From<schema::Kind> for Kind {
    fn from(kind: schema::Kind) -> Self {
        match kind {
            schema::Kind::Counter => Self::Counter,
            schema::Kind::Gauge => Self::Gauge,
            schema::Kind::Histogram => Self::Histogram,
            schema::Kind::Info => Self::Info,
        }
    }
}

/// A label of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) name: String,
    /// All values it can have, sorted; `None` where they are only known at run time.
    pub(crate) values: Option<Vec<String>>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metric {
    /// The name on the page.
    pub(crate) name: String,
    /// The name without the service's namespace.
    pub(crate) base: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<String>,
    pub(crate) help: String,
    /// Sorted by name.
    pub(crate) labels: Vec<Label>,
    /// The bounds of a histogram's buckets, `+Inf` left out.
    pub(crate) buckets: Vec<f64>,
    /// Where it is declared, sorted, each `file:line (function)`.
    pub(crate) places: Vec<String>,
    pub(crate) role: Role,
    /// Whether it counts calls by [`Outcome`].
    pub(crate) outcomes: bool,
    /// Whether it is one of this toolkit's families, which carry namespace and constant labels.
    pub(crate) family: bool,
    pub(crate) series: WorstCase,
}

impl Metric {
    pub(crate) fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|own| own.name == label)
    }

    /// The first of these labels that the metric has.
    pub(crate) fn first_of(&self, labels: &[&str]) -> Option<&str> {
        self.labels.iter().map(|label| label.name.as_str()).find(|name| labels.contains(name))
    }

    /// The labels whose values the program bounds: those that rules, and panels of all series, may tell apart by.
    pub(crate) fn bounded(&self) -> Vec<&str> {
        self.labels.iter().filter(|label| label.values.is_some()).map(|label| label.name.as_str()).collect()
    }

    pub(crate) fn label_names(&self) -> Vec<&str> {
        self.labels.iter().map(|label| label.name.as_str()).collect()
    }
}

/// Everything that a service's documents are made of.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The namespace, or `service` where there is none.
    pub(crate) service: String,
    /// Where the page is served.
    pub(crate) path: String,
    /// Whether scrapers have to show a token.
    pub(crate) token: bool,
    /// Whether the page has an address of its own.
    pub(crate) apart: bool,
    /// The names of the labels on every sample.
    pub(crate) constant: Vec<String>,
    /// Sorted by name.
    pub(crate) metrics: Vec<Metric>,
    /// What tells this service's instances from others; nothing where all that it has is what others have as well.
    pub(crate) owner: Option<Owner>,
    pub(crate) http: Option<Http>,
    pub(crate) functions: Vec<Function>,
    /// Everything that attributes and modules declare, with the labels' known values and the objective where there is
    /// one; nothing of a registry that is not the global one.
    pub(crate) declared: Vec<Declaration>,
    /// The objectives of routes.
    pub(crate) routes: Vec<RouteObjective>,
}

impl Model {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let naming = metrics.naming();
        let constant: Vec<_> = naming.constant.iter().map(|(name, _)| name.clone()).collect();
        let global = metrics.registry().is_global();
        let declared = if global { catalog() } else { Vec::new() };
        let limit = metrics.registry().series_limit();
        let mut all = BTreeMap::new();
        for family in metrics.registry().snapshot(naming).families {
            if family.owner() == FamilyOwner::Toolkit {
                continue;
            }
            let descriptor = family.descriptor();
            let ours: Vec<_> = declared.iter().filter(|own| own.descriptor.name == descriptor.name).collect();
            let name = format!("{}{}", family.prefix(naming), descriptor.name);
            let metric = of_family(name.clone(), &*family, &ours, limit);
            all.insert(name, metric);
        }
        let mut listed = page::families(&metrics.render());
        for described in metrics.registry().descriptions() {
            let kind = if described.fq_name.ends_with("_total") { Kind::Counter } else { Kind::Unknown };
            let listed = listed.entry(described.fq_name).or_insert_with(|| page::Listed { kind, ..Default::default() });
            listed.help = described.help;
            let constant = described.const_label_pairs.iter().map(|pair| pair.name().to_owned());
            for label in constant.chain(described.variable_labels) {
                listed.labels.entry(label).or_default();
            }
        }
        for (name, listed) in listed {
            all.entry(name.clone()).or_insert_with(|| of_page(name, &naming.prefix, listed, &constant));
        }
        let mut all: Vec<Metric> = all.into_values().collect();
        let functions = functions(&mut all, &declared, &naming.prefix);
        let http = http(&all);
        let service = naming.prefix.trim_end_matches('_');
        Self {
            service: if service.is_empty() { "service" } else { service }.to_owned(),
            #[cfg(feature = "axum")]
            path: metrics.path().to_owned(),
            #[cfg(not(feature = "axum"))]
            path: "/metrics".to_owned(),
            #[cfg(feature = "axum")]
            token: metrics.asks_for_token(),
            #[cfg(not(feature = "axum"))]
            token: false,
            #[cfg(feature = "serve")]
            apart: metrics.is_apart(),
            #[cfg(not(feature = "serve"))]
            apart: false,
            constant,
            owner: owner(&all, &naming.prefix, http.as_ref()),
            metrics: all,
            http,
            functions,
            declared,
            routes: metrics.objectives().to_vec(),
        }
    }

    /// The metric of this name without namespace.
    pub(crate) fn find(&self, base: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.base == base)
    }

    pub(crate) fn of_role(&self, role: Role) -> impl Iterator<Item = &Metric> {
        self.metrics.iter().filter(move |metric| metric.role == role)
    }
}

/// Something that every instance has, and nothing else: a gauge or an info that is there from the start, a counter that
/// is, or what counts requests.
fn owner(metrics: &[Metric], prefix: &str, http: Option<&Http>) -> Option<Owner> {
    let own = |name: &str| name.starts_with(prefix) && !is_common(name);
    let rises = |metric: &Metric| matches!(metric.kind, Kind::Counter | Kind::Histogram);
    let there = metrics
        .iter()
        .filter(|metric| metric.family && own(&metric.name) && (metric.labels.is_empty() || metric.kind == Kind::Info));
    let owner = |series, counter| Owner { series, counter, prefix: prefix.to_owned() };
    match there.clone().find(|metric| !rises(metric)).or_else(|| there.clone().next()) {
        // No series has the name alone.
        Some(metric) if metric.kind == Kind::Histogram => Some(owner(format!("{}_count", metric.name), true)),
        Some(metric) => Some(owner(metric.name.clone(), rises(metric))),
        None => http.filter(|http| own(&http.requests)).map(|http| owner(http.requests.clone(), true)),
    }
}

fn of_family(name: String, family: &dyn AnyFamily, declared: &[&Declaration], limit: usize) -> Metric {
    let descriptor = family.descriptor();
    let label = |name: &std::borrow::Cow<'static, str>| {
        if family.is_computed() { bounded(name, family.known_values(name)) } else { known(name, declared) }
    };
    let mut labels: Vec<_> = descriptor.labels.iter().map(label).collect();
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    let own = family.places();
    let places: BTreeSet<_> = declared.iter().map(|declared| &declared.source).chain(&own).map(place).collect();
    let outcomes = descriptor.kind == schema::Kind::Counter
        && labels.iter().any(|label| {
            let all: BTreeSet<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
            let values = label.values.iter().flatten().map(String::as_str).collect::<BTreeSet<_>>();
            label.name == STATUS && values == all
        });
    Metric {
        role: role(&descriptor.name, &labels),
        series: series::of_family(family, &labels, declared, limit),
        base: descriptor.name.to_string(),
        kind: descriptor.kind.into(),
        unit: descriptor.unit.as_ref().map(ToString::to_string).or_else(|| unit(&descriptor.name)),
        help: descriptor.help.to_string(),
        labels,
        buckets: descriptor.buckets.to_vec(),
        places: if places.is_empty() { vec![place(&family.source())] } else { places.into_iter().collect() },
        outcomes,
        family: true,
        name,
    }
}

/// The label with these values, if there are any.
fn bounded<V: Into<String>>(label: &str, values: impl IntoIterator<Item = V>) -> Label {
    let values: BTreeSet<String> = values.into_iter().map(Into::into).collect();
    Label { name: label.to_owned(), values: (!values.is_empty()).then(|| values.into_iter().collect()) }
}

/// The label with all the values that its declarations know; with none if one of them knows none.
fn known(label: &str, declared: &[&Declaration]) -> Label {
    let mut values = BTreeSet::new();
    let mut bounded = !declared.is_empty();
    for own in declared {
        let at = own.descriptor.labels.iter().position(|name| name == label);
        match at.and_then(|at| own.values.get(at)) {
            Some(known) if !known.is_empty() => values.extend(known.iter().map(ToString::to_string)),
            _ => bounded = false,
        }
    }
    Label { name: label.to_owned(), values: bounded.then(|| values.into_iter().collect()) }
}

fn of_page(name: String, prefix: &str, listed: page::Listed, constant: &[String]) -> Metric {
    let base = name.strip_prefix(prefix).unwrap_or(&name).to_owned();
    let own = is_own(&base);
    let mut found = listed.labels;
    if let Some(label) = own_label(&base) {
        found.entry(label.to_owned()).or_default();
    }
    found.retain(|name, _| !constant.contains(name));
    // All series of the toolkit's own metrics are on every page.
    let label = |(name, values): (String, BTreeSet<String>)| bounded(&name, values.into_iter().filter(|_| own));
    let labels: Vec<_> = found.into_iter().map(label).collect();
    let series = match listed.kind {
        _ if own => WorstCase::Exactly(listed.samples),
        Kind::Summary => WorstCase::Unknown,
        kind if labels.is_empty() => WorstCase::Exactly(series::lines(kind, listed.buckets.len())),
        _ => WorstCase::Unknown,
    };
    Metric {
        role: role(&base, &labels),
        series,
        kind: listed.kind,
        unit: unit(&base),
        help: listed.help,
        labels,
        buckets: listed.buckets,
        places: Vec::new(),
        outcomes: false,
        family: false,
        base,
        name,
    }
}

/// The unit that a name ends in, if it is one of Prometheus' base units
/// (<https://prometheus.io/docs/practices/naming/#base-units>).
fn unit(base: &str) -> Option<String> {
    let stem = base.trim_end_matches("_total");
    let units = ["seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams"];
    units.iter().find(|unit| stem.strip_suffix(*unit).is_some_and(|rest| rest.ends_with('_'))).map(ToString::to_string)
}

/// A place in words that are the same on every machine: the folders above a crate are left out.
fn place(source: &Source) -> String {
    let file = source.file.replace('\\', "/");
    let file = match file.find("/registry/src/") {
        // <cargo home>/registry/src/<index>/<crate>-<version>/src/..
        Some(at) => file[at + "/registry/src/".len()..].split_once('/').map_or(&*file, |(_, rest)| rest),
        None if file.starts_with('/') || file.chars().nth(1) == Some(':') => {
            let root =
                ["/src/", "/tests/", "/examples/", "/benches/"].iter().filter_map(|folder| file.rfind(folder)).max();
            let root = root.and_then(|at| file[..at].rfind('/')).map(|at| at + 1);
            &file[root.or_else(|| file.rfind('/').map(|at| at + 1)).unwrap_or(0)..]
        }
        None => &file,
    };
    let place = format!("{file}:{}", source.line);
    if source.function.is_empty() { place } else { format!("{place} ({})", source.function) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop;
    use crate::registry::Registry;

    #[test]
    fn places_are_the_same_on_every_machine() {
        let at = |file| place(&Source::new(file, 7, "shop::cart", ""));
        assert_eq!(at("examples/neurectomy/main.rs"), "examples/neurectomy/main.rs:7");
        assert_eq!(at("/home/ada/.cargo/registry/src/index-1/dep-1.2.3/src/lib.rs"), "dep-1.2.3/src/lib.rs:7");
        assert_eq!(at("/home/ada/work/shop/src/cart/mod.rs"), "shop/src/cart/mod.rs:7");
        assert_eq!(at("C:\\work\\shop\\src\\main.rs"), "shop/src/main.rs:7");
        assert_eq!(place(&Source::new("src/a.rs", 1, "m", "Cart::add")), "src/a.rs:1 (Cart::add)");
    }

    #[test]
    fn foreign_collectors_are_seen_before_they_have_a_series() {
        let registry = Registry::new();
        let options = prometheus::Opts::new("theirs_total", "Theirs.");
        let theirs = prometheus::IntCounterVec::new(options, &["kind"]).unwrap();
        registry.register(Box::new(theirs)).unwrap();
        let metrics = shop(&registry);
        let model = Model::new(&metrics);
        let theirs = model.find("theirs_total").expect("the collector describes it");
        assert_eq!((theirs.kind, theirs.help.as_str()), (Kind::Counter, "Theirs."));
        assert_eq!(theirs.label_names(), ["kind"]);
    }

    #[cfg(feature = "axum")]
    #[test]
    fn parts_are_told_by_names_and_labels() {
        let registry = Registry::new();
        crate::circuit_breaker::BreakerHandle::register_in(&registry, "x").unwrap();
        registry.gauge(crate::Descriptor::gauge("process_open_fds", "Open.")).unwrap();
        registry.gauge(crate::Descriptor::gauge("stock", "Stock.")).unwrap();
        let model = Model::new(&shop(&registry));
        let role = |base: &str| model.find(base).map(|metric| metric.role);
        assert_eq!(role("circuit_breaker_state"), Some(Role::Breaker));
        assert_eq!(role("process_open_fds"), Some(Role::Process));
        assert_eq!(role("stock"), Some(Role::Business));
        assert_eq!(role("metrics_runtime_label_overflow_total"), Some(Role::Own));
        assert_eq!(role("http_requests_total"), Some(Role::Http));
        let http = model.http.expect("HTTP is recorded");
        assert_eq!((http.requests.as_str(), http.route.as_str()), ("shop_http_requests_total", "endpoint"));
    }
}
