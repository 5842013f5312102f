//! The committed documents, and the commands on the command line.
//!
//! `BLESS=1 cargo test -p examples --test export documents` updates the documents.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::{env, fs};

use tests::client::Client;
use tests::lookup::Names;
use tests::page::Page;
use tests::{tools, wait};

use crate::panels::{start, start_gateway, use_dynoai};
use crate::{DYNOAI, EXAMPLES, Example, GATEWAY, NEURECTOMY, WITH_ROUTES};

const COMMITTED: [&str; 5] = ["dashboard", "rules", "kubernetes", "docs", "lock"];
/// The documents of the services that run as a fleet.
const OF_FLEETS: [&str; 2] = ["fleet-dashboard", "fleet-rules"];

#[test]
fn committed_documents_are_up_to_date() {
    let bless = env::var_os("BLESS").is_some();
    let mut stale = Vec::new();
    for example in EXAMPLES {
        let of_fleets = OF_FLEETS.iter().filter(|_| WITH_ROUTES.iter().any(|with| with.name == example.name));
        for command in COMMITTED.iter().chain(of_fleets) {
            let now = example.document(command);
            let path = example.committed(command);
            if bless {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, now).unwrap();
            } else if fs::read_to_string(&path).ok().as_deref() != Some(&now) {
                stale.push(path.display().to_string());
            }
        }
    }
    let hint = "`BLESS=1 cargo test -p examples --test export documents` updates them; review the difference";
    assert!(stale.is_empty(), "out of date: {stale:#?}\n{hint}");
}

/// Returns the unknown names in the first document of a service that has some, after `edit` changed its text.
fn unknown_names(example: &Example, edit: impl Fn(String) -> String) -> Vec<String> {
    let committed = |command| fs::read_to_string(example.committed(command)).unwrap();
    let mut names = Names::of_lock(&committed("lock"));
    let mut in_cluster = names.clone().with_target("namespace");
    // The largest documents come last, because most mistakes are in all of them.
    let mut unknown = names.dashboard(&edit(committed("dashboard")));
    if unknown.is_empty() {
        unknown = names.rules(&edit(committed("rules")));
    }
    if unknown.is_empty() {
        unknown = in_cluster.rules(&edit(committed("kubernetes")));
    }
    unknown
}

#[test]
fn every_name_in_the_documents_is_in_the_contract() {
    for example in EXAMPLES {
        let unknown = unknown_names(&example, |text| text);
        assert!(unknown.is_empty(), "{}: {unknown:#?}", example.name);
    }
}

#[test]
fn a_misspelled_name_is_found() {
    for example in EXAMPLES {
        let lock = fs::read_to_string(example.committed("lock")).unwrap();
        let metrics = lock.lines().filter(|line| line.contains('_') && !line.starts_with([' ', '#']));
        // A limit that hardly any system sets has no panel.
        let shown = |metric: &&str| *metric != "process_virtual_memory_max_bytes";
        for metric in metrics.filter_map(|line| line.split_whitespace().nth(1)).filter(shown) {
            let problems = unknown_names(&example, |text| text.replace(metric, &metric.replace('_', "__")));
            assert!(!problems.is_empty(), "no document uses {metric}");
        }
    }
    for (from, to) in [
        ("{{model}}", "{{modle}}"),
        ("sum by (model)", "sum by (modle)"),
        ("result=", "reslut="),
        (", endpoint)\"", ", endpiont)\""),
        ("ignoring (status)", "ignoring (stauts)"),
        ("$labels.service", "$labels.servcie"),
        ("{{ $labels.endpoint }}", "{{ $labels.route }}"),
        ("slo:bad_events:ratio_rate1h{", "slo:bad_events:ratio_rate2d{"),
        ("(0 - process_start_", "(0 - process_strat_"),
        ("{{instance}}\"", "{{instnace}}\""),
    ] {
        let found = std::cell::Cell::new(false);
        let problems = unknown_names(&NEURECTOMY, |text| {
            found.set(found.get() || text.contains(from));
            text.replace(from, to)
        });
        assert!(found.get() && !problems.is_empty(), "{from}: {}", found.get());
    }
}

#[test]
fn a_document_is_written_to_a_file_and_is_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.json");
    let written = NEURECTOMY.metrics(&["dashboard", "--output", file.to_str().unwrap()]);
    assert!(written.status.success() && written.stdout.is_empty(), "{written:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), NEURECTOMY.document("dashboard"));
}

#[test]
fn the_services_keep_their_contracts() {
    for example in EXAMPLES {
        let checked = example.metrics(&["check", "--lock", example.committed("lock").to_str().unwrap()]);
        assert!(checked.status.success(), "{}", checked.stderr);
        assert_eq!(checked.stdout, "nothing breaks\n");
        let lint = example.metrics(&["lint"]);
        assert!(lint.status.success(), "{}: {}", example.name, lint.stderr);
    }
}

/// Returns the metrics of a lock file with their labels.
fn locked(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics = BTreeMap::new();
    let mut current = None;
    for line in lock.lines() {
        if let Some(labels) = line.strip_prefix("  labels ") {
            metrics.extend(current.take().map(|name| (name, labels.split(' ').map(str::to_owned).collect())));
        } else if let Some((_, name)) = line.split_once(' ').filter(|(kind, _)| !["", "#", "version"].contains(kind)) {
            metrics.insert(name.to_owned(), BTreeSet::new());
            current = Some(name.to_owned());
        }
    }
    metrics
}

/// The commands run before anything is served. The documents also contain the metrics that exist only while serving.
#[test]
fn the_contract_has_what_the_page_of_a_running_service_has() {
    let neurectomy = start(&NEURECTOMY, &["--traffic", "50"], &[]);
    let dynoai = start(&DYNOAI, &[], &[]);
    use_dynoai(&dynoai);
    let gateway = start_gateway(&neurectomy);
    for (example, service, requests) in [
        (NEURECTOMY, neurectomy, "neurectomy_http_requests_total"),
        (DYNOAI, dynoai, "dynoai_requests_total"),
        (GATEWAY, gateway, "grpc_server_handled_total"),
    ] {
        let metrics = Client::new(example.page(&service));
        let page = wait::until("traffic", || {
            let page = Page::parse_text(metrics.get("/metrics").expect(200).text()).unwrap();
            (!page.series(requests).is_empty()).then_some(page)
        });
        let locked = locked(&example.document("lock"));
        let live: BTreeSet<_> = page.families().iter().map(|family| &family.name).collect();
        assert_eq!(live, locked.keys().collect(), "{}", example.name);
        for family in page.families() {
            for sample in &family.samples {
                let labels: BTreeSet<_> = sample.labels.keys().filter(|label| *label != "le").cloned().collect();
                assert_eq!(labels, locked[&family.name], "{}", sample.name);
            }
        }
    }
}

#[test]
fn breaks_are_listed_with_the_panels_and_rules_they_break() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("metrics.lock");
    let committed = fs::read_to_string(NEURECTOMY.committed("lock")).unwrap();
    let check = |files: &[&str]| NEURECTOMY.metrics(&[&["check", "--lock", lock.to_str().unwrap()], files].concat());

    let missing = check(&[]);
    assert!(!missing.status.success());
    assert!(missing.stderr.contains("write it with `metrics lock --output"), "{}", missing.stderr);

    fs::write(&lock, committed.replace("counter neurectomy_", "cuonter neurectomy_")).unwrap();
    let broken = check(&[]);
    assert!(!broken.status.success());
    assert!(broken.stderr.contains("`cuonter` is not a metric kind; restore it"), "{}", broken.stderr);
    fs::write(&lock, b"\xff").unwrap();
    let binary = check(&[]);
    assert!(binary.stderr.contains("metrics.lock`: it is not UTF-8; restore it"), "{}", binary.stderr);

    // The lock file of an earlier version, in which the counter had another name and the gauge did not exist.
    let before = committed.replace("neurectomy_tokens_generated_total", "neurectomy_tokens_total");
    let before = before.replace("gauge neurectomy_active_users\n", "");
    fs::write(&lock, &before).unwrap();
    let dashboard = folder.path().join("dashboard.json");
    let panel = r#"{"panels": [{"title": "Tokens", "targets": [{"expr": "rate(neurectomy_tokens_total[5m])"}]}]}"#;
    fs::write(&dashboard, panel).unwrap();
    let breaks = check(&[dashboard.to_str().unwrap(), "no.json"]);
    assert!(!breaks.status.success());
    for line in [
        "neurectomy_tokens_total: removed; was it renamed to `neurectomy_tokens_generated_total`? `replaces` keeps the name",
        "dashboard.json: panel `Tokens`",
        "not searched: no.json: ",
        "new: gauge neurectomy_active_users",
        "accept it with `metrics lock --output",
    ] {
        assert!(breaks.stderr.contains(line), "{line}:\n{}", breaks.stderr);
    }

    fs::write(&lock, committed.replace("gauge neurectomy_active_users\n", "")).unwrap();
    let added = check(&[]);
    assert!(added.status.success(), "{}", added.stderr);
    assert_eq!(added.stdout, "new: gauge neurectomy_active_users\nnothing breaks\n");
    let unread = check(&["no.json"]);
    assert!(!unread.status.success() && unread.stderr.contains("no.json: "), "{}", unread.stderr);
}

#[test]
fn breaks_are_found_in_a_dashboard_from_grafanas_api() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("metrics.lock");
    let committed = fs::read_to_string(DYNOAI.committed("lock")).unwrap();
    let dashboard = fs::read_to_string(DYNOAI.committed("dashboard")).unwrap();
    let wrapped = folder.path().join("wrapped.json");
    fs::write(&wrapped, format!(r#"{{"dashboard": {}}}"#, dashboard.replace("dynoai_app_info", "gone_total"))).unwrap();
    fs::write(&lock, committed.replace("dynoai_app_info", "gone_total")).unwrap();
    let found = DYNOAI.metrics(&["check", "--lock", lock.to_str().unwrap(), wrapped.to_str().unwrap()]);
    for place in ["panel `App`", "variable `job`", "annotation `Restarts`"] {
        assert!(found.stderr.contains(place), "{place}:\n{}", found.stderr);
    }
}

/// Returns a query for every series that the rules of the service record.
fn recorded(example: &Example, document: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(example.committed(document)).unwrap();
    let rules = text.split("- record: '").skip(1).map(|rest| rest.split("- alert: ").next().unwrap());
    let query = |rule: &str| {
        let name = rule.split('\'').next().unwrap();
        let slo = rule.lines().find_map(|line| line.trim().strip_prefix("slo: "));
        slo.map_or_else(|| name.to_owned(), |slo| format!("{name}{{slo=\"{slo}\"}}"))
    };
    rules.map(query).collect()
}

#[test]
fn recorded_series_break_with_their_metric() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("metrics.lock");
    let file = folder.path().join("queries.txt");
    for example in EXAMPLES {
        let queries = &recorded(&example, "rules") | &recorded(&example, "kubernetes");
        assert!(queries.len() > 9 && queries.iter().any(|query| query.starts_with("namespace_job")), "{queries:?}");
        // Prometheus has the metric `up`, not the service.
        let queries: Vec<_> = queries.iter().filter(|query| !query.contains(":up:")).map(String::as_str).collect();
        fs::write(&file, queries.join("\n")).unwrap();
        // The lock file of an earlier version, in which every metric had one more label.
        let committed = fs::read_to_string(example.committed("lock")).unwrap();
        let with_label = |line: &str| match line.split_once(' ') {
            Some((kind, _)) if !["", "#", "version", "constant"].contains(&kind) => format!("{line}\n  labels gone"),
            _ => line.to_owned(),
        };
        fs::write(&lock, committed.lines().map(with_label).collect::<Vec<_>>().join("\n")).unwrap();
        let checked = example.metrics(&["check", "--lock", lock.to_str().unwrap(), file.to_str().unwrap()]);
        for (i, query) in queries.iter().enumerate() {
            let found = checked.stderr.matches(&format!("queries.txt: line {}\n", i + 1)).count();
            // An objective of a route records two metrics.
            assert!(found == 1 || found == 2 && query.starts_with("slo:"), "{query}:\n{}", checked.stderr);
        }
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let closed_pipe = || std::io::pipe().unwrap().1;
    for example in EXAMPLES {
        for arguments in [&["metrics", "dashboard"][..], &["metrics", "--help"], &["--help"]] {
            let run = Command::new(example.binary).args(arguments).stdout(closed_pipe()).output().unwrap();
            assert!(run.status.success() && run.stderr.is_empty(), "{arguments:?}: {run:?}");
        }
        // The exit code shows the error even if the message is not read. A panic would exit with 101.
        for (arguments, code) in [(&["--wrong"][..], 2), (&["metrics", "check", "--lock", "no.lock"], 1)] {
            let run = Command::new(example.binary).args(arguments).stderr(closed_pipe()).output().unwrap();
            assert_eq!(run.status.code(), Some(code), "{arguments:?}");
        }
    }
}

#[test]
fn help_is_not_an_error() {
    for help in [&["--help"][..], &["-h"], &["help"], &["rules", "--help"]] {
        let helped = DYNOAI.metrics(help);
        assert!(helped.status.success() && helped.stderr.is_empty(), "{help:?}: {helped:?}");
        assert_eq!(helped.stdout, metrics_export::USAGE);
    }
    let missing = DYNOAI.metrics(&["rules", "--output", "--job"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(missing.stderr.contains("--output takes a value"), "{}", missing.stderr);
}

#[test]
fn an_unknown_command_lists_the_commands() {
    let wrong = DYNOAI.metrics(&["dashbord"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stderr.contains("unknown command `dashbord`") && wrong.stderr.contains("metrics dashboard"));
    let off = tests::service::Service::run(DYNOAI.binary, &["metrics", "docs"], &[("METRICS_ENABLED", "false")]);
    assert!(!off.status.success());
    assert!(off.stderr.contains("metrics are switched off"), "{}", off.stderr);
}

#[test]
fn grafana_accepts_everything_in_the_dashboards() {
    let Some(grafana) = tools::grafana() else {
        return;
    };
    for example in EXAMPLES {
        let checked = grafana.check_dashboard(&example.committed("dashboard"));
        checked.unwrap_or_else(|lost| panic!("{}:\n{lost}", example.name));
    }
}
