//! Documents for fleets: two agents scrape the same instances, and the rules of a fleet record series of clusters.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

use metrics_export::{Export, Histograms};
use metrics_runtime::{Descriptor, Metrics, Registry};
use serde_json::{Value, json};
use tests::lookup::Names;
use tests::prometheus::{Range, Target};
use tests::samples::Samples;
use tests::service::Service;
use tests::{dashboard, tools, wait};

use crate::alerts::{Rules, scenario, test};
use crate::engines::rules;
use crate::panels::{panels, start, while_used};
use crate::picture::{Results, artefact, now};
use crate::rehearsal::{assert_in_docs, by_scenario, outcomes, shop, without_group};
use crate::{DYNOAI, EXAMPLES, Example, NEURECTOMY, WITH_ROUTES};

#[test]
fn failures_that_two_agents_see_are_not_twice_as_many() {
    for example in WITH_ROUTES {
        let written = |arguments: &[&str]| example.metrics(&[&["rules"], arguments].concat()).stdout;
        let plain = Rules { service: example.name, text: written(&[]) };
        let once = Rules { service: example.name, text: written(&["--replica-label", "agent"]) };
        // Enough failures for an alert only if both copies count.
        let series = [
            ("SERVICE_requests_total{status=\"500\", agent=\"a\"}", "0+1x60"),
            ("SERVICE_requests_total{status=\"500\", agent=\"b\"}", "0+1x60"),
            ("SERVICE_requests_total{status=\"200\", agent=\"a\"}", "0+2x60"),
            ("SERVICE_requests_total{status=\"200\", agent=\"b\"}", "0+2x60"),
        ];
        let firing = |samples: &[f64]| {
            let samples = samples.iter().map(|value| json!({ "labels": "{}", "value": value }));
            json!({
                "expr": "count(ALERTS{alertname=~\".*HttpErrorRatio\", alertstate=\"firing\"})",
                "eval_time": "30m",
                "exp_samples": samples.collect::<Vec<_>>(),
            })
        };
        test(&plain, &[scenario(&plain, &series, &[firing(&[1.0])])]);
        test(&once, &[scenario(&once, &series, &[firing(&[])])]);
    }
}

#[test]
fn the_dashboard_counts_instances_once_that_two_agents_scrape() {
    let Some(prometheus) = tools::prometheus() else {
        return;
    };
    let service = start(&NEURECTOMY, &[], &[]);
    let _ = service.post_json("/v1/keys", &json!({ "user": "ada" })).expect(201);
    let labels = |agent: &str| {
        let given = [("job", "neurectomy"), ("agent", agent)];
        let given = given.map(|(label, value)| json!({ "target_label": label, "replacement": value }));
        json!({ "relabel_configs": given })
    };
    let [a, b] = ["a", "b"].map(|agent| Target::new(agent, service.address()).with(labels(agent)));
    let server = prometheus.scrape(&[a, b]);
    for (arguments, instances) in [(&["--replica-label", "agent"][..], 1.0), (&[], 2.0)] {
        let written = NEURECTOMY.metrics(&[&["dashboard", "--scrape-interval", "1s"], arguments].concat()).stdout;
        let dashboard = serde_json::from_str(&written).unwrap();
        for (panel, queries) in panels(&dashboard, &NEURECTOMY, &[&service]) {
            if panel["title"] == "Instances" || panel["title"] == "Api keys active" {
                server.wait_until(&queries[0], |found| found.values().eq([&instances]));
            }
        }
    }
}

/// Returns what the rules of a fleet record of a service.
fn recorded(example: &Example) -> Names {
    let names = Names::of_lock(&example.document("lock"));
    let mut names = names.with_target("cluster").with_target("replica");
    let problems = names.rules(&example.document("fleet-rules"));
    assert!(problems.is_empty(), "{}: {problems:#?}", example.name);
    names
}

#[test]
fn every_name_in_the_documents_of_a_fleet_is_recorded() {
    for example in EXAMPLES {
        let unknown = recorded(&example).dashboard(&example.document("fleet-dashboard"));
        assert!(unknown.is_empty(), "{}: {unknown:#?}", example.name);
    }
}

/// Only the groups of clusters read the series of instances, so they can run in each cluster.
#[test]
fn the_other_groups_read_recorded_series_only() {
    for example in WITH_ROUTES {
        let text = example.document("fleet-rules");
        let (clusters, others) = text.split_at(text.find(".global").unwrap());
        assert!(clusters.matches("  - name: ").count() > 5 && !others.contains(".clusters."), "{}", example.name);
        for rule in rules(others) {
            let metrics = rule.query.split(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
            let of_instances = ["process_", "dynoai_", "neurectomy_"];
            let mut raw =
                metrics.filter(|word| *word == "up" || of_instances.iter().any(|start| word.starts_with(start)));
            assert_eq!(raw.next(), None, "{}: {}", rule.name, rule.query);
        }
    }
}

#[test]
fn rules_of_a_fleet_are_valid_in_every_form_of_histograms() {
    let Some(promtool) = tools::promtool() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    let registry = Registry::new();
    let wait = Descriptor::histogram("wait_seconds", "Wait.", vec![0.1, 1.0]).unit("seconds").native();
    registry.histogram(wait).unwrap();
    let metrics = Metrics::builder().namespace("shop").registry(&registry).build().unwrap();
    for (form, names) in [
        (Histograms::Classic, &["shop_wait_seconds_bucket:rate5m"][..]),
        (Histograms::Native, &["shop_wait_seconds:rate5m"]),
        (Histograms::Both, &["shop_wait_seconds_bucket:rate5m", "shop_wait_seconds:rate5m"]),
    ] {
        let export = Export::new(&metrics).fleet().histograms(form);
        fs::write(&file, export.rules()).unwrap();
        assert_eq!(promtool.check_rules(&file), Ok(()));
        let mut known = Names::of_lock(&export.lock()).with_target("cluster").with_target("replica");
        let problems = [known.rules(&export.rules()), known.dashboard(&export.dashboard())].concat();
        assert!(problems.is_empty(), "{form:?}: {problems:#?}");
        for name in names {
            assert!(export.rules().contains(&format!("- record: 'cluster_job:{name}'")), "{form:?}: {name}");
            assert!(export.dashboard().contains(&format!("cluster_job:{name}{{")), "{form:?}: {name}");
        }
        assert_eq!(export.dashboard().contains("shop_wait_seconds_bucket"), form != Histograms::Native);
    }
}

/// The scenarios of clusters, of agents, and of what a fleet counts in another way.
const OF_FLEETS: [&str; 9] = [
    "healthy",
    "deploy",
    "short errors",
    "first error burst",
    "breaker open",
    "instance down",
    "agent lost",
    "instances lost",
    "service gone",
];

#[test]
fn the_alerts_of_a_fleet_fire_in_their_incidents_and_in_no_other_scenario() {
    if tools::promtool().is_none() {
        return;
    }
    let fleet = shop().fleet();
    let rehearsal = without_group("shop.global", &fleet.rules(), &fleet.rule_tests("rules.yaml"));
    let outcomes = outcomes(&rehearsal, |name| OF_FLEETS.contains(&name));
    assert_in_docs("fleet.md", &by_scenario(&outcomes, rehearsal.trouble()));
}

/// The seconds between two scrapes.
const STEP: u64 = 15;
/// The minute in which one instance restarts.
const RESTART: u64 = 20;
/// The minute in which one agent ends.
const LOST: u64 = 40;
/// The minutes of the samples.
const END: u64 = 60;

/// Three instances in two clusters, with their calls a second.
const INSTANCES: [(&str, &str, f64); 3] = [("eu-1", "a", 1.0), ("eu-1", "b", 2.0), ("us-1", "c", 4.0)];

/// Returns the samples that the agents of both clusters write.
fn written(start: u64) -> Samples {
    let mut samples = Samples::default();
    for ((cluster, instance, rate), (agent, offset)) in
        INSTANCES.into_iter().flat_map(|instance| [("x", 0), ("y", 7)].map(|agent| (instance, agent)))
    {
        let end = if (cluster, agent) == ("eu-1", "y") { LOST } else { END };
        let times = (start + offset..start + end * 60).step_by(usize::try_from(STEP).unwrap());
        let of = |value: &dyn Fn(u64) -> f64| times.clone().map(|time| (time, value(time))).collect::<Vec<_>>();
        let restart = start + RESTART * 60;
        let since = |time: u64| if instance == "b" && time >= restart { time - restart } else { time - start };
        let labels = format!("job=\"shop\",instance=\"{instance}\",cluster=\"{cluster}\",replica=\"{agent}\"");
        samples.add(&format!("up{{{labels}}}"), of(&|_| 1.0));
        samples.add(&format!("shop_open{{{labels}}}"), of(&|_| rate));
        samples.add(&format!("shop_remaining_bytes{{{labels}}}"), of(&|_| rate));
        samples
            .add(&format!("shop_calls_total{{{labels},status=\"ok\"}}"), of(&|time| 0.75 * rate * since(time) as f64));
        samples
            .add(&format!("shop_calls_total{{{labels},status=\"bad\"}}"), of(&|time| 0.25 * rate * since(time) as f64));
        for (suffix, le) in [("bucket", ",le=\"0.5\""), ("bucket", ",le=\"+Inf\""), ("count", ""), ("sum", "")] {
            samples.add(&format!("shop_wait_seconds_{suffix}{{{labels}{le}}}"), of(&|time| rate * since(time) as f64));
        }
    }
    samples
}

/// Neither a second agent nor the end of one changes a number, and neither does a restart.
#[test]
fn recorded_numbers_are_those_of_the_instances_on_both_engines() {
    let registry = Registry::new();
    let calls = Descriptor::counter("calls_total", "Calls.").labels(["status"]);
    registry.counter(calls).unwrap();
    registry.gauge(Descriptor::gauge("open", "Open.")).unwrap();
    registry.gauge(Descriptor::gauge("remaining_bytes", "Rest.")).unwrap();
    registry.histogram(Descriptor::histogram("wait_seconds", "Wait.", vec![0.5]).unit("seconds")).unwrap();
    let metrics = Metrics::builder().namespace("shop").registry(&registry).build().unwrap();
    let rules: BTreeMap<_, _> =
        rules(&Export::new(&metrics).fleet().rules()).into_iter().map(|rule| (rule.name, rule.query)).collect();
    let expected = |operation: &str| -> [f64; 3] {
        match operation {
            "min" => [1.0, 4.0, 1.0],
            "instances" => [2.0, 1.0, 3.0],
            _ => [3.0, 4.0, 7.0],
        }
    };
    let (Some(promtool), Some(prometheus)) = (tools::promtool(), tools::prometheus()) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let start = now / 3600 * 3600 - 12 * 3600;
    let samples = written(start);
    let server = prometheus.store(&samples, &promtool);
    let store = tools::victoria().map(|victoria| victoria.start());
    if let Some(store) = &store {
        store.import(&samples);
    }
    for (level1, operation) in [
        ("cluster_job:up:instances", "instances"),
        ("cluster_job:up:sum", "instances"),
        ("cluster_job:shop_open:sum", "sum"),
        ("cluster_job:shop_remaining_bytes:min", "min"),
        ("cluster_job:shop_calls:rate5m", "rate"),
        ("cluster_job:shop_wait_seconds_bucket:rate5m", "rate"),
        ("cluster_job:shop_wait_seconds_count:rate5m", "rate"),
    ] {
        let global = level1.trim_start_matches("cluster_");
        let query = rules[global].replace(&format!("{level1}{{job=\"shop\"}}"), &format!("({})", rules[level1]));
        let [eu, us, all] = expected(operation);
        // Of calls with different results, and of the buckets, which have one number.
        let (sum, by) = (if operation == "min" { "min" } else { "sum" }, "cluster");
        let only = |query: &str| {
            if level1.contains("bucket") {
                format!("({query}) * on (le) group_left () label_replace(vector(1), \"le\", \"0.5\", \"\", \"\")")
            } else {
                query.to_owned()
            }
        };
        for quarter in 8 * 4..END * 4 {
            let time = start + quarter * STEP;
            let of_clusters = format!("{sum} by ({by}) ({})", only(&rules[level1]));
            let of_all = format!("{sum}({})", only(&query));
            for (query, values) in [(of_clusters, vec![eu, us]), (of_all, vec![all])] {
                let engines =
                    [Some(server.query_at(&query, time)), store.as_ref().map(|store| store.query_at(&query, time))];
                for found in engines.into_iter().flatten() {
                    let found: Vec<_> = found.values().copied().collect();
                    // The engines lose or guess the calls around a restart.
                    let close = |(found, value): (&f64, &f64)| (found - value).abs() <= 0.06 * value;
                    let same = found.len() == values.len() && found.iter().zip(&values).all(close);
                    assert!(same, "{quarter}: {query}: {found:?}, expected {values:?}");
                }
            }
        }
    }
}

/// Returns the targets of three instances in two clusters, each as two agents see it.
fn targets<'a>(example: &Example, instances: &[Service; 3], names: &'a [String]) -> Vec<Target<'a>> {
    let clusters = ["eu-1", "eu-1", "us-1"];
    let all = instances.iter().zip(clusters).flat_map(|instance| ["a", "b"].map(|agent| (instance, agent)));
    let targets = all.zip(names).map(|(((instance, cluster), agent), name)| {
        let given = [("job", example.name), ("cluster", cluster), ("replica", agent)];
        let given = given.map(|(label, value)| json!({ "target_label": label, "replacement": value }));
        Target::new(name, example.page(instance)).with(json!({ "relabel_configs": given }))
    });
    targets.collect()
}

#[test]
fn every_panel_of_a_fleet_has_data_that_is_not_doubled() {
    let Some(prometheus) = tools::prometheus() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    let names: Vec<_> = (0..6).map(|i| format!("target-{i}")).collect();
    let neurectomy = [&[][..], &[], &[("RYOT_URL", "http://127.0.0.1:1")]];
    let neurectomy = neurectomy.map(|env| start(&NEURECTOMY, &["--traffic", "20"], env));
    let dynoai = [0, 1, 2].map(|_| start(&DYNOAI, &[], &[]));
    while_used(&dynoai.each_ref(), || {
        for (example, instances) in [(&NEURECTOMY, &neurectomy), (&DYNOAI, &dynoai)] {
            // Rules and windows of seconds.
            let rules = example.document("fleet-rules").replace("    interval: '1m'\n", "").replace("[5m]", "[20s]");
            fs::write(&file, rules).unwrap();
            let from = now();
            let server = prometheus.evaluate(&targets(example, instances, &names), &file);
            let written: Value = serde_json::from_str(&example.document("fleet-dashboard")).unwrap();
            let healthy = ["Instances down now", "Instances lost"];
            let unused = |query: &str| query.contains("_breaker_slow_ratio") || query.contains("_transitions_dropped");
            for (panel, queries) in dashboard::panels(&written, example.name, "") {
                let is_table = panel["type"] == "table" && healthy.iter().any(|title| panel["title"] == *title);
                for query in queries.into_iter().filter(|query| !is_table && !unused(query)) {
                    let answered = wait::try_until(|| if server.query(&query).is_empty() { Err(()) } else { Ok(()) });
                    let name = example.name;
                    assert!(answered.is_ok(), "{name}: the panel {} has no data: {query}", panel["title"]);
                }
            }
            for (query, value) in [("job:up:instances", 3.0), ("job:up:sum", 3.0)] {
                server.wait_until(query, |found| found.values().eq([&value]));
            }
            if env::var_os("BLESS").is_some() {
                draw(&server, example, &written, from);
            }
        }
    });
}

/// Draws the dashboard after a while.
fn draw(server: &tests::prometheus::Server, example: &Example, written: &Value, from: u64) {
    let Some(painter) = tools::painter() else { return };
    server.wait_until("count_over_time(job:up:sum[1h])", |counts| counts.values().all(|count| *count >= 30.0));
    let range = Range { from, to: now(), step: 1 };
    let results = Results::new(server, example, written, &[], range);
    let _ = results.draw(&painter, None, &artefact(&format!("{}-fleet", example.name)));
}
