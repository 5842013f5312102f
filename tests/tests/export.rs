//! The documents of a service with all kinds of metrics, and of services with unusual but valid texts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use metrics_export::{Command, Export};
use metrics_runtime::circuit_breaker::BreakerHandle;
use metrics_runtime::grpc::{Grpc, MethodKind};
use metrics_runtime::http::{Endpoint, Http};
use metrics_runtime::{Builder, Descriptor, Kind, Metrics, Objective, Registry};
use promql_parser::label::MatchOp;
use promql_parser::parser::{Expr, VectorSelector, parse};
use proptest::prelude::*;
use serde_json::Value;
use tests::certificates::Authority;
use tests::dashboard::opened;
use tests::lookup::Names;
use yaml_rust2::{Yaml, YamlLoader};

#[path = "export/agents.rs"]
mod agents;

/// Returns a registry with metrics of all parts of the toolkit: breakers, gRPC, process, runtime, collectors.
fn everything() -> Registry {
    let registry = Registry::new();
    let gauge = |name: &'static str, labels: &[&'static str]| {
        registry.gauge(Descriptor::gauge(name, "A gauge.").labels(labels.iter().copied())).map(drop).unwrap();
    };
    BreakerHandle::register_in(&registry, "ryot").unwrap();
    Grpc::server().method("/shop.Orders/Place", MethodKind::Unary).layer(&registry).unwrap();
    Grpc::client().method("/stock.Stock/Take", MethodKind::Unary).opentelemetry().layer(&registry).unwrap();
    gauge("http_requests_in_flight", &[]);
    gauge("tokio_workers", &[]);
    gauge("last_backup_timestamp_seconds", &[]);
    let sizes = Descriptor::histogram("http_response_size_bytes", "Sizes.", &[1e3, 1e6][..]).labels(["endpoint"]);
    registry.histogram(sizes.unit("bytes")).unwrap();
    registry.info(Descriptor::info("build_info", "The build.").labels(["version"])).unwrap();
    let collector = |name: &str| prometheus::Gauge::new(name, "A gauge.").unwrap();
    for name in ["process_open_fds", "process_max_fds", "process_start_time_seconds"] {
        registry.register(Box::new(collector(name))).unwrap();
    }
    let cpu = prometheus::Counter::new("process_cpu_seconds_total", "CPU.").unwrap();
    registry.register(Box::new(cpu)).unwrap();
    registry
}

fn export_of(registry: &Registry) -> Export {
    Export::new(&Metrics::builder().namespace("shop").registry(registry).build().unwrap())
}

#[test]
fn the_reference_shows_native_buckets() {
    let registry = Registry::new();
    let beside = Descriptor::histogram("wait_jobs", "Waiting.", vec![1.0, 10.0]).native();
    registry.histogram(beside).unwrap();
    registry.histogram(Descriptor::native_histogram("size_bytes", "Sizes.").unit("bytes")).unwrap();
    let reference = export_of(&registry).docs();
    assert!(reference.contains("| `shop_wait_jobs` | histogram: 1 10 native |"), "{reference}");
    assert!(reference.contains("| `shop_size_bytes` | histogram: native |"), "{reference}");
}

fn selectors<'e>(expr: &'e Expr, found: &mut Vec<(&'e VectorSelector, bool)>) {
    match expr {
        Expr::Aggregate(aggregate) => selectors(&aggregate.expr, found),
        Expr::Unary(unary) => selectors(&unary.expr, found),
        Expr::Binary(binary) => {
            selectors(&binary.lhs, found);
            selectors(&binary.rhs, found);
        }
        Expr::Paren(paren) => selectors(&paren.expr, found),
        Expr::Subquery(subquery) => selectors(&subquery.expr, found),
        Expr::MatrixSelector(matrix) => found.push((&matrix.vs, true)),
        Expr::VectorSelector(selector) => found.push((selector, false)),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| selectors(argument, found)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// Checks that every selector of a query has the job and, in a dashboard, the chosen instances.
fn check_query(query: &str, dashboard: bool) {
    let parsed = parse(&query.replace("$__rate_interval", "5m")).unwrap_or_else(|error| panic!("{query}: {error}"));
    let mut found = Vec::new();
    selectors(&parsed, &mut found);
    assert!(!found.is_empty(), "{query} selects no series");
    for (selector, ranged) in found {
        let has = |label: &str, regex: bool| {
            let matchers = selector.matchers.matchers.iter();
            matchers.clone().any(|m| m.name == label && matches!(m.op, MatchOp::Re(_)) == regex)
        };
        assert!(has("job", dashboard), "{query}: no job");
        assert!(!dashboard || has("instance", true), "{query}: no instance");
        // dashboard-linter's target-counter-agg-rule: only the rate of a counter is of interest. Rules count by values too.
        let name = selector.name.as_deref().unwrap_or_default();
        let counter = ["_total", "_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix));
        // Calls in flight are those that have started without those that have ended.
        let in_flight = query.contains("_started_total{") && query.contains(" - sum by ");
        assert!(!dashboard || !counter || ranged || in_flight, "{query}: the counter `{name}` without a rate");
    }
}

/// Returns every panel, without rows. Rows are open.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().expect("a dashboard has panels");
    panels.iter().filter(|panel| panel["type"] != "row").collect()
}

/// Returns the dashboard with open rows.
fn dashboard_of(export: &Export) -> Value {
    opened(&serde_json::from_str(&export.dashboard()).unwrap())
}

fn queries(rules: &Yaml) -> Vec<(String, String)> {
    let groups = rules["groups"].as_vec().into_iter().flatten();
    let rules = groups.flat_map(|group| group["rules"].as_vec().into_iter().flatten());
    let name = |rule: &Yaml| rule["alert"].as_str().or(rule["record"].as_str()).unwrap_or_default().to_owned();
    rules.map(|rule| (name(rule), rule["expr"].as_str().unwrap_or_default().to_owned())).collect()
}

/// Returns duplicate rules, which promtool's `check rules` rejects.
fn duplicates(rules: &Yaml) -> Vec<String> {
    let groups = rules["groups"].as_vec().into_iter().flatten();
    let rules = groups.flat_map(|group| group["rules"].as_vec().into_iter().flatten());
    let mut known_keys = BTreeSet::new();
    let keys = rules.map(|rule| format!("{:?} {:?} {:?}", rule["alert"], rule["record"], rule["labels"]));
    keys.filter(|key| !known_keys.insert(key.clone())).collect()
}

fn yaml(text: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// Checks all documents for properties that always hold.
fn check(export: &Export) {
    let mut names = Names::of_lock(&export.lock());
    let problems = [names.rules(&export.rules()), names.dashboard(&export.dashboard())].concat();
    assert!(problems.is_empty(), "{problems:#?}");
    let dashboard = dashboard_of(export);
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().expect("a panel has queries") {
            check_query(target["expr"].as_str().unwrap(), true);
        }
    }
    lint(&dashboard);
    let rules = yaml(&export.rules());
    assert_eq!(duplicates(&rules[0]), [""; 0]);
    for (name, query) in queries(&rules[0]) {
        assert!(!name.is_empty());
        check_query(&query, false);
    }
    // The same rules, evaluated for each namespace.
    let cluster = export.clone().job("shop");
    let objects = cluster.kubernetes().unwrap().replace("namespace, job", "job").replace("namespace_job", "job");
    let objects = yaml(&objects);
    let without_absent = |rules: &Yaml| {
        let mut queries = queries(rules);
        queries.retain(|(name, _)| !name.ends_with("TargetAbsent"));
        queries
    };
    assert_eq!(without_absent(&objects[0]["spec"]), without_absent(&yaml(&cluster.rules())[0]));
    assert_eq!(objects[1]["kind"].as_str(), Some("ServiceMonitor"));
    let cells = export
        .docs()
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.replace("\\|", "").matches('|').count())
        .collect::<BTreeSet<_>>();
    assert_eq!(cells, BTreeSet::from([8]), "{}", export.docs());
}

/// Checks the rules of grafana/dashboard-linter in its strict mode, in which warnings are errors.
fn lint(dashboard: &Value) {
    assert_eq!(dashboard["editable"], false, "template-uneditable-rule");
    let variables = dashboard["templating"]["list"].as_array().expect("a dashboard has variables");
    let variable = |name: &str| variables.iter().find(|variable| variable["name"] == name);
    let datasource = variable("datasource").expect("template-datasource-rule");
    assert_eq!((&datasource["type"], &datasource["label"]), (&"datasource".into(), &"Data source".into()));
    assert_eq!(datasource["query"], "prometheus");
    for (name, label) in [("job", "Job"), ("instance", "Instance")] {
        let variable = variable(name).unwrap_or_else(|| panic!("template-{name}-rule"));
        assert_eq!(variable["label"], label);
        assert_eq!((&variable["multi"], &variable["allValue"]), (&true.into(), &".+".into()));
    }
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        assert_eq!(variable["datasource"]["uid"], "${datasource}");
        assert_eq!(variable["refresh"], 2, "template-on-time-change-reload-rule");
        let query = variable["query"].as_str().unwrap();
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(", "));
        let (selector, _) = inner.unwrap_or_else(|| panic!("template-label-promql-rule: {query}"));
        assert!(parse(selector).is_ok(), "template-label-promql-rule: {query}");
    }
    let mut ids = BTreeSet::new();
    for panel in panels(dashboard) {
        assert!(ids.insert(panel["id"].as_i64().unwrap()), "two panels have one id");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "panel-datasource-rule");
        for text in ["title", "description"] {
            assert!(panel[text].as_str().is_some_and(|text| !text.is_empty()), "panel-title-description-rule: {panel}");
        }
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
        let units = [
            "s",
            "bytes",
            "Bps",
            "cps",
            "reqps",
            "percentunit",
            "short",
            "none",
            "celsius",
            "lengthm",
            "volt",
            "amp",
            "joule",
            "massg",
        ];
        assert!(units.contains(&unit), "panel-units-rule: {unit}");
        for target in panel["targets"].as_array().expect("panel-no-targets-rule") {
            let query = target["expr"].as_str().unwrap();
            assert!(!query.contains('[') || query.contains("[$__rate_interval"), "target-rate-interval-rule: {query}");
        }
    }
    for target in panels(dashboard).iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        assert_eq!(target["interval"], "30s", "{target}");
    }
    let places: Vec<_> = dashboard["panels"].as_array().unwrap().iter().map(|panel| &panel["gridPos"]).collect();
    for (i, a) in places.iter().enumerate() {
        let of = |place: &Value, key: &str| place[key].as_i64().unwrap();
        assert!(of(a, "x") + of(a, "w") <= 24);
        for b in &places[i + 1..] {
            let apart =
                |at: &str, size: &str| of(a, at) + of(a, size) <= of(b, at) || of(b, at) + of(b, size) <= of(a, at);
            assert!(apart("x", "w") || apart("y", "h"), "two panels overlap: {a} {b}");
        }
    }
}

#[test]
fn rows_and_alerts_exist_if_their_metrics_exist() {
    let all = export_of(&everything());
    check(&all);
    let dashboard = dashboard_of(&all);
    let rows = |dashboard: &Value| -> Vec<String> {
        let panels = dashboard["panels"].as_array().unwrap().iter();
        panels.filter(|panel| panel["type"] == "row").map(|row| row["title"].as_str().unwrap().to_owned()).collect()
    };
    let expected = [
        "Overview",
        "HTTP",
        "gRPC",
        "gRPC clients",
        "Circuit breakers",
        "Business",
        "Process and runtime",
        "The metrics themselves",
    ];
    assert_eq!(rows(&dashboard), expected);
    let rules = all.rules();
    for alert in [
        "TargetDown",
        "TargetAbsent",
        "GrpcStalled",
        "GrpcClientErrorRatio",
        "BreakerRejecting",
        "BreakerFlapping",
        "BreakerStuckHalfOpen",
        "LabelOverflow",
        "ScrapeErrors",
        "FileDescriptors",
        "Restarts",
    ] {
        assert!(rules.contains(&format!("alert: Shop{alert}\n")), "{alert}:\n{rules}");
    }
    assert!(rules.contains(r#"circuit_breaker_calls_total{job="shop", result="rejected"}"#), "{rules}");
    let bare = dashboard_of(&export_of(&Registry::new()));
    assert!(!rows(&bare).iter().any(|row| row == "Circuit breakers" || row == "Business"));
    assert!(!rows(&bare).iter().any(|row| row.contains("gRPC")));
    let bare = export_of(&Registry::new()).rules();
    assert!(!bare.contains("Breaker") && !bare.contains("Grpc"));
}

#[test]
fn a_service_without_http_has_documents_without_http() {
    let registry = Registry::new();
    registry.counter(Descriptor::counter("jobs_total", "Jobs.")).unwrap();
    let worker = Metrics::builder().namespace("shop").registry(&registry).http(Http::none()).build().unwrap();
    let export = Export::new(&worker);
    check(&export);
    for document in [export.dashboard(), export.rules(), export.docs(), export.lock()] {
        assert!(document.contains("shop"), "{document}");
        assert!(!document.contains("http_") && !document.contains("Http"), "{document}");
    }
}

#[test]
fn metrics_that_other_services_have_too_are_selected_by_a_metric_of_the_service() {
    let queries = |names: &[&'static str]| {
        let registry = Registry::new();
        for name in ["process_open_fds", "process_start_time_seconds"] {
            registry.register(Box::new(prometheus::Gauge::new(name, "A gauge.").unwrap())).unwrap();
        }
        for name in names {
            if name.ends_with("_total") {
                registry.counter(Descriptor::counter(*name, "A counter.")).unwrap();
            } else {
                registry.gauge(Descriptor::gauge(*name, "A gauge.")).unwrap();
            }
        }
        let export = Export::new(&Metrics::builder().namespace("quick").registry(&registry).build().unwrap());
        check(&export);
        let dashboard = dashboard_of(&export);
        let panel = |title| panels(&dashboard).into_iter().find(|panel| panel["title"] == title).unwrap();
        [
            dashboard["templating"]["list"][1]["query"].as_str().unwrap().to_owned(),
            panel("Instances")["targets"][0]["expr"].as_str().unwrap().to_owned(),
            panel("Process open fds")["targets"][0]["expr"].as_str().unwrap().to_owned(),
        ]
    };
    let target = r#"{job=~"$job", instance=~"$instance"}"#;
    let beside = |owner: &str| {
        [
            format!("sum(up{target} and on (job, instance) {owner})"),
            format!("sum by (instance) (process_open_fds{target} and on (job, instance) {owner})"),
        ]
    };
    // A name that sorts after `process_`.
    let [job, instances, fds] = queries(&["a_total", "sessions"]);
    assert_eq!(
        (job.as_str(), [instances, fds]),
        ("label_values(quick_sessions, job)", beside(&format!("quick_sessions{target}")))
    );
    let [job, instances, fds] = queries(&["a_total"]);
    let rate = format!("rate(quick_a_total{target}[$__rate_interval])");
    assert_eq!((job.as_str(), [instances, fds]), ("label_values(quick_a_total, job)", beside(&rate)));
}

#[test]
fn axes_are_not_cut_off_at_zero_if_values_may_be_negative() {
    let registry = Registry::new();
    registry.gauge(Descriptor::gauge("balance", "B.")).unwrap();
    registry.counter(Descriptor::counter("sales_total", "S.")).unwrap();
    let dashboard = dashboard_of(&export_of(&registry));
    let defaults = |title| {
        let panel = panels(&dashboard).into_iter().find(|panel| panel["title"] == title).unwrap();
        panel["fieldConfig"]["defaults"].clone()
    };
    assert_eq!((&defaults("Balance")["min"], &defaults("Balance")["custom"]["axisSoftMin"]), (&Value::Null, &0.into()));
    assert_eq!((&defaults("Sales")["min"], &defaults("Sales")["custom"]["axisSoftMin"]), (&0.into(), &Value::Null));
}

#[test]
fn a_timestamp_that_is_not_set_has_no_age() {
    let registry = Registry::new();
    BreakerHandle::register_in(&registry, "ryot").unwrap();
    registry.gauge(Descriptor::gauge("backup_timestamp_seconds", "B.").unit("seconds")).unwrap();
    let dashboard = dashboard_of(&export_of(&registry));
    for title in ["Time since the last change", "Backup timestamp: time since"] {
        let panel = panels(&dashboard).into_iter().find(|panel| panel["title"] == title).unwrap();
        let query = panel["targets"][0]["expr"].as_str().unwrap();
        assert!(query.starts_with("time() - max") && query.ends_with(" > 0)"), "{query}");
    }
}

#[test]
fn the_same_metrics_give_the_same_bytes() {
    let documents = || {
        let export = export_of(&everything());
        let kubernetes = export.kubernetes().unwrap();
        [export.dashboard(), export.rules(), kubernetes, export.docs(), export.lock(), export.series()]
    };
    assert_eq!(documents(), documents());
}

#[test]
fn a_panel_keeps_its_id_if_others_are_added() {
    let ids = |registry: &Registry| -> BTreeMap<String, i64> {
        let dashboard = dashboard_of(&export_of(registry));
        let id = |panel: &&Value| (panel["title"].as_str().unwrap().to_owned(), panel["id"].as_i64().unwrap());
        panels(&dashboard).iter().map(id).collect()
    };
    let few = ids(&Registry::new());
    let all = ids(&everything());
    assert!(few.iter().all(|(title, id)| all[title] == *id));
}

#[test]
fn of_run_time_label_values_the_largest_series_are_shown() {
    let registry = Registry::new();
    let (model, wait) =
        (Descriptor::counter("tokens_total", "Tokens."), Descriptor::histogram("wait", "W.", &[1.0][..]));
    registry.counter(model.labels(["model"])).unwrap();
    registry.gauge(Descriptor::gauge("depth", "D.").unit("bytes").labels(["queue", "zone"])).unwrap_err();
    registry.gauge(Descriptor::gauge("depth_bytes", "D.").unit("bytes").labels(["queue", "zone"])).unwrap();
    registry.histogram(wait.labels(["queue"])).unwrap();
    let tasks = prometheus::GaugeVec::new(prometheus::Opts::new("tasks", "T."), &["kind"]).unwrap();
    registry.register(Box::new(tasks)).unwrap();
    BreakerHandle::register_in(&registry, "ryot").unwrap();
    let metrics = Metrics::builder().constant_label("region", "eu").registry(&registry).build().unwrap();
    let export = Export::new(&metrics);
    check(&export);
    let dashboard = dashboard_of(&export);
    let panel = |title: &str| {
        let panel = panels(&dashboard).into_iter().find(|panel| panel["title"] == title).unwrap();
        let target = &panel["targets"][0];
        let [expr, legend] = ["expr", "legendFormat"].map(|key| target[key].as_str().unwrap().to_owned());
        (expr, legend, panel["description"].as_str().unwrap().contains("the 10 largest are shown"))
    };
    let largest = |inner: &str, legend: &str| (format!("topk(10, {inner})"), legend.to_owned(), true);
    let target = r#"job=~"$job", instance=~"$instance""#;
    let rate = format!("sum by (model) (rate(tokens_total{{{target}}}[$__rate_interval]))");
    assert_eq!(panel("Tokens"), largest(&rate, "{{model}}"));
    let sum = format!("sum by (queue, zone) (depth_bytes{{{target}}})");
    assert_eq!(panel("Depth bytes"), largest(&sum, "{{queue}} {{zone}}"));
    assert_eq!(panel("Tasks"), largest(&format!("sum by (kind) (tasks{{{target}}})"), "{{kind}}"));
    for title in ["Wait", "State", "Failures", "Requests"] {
        let (expr, _, limited) = panel(title);
        assert!(!expr.contains("topk") && !limited, "{title}: {expr}");
    }
}

/// Calls of a customer.
#[metrics_runtime::track(name = "calls", labels(tenant = tenant, kind = "read"))]
fn call(tenant: &str) {
    let _ = tenant;
}

#[derive(metrics_runtime::LabelValue)]
enum Cause {
    None,
    Disk,
}

/// Saves.
#[metrics_runtime::track(
    name = "saves",
    labels(kind = "file"),
    counter_labels(cause = |r: &Result<(), ()>| -> Cause { if r.is_ok() { Cause::None } else { Cause::Disk } })
)]
fn save() -> Result<(), ()> {
    Err(())
}

/// All calls with the cause of an error are errors: their share says nothing.
#[test]
fn shares_are_not_those_of_calls_with_one_result() {
    let _ = save();
    let export = Export::new(&Metrics::builder().namespace("shop").build().unwrap());
    check(&export);
    let rules = export.rules();
    assert!(rules.contains("'job_kind:shop_saves:error_ratio_rate5m'"), "{rules}");
    let saves: Vec<_> = rules.lines().filter(|line| line.contains("shop_saves_total{")).collect();
    assert!(!saves.is_empty() && saves.iter().all(|line| !line.contains("cause")), "{saves:#?}");
    let dashboard = dashboard_of(&export);
    let queries: Vec<_> = panels(&dashboard)
        .into_iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap().iter().map(|target| target["expr"].as_str().unwrap()))
        .filter(|query| query.contains("shop_saves_total{"))
        .collect();
    let (shares, rates): (Vec<_>, Vec<_>) = queries.into_iter().partition(|query| query.contains(" / "));
    assert!(shares.iter().all(|query| !query.contains("cause")), "{shares:?}");
    assert!(rates.iter().any(|query| query.contains("by (cause, kind)")), "{rates:?}");
}

#[metrics_runtime::metrics]
mod business {
    use metrics_runtime::Counter;

    #[derive(metrics_runtime::LabelValue)]
    pub(super) enum Phase {
        Begun,
        Done,
    }

    /// Jobs by phase.
    pub(super) fn jobs_total(phase: Phase, owner: &str) -> Counter;
}

#[test]
fn known_label_values_are_shown_beside_run_time_values() {
    call("ada");
    business::jobs_total(business::Phase::Begun, "ada").inc();
    business::jobs_total(business::Phase::Done, "ada").inc();
    let export = Export::new(&Metrics::builder().build().unwrap());
    check(&export);
    let (dashboard, rules) = (export.dashboard(), export.rules());
    let query = |start: &str| dashboard.contains(&format!("\"expr\": \"{start} (rate("));
    assert!(query("topk by (kind) (10, sum by (kind, tenant)"), "{dashboard}");
    assert!(query("topk by (phase) (10, sum by (owner, phase)"), "{dashboard}");
    assert!(dashboard.contains("the 10 largest are shown for each `phase`."));
    // Ratios, quantiles and rules are grouped by bounded labels only.
    assert!(query("histogram_quantile(0.95, sum by (kind, le)") && !rules.contains("tenant"), "{rules}");
}

#[test]
fn a_route_with_an_objective_has_alerts() {
    let objective = Objective::new().success(99.9).latency(Duration::from_secs(1), 99.0);
    let build = |objective| {
        Metrics::builder().namespace("shop").registry(&Registry::new()).objective("/buy/{id}", objective).build()
    };
    let export = Export::new(&build(objective).unwrap());
    check(&export);
    let rules = export.rules();
    for window in ["1h", "6h", "1d", "3d"] {
        for indicator in ["Success", "Latency"] {
            assert!(rules.contains(&format!("alert: ShopHttpBuyId{indicator}Burn{window}\n")), "{rules}");
        }
    }
    assert!(rules.contains(r#"le=~"1(\\.0)?""#), "both spellings of a whole number:\n{rules}");
    assert!(rules.contains("14.4 * 0.001"), "{rules}");
    let error = build(Objective::new().latency(Duration::from_millis(300), 99.0)).map(drop).unwrap_err();
    assert!(
        error.to_string().starts_with("objective of /buy/{id}: no bucket of the duration ends at this time"),
        "{error}"
    );
}

#[test]
fn a_route_has_one_objective() {
    let objective = Objective::new().success(99.9);
    let twice = Metrics::builder().registry(&Registry::new()).objective("/buy/{id}", objective);
    let error = twice
        .objective("/sell", objective)
        .objective("/buy/{id}", objective.latency(Duration::from_secs(1), 99.0))
        .build();
    assert_eq!(
        error.map(drop).unwrap_err().to_string(),
        "objective of /buy/{id}: there already is an objective: put success and latency into one, or remove one of the two"
    );
}

/// Returns the values of `slo` in the rules.
fn slos(rules: &str) -> BTreeSet<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("slo: ")).collect()
}

#[test]
fn routes_whose_names_collide_have_rules_of_their_own() {
    let objective = Objective::new().success(99.9).latency(Duration::from_secs(1), 99.0);
    let of = |routes: &[&str]| {
        let builder = Metrics::builder().namespace("shop").registry(&Registry::new());
        let export =
            Export::new(&routes.iter().fold(builder, |b, route| b.objective(*route, objective)).build().unwrap());
        check(&export);
        export.rules()
    };
    let rules = of(&["/a/{id}", "/a/id", "/A/Id", "/b"]);
    let found = slos(&rules);
    assert_eq!(found.len(), 8, "{found:?}");
    assert!(found.contains("http_b_success") && !found.contains("http_a_id_success"), "{found:?}");
    let alerts: BTreeSet<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(alerts.iter().filter(|alert| alert.contains("Burn1h")).count(), 8, "{alerts:?}");
    // Independent of the order.
    assert_eq!(found, slos(&of(&["/b", "/A/Id", "/a/id", "/a/{id}"])));
    assert!(found.contains("http_a_id_eaaf0d95_success"), "{found:?}");
    assert_eq!(slos(&of(&["/a/{id}"])), BTreeSet::from(["http_a_id_success", "http_a_id_latency"]));
}

#[test]
fn a_request_whose_client_left_early_is_neither_good_nor_bad() {
    let builder = Metrics::builder().namespace("shop").registry(&Registry::new());
    let rules = Export::new(&builder.objective("/buy", Objective::new().success(99.9)).build().unwrap()).rules();
    let totals = rules.matches(r#"{job="shop", endpoint="/buy", status!="499"}"#).count();
    assert!(totals > 0 && !rules.contains(r#"{job="shop", endpoint="/buy"}"#), "{rules}");
}

/// Work.
#[metrics_runtime::track(name = "work", objective(success = 99.9, latency("500ms", 99.0)))]
fn first_work() {}

/// Work.
#[metrics_runtime::track(name = "work", objective(success = 99.9, latency("500ms", 99.0)))]
fn same_work() {}

/// Work.
#[metrics_runtime::track(name = "half_promised", labels(kind = "a"), objective(success = 99.9))]
fn with_objective() {}

/// Work.
#[metrics_runtime::track(name = "half_promised", labels(kind = kind))]
fn any_kind(kind: &str) {
    let _ = kind;
}

/// Work.
#[metrics_runtime::track(name = "half_promised", labels(kind = "b"))]
fn other_kind() {}

#[test]
fn one_objective_of_two_functions_has_one_set_of_rules_that_names_both() {
    first_work();
    same_work();
    with_objective();
    any_kind("a");
    other_kind();
    let export = Export::new(&Metrics::builder().build().unwrap());
    check(&export);
    let rules = export.rules();
    for summary in [
        "too many calls of first_work and same_work fail: 99.9% should not",
        "too many calls of first_work and same_work take longer than 0.5 s: 99% should not",
        "too many calls of with_objective and any_kind fail: 99.9% should not",
    ] {
        assert_eq!(rules.matches(summary).count(), 4, "{summary}:\n{rules}");
    }
    assert!(
        !rules.contains("circuit breaker"),
        "the service has no breaker:
{rules}"
    );
}

/// Returns the options of a collector.
fn options(name: &str) -> prometheus::Opts {
    prometheus::Opts::new(name, "Tasks.")
}

#[test]
fn a_collector_without_series_has_its_panels_and_keeps_its_contract() {
    let registry = Registry::new();
    let wait = prometheus::HistogramOpts::new("wait", "Waiting.").buckets(vec![1.0, 2.0]);
    let wait = prometheus::HistogramVec::new(wait, &["queue"]).unwrap();
    let depth = prometheus::GaugeVec::new(options("depth"), &["queue"]).unwrap();
    registry.register(Box::new(wait.clone())).unwrap();
    registry.register(Box::new(depth.clone())).unwrap();
    // A registry tells nothing about vectors without series.
    let before = export_of(&registry);
    check(&before);
    let lock = before.lock();
    assert!(lock.contains("histogram wait\n  labels queue\n") && lock.contains("gauge depth\n"), "{lock}");
    wait.with_label_values(&["a"]).observe(1.0);
    depth.with_label_values(&["a"]).set(1.0);
    let after = export_of(&registry);
    assert_eq!(before.dashboard(), after.dashboard());
    assert_eq!(checked(&registry, &lock).unwrap(), "nothing breaks\n");
}

/// A collector that describes a metric, and collects nothing.
struct Silent(prometheus::core::Desc);

impl prometheus::core::Collector for Silent {
    fn desc(&self) -> Vec<&prometheus::core::Desc> {
        vec![&self.0]
    }

    fn collect(&self) -> Vec<prometheus::proto::MetricFamily> {
        Vec::new()
    }
}

#[test]
fn a_metric_of_which_only_the_name_is_known_has_no_panel_and_is_not_judged() {
    let registry = Registry::new();
    let described = prometheus::core::Desc::new("wait".to_owned(), "W.".to_owned(), Vec::new(), HashMap::new());
    registry.register(Box::new(Silent(described.unwrap()))).unwrap();
    let export = export_of(&registry);
    check(&export);
    assert!(!export.dashboard().contains("\"Wait\""), "{}", export.dashboard());
    let known = Registry::new();
    known.histogram(Descriptor::histogram("wait", "W.", &[1.0][..])).unwrap();
    let lock = export.lock().replace("unknown wait", "unknown shop_wait");
    assert_eq!(checked(&known, &lock).unwrap(), "nothing breaks\n");
}

/// Runs `metrics check` of a service with this lock file.
fn checked(registry: &Registry, lock: &str) -> Result<String, String> {
    run(registry, &["check", "--lock"], lock)
}

/// Runs a command of a service, with a file of this text as the last argument.
fn run(registry: &Registry, command: &[&str], text: &str) -> Result<String, String> {
    let metrics = Metrics::builder().namespace("shop").registry(registry).build().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    let command: Vec<_> = command.iter().map(std::ffi::OsString::from).chain([file.path().into()]).collect();
    let mut out = Vec::new();
    let ran = Command::parse(command).and_then(|command| command.run(&metrics, &mut out));
    ran.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn a_label_value_that_is_renamed_breaks_the_contract() {
    business::jobs_total(business::Phase::Begun, "ada").inc();
    let export = Export::new(&Metrics::builder().namespace("shop").build().unwrap());
    let lock = export.lock();
    assert!(lock.contains("counter shop_jobs_total\n  labels owner phase\n  values phase begun done\n"), "{lock}");
    let renamed = lock.replace("phase begun done", "phase begun finished");
    let error = run(Registry::global(), &["check", "--lock"], &renamed).unwrap_err();
    let line = "shop_jobs_total: label `phase` has no value `finished` any more; is it `done` now?";
    assert!(error.contains(line), "{error}");
    let added = run(Registry::global(), &["check", "--lock"], &lock.replace("phase begun done", "phase begun"));
    assert_eq!(added.unwrap(), "new: value `done` of the label `phase` of shop_jobs_total\nnothing breaks\n");
    // A file that another editor saved.
    let windows = format!("\u{feff}{}", lock.replace('\n', "\r\n"));
    assert_eq!(run(Registry::global(), &["check", "--lock"], &windows).unwrap(), "nothing breaks\n");
}

#[test]
fn findings_of_the_linter_are_accepted_by_name() {
    let registry = Registry::new();
    registry.gauge(Descriptor::gauge("queueDepth", "Jobs.").labels(["namespace"])).unwrap();
    let accept = |text: &str| run(&registry, &["lint", "--accepted"], text);
    let error = accept("").unwrap_err();
    assert_eq!(error.matches("shop_queueDepth: ").count(), 2, "{error}");
    assert!(error.contains("names are snake_case [snake-case]") && error.contains("`METRIC RULE`"), "{error}");
    let error = accept("shop_queueDepth snake-case\n").unwrap_err();
    assert!(!error.contains("[snake-case]") && error.contains("[target-label]"), "{error}");
    assert!(accept("shop_queueDepth snake-case\nshop_queueDepth target-label # of Kubernetes\n").is_ok());
    let error = accept("shop_queueDepht snake-case").unwrap_err();
    assert!(error.contains("line 1: found no metric `shop_queueDepht`"), "{error}");
}

#[test]
fn a_histogram_with_bounds_below_zero_has_panels_without_its_count() {
    let registry = Registry::new();
    registry.histogram(Descriptor::histogram("drift", "D.", &[-1.0, 1.0][..])).unwrap();
    let export = export_of(&registry);
    check(&export);
    let dashboard = dashboard_of(&export);
    let queries = panels(&dashboard).into_iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries: Vec<_> = queries.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    assert!(queries.iter().any(|query| query.contains("shop_drift_bucket")), "{queries:#?}");
    assert!(!export.dashboard().contains("shop_drift_count") && !export.dashboard().contains("shop_drift_sum"));
}

#[test]
fn the_documents_fit_a_fleet() {
    let of = |job: &str| {
        let export = export_of(&everything()).job(job).scrape_interval(Duration::from_secs(60));
        let export = export.replica_label("agent").unwrap().target_label("cluster").unwrap();
        let mut names =
            Names::of_lock(&export.lock()).with_target("agent").with_target("cluster").with_target("namespace");
        assert_eq!(names.rules(&export.rules()), [""; 0]);
        assert_eq!(names.rules(&export.kubernetes().unwrap()), [""; 0]);
        assert_eq!(names.dashboard(&export.dashboard()), [""; 0]);
        export
    };
    let [a, b] = ["shop-eu", "shop_eu"].map(of);
    let [dashboard, other] = [&a, &b].map(dashboard_of);
    assert_eq!((&dashboard["uid"], &other["uid"]), (&"shop-eu-metrics".into(), &"shop_eu-metrics".into()));
    assert_ne!(dashboard["title"], other["title"]);
    let names = |export: &Export| {
        let objects = yaml(&export.kubernetes().unwrap());
        objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert!(names(&a).is_disjoint(&names(&b)), "{:?}", names(&b));

    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let shown: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(shown, ["datasource", "cluster", "job", "instance", "route", "grpc_service"]);
    assert_eq!((&variables[1]["allValue"], &variables[2]["current"]["value"][0]), (&".*".into(), &"shop-eu".into()));
    assert_eq!(dashboard["annotations"]["list"][0]["step"], "1m");
    for target in panels(&dashboard).iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let query = target["expr"].as_str().unwrap();
        assert!(query.contains("cluster=~\"$cluster\"") && query.contains("max without (agent) ("), "{query}");
        assert_eq!(target["interval"], "1m");
    }
    for (name, query) in queries(&yaml(&a.rules())[0]) {
        let (parsed, mut found) = (parse(&query).unwrap(), Vec::new());
        selectors(&parsed, &mut found);
        // A recorded series has no copies.
        let is_recorded = |(selector, _): &(&VectorSelector, bool)| selector.name.as_ref().unwrap().contains(':');
        let once = query.contains("max without (agent) (");
        assert!(once || found.iter().all(is_recorded), "{name}: {query}");
    }
    assert!(a.kubernetes().unwrap().contains("interval: '1m'\n") || a.kubernetes().unwrap().contains("interval: 1m\n"));
    assert!(export_of(&everything()).replica_label("instance").is_err());
}

#[test]
fn many_metrics_of_the_business_are_in_closed_rows() {
    let registry = Registry::new();
    for name in (0..30).map(|i| format!("{}_{i}", ["cart", "stock", "mail"][i % 3])).chain(["alone".to_owned()]) {
        registry.gauge(Descriptor::gauge(name, "A gauge.")).unwrap();
    }
    let export = export_of(&registry);
    check(&export);
    let dashboard: Value = serde_json::from_str(&export.dashboard()).unwrap();
    assert!(panels(&dashboard).len() <= 40);
    let rows = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["collapsed"] == true);
    let rows: Vec<_> =
        rows.map(|row| (row["title"].as_str().unwrap(), row["panels"].as_array().unwrap().len())).collect();
    assert_eq!(
        rows,
        [("Business: cart", 10), ("Business: mail", 10), ("Business: stock", 10), ("Business: others", 1)]
    );
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~\\n\\t\"'{}$\\\\:#|äΣ]{0,30}", any::<String>(), Just("{{ $labels.x }} ${job} `|`\n".to_owned())]
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    let labels = proptest::collection::btree_set("[a-zA-Z_][a-zA-Z0-9_]{0,6}", 0..4);
    let name = "(circuit_breaker_|process_|http_|)[a-zA-Z_:][a-zA-Z0-9_:]{0,40}";
    (name, text(), labels, 0..4).prop_map(|(name, help, labels, kind)| {
        let descriptor = match kind {
            0 => Descriptor::counter(format!("{name}_total"), help),
            1 => Descriptor::histogram(name, help, vec![-1.0, 0.25, 3.0, 1e12]),
            2 => Descriptor::info(format!("{name}_info"), help),
            _ => Descriptor::gauge(name, help),
        };
        descriptor.labels(labels)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn unusual_texts_give_valid_documents(
        descriptors in proptest::collection::vec(descriptor(), 0..6),
        job in text(),
        namespace in "[a-z_]{1,60}",
    ) {
        let registry = Registry::new();
        for descriptor in descriptors {
            // The registry may reject the definition.
            let _ = match descriptor.kind {
                Kind::Counter => registry.counter(descriptor).map(drop),
                Kind::Histogram => registry.histogram(descriptor).map(drop),
                Kind::Info => registry.info(descriptor).map(drop),
                _ => registry.gauge(descriptor).map(drop),
            };
        }
        if let Ok(metrics) = Metrics::builder().namespace(namespace).registry(&registry).build() {
            let export = Export::new(&metrics).job(job);
            check(&export);
            let dashboard = dashboard_of(&export);
            prop_assert!(dashboard["uid"].as_str().is_some_and(|uid| uid.len() <= 40));
            let lock = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(&lock, export.lock()).unwrap();
            let command = Command::parse(["check".as_ref(), "--lock".as_ref(), lock.path().as_os_str()]).unwrap();
            let mut out = Vec::new();
            command.run(&metrics, &mut out).unwrap();
            prop_assert_eq!(out, b"nothing breaks\n");
        }
    }
}

/// Returns the objects for Kubernetes.
fn objects_of(builder: Builder) -> String {
    let export = Export::new(&builder.registry(&Registry::new()).build().unwrap());
    export.job("my-shop").kubernetes().unwrap()
}

#[test]
fn the_monitor_has_the_user_of_the_page_unless_a_token_is_valid() {
    let user = Endpoint::new().basic_auth("ada-7", "hush");
    let guarded = objects_of(Metrics::builder().endpoint(user.clone()));
    let basic = "      basicAuth:
        username:
          name: my-shop-metrics
          key: username
        password:
          name: my-shop-metrics
          key: password\n";
    assert!(guarded.ends_with(basic) && guarded.contains("`username` and `password`"), "{guarded}");
    assert!(!guarded.contains("hush") && !guarded.contains("ada-7"), "{guarded}");
    // The operator refuses an endpoint with both.
    let both = objects_of(Metrics::builder().endpoint(user.token("hush")));
    assert!(both.contains("authorization:") && !both.contains("basicAuth"), "{both}");
}

#[test]
fn the_monitor_scrapes_a_page_with_tls_over_https() {
    let authority = Authority::new();
    let (own, clients) = (authority.sign("own"), authority.file());
    let endpoint = Endpoint::new().tls(own.certificate, own.key);
    let page = |endpoint| objects_of(Metrics::builder().endpoint(endpoint).listen_on(([0; 4], 9464)));
    let server = page(endpoint.clone().token("hush"));
    let tls = "      scheme: https
      tlsConfig:
        ca:
          secret:
            name: my-shop-metrics
            key: ca.crt
        serverName: my-shop\n";
    assert!(server.ends_with(tls) && server.contains("valid for the name `my-shop`"), "{server}");
    let both = page(endpoint.client_ca(clients));
    let client = "        cert:
          secret:
            name: my-shop-metrics
            key: tls.crt
        keySecret:
          name: my-shop-metrics
          key: tls.key\n";
    assert!(both.ends_with(&format!("{tls}{client}")), "{both}");
}
