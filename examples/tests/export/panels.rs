//! Tests of every query of every panel, with two instances of each service and a real Prometheus.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::client::Client;
use tests::dashboard;
use tests::engines::Engines;
use tests::page::Page;
use tests::prometheus::{Server, Target};
use tests::service::Service;
use tests::{tools, wait};

use crate::{DYNOAI, Example, GATEWAY, NEURECTOMY};

pub(crate) fn start(example: &Example, arguments: &[&str], env: &[(&str, &str)]) -> Service {
    let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
    let own = if example.name == GATEWAY.name { ("METRICS_LISTEN", "0") } else { ("SIGMAVAULT_URL", "memory:///") };
    Service::start(example.binary, &arguments, &[&[own], env].concat())
}

/// Starts a gateway with traffic in front of this instance of Neurectomy.
pub(crate) fn start_gateway(neurectomy: &Service) -> Service {
    let url = format!("http://{}", neurectomy.address());
    start(&GATEWAY, &["--traffic", "5"], &[("NEURECTOMY_URL", &url), ("NEURECTOMY_COOLDOWN", "5")])
}

/// Returns the target of an instance.
pub(crate) fn target(example: &Example, instance: &Service) -> Target<'static> {
    Target::new(example.name, example.page(instance))
}

/// Uses `DynoAI`: uploads a valid and an invalid log, and starts a run.
pub(crate) fn use_dynoai(service: &Client) {
    let form = |content: &str| {
        format!(
            "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{content}\r\n--edge--\r\n"
        )
    };
    let _ = service.get("/api/health");
    for log in ["rpm,load,measured_afr,target_afr\n3000,80,12.6,12\n", "a,b\n1,2\n"] {
        let _ = service.post("/api/analyze", "multipart/form-data; boundary=edge", form(log));
    }
    let sample = serde_json::json!({ "rpm": 3000, "load": 80, "measured_afr": 12.6, "target_afr": 12 });
    let _ = service.post_json("/api/jetstream/run", &serde_json::json!({ "samples": [sample] }));
}

/// Calls `act` while another thread repeats `work`.
pub(crate) fn while_repeated(work: impl Fn() + Sync, act: impl FnOnce()) {
    struct SetOnDrop<'a>(&'a AtomicBool);

    impl Drop for SetOnDrop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                work();
                // Leaves the processor to other tests.
                thread::sleep(Duration::from_millis(50));
            }
        });
        // Ends the thread even if an assertion fails.
        let _done = SetOnDrop(&done);
        act();
    });
}

/// Calls `act` while another thread uses these instances of `DynoAI`.
pub(crate) fn while_used(instances: &[&Service], act: impl FnOnce()) {
    while_repeated(|| instances.iter().for_each(|instance| use_dynoai(instance)), act);
}

/// Returns the panels of a dashboard with their queries, in which variables are replaced as Grafana replaces them.
pub(crate) fn panels(dashboard: &Value, example: &Example, instances: &[&Service]) -> Vec<(Value, Vec<String>)> {
    let addresses: Vec<_> = instances.iter().map(|instance| example.page(instance).to_string()).collect();
    let all = format!("({})", addresses.join("|").replace('.', "\\\\."));
    dashboard::panels(dashboard, example.name, &all)
}

fn queries(example: &Example, instances: &[&Service]) -> BTreeMap<String, Vec<String>> {
    let panels = panels(&example.dashboard(), example, instances).into_iter();
    panels.map(|(panel, queries)| (panel["title"].as_str().unwrap().to_owned(), queries)).collect()
}

fn assert_every_panel_has_data(server: &Server, example: &Example, instances: &[&Service]) {
    // No breaker of the services has a ratio of slow calls, or a listener.
    let unused = |query: &str| query.contains("_breaker_slow_ratio") || query.contains("_transitions_dropped_total");
    for (panel, queries) in queries(example, instances) {
        for query in queries.into_iter().filter(|query| !unused(query)) {
            let answered = wait::try_until(|| if server.query(&query).is_empty() { Err(()) } else { Ok(()) });
            assert!(answered.is_ok(), "{}: the panel `{panel}` has no data: {query}", example.name);
        }
    }
}

#[test]
fn every_panel_has_data_from_two_instances_and_the_same_on_both_engines() {
    let Some(prometheus) = tools::prometheus() else {
        return;
    };
    // One instance has no Ryot, so that its circuit breaker opens.
    let [a, b] =
        [&[][..], &[("RYOT_URL", "http://127.0.0.1:1")]].map(|env| start(&NEURECTOMY, &["--traffic", "20"], env));
    let [c, d] = [0, 1].map(|_| start(&DYNOAI, &[], &[]));
    let gateways = [&a, &b].map(start_gateway);
    let examples = [(&NEURECTOMY, [&a, &b]), (&DYNOAI, [&c, &d]), (&GATEWAY, gateways.each_ref())];
    while_used(&[&c, &d], || {
        let targets = examples.iter().flat_map(|(example, instances)| instances.map(|one| target(example, one)));
        let server = prometheus.scrape(&targets.collect::<Vec<_>>());
        for (example, instances) in examples {
            assert_every_panel_has_data(&server, example, &instances);
        }
        let Some(engines) = Engines::find() else { return };
        server.wait_until("count_over_time(up[1h])", |counts| counts.values().all(|count| *count >= 30.0));
        for (example, instances) in examples {
            let mut queries: Vec<_> = queries(example, &instances).into_values().flatten().collect();
            // No instance has restarted. Each of them is new within the hour.
            let restarts = example.dashboard()["annotations"]["list"][0]["expr"].as_str().unwrap().to_owned();
            queries.push(
                restarts.replace("$__rate_interval", "1h").replace("$job", example.name).replace("$instance", ".+"),
            );
            let differences = engines.differences(&server, &queries);
            let (name, different, all) = (example.name, differences.len(), queries.len());
            assert!(different == 0, "{name}, {different} of {all}:\n{}", differences.join("\n"));
        }
    });
}

/// Returns the sums of all samples over both pages by name, without metrics that change with every scrape.
fn sums(pages: &[Page]) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for point in pages.iter().flat_map(Page::points) {
        let changes =
            ["metrics_runtime_scrape", "process_", "tokio_"].iter().any(|prefix| point.name.starts_with(prefix));
        if !changes {
            *sums.entry(point.name).or_insert(0.0) += point.value.parse::<f64>().unwrap();
        }
    }
    sums
}

#[test]
fn sums_over_instances_equal_the_sums_of_the_pages() {
    let Some(prometheus) = tools::prometheus() else {
        return;
    };
    let [a, b] = [0, 1].map(|_| start(&NEURECTOMY, &[], &[]));
    let [c, d] = [0, 1].map(|_| start(&DYNOAI, &[], &[]));
    for (times, service) in [(1, &a), (2, &b)] {
        for _ in 0..times {
            let _ = service.get("/health").expect(200);
            let _ = service.post("/v1/compress", "text/plain", "a counter only goes up. ".repeat(99)).expect(200);
            let _ = service.post_json("/v1/keys", &serde_json::json!({ "user": "ada" })).expect(201);
        }
    }
    use_dynoai(&c);
    use_dynoai(&d);
    use_dynoai(&d);
    for (example, instances) in [(&NEURECTOMY, [&a, &b]), (&DYNOAI, [&c, &d])] {
        let targets = instances.map(|service| target(example, service));
        let server = prometheus.scrape(&targets);
        let page = |service: &&Service| Page::parse_text(service.get("/metrics").expect(200).text()).unwrap();
        let equal = wait::try_until(|| {
            let expected = sums(&instances.each_ref().map(page));
            let excluded = "up|scrape_.*|metrics_runtime_scrape.*|process_.*|tokio_.*";
            let summed =
                server.query(&format!("sum by (__name__) ({{job=\"{}\", __name__!~\"{excluded}\"}})", example.name));
            let summed: BTreeMap<_, _> =
                summed.into_iter().map(|(mut labels, sum)| (labels.remove("__name__").unwrap(), sum)).collect();
            let close = |a: f64, b: f64| (a - b).abs() <= a.abs() * 1e-9;
            let same = expected.len() == summed.len()
                && expected.iter().all(|(name, sum)| summed.get(name).is_some_and(|summed| close(*sum, *summed)));
            if same { Ok(()) } else { Err((expected, summed)) }
        });
        equal.unwrap_or_else(|sums| panic!("{}: {sums:#?}", example.name));
        // A panel shows this sum.
        if let Some(query) = queries(example, &instances).get("Api keys active") {
            assert_eq!(server.value(&query[0]), 3.0);
        }
    }
}
