//! Every document of a catalog that has one of each kind, and of catalogs with the strangest texts that are allowed.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::MatchOp;
use promql_parser::parser::{Expr, VectorSelector, parse};
use proptest::prelude::*;
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use super::Export;
use super::lock::Contract;
use crate::circuit_breaker::BreakerHandle;
use crate::{Descriptor, Metrics, Registry};

/// A registry with what other parts of the toolkit bring: breakers, a process, a runtime, foreign collectors.
fn everything() -> Registry {
    let registry = Registry::new();
    let gauge = |name: &'static str, labels: &[&'static str]| {
        registry.gauge(Descriptor::gauge(name, "A gauge.").labels(labels.iter().copied())).map(drop).unwrap();
    };
    BreakerHandle::register_in(&registry, "ryot").unwrap();
    gauge("http_requests_in_flight", &[]);
    gauge("tokio_workers", &[]);
    gauge("last_backup_timestamp_seconds", &[]);
    let sizes = Descriptor::histogram("http_response_size_bytes", "Sizes.", &[1e3, 1e6][..]).labels(["endpoint"]);
    registry.histogram(sizes.unit("bytes")).unwrap();
    registry.info(Descriptor::info("build_info", "The build.").labels(["version"])).unwrap();
    let theirs = |name: &str| prometheus::Gauge::new(name, "Theirs.").unwrap();
    for name in ["process_open_fds", "process_max_fds", "process_start_time_seconds"] {
        registry.register(Box::new(theirs(name))).unwrap();
    }
    let cpu = prometheus::Counter::new("process_cpu_seconds_total", "CPU.").unwrap();
    registry.register(Box::new(cpu)).unwrap();
    registry
}

fn export_of(registry: &Registry) -> Export {
    Export::new(&Metrics::builder().namespace("shop").registry(registry).build().unwrap())
}

/// The labels of every metric in a lock file, those of a histogram's samples under their own names.
fn samples(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut samples = BTreeMap::new();
    let mut current = Vec::new();
    for line in lock
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(['#', 'v', 'c']) || line.starts_with("counter"))
    {
        let words: Vec<_> = line.split_whitespace().collect();
        if let Some(labels) = line.strip_prefix("  labels ") {
            for name in &current {
                let known: &mut BTreeSet<String> = samples.entry(String::clone(name)).or_default();
                known.extend(labels.split(' ').map(str::to_owned));
            }
        } else if !line.starts_with(' ') {
            let name = words[1];
            current = match words[0] {
                "histogram" => ["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")).to_vec(),
                _ => vec![name.to_owned()],
            };
            for name in &current {
                let le = name.ends_with("_bucket").then(|| "le".to_owned());
                samples.insert(name.clone(), le.into_iter().collect());
            }
        }
    }
    samples
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

/// Parses a query, Grafana's variables filled in, and looks every metric and label up in the catalog.
fn check_query(query: &str, samples: &BTreeMap<String, BTreeSet<String>>, dashboard: bool) {
    let filled = query.replace("$__rate_interval", "5m").replace("$job", "shop");
    let parsed = parse(&filled).unwrap_or_else(|error| panic!("{query}: {error}"));
    let mut found = Vec::new();
    selectors(&parsed, &mut found);
    assert!(!found.is_empty(), "{query} asks for no series");
    for (selector, ranged) in found {
        let name = selector.name.as_deref().unwrap_or_else(|| panic!("{query} has a selector without a name"));
        let everywhere = ["up"];
        let ours = name.starts_with("slo:");
        let labels = samples.get(name);
        assert!(labels.is_some() || ours || everywhere.contains(&name), "{query}: no metric `{name}` in the catalog");
        for matcher in &selector.matchers.matchers {
            let known = labels.is_some_and(|labels| labels.contains(&matcher.name));
            let target = ["job", "instance"].contains(&matcher.name.as_str());
            assert!(
                known || target || ours && matcher.name == "slo",
                "{query}: `{name}` has no label `{}`",
                matcher.name
            );
        }
        let has = |label: &str, regex: bool| {
            let matchers = selector.matchers.matchers.iter();
            matchers.clone().any(|m| m.name == label && matches!(m.op, MatchOp::Re(_)) == regex)
        };
        assert!(has("job", dashboard), "{query}: no job");
        assert!(!dashboard || has("instance", true), "{query}: no instance");
        // dashboard-linter's target-counter-agg-rule: a counter is only of interest by how fast it rises.
        let counter = ["_total", "_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix));
        assert!(!counter || ranged, "{query}: the counter `{name}` without a rate");
    }
}

/// Every panel, rows left out.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().expect("there are panels");
    panels.iter().filter(|panel| panel["type"] != "row").collect()
}

fn queries(rules: &Yaml) -> Vec<(String, String)> {
    let groups = rules["groups"].as_vec().into_iter().flatten();
    let rules = groups.flat_map(|group| group["rules"].as_vec().into_iter().flatten());
    let name = |rule: &Yaml| rule["alert"].as_str().or(rule["record"].as_str()).unwrap_or_default().to_owned();
    rules.map(|rule| (name(rule), rule["expr"].as_str().unwrap_or_default().to_owned())).collect()
}

fn yaml(text: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// Everything that holds of every document, whatever the catalog.
fn check(export: &Export) {
    let lock = export.lock();
    let samples = samples(&lock);
    assert_eq!(Contract::read(&lock).unwrap().to_string(), lock);
    let dashboard: Value = serde_json::from_str(&export.dashboard()).unwrap();
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().expect("a panel has queries") {
            check_query(target["expr"].as_str().unwrap(), &samples, true);
        }
    }
    lint(&dashboard);
    let rules = yaml(&export.rules());
    for (name, query) in queries(&rules[0]) {
        assert!(!name.is_empty());
        check_query(&query, &samples, false);
    }
    let objects = yaml(&export.kubernetes());
    assert_eq!(queries(&objects[0]["spec"]), queries(&rules[0]));
    assert_eq!(objects[1]["kind"].as_str(), Some("ServiceMonitor"));
    let cells = export
        .docs()
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.replace("\\|", "").matches('|').count())
        .collect::<BTreeSet<_>>();
    assert_eq!(cells, BTreeSet::from([8]), "{}", export.docs());
}

/// The rules of grafana/dashboard-linter, in its strict mode: warnings are errors.
fn lint(dashboard: &Value) {
    assert_eq!(dashboard["editable"], false, "template-uneditable-rule");
    let variables = dashboard["templating"]["list"].as_array().expect("there are variables");
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
            assert!(!query.contains('[') || query.contains("[$__rate_interval]"), "target-rate-interval-rule: {query}");
        }
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
fn rows_and_alerts_appear_with_the_metrics_they_are_about() {
    let all = export_of(&everything());
    check(&all);
    let dashboard: Value = serde_json::from_str(&all.dashboard()).unwrap();
    let rows = |dashboard: &Value| -> Vec<String> {
        let panels = dashboard["panels"].as_array().unwrap().iter();
        panels.filter(|panel| panel["type"] == "row").map(|row| row["title"].as_str().unwrap().to_owned()).collect()
    };
    let expected =
        ["Overview", "HTTP", "Circuit breakers", "Business", "Process and runtime", "The metrics themselves"];
    assert_eq!(rows(&dashboard), expected);
    let rules = all.rules();
    for alert in [
        "TargetDown",
        "TargetAbsent",
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
    let bare: Value = serde_json::from_str(&export_of(&Registry::new()).dashboard()).unwrap();
    assert!(!rows(&bare).iter().any(|row| row == "Circuit breakers" || row == "Business"));
    assert!(!export_of(&Registry::new()).rules().contains("Breaker"));
}

#[test]
fn the_same_catalog_gives_the_same_bytes() {
    let documents = || {
        let export = export_of(&everything());
        [export.dashboard(), export.rules(), export.kubernetes(), export.docs(), export.lock(), export.series()]
    };
    assert_eq!(documents(), documents());
}

#[test]
fn a_panel_keeps_its_id_when_others_come() {
    let ids = |registry: &Registry| -> BTreeMap<String, i64> {
        let dashboard: Value = serde_json::from_str(&export_of(registry).dashboard()).unwrap();
        let id = |panel: &&Value| (panel["title"].as_str().unwrap().to_owned(), panel["id"].as_i64().unwrap());
        panels(&dashboard).iter().map(id).collect()
    };
    let few = ids(&Registry::new());
    let all = ids(&everything());
    assert!(few.iter().all(|(title, id)| all[title] == *id));
}

#[cfg(feature = "axum")]
#[test]
fn a_route_that_promises_has_its_alerts() {
    let promise = crate::Objective::new().success(99.9).latency(1.0, 99.0);
    let build = |promise| {
        Metrics::builder().namespace("shop").registry(&Registry::new()).objective("/buy/{id}", promise).build()
    };
    let export = Export::new(&build(promise).unwrap());
    check(&export);
    let rules = export.rules();
    for window in ["1h", "6h", "1d", "3d"] {
        for promise in ["Success", "Latency"] {
            assert!(rules.contains(&format!("alert: ShopHttpBuyId{promise}Burn{window}\n")), "{rules}");
        }
    }
    assert!(rules.contains(r#"le=~"1|1\\.0""#), "both spellings of a whole number:\n{rules}");
    assert!(rules.contains("14.4 * 0.001"), "{rules}");
    let error = build(crate::Objective::new().latency(0.3, 99.0)).map(drop).unwrap_err();
    assert!(
        error.to_string().starts_with("objective of /buy/{id}: no bucket of the duration ends at this time"),
        "{error}"
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
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn strange_texts_give_documents_that_can_be_read(
        descriptors in proptest::collection::vec(descriptor(), 0..6),
        job in text(),
        namespace in "[a-z_]{1,60}",
    ) {
        let registry = Registry::new();
        for descriptor in descriptors {
            // What the registry refuses is in no document.
            let _ = match descriptor.kind {
                crate::Kind::Counter => registry.counter(descriptor).map(drop),
                crate::Kind::Histogram => registry.histogram(descriptor).map(drop),
                crate::Kind::Info => registry.info(descriptor).map(drop),
                crate::Kind::Gauge => registry.gauge(descriptor).map(drop),
            };
        }
        if let Ok(metrics) = Metrics::builder().namespace(namespace).registry(&registry).build() {
            let export = Export::new(&metrics).job(job);
            check(&export);
            let dashboard: Value = serde_json::from_str(&export.dashboard()).unwrap();
            prop_assert!(dashboard["uid"].as_str().is_some_and(|uid| uid.len() <= 40));
        }
    }
}
