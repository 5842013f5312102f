//! The rules on real servers: every query has the same value on Prometheus and on VictoriaMetrics for the same samples,
//! and vmalert fires the alerts of an incident.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use tests::page::Labels;
use tests::samples::Samples;
use tests::tools;
use tests::victoria::Store;

use crate::DYNOAI;
use crate::rehearsal::{Rehearsal, shop};

/// The scenarios with changes in which the engines could differ, and the largest difference.
///
/// Around a missing sample, Prometheus extrapolates `increase` by up to one sample, and VictoriaMetrics does not. The
/// shortest window has three.
const SCENARIOS: [(&str, f64); 8] = [
    ("deploy", 0.34),
    ("first scrape", 0.01),
    ("restart", 0.34),
    ("first error burst", 0.01),
    ("first error spike", 0.01),
    ("hang", 0.01),
    ("agent lost", 0.34),
    ("crash loop", 0.34),
];

/// A rule of a file.
struct Rule {
    name: String,
    query: String,
    /// The labels that it adds.
    labels: String,
    records: bool,
}

/// Reads the rules from our own YAML.
fn rules(text: &str) -> Vec<Rule> {
    let unquoted = |text: &str| text.trim().trim_matches('\'').replace("''", "'");
    let items = text.split("      - ").skip(1);
    let rules = items.filter_map(|item| {
        let (kind, rest) = item.split_once(": ")?;
        let (name, rest) = rest.split_once('\n')?;
        let (_, query) = rest.split_once("expr: ")?;
        let labels = rest
            .split_once("slo: ")
            .map_or_else(String::new, |(_, slo)| format!("slo=\"{}\"", slo.lines().next().unwrap()));
        Some(Rule { name: unquoted(name), query: unquoted(query.lines().next()?), labels, records: kind == "record" })
    });
    rules.collect()
}

/// Reads the series of a scenario.
fn samples(test: &str, start: u64) -> Samples {
    let mut samples = Samples::default();
    let value = |line: &str, key: &str| {
        let value = line.trim().strip_prefix(key)?;
        Some(value.trim().trim_matches('\'').to_owned())
    };
    let step = test.lines().find_map(|line| value(line, "interval: ")).unwrap();
    let step = step.trim_end_matches('s').parse().unwrap();
    let mut series = String::new();
    for line in test.lines() {
        if let Some(name) = value(line, "- series: ") {
            series = name;
        } else if let Some(notation) = value(line, "values: ") {
            samples.add_notation(&series, &notation, start, step);
        }
    }
    samples
}

/// Evaluates the recording rules in their order, and stores what they record. Returns it.
fn record(store: &Store, rules: &[Rule], from: u64, to: u64) -> Samples {
    let mut all = Samples::default();
    for rule in rules.iter().filter(|rule| rule.records) {
        let mut recorded = Samples::default();
        for (labels, samples) in store.query_range(&rule.query, from, to) {
            let labels = labels.iter().filter(|(name, _)| *name != "__name__");
            let labels = labels.map(|(name, value)| format!("{name}={value:?}"));
            let labels: Vec<_> =
                labels.chain([rule.labels.clone()].into_iter().filter(|labels| !labels.is_empty())).collect();
            recorded.add(&format!("{}{{{}}}", rule.name, labels.join(",")), samples);
        }
        store.import(&recorded);
        all.extend(recorded);
    }
    all
}

/// The calls of two instances in three minutes. Differences of such numbers are compared with them.
const CALLS: f64 = 360.0;

/// Returns `true` for equal series with values that differ by at most this ratio.
fn equal(one: &BTreeMap<Labels, f64>, other: &BTreeMap<Labels, f64>, most: f64) -> bool {
    let close = |one: f64, other: f64| {
        (one - other).abs() <= most * one.abs().max(other.abs()).max(if most > 0.1 { CALLS } else { 0.0 }) + 1e-9
    };
    let has = |labels, value: &f64| other.get(labels).is_some_and(|other| close(*value, *other));
    one.len() == other.len() && one.iter().all(|(labels, value)| has(labels, value))
}

/// Removes the name, which VictoriaMetrics keeps in some functions.
fn unnamed(vector: BTreeMap<Labels, f64>) -> BTreeMap<Labels, f64> {
    let unnamed = vector.into_iter().map(|(mut labels, value)| {
        labels.remove("__name__");
        (labels, value)
    });
    unnamed.collect()
}

/// Formats seconds since 1970 as a date and a time, for vmalert.
fn rfc3339(time: u64) -> String {
    // Howard Hinnant's `civil_from_days`, for years that begin in March.
    let days = time / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3600 % 24, time / 60 % 60, time % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[test]
fn vmalert_fires_the_alerts_of_an_incident_and_ends_them() {
    let (Some(victoria), Some(vmalert)) = (tools::victoria(), tools::vmalert()) else { return };
    let rehearsal = Rehearsal::of_service(&DYNOAI, &[]);
    let (trouble, end) = rehearsal.trouble();
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600 * 3600 - 12 * 3600;
    let scenarios = rehearsal.scenarios();
    let expected: [(&str, &[&str]); 4] = [
        ("healthy", &[]),
        ("first scrape", &[]),
        ("first error burst", &["DynoaiHttpErrorRatio"]),
        ("hang", &["DynoaiHttpCancelled"]),
    ];
    thread::scope(|scope| {
        for (scenario, alerts) in expected {
            let (_, test) = scenarios.iter().find(|(name, _)| name == scenario).unwrap();
            let (victoria, vmalert, rules) = (&victoria, &vmalert, rehearsal.rules());
            scope.spawn(move || {
                let store = victoria.start();
                store.import(&samples(test, start));
                let url = format!("http://{}", store.client().address());
                let (from, to) = (start, start + (end + 15) * 60);
                // An alert reads recorded series, which read others: each pass sees what the one before has stored.
                for _ in 0..3 {
                    let _ = vmalert.text(&[
                        &format!("-rule={}", rules.display()),
                        &format!("-datasource.url={url}"),
                        &format!("-remoteWrite.url={url}"),
                        &format!("-replay.timeFrom={}", rfc3339(from)),
                        &format!("-replay.timeTo={}", rfc3339(to)),
                        "-evaluationInterval=1m",
                        "-datasource.queryStep=1m",
                        "-replay.rulesDelay=0s",
                        "-replay.disableProgressBar",
                        "-httpListenAddr=127.0.0.1:0",
                    ]);
                    store.flush();
                }
                let firing = store.query_range("ALERTS{alertstate=\"firing\"}", from, to);
                let names: BTreeSet<_> = firing.iter().map(|(labels, _)| labels["alertname"].as_str()).collect();
                assert_eq!(names, alerts.iter().copied().collect(), "{scenario}");
                for (labels, samples) in firing {
                    let minutes: Vec<_> = samples.iter().map(|(time, _)| (time - start) / 60).collect();
                    let within = trouble + 4..end + 5;
                    assert!(minutes.iter().all(|minute| within.contains(minute)), "{labels:?} fires at {minutes:?}");
                }
            });
        }
    });
}

#[test]
fn every_query_has_the_same_value_on_prometheus_and_on_victoriametrics() {
    let (Some(promtool), Some(prometheus), Some(victoria)) =
        (tools::promtool(), tools::prometheus(), tools::victoria())
    else {
        return;
    };
    let shop = shop();
    let file = shop.rules();
    let rehearsal = Rehearsal::of(&file, shop.rule_tests("rules.yaml"));
    let rules = rules(&file);
    let (trouble, end) = rehearsal.trouble();
    // A whole hour in the past, so that all samples are old enough for both.
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600 * 3600 - 12 * 3600;
    let mut differences = Vec::new();
    let mut compared = BTreeSet::new();
    let scenarios = rehearsal.scenarios();
    for (scenario, most) in SCENARIOS {
        let (_, test) = scenarios.iter().find(|(name, _)| name == scenario).unwrap();
        let mut samples = samples(test, start);
        let store = victoria.start();
        store.import(&samples);
        samples.extend(record(&store, &rules, start, start + (end + 10) * 60));
        let server = prometheus.store(&samples, &promtool);
        // The ends of these series are not marked, and the engines show their last sample for different times.
        let ends = ["deploy", "agent lost"].contains(&scenario);
        let minutes = [trouble - 5, trouble + 1, trouble + 2, trouble + 6, trouble + 12, end - 1, end + 7];
        for minute in minutes.into_iter().filter(|minute| !ends || !(trouble..trouble + 12).contains(minute)) {
            let time = start + minute * 60;
            for rule in &rules {
                let [ours, theirs] =
                    [server.query_at(&rule.query, time), store.query_at(&rule.query, time)].map(unnamed);
                if !ours.is_empty() {
                    compared.insert(&rule.name);
                }
                if !equal(&ours, &theirs, most) {
                    differences.push(format!(
                        "{scenario}, minute {minute}, {}: {ours:?}, {theirs:?}\n  {}",
                        rule.name, rule.query
                    ));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert!(compared.len() > rules.len() / 2, "only these had a value: {compared:?}");
}
