//! Every query of every panel has the same value on Prometheus and on `VictoriaMetrics`, and data from native histograms.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread;

use serde_json::Value;
use tests::dashboard::panels;
use tests::engines::Engines;
use tests::histograms::{Queries, Servers};
use tests::lookup::Names;
use tests::prometheus::Target;
use tests::service::Service;
use tests::tools;

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
        std::fs::write(file.path(), dashboards[2].to_string()).unwrap();
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
