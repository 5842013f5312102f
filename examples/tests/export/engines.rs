//! The rules on real servers: every query has the same value on Prometheus and on VictoriaMetrics for the same samples,
//! and vmalert fires the alerts of an incident.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use tests::engines::{self, Tolerance};
use tests::program::Program;
use tests::samples::Samples;
use tests::tools;
use tests::victoria::Store;

use crate::rehearsal::{Rehearsal, shop};
use crate::{DYNOAI, NEURECTOMY};

/// Around a missing sample, Prometheus extrapolates `increase` by up to one sample, and VictoriaMetrics does not. The
/// shortest window has three. Differences of numbers are compared with the calls of two instances in three minutes.
const GAPS: Tolerance = Tolerance { ratio: 0.34, scale: 360.0 };

/// Prometheus extrapolates a change of the number of calls between two samples, by up to one sample of the half an hour of
/// trouble.
const CHANGES: Tolerance = Tolerance { ratio: 0.05, ..Tolerance::REGULAR };

/// The scenarios with changes in which the engines could differ, and the largest difference.
const SCENARIOS: [(&str, Tolerance); 8] = [
    ("deploy", GAPS),
    ("first scrape", Tolerance::REGULAR),
    ("restart", GAPS),
    ("first error burst", Tolerance::REGULAR),
    ("first error spike", Tolerance::REGULAR),
    ("hang", Tolerance::REGULAR),
    ("agent lost", GAPS),
    ("crash loop", GAPS),
];

/// A rule of a file.
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) query: String,
    /// The labels that it adds.
    labels: String,
    records: bool,
    /// The lines in the file.
    text: String,
}

/// Reads the rules from our own YAML.
pub(crate) fn rules(text: &str) -> Vec<Rule> {
    let unquoted = |text: &str| text.trim().trim_matches('\'').replace("''", "'");
    let items = text.split("      - ").skip(1);
    let rules = items.filter_map(|item| {
        let (kind, rest) = item.split_once(": ")?;
        let (name, rest) = rest.split_once('\n')?;
        let (_, query) = rest.split_once("expr: ")?;
        let labels = rest
            .split_once("slo: ")
            .map_or_else(String::new, |(_, slo)| format!("slo=\"{}\"", slo.lines().next().unwrap()));
        // The next group may begin after the rule.
        let text = format!("      - {}\n", item.split("\n  - ").next()?.trim_end());
        let (name, query) = (unquoted(name), unquoted(query.lines().next()?));
        Some(Rule { name, query, labels, records: kind == "record", text })
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

/// Returns a whole hour in the past, so that all samples are old enough for both engines.
fn hours_ago() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600 * 3600 - 12 * 3600
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

/// Has vmalert evaluate the rules of a file once a minute, from one time to another, and store the results.
fn replay(vmalert: &Program, rules: &Path, store: &Store, [from, to]: [u64; 2]) {
    let url = format!("http://{}", store.client().address());
    let _ = vmalert.text(&[
        &format!("-rule={}", rules.display()),
        &format!("-datasource.url={url}"),
        &format!("-remoteWrite.url={url}"),
        &format!("-replay.timeFrom={}", rfc3339(from)),
        &format!("-replay.timeTo={}", rfc3339(to)),
        // VictoriaMetrics moves the times of longer answers to whole minutes.
        "-replay.maxDatapointsPerQuery=40",
        "-evaluationInterval=1m",
        "-datasource.queryStep=1m",
        "-replay.rulesDelay=0s",
        "-replay.disableProgressBar",
        "-httpListenAddr=127.0.0.1:0",
    ]);
    store.flush();
}

#[test]
fn vmalert_fires_the_alerts_of_an_incident_and_ends_them() {
    let (Some(victoria), Some(vmalert)) = (tools::victoria(), tools::vmalert()) else { return };
    let rehearsal = Rehearsal::of_service(&DYNOAI, &[]);
    let (trouble, end) = rehearsal.trouble();
    let start = hours_ago();
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
                let (from, to) = (start, start + (end + 15) * 60);
                // An alert reads recorded series, which read others: each pass sees what the one before has stored.
                for _ in 0..3 {
                    replay(vmalert, &rules, &store, [from, to]);
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

/// Returns files with the recording rules: each rule is in a later file than those whose series it asks for.
fn levels(rules: &[Rule]) -> Vec<String> {
    let recording: Vec<_> = rules.iter().filter(|rule| rule.records).collect();
    let mut levels: BTreeMap<&str, usize> = BTreeMap::new();
    // A chain has at most as many rules as there are names.
    for _ in &recording {
        for rule in &recording {
            let asked = levels.iter().filter(|(name, _)| rule.query.contains(&format!("{name}{{")));
            let level = asked.map(|(_, level)| level + 1).max().unwrap_or(0);
            let known = levels.entry(&rule.name).or_default();
            *known = level.max(*known);
        }
    }
    let file = |level| {
        let of_level = recording.iter().filter(|rule| levels[rule.name.as_str()] == level);
        let rules: String = of_level.map(|rule| rule.text.as_str()).collect();
        format!("groups:\n  - name: 'level'\n    rules:\n{rules}")
    };
    (0..=levels.values().copied().max().unwrap_or(0)).map(file).collect()
}

/// All calls fail from a minute on, and there was no failure before.
#[test]
fn prometheus_and_vmalert_record_the_same_exact_numbers_of_objectives() {
    let (Some(promtool), Some(prometheus)) = (tools::promtool(), tools::prometheus()) else { return };
    let (Some(victoria), Some(vmalert)) = (tools::victoria(), tools::vmalert()) else { return };
    let rehearsal = Rehearsal::of_service(&NEURECTOMY, &[]);
    let rules = rules(&fs::read_to_string(rehearsal.rules()).unwrap());
    let (trouble, end) = rehearsal.trouble();
    let start = hours_ago();
    let scenarios = rehearsal.scenarios();
    let (_, test) = scenarios.iter().find(|(name, _)| name == "first error burst").unwrap();
    let samples = samples(test, start);
    let (mut server, store) = (prometheus.store(&samples, &promtool), victoria.start());
    store.import(&samples);

    let file = rehearsal.rules().with_file_name("level.yaml");
    let last = start + (end + 10) * 60;
    // promtool evaluates a group at seconds of its own within each minute.
    let mut from = None;
    for level in levels(&rules) {
        fs::write(&file, level).unwrap();
        server = prometheus.record(server, &promtool, &file, [start, last]);
        let from = from.get_or_insert_with(|| {
            let recorded = server.get(&format!("/api/v1/query?query=slo:events:increase5m[2h]&time={last}"));
            let first = &recorded["result"][0]["values"][0][0];
            // The next whole second, which has the same samples.
            start + 1 + first.to_string().split('.').next().unwrap().parse::<u64>().unwrap() % 60
        });
        replay(&vmalert, &file, &store, [*from, last]);
    }
    let from = from.unwrap();

    let names: BTreeSet<_> = rules.iter().filter(|rule| rule.records).map(|rule| &rule.name).collect();
    let mut differences = Vec::new();
    for minute in [trouble - 5, trouble + 8, trouble + 20, end + 8] {
        let time = from + minute * 60;
        let compared = names.iter().filter_map(|name| engines::difference(&server, &store, name, time, CHANGES));
        differences.extend(compared.map(|different| format!("minute {minute}: {different}")));
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));

    // Two instances have 60 calls a minute each, the first minute included, which counts once the series is known.
    let total = |minutes: u64| 120 * minutes;
    for minutes in [8, 20] {
        let time = from + (trouble + minutes) * 60;
        let (bad, before) = (total(minutes + 1), total(trouble - 1));
        let expected = [
            ("slo:events:increase5m", total(5)),
            ("slo:bad_events:increase5m", total(5)),
            ("slo:events:increase1h", before + bad),
            ("slo:bad_events:increase1h", bad),
        ];
        let ratio = |bad: u64, all: u64| bad as f64 / all as f64;
        let ratios = [("slo:bad_events:ratio_rate5m", 1.0), ("slo:bad_events:ratio_rate1h", ratio(bad, before + bad))];
        for (name, expected) in expected.map(|(name, count)| (name, count as f64)).into_iter().chain(ratios) {
            let query = format!("{name}{{slo=\"http_v1_files_path_success\"}}");
            let found = [server.query_at(&query, time), store.query_at(&query, time)];
            for found in found.map(|found| found.into_values().collect::<Vec<_>>()) {
                let close = found.len() == 1 && (found[0] - expected).abs() <= expected * 0.001;
                assert!(close, "{name} after {minutes} minutes: {found:?}, expected {expected}");
            }
        }
    }
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
    let start = hours_ago();
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
                if let Some(different) = engines::difference(&server, &store, &rule.query, time, most) {
                    differences.push(format!("{scenario}, minute {minute}, {}: {different}", rule.name));
                } else if !compared.contains(&rule.name) && !server.query_at(&rule.query, time).is_empty() {
                    compared.insert(&rule.name);
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert!(compared.len() > rules.len() / 2, "only these had a value: {compared:?}");
}
