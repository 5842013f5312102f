//! Metrics that are renamed over time.

use std::collections::BTreeMap;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use metrics_export::{Command, Export};
use metrics_runtime::{
    Descriptor, Metrics, Registry, RegistryError, metrics, track, track_counter, track_histogram, track_in_flight,
};
use serde_json::Value;
use tests::dashboard::opened;
use tests::lookup::Names;
use tests::samples::Samples;
use tests::tools;
use yaml_rust2::YamlLoader;

use crate::support::sample;

const EARLIER: &str = "upload";

#[track(name = "session_start", replaces = "signin", in_flight, objective(success = 99.0, latency("500ms", 99.0)))]
fn start_session() {}

#[track_counter(name = "searches_total", replaces = ["search_total", "searches"])]
fn search() {}

#[track_histogram(replaces = EARLIER, buckets = [0.1, 1.0])]
fn receive() {}

#[track_in_flight(name = "exports_in_flight", replaces = "exporting")]
fn export() {}

#[metrics(prefix = "stock_")]
mod stock {
    /// Articles.
    #[replaces("articles", "stock_items")]
    pub fn articles() -> Gauge;
}

fn service() -> Metrics {
    Metrics::builder().namespace("shop").build().unwrap()
}

fn replaced(metrics: &Metrics) -> BTreeMap<String, Vec<String>> {
    let metrics = metrics.describe().metrics.into_iter().filter(|metric| !metric.replaces.is_empty());
    metrics.map(|metric| (metric.name, metric.replaces)).collect()
}

#[test]
fn are_declared_by_attributes_modules_and_descriptors() {
    start_session();
    search();
    receive();
    export();
    stock::articles().set(3.0);
    assert_eq!(sample("session_start_total", [("status", "success")]), 1.0, "the page has the new name");
    assert!(!Registry::global().render().contains("signin"));
    let expected = [
        ("shop_exports_in_flight", vec!["shop_exporting"]),
        ("shop_receive_duration_seconds", vec!["shop_upload"]),
        ("shop_searches_total", vec!["shop_search_total", "shop_searches"]),
        ("shop_session_start_duration_seconds", vec!["shop_signin_duration_seconds"]),
        ("shop_session_start_in_flight", vec!["shop_signin_in_flight"]),
        ("shop_session_start_overdue_total", vec!["shop_signin_overdue_total"]),
        ("shop_session_start_total", vec!["shop_signin_total"]),
        ("shop_stock_articles", vec!["shop_articles", "shop_stock_items"]),
    ];
    let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    let expected = expected.into_iter().map(|(name, earlier)| (name.to_owned(), names(earlier)));
    assert_eq!(replaced(&service()), expected.collect());

    let registry = Registry::new();
    registry.gauge(Descriptor::gauge("depth", "D.").replaces(["queue_depth"])).unwrap();
    let metrics = Metrics::builder().registry(&registry).build().unwrap();
    assert_eq!(replaced(&metrics)["depth"], ["queue_depth"]);
}

#[test]
fn need_an_earlier_name_that_is_valid_and_another_one() {
    let counter = |earlier: &[&'static str]| {
        let descriptor = Descriptor::counter("jobs_total", "J.").replaces(earlier.iter().copied());
        descriptor.check().map_err(|error| error.to_string())
    };
    assert_eq!(counter(&["job_total", "jobs"]), Ok(()));
    let itself = "metric `jobs_total` replaces itself: write the name that it had before, or remove `replaces`";
    assert_eq!(counter(&["jobs_total"]).unwrap_err(), itself);
    assert_eq!(counter(&["jobs", "jobs"]).unwrap_err(), "the name `jobs` is replaced twice: remove one of the two");
    assert!(counter(&["job-total"]).unwrap_err().contains("`job-total` is not allowed"));
}

#[test]
fn need_an_earlier_name_that_no_other_metric_has() {
    let counter = |name: &'static str| Descriptor::counter(name, "C.").legacy_name();
    let conflict = |registered: Descriptor, refused: Descriptor| {
        let registry = Registry::new();
        let register = |descriptor: Descriptor| match descriptor.kind {
            metrics_runtime::Kind::Histogram => registry.histogram(descriptor).map(drop),
            _ => registry.counter(descriptor).map(drop),
        };
        register(registered).unwrap();
        let error = register(refused).unwrap_err();
        assert!(matches!(error, RegistryError::Replaced { .. }), "{error}");
        assert_eq!(error.to_string().matches("renames.rs:").count(), 2, "{error}");
        error.to_string()
    };
    let logins = || counter("logins_total").replaces(["login_total"]);
    let taken = conflict(counter("login_total"), logins());
    assert!(taken.starts_with("metric `logins_total` at "), "{taken}");
    assert!(taken.contains(" replaces the name `login_total`, which `login_total` at "), "{taken}");
    let taken = conflict(logins(), counter("login_total"));
    assert!(taken.starts_with("metric `logins_total` at "), "{taken}");
    // Two metrics cannot be recorded under one name.
    let taken = conflict(logins(), counter("sessions_total").replaces(["login_total"]));
    assert!(taken.contains("metric `sessions_total`") && taken.contains("`logins_total` at "), "{taken}");
    // A histogram has several samples.
    let waits = Descriptor::histogram("wait_seconds", "W.", vec![1.0]);
    conflict(waits.clone(), counter("waits_total").replaces(["wait_seconds_count"]));
    conflict(counter("wait_count"), waits.replaces(["wait"]));

    // Only with the namespace are the two the same.
    let registry = Registry::new();
    registry.counter(counter("seconds_total").replaces(["cpu_seconds_total"])).unwrap();
    let metrics = Metrics::builder().registry(&registry).process();
    let error = metrics.clone().namespace("process").build().unwrap_err().to_string();
    assert!(
        error.contains("replaces the name `process_cpu_seconds_total`, which `process_cpu_seconds_total`"),
        "{error}"
    );
    assert!(metrics.namespace("shop").build().is_ok());
    let own = counter("seconds_total").replaces(["metrics_runtime_scrapes_total"]);
    assert!(matches!(Registry::new().counter(own), Err(RegistryError::Reserved { .. })));

    // The family of a counter in OpenMetrics has the name without `_total`, and no sample.
    let registry = Registry::new();
    registry.counter(counter("jobs_total")).unwrap();
    registry.gauge(Descriptor::gauge("active_jobs", "J.").replaces(["jobs"])).unwrap();
}

#[test]
fn are_the_same_in_all_declarations() {
    let registry = Registry::new();
    registry.counter(Descriptor::counter("a_total", "A.").replaces(["b_total"])).unwrap();
    let error = registry.counter(Descriptor::counter("a_total", "A.")).unwrap_err().to_string();
    assert!(error.contains("declared twice, with different replaced names"), "{error}");
}

#[test]
fn leave_the_earlier_name_to_no_collector() {
    let registry = Registry::new();
    registry.counter(Descriptor::counter("logins_total", "L.").replaces(["login_total"])).unwrap();
    registry.register(Box::new(prometheus::IntCounter::new("login_total", "L.").unwrap())).unwrap();
    let page = registry.render();
    // A rule records the name, and an instance that shows it too would have two values for one series.
    assert!(!page.contains("\nlogin_total"), "{page}");
    assert!(page.contains("metrics_runtime_scrape_errors_total{cause=\"duplicate\"} 1\n"), "{page}");
}

#[test]
fn do_not_break_the_contract() {
    let metrics = service();
    let lock = Export::new(&metrics).lock();
    let earlier = lock
        .lines()
        .filter(|line| !line.trim_start().starts_with("replaces "))
        .map(|line| line.replace("session_start", "signin").replace("shop_searches_total", "shop_search_total") + "\n")
        .collect::<String>();
    assert_ne!(lock, earlier);
    let file = tempfile::NamedTempFile::new().unwrap();
    let check = |lock: &str| {
        fs::write(file.path(), lock).unwrap();
        let command = ["check", "--lock"].map(std::ffi::OsString::from).into_iter().chain([file.path().into()]);
        let mut out = Vec::new();
        let ran = Command::parse(command.collect::<Vec<_>>()).and_then(|command| command.run(&metrics, &mut out));
        ran.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
    };
    assert_eq!(check(&lock).unwrap(), "nothing breaks\n");
    let renamed = check(&earlier).unwrap();
    assert!(renamed.contains("new: counter shop_session_start_total, before shop_signin_total\n"), "{renamed}");
    assert!(renamed.ends_with("nothing breaks\n"), "{renamed}");
    let other = check(&earlier.replace("shop_signin_total", "shop_login_total")).unwrap_err();
    assert!(other.contains("shop_login_total: removed"), "{other}");
}

/// Returns the recording and alerting rules: name and query.
fn rules(export: &Export) -> Vec<(String, String)> {
    let text = export.rules();
    let yaml = YamlLoader::load_from_str(&text).unwrap();
    let groups = yaml[0]["groups"].as_vec().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_vec().unwrap());
    let name = |rule: &yaml_rust2::Yaml| rule["record"].as_str().or(rule["alert"].as_str()).unwrap().to_owned();
    rules.map(|rule| (name(rule), rule["expr"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn have_rules_that_keep_the_earlier_names_alive() {
    let export = Export::new(&service());
    let rules: BTreeMap<_, _> = rules(&export).into_iter().collect();
    for (earlier, name) in [
        ("shop_signin_total", "shop_session_start_total"),
        ("shop_signin_duration_seconds_bucket", "shop_session_start_duration_seconds_bucket"),
        ("shop_signin_duration_seconds_sum", "shop_session_start_duration_seconds_sum"),
        ("shop_signin_duration_seconds_count", "shop_session_start_duration_seconds_count"),
        ("shop_signin_in_flight", "shop_session_start_in_flight"),
        ("shop_search_total", "shop_searches_total"),
        ("shop_searches", "shop_searches_total"),
        ("shop_stock_items", "shop_stock_articles"),
    ] {
        assert_eq!(rules[earlier], format!("{name}{{job=\"shop\"}}"));
    }
    let mut names = Names::of_lock(&export.lock());
    assert_eq!([names.rules(&export.rules()), names.dashboard(&export.dashboard())].concat(), [""; 0]);
    let Some(promtool) = tools::promtool() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, export.rules()).unwrap();
    promtool.check_rules(&file).unwrap();
}

#[test]
fn are_in_the_reference_and_in_every_panel() {
    let export = Export::new(&service());
    assert!(
        export.docs().contains("| `shop_searches_total`<br>before: `shop_search_total`<br>before: `shop_searches` |")
    );
    let dashboard: Value = serde_json::from_str(&export.dashboard()).unwrap();
    let queries = queries(&dashboard);
    for (name, earlier) in replaced(&service()) {
        let asking: Vec<_> = queries.iter().filter(|query| query.contains(&format!("{name}{{"))).collect();
        let all = asking.iter().all(|query| query.contains(&format!(" or {}", earlier[0])));
        assert!(all, "{name}: {asking:?}");
    }
    assert!(queries.iter().any(|query| query.contains("shop_signin_duration_seconds_bucket{")));
}

fn queries(dashboard: &Value) -> Vec<String> {
    let opened = opened(dashboard);
    let panels = opened["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// The seconds between two samples.
const STEP: u64 = 15;
/// The minute of the upgrade.
const UPGRADE: u64 = 30;
/// The minutes of the samples.
const END: u64 = 60;

/// Adds the samples of one instance from one minute to another: one call a second, from zero.
fn calls(samples: &mut Samples, name: &str, instance: &str, [from, to]: [u64; 2], [start, born]: [u64; 2]) {
    let times = (start + from * 60..start + to * 60).step_by(usize::try_from(STEP).unwrap());
    let since = |time: u64| (time - (start + born * 60)) as f64;
    let value = |of: f64| times.clone().map(|time| (time, since(time) * of)).collect::<Vec<_>>();
    let labels = format!("job=\"shop\",instance=\"{instance}\"");
    samples.add(&format!("shop_{name}_total{{{labels},status=\"success\"}}"), value(0.75));
    samples.add(&format!("shop_{name}_total{{{labels},status=\"error\"}}"), value(0.25));
    for (suffix, le) in [("bucket", ",le=\"0.5\""), ("bucket", ",le=\"+Inf\""), ("count", ""), ("sum", "")] {
        samples.add(&format!("shop_{name}_duration_seconds_{suffix}{{{labels}{le}}}"), value(1.0));
    }
}

/// Returns the samples of a fleet: one instance keeps the old version, one is upgraded in place, and one that has the new
/// version comes before that. `records` is `true` with the rules that record the new name under the earlier one.
fn fleet(start: u64, records: bool) -> Samples {
    let mut samples = Samples::default();
    calls(&mut samples, "signin", "old", [0, END], [start, 0]);
    calls(&mut samples, "signin", "upgraded", [0, UPGRADE], [start, 0]);
    calls(&mut samples, "session_start", "upgraded", [UPGRADE, END], [start, UPGRADE]);
    calls(&mut samples, "session_start", "new", [10, END], [start, 10]);
    if records {
        calls(&mut samples, "signin", "upgraded", [UPGRADE, END], [start, UPGRADE]);
        calls(&mut samples, "signin", "new", [10, END], [start, 10]);
    }
    for instance in ["old", "upgraded", "new"] {
        let up = (start..start + END * 60).step_by(usize::try_from(STEP).unwrap()).map(|time| (time, 1.0));
        samples.add(&format!("up{{job=\"shop\",instance=\"{instance}\"}}"), up.collect());
    }
    samples
}

/// Returns the query of the panel of calls, for all instances.
fn rate() -> String {
    let dashboard: Value = serde_json::from_str(&Export::new(&service()).dashboard()).unwrap();
    let rate = queries(&dashboard).into_iter().find(|query| {
        let is_of_calls = query.contains("rate(") && query.contains("shop_session_start_total{");
        is_of_calls && !query.contains("status=") && !query.contains('/')
    });
    let rate = rate.expect("a panel of calls").replace("$__rate_interval", "4m");
    format!("sum({})", rate.replace("$job", "shop").replace("$instance", ".*"))
}

/// The values of queries over the moment of the upgrade are those of a fleet of three instances whose metrics have one name.
#[test]
fn count_each_call_once_in_a_mixed_fleet() {
    let rules = rules(&Export::new(&service()));
    let query = |name: &str| {
        let found = rules.iter().find(|(rule, _)| rule == name);
        found.unwrap_or_else(|| panic!("no rule {name} among {rules:?}")).1.clone()
    };
    // Three instances with one call a second. A quarter of the calls fails.
    let expected = [
        (rate(), 3.0),
        (query("job:shop_session_start:rate5m"), 3.0),
        (query("job:shop_session_start:failed_increase3m"), 135.0),
        (query("job:shop_session_start:completed_increase3m"), 540.0),
        (query("job:shop_session_start:error_ratio_rate5m"), 0.25),
        (query("job:shop_session_start_duration_seconds:p50_rate5m"), 0.25),
    ];
    let (Some(promtool), Some(prometheus)) = (tools::promtool(), tools::prometheus()) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let start = now / 3600 * 3600 - 12 * 3600;
    for records in [false, true] {
        let samples = fleet(start, records);
        let server = prometheus.store(&samples, &promtool);
        let store = tools::victoria().map(|victoria| victoria.start());
        if let Some(store) = &store {
            store.import(&samples);
        }
        // The rate of one name or the other falls, since it forgets the calls under the earlier name at once.
        let [new, old] = ["session_start", "signin"].map(|name| format!("rate(shop_{name}_total{{job=\"shop\"}}[4m])"));
        let plain = server.query_at(&format!("sum({new} or {old})"), start + UPGRADE * 60 + 2 * STEP);
        assert!(plain.values().all(|rate| *rate < 2.5), "{plain:?}");
        // From before the upgrade until the windows are behind it.
        for quarter in UPGRADE * 4 - 8..UPGRADE * 4 + 32 {
            let time = start + quarter * STEP;
            for (query, expected) in &expected {
                let engines =
                    [Some(server.query_at(query, time)), store.as_ref().map(|store| store.query_at(query, time))];
                for found in engines.into_iter().flatten() {
                    let values: Vec<_> = found.values().copied().collect();
                    // The engines lose or guess the calls between the last sample before a restart and the first one after it.
                    let close = values.len() == 1 && (values[0] - expected).abs() <= 0.06 * expected;
                    assert!(close, "{quarter} {query}: {values:?}, expected {expected}; records: {records}");
                }
            }
        }
    }
}

/// Adds the samples of a fleet as two agents in each of two clusters write them.
fn of_agents(start: u64) -> Samples {
    let mut samples = Samples::default();
    for agent in ["a", "b"] {
        let of = |cluster: &str, instance: &str| format!("{instance}\",cluster=\"{cluster}\",replica=\"{agent}");
        let [old, upgraded, new] = [of("eu", "old"), of("eu", "upgraded"), of("us", "new")];
        calls(&mut samples, "signin", &old, [0, END], [start, 0]);
        calls(&mut samples, "signin", &upgraded, [0, UPGRADE], [start, 0]);
        calls(&mut samples, "session_start", &upgraded, [UPGRADE, END], [start, UPGRADE]);
        calls(&mut samples, "session_start", &new, [10, END], [start, 10]);
    }
    samples
}

/// Both versions are in one recorded series of each cluster, and panels continue what the rules of the earlier version
/// recorded.
#[test]
fn have_no_gap_in_what_a_fleet_records() {
    let export = Export::new(&service()).fleet();
    let rules = rules(&export);
    let query = |name: &str| rules.iter().find(|(rule, _)| rule == name).expect("a rule").1.clone();
    let earlier = "cluster_job:shop_session_start:rate5m{job=\"shop\"}";
    assert_eq!(query("cluster_job:shop_signin:rate5m"), earlier);
    let dashboard: Value = serde_json::from_str(&export.dashboard()).unwrap();
    let of_panels =
        queries(&dashboard).into_iter().filter(|query| query.contains("cluster_job:shop_session_start:rate5m{"));
    let of_panels: Vec<_> = of_panels.collect();
    assert!(of_panels.iter().all(|query| query.contains(" or cluster_job:shop_signin:rate5m{")), "{of_panels:?}");
    assert!(!of_panels.is_empty());

    let (Some(promtool), Some(prometheus)) = (tools::promtool(), tools::prometheus()) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let start = now / 3600 * 3600 - 12 * 3600;
    let samples = of_agents(start);
    let server = prometheus.store(&samples, &promtool);
    let store = tools::victoria().map(|victoria| victoria.start());
    if let Some(store) = &store {
        store.import(&samples);
    }
    let rate = format!("sum by (cluster) ({})", query("cluster_job:shop_session_start:rate5m"));
    let all = "cluster_job:shop_session_start_duration_seconds_count:rate5m";
    let durations = format!("sum by (cluster) ({})", query(all));
    for quarter in UPGRADE * 4 - 8..UPGRADE * 4 + 32 {
        let time = start + quarter * STEP;
        for query in [&rate, &durations] {
            let engines = [Some(server.query_at(query, time)), store.as_ref().map(|store| store.query_at(query, time))];
            for found in engines.into_iter().flatten() {
                let values: Vec<_> = found.values().copied().collect();
                let close = |(found, expected): (&f64, f64)| (found - expected).abs() <= 0.06 * expected;
                let same = values.len() == 2 && values.iter().zip([2.0, 1.0]).all(close);
                assert!(same, "{quarter} {query}: {values:?}");
            }
        }
    }
}

/// The rules themselves, with pages that lose a series as a scrape does.
#[test]
fn continue_under_the_earlier_name_for_the_queries_of_others() {
    let Some(promtool) = tools::promtool() else { return };
    let rules = Export::new(&service()).rules();
    let renames = rules.split("  - name: ").nth(1).expect("a group");
    assert!(renames.starts_with("shop.renames\n    interval: '15s'\n"), "{renames}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yaml"), format!("groups:\n  - name: {renames}")).unwrap();

    // One call a second each, in samples 15 s apart. The rules are evaluated at the same times, at which a series cannot end
    // and continue, so an upgrade takes one of them.
    let series = [
        ("shop_signin_total", "old", "0+15x240"),
        ("shop_signin_total", "upgraded", "0+15x118 stale"),
        ("shop_session_start_total", "upgraded", "_x120 0+15x120"),
        ("shop_session_start_total", "new", "_x40 0+15x200"),
    ];
    let series = series.map(|(name, instance, values)| {
        let selector = format!("{name}{{job=\"shop\", instance=\"{instance}\", status=\"success\"}}");
        format!("      - series: '{selector}'\n        values: '{values}'\n")
    });
    let ours = rate();
    let theirs = "sum(rate(shop_signin_total{job=\"shop\"}[4m]))";
    let times = (4 * UPGRADE - 8..4 * UPGRADE + 32).map(|quarter| quarter * STEP);
    let tests = times.flat_map(|time| {
        [ours.as_str(), theirs].map(|query| {
            // promtool compares exact numbers.
            let close = format!("({query} > bool 2.8) * ({query} < bool 3.2)");
            let sample = "exp_samples: [{labels: '{}', value: 1}]";
            format!("      - expr: '{close}'\n        eval_time: {time}s\n        {sample}\n")
        })
    });
    let tests: String = tests.collect();
    let text = format!(
        "rule_files: [rules.yaml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n{}    \
         promql_expr_test:\n{tests}",
        series.concat()
    );
    let file = folder.path().join("tests.yaml");
    fs::write(&file, text).unwrap();
    promtool.test_rules(&file).unwrap();
}
