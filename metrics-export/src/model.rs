//! The metrics of a service as the documents need them: sorted, with roles.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use metrics_runtime::description::{
    Description, LabelDescription, MetricDescription, MetricKind, Origin, RouteObjective, TlsDescription,
};
use metrics_runtime::{Metrics, Outcome, Source};

use crate::histograms::Measure;
use crate::metric::{Metric, Role};
use crate::names::{is_common, unit};
use crate::roles::{Function, Grpc, Http, STATUS, Upstreams, functions, grpc, http, role, upstreams};
use crate::scope::{Owner, Renames};

/// The metrics and the settings of one service.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The namespace, or `service` without one.
    pub(crate) service: String,
    /// The namespace with the underscore after it; empty without one.
    pub(crate) prefix: String,
    /// The path of the page.
    pub(crate) path: String,
    /// `true` if scrapers can send a token.
    pub(crate) token: bool,
    /// `true` if scrapers can send a user and a password.
    pub(crate) user: bool,
    /// The address of the page, if it is a separate one.
    pub(crate) listen: Option<SocketAddr>,
    /// The TLS of this address.
    pub(crate) tls: Option<TlsDescription>,
    /// The names of the constant labels.
    pub(crate) constant: Vec<String>,
    /// All metrics, sorted by name.
    pub(crate) metrics: Vec<Metric>,
    /// The earlier names of samples.
    pub(crate) renames: Renames,
    /// A series that only this service has, or `None` if other services may have all of its metrics.
    pub(crate) owner: Option<Owner>,
    pub(crate) http: Option<Http>,
    pub(crate) functions: Vec<Function>,
    pub(crate) upstreams: Option<Upstreams>,
    /// The gRPC calls that the service answers, and those that it makes.
    pub(crate) grpc: Vec<Grpc>,
    /// The objectives of routes.
    pub(crate) routes: Vec<RouteObjective>,
    /// The objectives of gRPC methods.
    pub(crate) methods: Vec<RouteObjective>,
}

impl Model {
    /// Returns the metric with this label, in words, or `None`. An info may have any label: no query adds infos up.
    pub(crate) fn with_label(&self, label: &str) -> Option<String> {
        if self.constant.iter().any(|constant| constant == label) {
            return Some("every metric".to_owned());
        }
        let mut metrics = self.metrics.iter().filter(|metric| metric.kind != MetricKind::Info);
        metrics.find(|metric| metric.has(label)).map(|metric| format!("`{}`", metric.name))
    }

    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self::of(metrics.describe())
    }

    pub(crate) fn of(description: Description) -> Self {
        let Description {
            namespace,
            constant_labels,
            path,
            requires_token,
            requires_user,
            listen,
            tls,
            objectives,
            grpc_objectives,
            series_limit,
            metrics,
            ..
        } = description;
        let constant: Vec<_> = constant_labels.into_iter().map(|(name, _)| name).collect();
        let metrics = metrics.into_iter().map(|description| metric(description, &constant, series_limit));
        let mut metrics: Vec<_> = metrics.collect();
        let functions = functions(&mut metrics);
        let http = http(&metrics);
        let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}_") };
        let service = namespace.trim_end_matches('_');
        Self {
            service: if service.is_empty() { "service" } else { service }.to_owned(),
            path,
            token: requires_token,
            user: requires_user,
            listen,
            tls,
            constant,
            owner: owner(&metrics, &prefix, http.as_ref()),
            prefix,
            renames: Renames::of(&metrics),
            upstreams: upstreams(&metrics),
            grpc: grpc(&metrics),
            metrics,
            http,
            functions,
            routes: objectives,
            methods: grpc_objectives,
        }
    }

    /// Returns the gRPC calls that the service answers.
    pub(crate) fn grpc_server(&self) -> Option<&Grpc> {
        self.grpc.iter().find(|grpc| grpc.role == Role::Grpc)
    }

    /// Returns `true` if the page may be on an address that other machines can reach.
    pub(crate) fn is_protected(&self) -> bool {
        self.token || self.user || self.tls.is_some_and(|tls| tls.requires_client_certificate)
    }

    /// Returns the metric of this name without namespace.
    pub(crate) fn find(&self, base: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.base == base)
    }

    /// Returns the counter of calls that were cancelled after the time that an objective promises for this histogram.
    pub(crate) fn overdue(&self, duration: &Metric) -> Option<&Metric> {
        let stem = duration.base.strip_suffix("_seconds").unwrap_or(&duration.base);
        let stem = stem.strip_suffix("_duration").unwrap_or(stem);
        self.find(&format!("{stem}_overdue_total"))
    }

    /// Returns the counter of requests whose client left after the time that an objective promises.
    pub(crate) fn http_overdue(&self) -> Option<&Metric> {
        let route = &self.http.as_ref()?.route;
        let mut found = self.of_role(Role::Http).filter(|metric| metric.has(route));
        found.find(|metric| metric.base.ends_with("requests_overdue_total"))
    }

    pub(crate) fn of_role(&self, role: Role) -> impl Iterator<Item = &Metric> {
        self.metrics.iter().filter(move |metric| metric.role == role)
    }
}

/// Creates a metric from its description. `constant` are the names of the constant labels, `limit` is the limit of
/// series for each family.
fn metric(mut description: MetricDescription, constant: &[String], limit: usize) -> Metric {
    description.labels.sort_by(|a, b| a.name.cmp(&b.name));
    if description.origin == Origin::Collector {
        // A collector may set the constant labels of the service itself.
        description.labels.retain(|label| !constant.contains(&label.name));
    }
    let MetricDescription { name, base_name, kind, help, labels, buckets, declarations, origin, .. } = &description;
    let label_names: Vec<_> = labels.iter().map(|label| label.name.as_str()).collect();
    let role = role(base_name, &label_names);
    let places: BTreeSet<_> = description.places.iter().map(place).collect();
    Metric {
        name: name.clone(),
        base: base_name.clone(),
        replaces: description.replaces.clone(),
        result_labels: declarations.iter().flat_map(|declaration| declaration.result_labels.clone()).collect(),
        kind: *kind,
        unit: description.unit.clone().or_else(|| unit(base_name)),
        help: help.clone(),
        labels: labels.clone(),
        buckets: buckets.clone(),
        native: description.native,
        places: places.into_iter().collect(),
        declarations: declarations.clone(),
        role,
        outcomes: *kind == MetricKind::Counter && labels.iter().any(has_outcomes),
        origin: *origin,
        exists: *origin != Origin::Collector || description.label_sets.current > 0,
        label_sets: description.label_sets,
        limit: description.series_limit.unwrap_or(limit),
    }
}

/// Returns `true` if the label is the outcome of a call.
fn has_outcomes(label: &LabelDescription) -> bool {
    let all: BTreeSet<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    let values: BTreeSet<_> = label.values.iter().flatten().map(String::as_str).collect();
    label.name == STATUS && values == all
}

/// Formats a place the same on every machine: without the folders above the crate.
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

/// Finds a series that every instance of this service has from the start, and no other service: an info or a family
/// without labels, preferably a gauge or an info. Falls back to calls with labels that are known, and then to the counter
/// of HTTP requests, which has no series before the first one.
fn owner(metrics: &[Metric], prefix: &str, http: Option<&Http>) -> Option<Owner> {
    let is_own = |name: &str| name.starts_with(prefix) && !is_common(name);
    let rises = |metric: &Metric| matches!(metric.kind, MetricKind::Counter | MetricKind::Histogram);
    let has_one = |metric: &&Metric| metric.labels.is_empty() || metric.kind == MetricKind::Info;
    let candidates = metrics.iter().filter(|metric| {
        let from_start =
            has_one(metric) || (rises(metric) && metric.origin == Origin::Family && metric.label_sets.known > 0);
        // A histogram with bounds below zero has no count on an OpenMetrics page.
        let is_counted = metric.buckets.first().is_none_or(|bound| *bound >= 0.0);
        // Old instances have a renamed metric under its earlier name.
        let is_everywhere = from_start && metric.replaces.is_empty();
        metric.origin != Origin::Collector && is_everywhere && is_counted && is_own(&metric.name)
    });
    let owner = |series, counter| Owner { series, counter, prefix: prefix.to_owned() };
    let measure = |metric: &Metric| match metric.kind {
        // A histogram has no series without a suffix.
        MetricKind::Histogram => Measure::Count(metric.histogram()),
        _ => Measure::from(&metric.name),
    };
    let unlabelled = candidates.clone().filter(has_one);
    let found = unlabelled.clone().find(|metric| !rises(metric)).or_else(|| unlabelled.clone().next());
    match found.or_else(|| candidates.clone().next()) {
        Some(metric) => Some(owner(measure(metric), rises(metric))),
        None => http.filter(|http| is_own(http.requests.metric())).map(|http| owner(http.requests.clone(), true)),
    }
}

#[cfg(test)]
mod tests {
    use metrics_runtime::circuit_breaker::BreakerHandle;
    use metrics_runtime::{Descriptor, Registry};

    use super::*;

    fn shop(registry: &Registry) -> Model {
        let metrics = Metrics::builder().registry(registry).namespace("shop").constant_label("region", "eu");
        Model::new(&metrics.build().unwrap())
    }

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
    fn the_owner_is_a_series_that_exists_before_the_first_request() {
        let owner = |registry: &Registry| {
            let owner = shop(registry).owner.expect("the service has metrics of its own");
            (owner.series.metric().to_owned(), owner.counter)
        };
        let registry = Registry::new();
        assert_eq!(owner(&registry), ("shop_http_requests_total".to_owned(), true));
        let jobs = Descriptor::counter("jobs_total", "Jobs.").labels(["kind"]);
        let jobs = registry.counter(jobs).unwrap();
        assert_eq!(owner(&registry).0, "shop_http_requests_total", "no kind is known");
        drop(jobs);
        registry.gauge(Descriptor::gauge("stock", "Stock.")).unwrap();
        assert_eq!(owner(&registry), ("shop_stock".to_owned(), false));
    }

    #[test]
    fn collectors_are_in_the_model_before_they_have_a_series() {
        let registry = Registry::new();
        let options = prometheus::Opts::new("tasks_total", "Tasks.");
        let tasks = prometheus::IntCounterVec::new(options, &["kind"]).unwrap();
        registry.register(Box::new(tasks)).unwrap();
        let model = shop(&registry);
        let tasks = model.find("tasks_total").expect("the collector describes it");
        assert_eq!((tasks.kind, tasks.help.as_str()), (MetricKind::Counter, "Tasks."));
        assert_eq!(tasks.label_names(), ["kind"]);
    }

    #[test]
    fn roles_follow_from_names_and_labels() {
        let registry = Registry::new();
        BreakerHandle::register_in(&registry, "x").unwrap();
        registry.gauge(Descriptor::gauge("process_open_fds", "Open.")).unwrap();
        registry.gauge(Descriptor::gauge("stock", "Stock.")).unwrap();
        let model = shop(&registry);
        let role = |base: &str| model.find(base).map(|metric| metric.role);
        assert_eq!(role("circuit_breaker_state"), Some(Role::Breaker));
        assert_eq!(role("process_open_fds"), Some(Role::Process));
        assert_eq!(role("stock"), Some(Role::Business));
        assert_eq!(role("metrics_runtime_label_overflow_total"), Some(Role::Own));
        assert_eq!(role("http_requests_total"), Some(Role::Http));
        let http = model.http.expect("HTTP is recorded");
        assert_eq!((http.requests.metric(), http.route.as_str()), ("shop_http_requests_total", "endpoint"));
    }
}
