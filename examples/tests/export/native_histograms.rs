//! The documents of a service whose durations have classic and native buckets, in all forms: on a Prometheus that stores
//! the classic ones, on one that stores the native ones, and on one that stores both.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_export::{Export, Histograms};
use metrics_runtime::http::Http;
use metrics_runtime::{Counter, Descriptor, Family, Format, Histogram, Metrics, Objective, Registry};
use serde_json::json;
use tests::histograms::{Queries, Servers};
use tests::lookup::Names;
use tests::prometheus::Target;
use tests::tools;
use tokio::runtime::Runtime;

use crate::engines::rules;
use crate::panels::while_repeated;
use crate::rehearsal::Rehearsal;

const FORMS: [Histograms; 3] = [Histograms::Classic, Histograms::Native, Histograms::Both];

/// A service without a counter of requests, as in OpenTelemetry: the histogram of their duration counts them. Its gRPC
/// server has the names of the middlewares, its client those of OpenTelemetry.
struct Shop {
    registry: Registry,
    requests: Family<Histogram>,
    waits: Family<Histogram>,
    answered: Family<Counter>,
    answers: Family<Histogram>,
    calls: Family<Histogram>,
}

impl Shop {
    fn new() -> Self {
        let registry = Registry::new();
        let bounds = [0.25, 0.5, 1.0, 2.0];
        let histogram = |name| Descriptor::histogram(name, "A duration.", bounds.to_vec()).unit("seconds").native();
        let labels = ["http_request_method", "http_route", "http_response_status_code"];
        let requests = histogram("http_server_request_duration_seconds").labels(labels);
        let method = ["grpc_type", "grpc_service", "grpc_method"];
        let answers = histogram("grpc_server_handling_seconds").labels(method);
        let answered = Descriptor::counter("grpc_server_handled_total", "Calls.");
        let answered = answered.labels(method.into_iter().chain(["grpc_code"]));
        let labels = ["rpc_system_name", "rpc_method", "rpc_response_status_code", "error_type"];
        let calls = histogram("rpc_client_call_duration_seconds").labels(labels);
        let [requests, waits, answers, calls] =
            [requests, histogram("wait_seconds"), answers, calls].map(|of| registry.histogram(of).unwrap());
        let answered = registry.counter(answered).unwrap();
        Self { registry, requests, waits, answered, answers, calls }
    }

    fn metrics(&self) -> Metrics {
        let objective = Objective::new().success(99.0).latency(Duration::from_secs(1), 99.0);
        let builder = Metrics::builder().registry(&self.registry).namespace("shop").http(Http::none());
        builder.objective("/buy", objective).build().unwrap()
    }

    fn export(&self, form: Histograms) -> Export {
        Export::new(&self.metrics()).histograms(form).scrape_interval(Duration::from_secs(1))
    }

    fn observe(&self, route: &str, status: &str, seconds: f64) {
        self.requests.get_or_create(&["GET", route, status]).unwrap().observe(seconds);
    }

    /// Observes a hundred durations, equally spread up to two seconds. Each quantile is a line within each bucket.
    fn work(&self) {
        for i in 1..=100 {
            let seconds = f64::from(i) / 50.0;
            let status = match i % 10 {
                0 => "500",
                1 => "499",
                _ => "200",
            };
            self.observe("/buy", status, seconds);
            self.observe("/look", "200", seconds / 2.0);
            self.waits.get_or_create(&[]).unwrap().observe(seconds);
            let place = ["unary", "shop.Orders", "Place"];
            let (answer, code, error) = match i % 10 {
                0 => ("Internal", "UNAVAILABLE", "UNAVAILABLE"),
                1 => ("Canceled", "CANCELLED", "CANCELLED"),
                _ => ("OK", "OK", ""),
            };
            self.answers.get_or_create(&place).unwrap().observe(seconds);
            self.answered.get_or_create(&[&place[..], &[answer]].concat()).unwrap().inc();
            self.calls.get_or_create(&["grpc", "stock.Stock/Take", code, error]).unwrap().observe(seconds);
        }
    }

    /// Serves the metrics, and on `/classic` as text whatever the scraper asks for.
    fn serve(&self, runtime: &Runtime) -> SocketAddr {
        let metrics = self.metrics();
        let text = metrics.clone();
        let classic = get(move || {
            let page = text.render_as(Format::Text);
            async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page) }
        });
        let app = metrics.instrument(Router::new().route("/classic", classic)).unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, app).await });
        address
    }
}

/// Returns a target that adds the classic series of the job `shop`, as `scrape_classic_histograms` does.
fn classic_series(address: SocketAddr) -> Target<'static> {
    let relabelled = json!([
        { "source_labels": ["__name__"], "regex": "shop_.*_(bucket|sum|count)", "action": "keep" },
        { "target_label": "job", "replacement": "shop" },
    ]);
    Target { path: "/classic", ..Target::new("classic", address) }.with(json!({ "metric_relabel_configs": relabelled }))
}

/// Returns the queries of the dashboard in each form.
fn panels(shop: &Shop) -> Queries {
    let dashboards = FORMS.map(|form| serde_json::from_str(&shop.export(form).dashboard()).unwrap());
    let queries = Queries::of_dashboards(dashboards.each_ref(), "shop");
    let queries = queries.map(|query| query.replace("[20s]", "[6s]"));
    // Every scrape changes the toolkit's own metrics.
    queries.map(|query| if query.contains("metrics_runtime_") { format!("group({query})") } else { query })
}

/// Returns the queries of the rules in each form.
fn recorded(shop: &Shop) -> Queries {
    let [classic, native, both] =
        FORMS.map(|form| rules(&shop.export(form).rules()).into_iter().map(|rule| rule.query).collect::<Vec<_>>());
    Queries { classic, native, both }
}

/// Returns the query with windows of six seconds, at whose start the series existed. Of the difference from a recorded
/// series, whose window is longer, only the calls in time are left.
fn over_seconds(query: String) -> String {
    let in_time =
        query.split_once(" - ").filter(|(all, _)| all.contains("slo:events:")).map(|(_, in_time)| in_time.to_owned());
    let query = in_time.unwrap_or(query);
    ["3m", "5m", "30m", "1h"].into_iter().fold(query, |query, window| {
        let [before, after] = [window, "6s"].map(|window| [format!("[{window}]"), format!("offset {window}")]);
        before.iter().zip(&after).fold(query, |query, (before, after)| query.replace(before, after))
    })
}

fn assert_none(differences: &[String]) {
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// Returns a comparison of numbers with a difference of at most this ratio.
fn close(ratio: f64) -> impl Fn(f64, f64) -> bool {
    move |one, other| (one - other).abs() <= ratio * one.abs().max(other.abs())
}

#[test]
fn every_panel_and_rule_has_the_same_value_from_classic_and_native_histograms() {
    let shop = Shop::new();
    for form in FORMS {
        let export = shop.export(form);
        let mut names = Names::of_lock(&export.lock());
        let unknown = [names.rules(&export.rules()), names.dashboard(&export.dashboard())];
        assert_eq!(unknown.concat(), [""; 0], "{form:?}");
    }
    let Some(prometheus) = tools::prometheus() else { return };
    // A rate is extrapolated to the start of its window, except below zero, which native histograms do not have.
    (0..100).for_each(|_| shop.work());
    let runtime = Runtime::new().unwrap();
    let address = shop.serve(&runtime);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, shop.export(Histograms::Both).rules()).unwrap();
    let target = Target::new("shop", address);
    let storing_native = prometheus.clone().with_native_histograms();
    let [classic, native, both] = thread::scope(|scope| {
        let targets = std::slice::from_ref(&target);
        let servers = [
            scope.spawn(|| prometheus.scrape(targets)),
            scope.spawn(|| storing_native.scrape(targets)),
            scope.spawn(|| storing_native.evaluate(&[target.clone(), classic_series(address)], &file)),
        ];
        servers.map(|server| server.join().unwrap())
    });
    let work = || shop.work();
    while_repeated(work, || {
        // The servers scrape at different times.
        let servers = Servers { classic: &classic, native: &native, both: Some(&both) };
        assert_none(&panels(&shop).differences(servers, close(0.05)));
        assert_none(&recorded(&shop).map(over_seconds).differences(servers, close(0.05)));
        // The windows began before the servers, so only the growth since their first scrape counts.
        let one = Servers { classic: &both, native: &both, both: None };
        assert_none(&recorded(&shop).differences(one, close(0.15)));
        let failed = both.rules().into_iter().filter(|rule| rule["health"] != "ok").collect::<Vec<_>>();
        assert!(failed.is_empty(), "{failed:#?}");
        // A failure that nobody had seen before counts in full.
        (0..7).for_each(|_| shop.observe("/new", "500", 0.3));
        let [of_classic, of_native, of_both] = FORMS.map(|form| {
            let rules = rules(&shop.export(form).rules());
            let failed =
                rules.into_iter().find(|rule| rule.name.ends_with("request_duration_seconds_count:failed_increase3m"));
            failed.unwrap().query
        });
        let asked = [(&classic, &of_classic), (&native, &of_native), (&classic, &of_both), (&native, &of_both)];
        for (server, query) in asked.into_iter().chain([(&both, &of_both)]) {
            server.wait_until(query, |found| {
                found.iter().any(|(labels, failed)| labels["http_route"] == "/new" && *failed == 7.0)
            });
        }
    });
    // After the last observation, the totals are the same to the last bit.
    for measure in ["count", "sum"] {
        let series = format!("shop_wait_seconds_{measure}");
        let total = |page: &str| page.lines().find_map(|line| line.strip_prefix(&series)?.trim().parse().ok());
        let total: f64 = total(&shop.metrics().render()).unwrap();
        classic.wait_until(&series, |found| found.values().eq([&total]));
        native.wait_until(&format!("histogram_{measure}(shop_wait_seconds)"), |found| found.values().eq([&total]));
    }
}

#[test]
fn alerts_are_rehearsed_unless_they_read_native_histograms_alone() {
    let shop = Shop::new();
    let rehearsal = |form| {
        let export = shop.export(form);
        let tests = export.rule_tests("rules.yaml");
        (Rehearsal::of(&export.rules(), tests.clone()), tests)
    };
    let (both, tests) = rehearsal(Histograms::Both);
    assert!(!tests.contains("Not rehearsed"), "{tests}");
    let failures = both.run(|name| ["healthy", "slow"].contains(&name));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let (native, tests) = rehearsal(Histograms::Native);
    for alert in [
        "HttpLatency",
        "HttpErrorRatio",
        "HttpBuyLatencyBurn1h",
        "HttpBuySuccessBurn3d",
        "GrpcLatency",
        "GrpcClientErrorRatio",
    ] {
        assert!(tests.contains(&format!("\n# - Shop{alert}\n")), "{alert}: {tests}");
    }
    let failures = native.run(|name| name == "healthy");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Two agents have the same histograms, which are not summed.
#[test]
fn a_fleet_records_the_native_histograms_of_one_agent() {
    let Some(prometheus) = tools::prometheus() else { return };
    let (shop, runtime) = (Shop::new(), Runtime::new().unwrap());
    let address = shop.serve(&runtime);
    let rules = rules(&shop.export(Histograms::Native).fleet().rules());
    let recorded = |name: &str| {
        let rule = rules.iter().find(|rule| rule.name == format!("cluster_job:shop_{name}:rate5m")).expect("a rule");
        rule.query.replace("[5m]", "[20s]")
    };
    let targets = ["a", "b"].map(|agent| {
        let given = [("job", "shop"), ("cluster", "eu"), ("replica", agent)];
        let given = given.map(|(label, value)| json!({ "target_label": label, "replacement": value }));
        Target::new(agent, address).with(json!({ "relabel_configs": given }))
    });
    while_repeated(
        || shop.work(),
        || {
            let server = prometheus.with_native_histograms().scrape(&targets);
            let one = "avg by (cluster, job) (histogram_count(rate(shop_wait_seconds[20s])))";
            let ratio = format!("histogram_count({}) / ({one} > 0)", recorded("wait_seconds"));
            server
                .wait_until(&ratio, |found| found.len() == 1 && found.values().all(|ratio| (0.6..1.5).contains(ratio)));
        },
    );
}
