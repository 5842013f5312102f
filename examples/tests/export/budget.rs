//! The command `budget`, compared with the pages of a running service and with what real servers store.

use std::collections::BTreeSet;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tests::page::{Page, Point, as_stored};
use tests::prometheus::{Server, Target};
use tests::service::{Service, Stopped};
use tests::tools;
use tests::wait::undisturbed;

use crate::NEURECTOMY;
use crate::panels::start;

/// Series to drop, in each way that there is.
const DROPS: [&str; 10] = [
    "--drop",
    "neurectomy_circuit_breaker_transitions_total",
    "--drop",
    "neurectomy_http_request_duration_seconds",
    "--drop",
    "neurectomy_ryot_request_duration_seconds_bucket",
    "--drop",
    "neurectomy_sigmalang_compression_ratio{le=\"10\"}",
    "--drop",
    "neurectomy_sigmavault_operations_total{status=\"cancelled\"}",
];

fn is_dropped(point: &Point) -> bool {
    let has = |label: &str, value: &str| point.labels.get(label).is_some_and(|found| found == value);
    let name = point.name.as_str();
    name == "neurectomy_circuit_breaker_transitions_total"
        || name.starts_with("neurectomy_http_request_duration_seconds_")
        || name == "neurectomy_ryot_request_duration_seconds_bucket"
        || name == "neurectomy_sigmalang_compression_ratio_bucket" && (has("le", "10") || has("le", "10.0"))
        || name == "neurectomy_sigmavault_operations_total" && has("status", "cancelled")
}

/// A service with requests to one route that have two statuses.
fn used() -> Service {
    let service = start(&NEURECTOMY, &[], &[]);
    let _ = service.post_json("/v1/keys", &json!({ "user": "ada" })).expect(201);
    for _ in 0..2 {
        assert_ne!(service.post_json("/v1/keys", &json!({})).status, 201);
    }
    service
}

fn budget(arguments: &[&str]) -> Stopped {
    NEURECTOMY.metrics(&[&["budget"], arguments].concat())
}

/// Returns the real number of series in a row, on one instance.
fn real(report: &Stopped, row: &str) -> usize {
    let line = report.stdout.lines().find(|line| line.split("  ").next() == Some(row));
    let line = line.unwrap_or_else(|| panic!("no row `{row}` in {report:?}"));
    let cells: Vec<_> = line[row.len()..].split_whitespace().collect();
    cells[1].replace(',', "").parse().unwrap()
}

/// The series without their values, which differ from scrape to scrape.
fn series(points: BTreeSet<Point>) -> BTreeSet<Point> {
    as_stored(points).into_iter().map(|point| Point { value: String::new(), ..point }).collect()
}

#[test]
fn a_fleet_has_the_lines_of_a_page_on_each_instance() {
    let service = used();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.txt");
    let text = service.get("/metrics").expect(200).text().to_owned();
    fs::write(&file, &text).unwrap();
    let page = Page::parse_text(&text).unwrap();
    let url = format!("http://{}/metrics", service.address());
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    for place in [file.to_str().unwrap(), &url] {
        let report = budget(&["--instances", "1000", "--page", place]);
        assert!(report.status.success(), "{}", report.stderr);
        assert_eq!(real(&report, "the metrics"), lines);
        assert_eq!(real(&report, "series in total"), lines + 5, "`up` and `scrape_*`");
        for family in page.families() {
            assert_eq!(real(&report, &family.name), family.samples.len(), "{}", family.name);
        }
        assert_eq!(report.stdout.contains(" a page, with gzip"), place == url, "{}", report.stdout);
        // The values of both labels are known: three operations with four outcomes.
        let operations = "neurectomy_sigmavault_operations_total";
        let at = report.stdout.lines().position(|line| line.starts_with(operations)).unwrap();
        let costs: Vec<_> =
            report.stdout.lines().skip(at).take(3).map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(costs[0], [operations, "12", "12", "12,000", "12,000"]);
        assert_eq!(costs[1], ["without", "status", "-9", "-9", "-9,000", "-9,000"]);
        assert_eq!(costs[2], ["without", "operation", "-8", "-8", "-8,000", "-8,000"]);
    }
    let [bound, value] = ["ryot_request_duration_seconds{le=\"10\"}", "sigmavault_operations_total{status=\"error\"}"]
        .map(|series| format!("neurectomy_{series}"));
    let less = budget(&["--drop", &bound, "--drop", &value]).stdout;
    // One bucket, and an outcome of three operations.
    let dropped: Vec<_> = less.lines().filter_map(|line| line.trim_start().strip_prefix("dropped ")).collect();
    assert_eq!(dropped.iter().map(|cell| cell.trim()).collect::<Vec<_>>(), ["-3", "-1", "-4"]);
    for usage in
        ["dashboard: panel `Ryot request duration`", "rules: alert `Neu", "rules: objectives, by the bucket `10`"]
    {
        assert!(less.contains(&format!("\n  {usage}")), "{usage}:\n{less}");
    }
    let above = budget(&["--instances", "1000", "--page", &url, "--budget", "1000"]);
    assert!(!above.status.success() && above.stdout.contains("series in total"), "{above:?}");
    assert!(above.stderr.contains(" above the budget of 1,000; the most are of `"), "{}", above.stderr);
}

#[test]
fn prometheus_stores_what_the_rules_do_not_drop_and_the_command_counts_it() {
    let (Some(promtool), Some(prometheus)) = (tools::promtool(), tools::prometheus()) else {
        return;
    };
    let service = used();
    let rules = budget(&[&["--job", "less", "--relabel", "prometheus"], &DROPS[..]].concat());
    assert!(rules.status.success(), "{}", rules.stderr);
    // A rule that removes a label, which the command refuses to write.
    let label = json!({
        "source_labels": ["__name__"],
        "regex": "neurectomy_http_requests_total",
        "target_label": "status",
        "replacement": "",
    });
    let config = format!(
        "scrape_configs:\n  - job_name: less\n    static_configs: [targets: ['{}']]\n    {}",
        service.address(),
        rules.stdout.trim_end().replace('\n', "\n    ")
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prometheus.yml");
    fs::write(&file, &config).unwrap();
    promtool.check_config(&file).unwrap_or_else(|error| panic!("{error}\n{config}"));

    let server = prometheus.scrape(&[
        Target::new("all", service.address()),
        Target::new("less", service.address()).with_yaml(&rules.stdout),
        Target::new("collide", service.address()).with(json!({ "metric_relabel_configs": [label] })),
    ]);
    // A busy machine is late for a scrape, and then there are no samples until the next one.
    undisturbed(|| assert_stored(&server, &service));
}

fn assert_stored(server: &Server, service: &Service) {
    let (all, less) = (series(server.points("all")), series(server.points("less")));
    let expected: BTreeSet<_> = all.iter().filter(|point| !is_dropped(point)).cloned().collect();
    assert_eq!(tests::page::difference(&expected, &less), "");
    assert!(all.len() > less.len() + 30, "{} of {}", less.len(), all.len());

    let url = format!("http://{}", server.address());
    let report = |job: &str, more: &[&str]| budget(&[&["--prometheus", &url, "--job", job], more].concat());
    let plain = report("all", &[]);
    assert!(plain.stdout.contains("real is the average of 1 target of the job `all`"), "{plain:?}");
    assert_eq!(real(&plain, "the metrics"), all.len());
    assert_eq!(real(&plain, "series in total"), all.len() + 5);
    assert_eq!(real(&report("less", &[]), "series in total"), less.len() + 5);
    assert_eq!(real(&report("all", &DROPS), "series in total"), less.len() + 5);
    // The page of the same service has the same costs of labels.
    let page = budget(&["--page", &format!("http://{}/metrics", service.address())]);
    let costs = |report: &Stopped| {
        let lines = report.stdout.lines().filter(|line| line.starts_with(['n', 'm', 'p', ' ']));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(costs(&plain), costs(&page));

    // Of two series that become one, the first is kept, and the sum is lost.
    let values: Vec<_> =
        server.query("neurectomy_http_requests_total{job=\"collide\", endpoint=\"/v1/keys\"}").into_values().collect();
    assert_eq!(values.len(), 1);
    assert!(values[0] < 3.0, "{values:?}");
}

#[test]
fn vmagent_and_victoriametrics_take_the_same_rules_for_one_job() {
    let (Some(vmagent), Some(victoria)) = (tools::vmagent(), tools::victoria()) else {
        return;
    };
    let service = used();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relabel.yml");
    let rules = budget(&[&["--relabel", "vmagent", "--output", file.to_str().unwrap()], &DROPS[..]].concat());
    assert!(rules.status.success(), "{}", rules.stderr);
    let config = folder.path().join("scrape.yml");
    fs::write(&config, "scrape_configs: []\n").unwrap();
    let relabel = format!("-remoteWrite.relabelConfig={}", file.display());
    let scrape = format!("-promscrape.config={}", config.display());
    let checked = vmagent.run(&["-dryRun", "-remoteWrite.url=http://127.0.0.1:1/", &relabel, &scrape]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);

    // VictoriaMetrics has the relabelling of vmagent.
    let store = victoria.start_with(&[&format!("-relabelConfig={}", file.display())]);
    let page = service.get("/metrics").expect(200).text().to_owned();
    for job in ["neurectomy", "another"] {
        let path = format!("/api/v1/import/prometheus?extra_label=job={job}");
        let _ = store.client().post(&path, "text/plain", &page).expect(204);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // VictoriaMetrics shows samples after 30 seconds.
    let earlier = (now - 60) * 1_000;
    let samples = page.lines().chain(["up 1"]).filter(|line| !line.starts_with('#'));
    let scraped: String = samples.flat_map(|line| [line.to_owned(), format!(" {earlier}\n")]).collect();
    let path = "/api/v1/import/prometheus?extra_label=job=scraped&extra_label=instance=a";
    let _ = store.client().post(path, "text/plain", &scraped).expect(204);
    store.flush();
    let points = Page::parse_text(&page).unwrap().points();
    let left = points.iter().filter(|point| !is_dropped(point)).count();
    for (job, series) in [("neurectomy", left), ("another", points.len())] {
        assert_eq!(store.query_at(&format!("{{job=\"{job}\"}}"), now + 60).len(), series, "{job}");
    }
    let url = format!("http://{}", store.client().address());
    let report = |more: &[&str]| budget(&[&["--prometheus", &url, "--job", "scraped"], more].concat());
    assert_eq!(real(&report(&[]), "series in total"), points.len() + 1);
    assert_eq!(real(&report(&DROPS), "series in total"), left + 1);
}
