//! Dashboards, rules and contracts of services with gRPC, in both namings.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use metrics_export::{Export, Histograms};
use metrics_runtime::grpc::{Grpc, MethodKind};
use metrics_runtime::http::Http;
use metrics_runtime::{Classify as _, Metrics, NativeHistograms, Objective, Outcome, Registry};
use serde_json::Value;
use tests::dashboard::panels;
use tests::engines::Engines;
use tests::lookup::Names;
use tests::page::Labels;
use tests::prometheus::Target;
use tests::tools;
use tonic::Code;

use crate::shop::{Shop, serve, with_methods};

/// A setting of the names of metrics.
type Naming = fn(Grpc) -> Grpc;

const NAMINGS: [(&str, Naming); 3] =
    [("middleware", |grpc| grpc), ("opentelemetry", Grpc::opentelemetry), ("both", Grpc::with_opentelemetry)];

const PLACE: &str = "/shop.Orders/Place";

fn objective() -> Objective {
    Objective::new().success(99.0).latency(Duration::from_millis(500), 99.0)
}

/// Returns the metrics of a service with a server, whose method `Place` has an objective, and a client.
fn service(naming: Naming) -> Metrics {
    let registry = Registry::new();
    let builder = Metrics::builder().namespace("shop").registry(&registry).http(Http::none());
    let metrics = builder.native_histograms(NativeHistograms::Beside).build().unwrap();
    metrics.grpc_layer(&naming(with_methods(Grpc::server())).objective(PLACE, objective())).unwrap();
    metrics.grpc_layer(&naming(Grpc::client().method("/stock.Stock/Take", MethodKind::Unary))).unwrap();
    metrics
}

fn alerts(rules: &str) -> BTreeSet<&str> {
    rules.split("- alert: ").skip(1).map(|rule| rule.lines().next().unwrap()).collect()
}

fn rows(dashboard: &str) -> Vec<String> {
    let dashboard: Value = serde_json::from_str(dashboard).unwrap();
    let rows = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] == "row");
    rows.map(|row| row["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn documents_ask_for_names_and_labels_that_exist() {
    for (naming, of) in NAMINGS {
        for form in [Histograms::Classic, Histograms::Native, Histograms::Both] {
            let export = Export::new(&service(of)).histograms(form);
            let mut names = Names::of_lock(&export.lock());
            let unknown = [names.rules(&export.rules()), names.dashboard(&export.dashboard())].concat();
            assert_eq!(unknown, [""; 0], "{naming} {form:?}");
            assert_eq!(rows(&export.dashboard())[..3], ["Overview", "gRPC", "gRPC clients"], "{naming}");
            assert_eq!(export.lint(), [""; 0], "{naming}");
        }
    }
}

#[test]
fn the_contract_has_the_methods_and_their_codes() {
    let lock = Export::new(&service(|grpc| grpc)).lock();
    assert!(lock.contains("counter grpc_server_handled_total\n"), "{lock}");
    assert!(lock.contains("  labels grpc_code grpc_method grpc_service grpc_type\n"), "{lock}");
    assert!(lock.contains("histogram grpc_client_handling_seconds\n"), "{lock}");
    let lock = Export::new(&service(Grpc::opentelemetry)).lock();
    assert!(lock.contains("histogram rpc_server_call_duration_seconds\n") && !lock.contains(" grpc_"), "{lock}");
    let docs = Export::new(&service(|grpc| grpc)).docs();
    let series = "1 for each `grpc_code`, `grpc_method`, `grpc_service`, `grpc_type`";
    assert!(docs.contains("## gRPC\n") && docs.contains(series), "{docs}");
}

#[test]
fn each_naming_has_the_alerts_that_it_can_have() {
    let of = |naming: Naming| {
        let rules = Export::new(&service(naming)).rules();
        let names = alerts(&rules).into_iter().filter(|name| name.starts_with("ShopGrpc") && !name.contains("Burn"));
        names.map(|name| name["ShopGrpc".len()..].to_owned()).collect::<Vec<_>>()
    };
    let ratios = ["Cancelled", "ClientCancelled", "ClientErrorRatio", "ErrorRatio"];
    // OpenTelemetry neither counts calls that have started, nor tells unary calls from streams.
    assert_eq!(of(Grpc::opentelemetry), ratios);
    let mut all = [&ratios[..], &["ClientStalled", "Latency", "Stalled"]].concat();
    all.sort_unstable();
    assert_eq!(of(|grpc| grpc), all);
    assert_eq!(of(Grpc::with_opentelemetry), all);
}

#[test]
fn an_objective_of_a_method_has_alerts_on_its_budget() {
    for (naming, of) in NAMINGS {
        let rules = Export::new(&service(of)).rules();
        let burning = alerts(&rules).into_iter().filter(|name| name.contains("Burn")).count();
        assert_eq!(burning, 8, "{naming}: four windows of success and latency");
        assert!(rules.contains("- alert: ShopGrpcShopOrdersPlaceSuccessBurn1h\n"), "{naming}");
        assert!(rules.contains("too many calls of /shop.Orders/Place take longer than 0.5 s"), "{naming}");
        let selected = if naming == "opentelemetry" {
            "rpc_method=\"shop.Orders/Place\""
        } else {
            "grpc_service=\"shop.Orders\", grpc_method=\"Place\""
        };
        assert!(rules.contains(selected), "{naming}: {rules}");
    }
}

/// Two layers of one service, such as those of two ports, may promise the same.
#[test]
fn an_objective_that_cannot_be_judged_is_an_error() {
    let registry = Registry::new();
    let server = || with_methods(Grpc::server());
    let error = |grpc: Grpc| grpc.layer(&registry).unwrap_err().to_string();
    let latency = |millis| Objective::new().latency(Duration::from_millis(millis), 99.0);
    server().objective(PLACE, latency(500)).layer(&registry).unwrap();
    server().objective(PLACE, latency(500)).layer(&registry).unwrap();
    let twice = error(server().objective(PLACE, latency(250)));
    assert!(twice.starts_with("objective of /shop.Orders/Place: there already is an objective"), "{twice}");
    let twice = error(server().objective(PLACE, latency(500)).objective(PLACE, latency(500)));
    assert!(twice.starts_with("objective of /shop.Orders/Place: there already is an objective"), "{twice}");
    let missing = error(server().objective("/shop.Orders/Cancel", latency(500)));
    assert!(missing.starts_with("objective of /shop.Orders/Cancel: the layer does not know this method"), "{missing}");
    let between = error(server().objective(PLACE, latency(300)));
    assert!(between.contains("no bucket of the duration ends at this time"), "{between}");
    let client = error(with_methods(Grpc::client()).objective(PLACE, latency(500)));
    assert!(client.contains("a client promises nothing"), "{client}");
    // The buckets of OpenTelemetry have other bounds.
    let other = Registry::new();
    server().opentelemetry().objective(PLACE, latency(750)).layer(&other).unwrap();
    assert!(error(server().with_opentelemetry().objective(PLACE, latency(750))).contains("no bucket"));
}

#[test]
fn failures_in_rules_are_those_of_functions() {
    let rules = Export::new(&service(|grpc| grpc)).rules();
    let (_, rest) = rules.split_once("grpc_code=~\"").unwrap();
    let (codes, _) = rest.split_once('"').unwrap();
    let failed: Vec<_> = codes.split('|').map(str::to_owned).collect();
    let all = (0..17).map(Code::from_i32).filter(|code| code.classify() == Outcome::Error);
    assert_eq!(failed, all.map(|code| format!("{code:?}")).collect::<Vec<_>>());
}

#[test]
fn the_rules_of_both_namings_pass_their_rehearsal() {
    let Some(promtool) = tools::promtool() else { return };
    for (naming, scenarios) in [(NAMINGS[0].1, ["404 scan", "hang"]), (NAMINGS[1].1, ["first error burst", "hang"])] {
        let export = Export::new(&service(naming));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("rules.yaml"), export.rules()).unwrap();
        let tests = export.rule_tests("rules.yaml");
        let (head, _) = tests.split_once("  - name:").unwrap();
        for name in scenarios {
            let is = |test: &&str| test.lines().next().is_some_and(|line| line.trim_matches('\'') == name);
            let test = tests.split("  - name: ").find(is).unwrap_or_else(|| panic!("no scenario {name}"));
            let file = folder.path().join("tests.yaml");
            fs::write(&file, format!("{head}  - name: {test}")).unwrap();
            promtool.test_rules(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

/// Serves the page of the metrics.
async fn page_of(metrics: &Metrics) -> SocketAddr {
    let app = metrics.instrument(Router::new()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Makes the same calls again and again: a third of those of `Place` fails.
async fn call_always(shop: Shop) {
    loop {
        shop.place("tea").await.unwrap();
        shop.place("not_found").await.unwrap_err();
        shop.place("panic").await.unwrap_err();
        shop.upload(&["a", "b"]).await.unwrap();
        shop.call("/shop.Orders/Scan", tonic::Request::new(String::new())).await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_has_the_same_value_on_prometheus_and_on_victoriametrics() {
    let (Some(prometheus), Some(engines)) = (tools::prometheus(), Engines::find()) else { return };
    let registry = Registry::new();
    let metrics = Metrics::builder().namespace("shop").registry(&registry).http(Http::none()).build().unwrap();
    let layer = metrics.grpc_layer(&with_methods(Grpc::server()).with_opentelemetry()).unwrap();
    let shop = Shop::at(serve(layer).await, metrics.grpc_layer(&with_methods(Grpc::client())).unwrap());
    let page = page_of(&metrics).await;
    // A stream stays open.
    let mut open = shop.watch("1 hang").await.unwrap();
    futures::StreamExt::next(&mut open).await.unwrap().unwrap();
    let calls = tokio::spawn(call_always(shop));
    let dashboard = |metrics: &Metrics| serde_json::from_str(&Export::new(metrics).dashboard()).unwrap();
    let of = move |dashboard: &Value| {
        let panels = panels(dashboard, "shop", ".+").into_iter();
        let queries = panels.map(|(panel, queries)| {
            let queries = queries.into_iter().map(|query| query.replace("[20s]", "[6s]"));
            (panel["title"].as_str().unwrap().to_owned(), queries.collect::<Vec<_>>())
        });
        queries.filter(|(_, queries)| queries.iter().any(|query| query.contains("rpc_"))).collect::<Vec<_>>()
    };
    let shown = of(&dashboard(&metrics));
    // The same metrics, of which the documents know those of OpenTelemetry only.
    let others = of(&dashboard(&service(Grpc::opentelemetry)));
    let compared = tokio::task::spawn_blocking(move || {
        let server = prometheus.scrape(&[Target::new("shop", page)]);
        let query = |title: &str| {
            let found = shown.iter().find(|(name, _)| name == title);
            found.map_or_else(|| panic!("no panel {title}"), |(_, queries)| queries[0].clone())
        };
        let is = |labels: &Labels, method: &str| labels.get("grpc_method").is_some_and(|found| found == method);
        server.wait_until(&query("Failures by method"), |found| {
            let third = |value: f64| (value - 1.0 / 3.0).abs() < 0.03;
            let unknown = found.keys().any(|labels| is(labels, "unknown"));
            found.iter().any(|(labels, value)| is(labels, "Place") && third(*value)) && !unknown
        });
        server.wait_until(&query("In flight by method"), |found| {
            found.iter().any(|(labels, value)| is(labels, "Watch") && *value == 1.0)
        });
        server.wait_until(&query("Messages received"), |found| {
            found.iter().any(|(labels, value)| is(labels, "Upload") && *value > 0.0)
        });
        let queries: Vec<_> = shown.into_iter().chain(others).flat_map(|(_, queries)| queries).collect();
        (engines.differences(&server, &queries), queries.len())
    });
    let (differences, queries) = compared.await.unwrap();
    calls.abort();
    assert!(differences.is_empty(), "{} of {queries}:\n{}", differences.len(), differences.join("\n"));
    assert!(queries > 20, "{queries}");
}
