//! Every query of every panel has the same value on Prometheus and on `VictoriaMetrics`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use tests::dashboard::opened;
use tests::engines::Engines;
use tests::prometheus::Target;
use tests::service::Service;
use tests::tools;

const BINARY: &str = env!("CARGO_BIN_EXE_many_50");

#[test]
fn every_query_has_the_same_value_on_both() {
    let (Some(prometheus), Some(engines)) = (tools::prometheus(), Engines::find()) else {
        return;
    };
    let instances = [0, 1].map(|_| Service::start(BINARY, &[], &[]));
    let server = prometheus.scrape(&instances.each_ref().map(|service| Target::new("shop", service.address())));
    server.wait_until("count_over_time(up[1h])", |counts| counts.values().all(|count| *count >= 30.0));
    let written = Service::run(BINARY, &["metrics", "dashboard", "--scrape-interval", "1s"], &[]);
    let dashboard = opened(&serde_json::from_str::<Value>(&written.stdout).unwrap());
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let queries = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = queries.map(|target| {
        let query = target["expr"].as_str().unwrap().replace("$__rate_interval", "20s").replace("$job", "shop");
        query.replace("$instance", ".+").replace("$route", ".+")
    });
    let queries: Vec<_> = queries.collect();
    let differences = engines.differences(&server, &queries);
    assert!(differences.is_empty(), "{} of {}:\n{}", differences.len(), queries.len(), differences.join("\n"));
}
