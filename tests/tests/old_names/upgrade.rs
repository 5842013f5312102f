//! A rolling upgrade to a version that renames metrics, as `check --fleet` sees it.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use metrics_export::{Command, Export};
use metrics_runtime::http::Http;
use metrics_runtime::{BuildInfo, Descriptor, Metrics, Registry};
use serde_json::json;
use tests::prometheus::Target;
use tests::{canned, tools, wait};

/// A version of a shop: the second one renames a counter, a histogram and a gauge.
fn version(version: u8) -> Metrics {
    let registry = Registry::new();
    let named = |descriptor: fn(&'static str) -> Descriptor, [old, new]: [&'static str; 2]| {
        if version == 1 { descriptor(old) } else { descriptor(new).replaces([old]) }
    };
    let counter = named(|name| Descriptor::counter(name, "Sessions."), ["signins_total", "sessions_total"]);
    registry.counter(counter).unwrap().get_or_create(&[]).unwrap().inc();
    let histogram = |name| Descriptor::histogram(name, "Time.", vec![0.1, 1.0]).unit("seconds");
    let histogram = registry.histogram(named(histogram, ["signin_seconds", "session_seconds"])).unwrap();
    histogram.get_or_create(&[]).unwrap().observe(0.5);
    let gauge = registry.gauge(named(|name| Descriptor::gauge(name, "Jobs."), ["waiting", "waiting_jobs"])).unwrap();
    gauge.get_or_create(&[]).unwrap().set(2.0);
    let builder = Metrics::builder().namespace("shop").registry(&registry).http(Http::none());
    builder.build_info(BuildInfo::new(version.to_string())).build().unwrap()
}

/// Runs the check of the second version. Returns the report and the error.
fn check(url: &str, args: &[&str]) -> (String, Option<String>) {
    let mut out = Vec::new();
    let command = Command::parse([&["check", "--fleet", url], args].concat()).unwrap();
    let error = command.run(&version(2), &mut out).err().map(|error| error.to_string());
    (String::from_utf8(out).unwrap(), error)
}

/// Runs the check until the report has all of these lines, whatever the spaces between their words.
fn check_until(url: &str, args: &[&str], lines: &[&str]) -> (String, Option<String>) {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let checked = wait::try_until(|| {
        let checked = check(url, args);
        let found: Vec<_> = checked.0.lines().map(words).collect();
        if lines.iter().all(|line| found.contains(&words(line))) { Ok(checked) } else { Err(checked) }
    });
    checked.unwrap_or_else(|(text, error)| panic!("expected {lines:#?}, found\n{text}\n{error:?}"))
}

#[test]
fn each_stage_of_a_rolling_upgrade_is_told_as_it_is() {
    let Some(prometheus) = tools::prometheus() else { return };
    let [old, new] = [1, 2].map(|number| version(number).render());
    let page: &'static str = old.leak();
    let mut instances = [0; 3].map(|_| canned::Server::start("text/plain; version=0.0.4", page));
    let targets = instances.each_ref().map(|instance| {
        let cluster = json!({ "relabel_configs": [{ "target_label": "cluster", "replacement": "eu-1" }] });
        Target::new("shop", instance.address()).with(cluster)
    });
    // The rules of the second version come first, and the alert of somebody else stays as it is.
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    let theirs =
        "  - name: theirs\n    rules:\n      - alert: Theirs\n        expr: rate(shop_signins_total[5m]) > 9\n";
    fs::write(&rules, Export::new(&version(2)).rules() + theirs).unwrap();
    let server = prometheus.evaluate(&targets, &rules);
    let url = format!("http://{}", server.address());
    let metrics = ["shop_sessions_total", "shop_session_seconds", "shop_waiting_jobs"];
    let stage = |versions: &[&str], numbers: &str, verdict: &str| {
        let names = metrics.map(|metric| format!("{metric} {numbers}"));
        let lines: Vec<_> = versions.iter().copied().chain(names.iter().map(String::as_str)).chain([verdict]).collect();
        let (text, error) = check_until(&url, &[], &lines);
        assert_eq!(error, None, "{text}");
        let asks =
            format!("\nqueries that ask for earlier names:\n  {url}: alert `Theirs` asks for `shop_signins_total`\n");
        assert!(text.contains(&asks), "{text}");
    };
    let needed = |reason: &str| format!("`replaces` is still needed: {reason}1 query asks for earlier names");
    stage(&["1 3 3"], "0 3 0", &needed("3 instances have earlier names only; "));
    instances[0].replace(new.clone());
    stage(&["1 2 2", "2 1 1"], "1 2 0", &needed("2 instances have earlier names only; "));
    instances[1].replace(new.clone());
    stage(&["1 1 1", "2 2 2"], "2 1 0", &needed("1 instance has earlier names only; "));
    instances[2].replace(new);
    stage(&["2 3 3"], "3 0 0", &needed(""));

    // Instances of the first version have none of the metrics that the second one adds.
    let lock = folder.path().join("metrics.lock");
    fs::write(&lock, Export::new(&version(2)).lock() + "\ncounter shop_sales_total\n").unwrap();
    let (text, _) = check(&url, &["--lock", lock.to_str().unwrap()]);
    assert!(
        text.contains("\nlack metrics of the contract:\n  shop_sales_total: 3 of 3 instances, version 2\n"),
        "{text}"
    );
}

#[test]
fn victoriametrics_with_two_agents_in_each_cluster_tells_the_same() {
    let Some(victoria) = tools::victoria() else { return };
    let store = victoria.start_with(&["-search.latencyOffset=0s"]);
    let pages = [1, 2].map(|number| version(number).render());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (cluster, instance, page) in [("eu-1", "a:1", 0), ("eu-1", "b:1", 1), ("us-1", "a:1", 0)] {
        for replica in ["a", "b"] {
            let lines = pages[page].lines().chain(["up 1"]).filter(|line| !line.starts_with('#'));
            let page: String = lines.flat_map(|line| [line.to_owned(), format!(" {}\n", (now - 2) * 1_000)]).collect();
            let labels = [("job", "shop"), ("cluster", cluster), ("instance", instance), ("replica", replica)];
            let labels = labels.map(|(label, value)| format!("extra_label={label}={value}")).join("&");
            let _ =
                store.client().post(&format!("/api/v1/import/prometheus?{labels}"), "text/plain", &page).expect(204);
        }
    }
    store.flush();
    let url = format!("http://{}", store.client().address());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.json");
    let panel = json!({ "title": "Sign-ins", "targets": [{ "expr": "rate(shop_signins_total[5m])" }] });
    fs::write(&file, json!({ "panels": [panel] }).to_string()).unwrap();
    let lines =
        ["version instances eu-1 us-1", "1 2 1 1", "2 1 1 0", "shop_session_seconds 1 2 0", "us-1 a:1, version 1"];
    let (text, error) = check_until(&url, &[file.to_str().unwrap()], &lines);
    // No rule of this store records the earlier names.
    let misses = format!(
        "{}: panel `Sign-ins`\n    asks for `shop_signins_total`, which 1 instance does not have: eu-1 b:1\n",
        file.display()
    );
    assert!(error.is_some_and(|error| error.contains(&misses)), "{text}");
}
