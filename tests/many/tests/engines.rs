//! Every query of every panel has the same value on Prometheus and on `VictoriaMetrics`, and data from native histograms.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, thread};

use serde_json::{Value, json};
use tests::dashboard::panels;
use tests::engines::Engines;
use tests::histograms::{Queries, Servers};
use tests::lookup::Names;
use tests::prometheus::Target;
use tests::service::Service;
use tests::{tools, wait};

const MANY: &str = env!("CARGO_BIN_EXE_many_50");
/// A service with as many functions as rows about all functions need.
const SEVERAL: &str = env!("CARGO_BIN_EXE_many_5");

fn dashboard(binary: &str, arguments: &[&str], env: &[(&str, &str)]) -> Value {
    let arguments = [&["metrics", "dashboard", "--scrape-interval", "1s"], arguments].concat();
    serde_json::from_str(&Service::run(binary, &arguments, env).stdout).unwrap()
}

#[test]
fn every_query_has_the_same_value_on_both() {
    let (Some(prometheus), Some(engines)) = (tools::prometheus(), Engines::find()) else {
        return;
    };
    let instances = [0, 1].map(|_| Service::start(MANY, &[], &[]));
    let server = prometheus.scrape(&instances.each_ref().map(|service| Target::new("shop", service.address())));
    server.wait_until("count_over_time(up[1h])", |counts| counts.values().all(|count| *count >= 30.0));
    let panels = panels(&dashboard(MANY, &[], &[]), "shop", ".+").into_iter();
    let queries: Vec<_> = panels.flat_map(|(_, queries)| queries).collect();
    let differences = engines.differences(&server, &queries);
    assert!(differences.is_empty(), "{} of {}:\n{}", differences.len(), queries.len(), differences.join("\n"));
}

/// The buckets are too wide for durations to be compared.
#[test]
fn every_panel_has_as_many_series_from_native_histograms() {
    let native = [("METRICS_NATIVE_HISTOGRAMS", "beside")];
    let lock = Service::run(SEVERAL, &["metrics", "lock"], &native).stdout;
    let dashboards = ["classic", "native", "both"].map(|form| {
        let dashboard = dashboard(SEVERAL, &["--histograms", form], &native);
        assert_eq!(Names::of_lock(&lock).dashboard(&dashboard.to_string()), [""; 0], "{form}");
        dashboard
    });
    let queries = Queries::of_dashboards(dashboards.each_ref(), "shop").map(|query| format!("count({query})"));
    // Two panels and a column are about all functions, and each function has a panel with three quantiles.
    assert!(queries.of_both_forms().len() > 15, "{queries:#?}");
    if let Some(grafana) = tools::grafana() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), dashboards[2].to_string()).unwrap();
        grafana.check_dashboard(file.path()).unwrap_or_else(|lost| panic!("{lost}"));
    }
    let Some(prometheus) = tools::prometheus() else { return };
    let service = Service::start(SEVERAL, &[], &native);
    let targets = [Target::new("shop", service.address())];
    let storing_native = prometheus.clone().with_native_histograms();
    let (classic, native) = thread::scope(|scope| {
        let native = scope.spawn(|| storing_native.scrape(&targets));
        (prometheus.scrape(&targets), native.join().unwrap())
    });
    let servers = Servers { classic: &classic, native: &native, both: None };
    let differences = queries.differences(servers, |one, other| (one - other).abs() < f64::EPSILON);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// Queries for all functions select recorded series by regular expressions for their names.
#[test]
fn panels_of_all_functions_have_data_from_recorded_series() {
    let run = |arguments: &[&str]| Service::run(SEVERAL, &[&["metrics"], arguments].concat(), &[]).stdout;
    let rules = run(&["rules", "--fleet"]);
    let dashboard: Value = serde_json::from_str(&run(&["dashboard", "--fleet"])).unwrap();
    let names = Names::of_lock(&run(&["lock"]));
    let mut names = names.with_target("cluster").with_target("replica");
    assert_eq!([names.rules(&rules), names.dashboard(&dashboard.to_string())].concat(), [""; 0]);

    let Some(prometheus) = tools::prometheus() else { return };
    let service = Service::start(SEVERAL, &[], &[]);
    let targets = ["a", "b"].map(|agent| {
        let given = [("job", "shop"), ("cluster", "eu"), ("replica", agent)];
        let given = given.map(|(label, value)| json!({ "target_label": label, "replacement": value }));
        Target::new(agent, service.address()).with(json!({ "relabel_configs": given }))
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), rules.replace("    interval: '1m'\n", "").replace("[5m]", "[20s]")).unwrap();
    let server = prometheus.evaluate(&targets, file.path());
    let mut shown = 0;
    for (panel, queries) in panels(&dashboard, "shop", ".+") {
        let title = panel["title"].as_str().unwrap();
        let is_about_all = title.starts_with("Most ") || ["Slowest (p95)", "All functions"].contains(&title);
        for query in queries.into_iter().filter(|_| is_about_all || title.starts_with("shop_")) {
            let answered = wait::try_until(|| if server.query(&query).is_empty() { Err(()) } else { Ok(()) });
            assert!(answered.is_ok(), "the panel {title} has no data: {query}");
            shown += 1;
        }
    }
    assert!(shown > 10, "only {shown} queries are about functions");
}
