//! The committed documents, and the commands as a person meets them.
//!
//! `BLESS=1 cargo test -p examples --test export documents` writes the documents anew.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::{env, fs};

use tests::lookup::Names;
use tests::page::Page;
use tests::{tools, wait};

use crate::panels::{start, use_dynoai};
use crate::{DYNOAI, EXAMPLES, Example, NEURECTOMY};

const KEPT: [&str; 5] = ["dashboard", "rules", "kubernetes", "docs", "lock"];

#[test]
fn documents_are_what_the_code_says() {
    let bless = env::var_os("BLESS").is_some();
    let mut stale = Vec::new();
    for example in EXAMPLES {
        for command in KEPT {
            let now = example.document(command);
            let path = example.kept(command);
            if bless {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, now).unwrap();
            } else if fs::read_to_string(&path).ok().as_deref() != Some(&now) {
                stale.push(path.display().to_string());
            }
        }
    }
    let hint = "`BLESS=1 cargo test -p examples --test export documents` writes them anew; look at the difference";
    assert!(stale.is_empty(), "no longer what the code says: {stale:#?}\n{hint}");
}

/// The documents that name metrics, and what is wrong with the names in them after `spell` has had them.
fn misnamed(example: &Example, spell: impl Fn(String) -> String) -> Vec<String> {
    let kept = |command| fs::read_to_string(example.kept(command)).unwrap();
    let mut names = Names::of_lock(&kept("lock"));
    let mut in_cluster = names.clone().with_target("namespace");
    let [rules, kubernetes, dashboard] = ["rules", "kubernetes", "dashboard"].map(|command| spell(kept(command)));
    [names.rules(&rules), in_cluster.rules(&kubernetes), names.dashboard(&dashboard)].concat()
}

#[test]
fn every_name_in_the_documents_is_in_the_contract() {
    for example in EXAMPLES {
        let misnamed = misnamed(&example, |text| text);
        assert!(misnamed.is_empty(), "{}: {misnamed:#?}", example.name);
    }
}

#[test]
fn a_name_that_is_misspelled_is_found() {
    for example in EXAMPLES {
        let lock = fs::read_to_string(example.kept("lock")).unwrap();
        let metrics = lock.lines().filter(|line| line.contains('_') && !line.starts_with([' ', '#']));
        // A limit that nearly no system sets has no panel.
        let shown = |metric: &&str| *metric != "process_virtual_memory_max_bytes";
        for metric in metrics.filter_map(|line| line.split_whitespace().nth(1)).filter(shown) {
            let problems = misnamed(&example, |text| text.replace(metric, &metric.replace('_', "__")));
            assert!(!problems.is_empty(), "nobody misses {metric}");
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
        ("changes(process_start_", "changes(process_strat_"),
        ("{{instance}}\"", "{{instnace}}\""),
    ] {
        let found = std::cell::Cell::new(false);
        let problems = misnamed(&NEURECTOMY, |text| {
            found.set(found.get() || text.contains(from));
            text.replace(from, to)
        });
        assert!(found.get() && !problems.is_empty(), "{from}: {}", found.get());
    }
}

#[test]
fn a_document_goes_where_it_is_told_and_is_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.json");
    let written = NEURECTOMY.metrics(&["dashboard", "--output", file.to_str().unwrap()]);
    assert!(written.status.success() && written.stdout.is_empty(), "{written:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), NEURECTOMY.document("dashboard"));
}

#[test]
fn a_service_keeps_its_contract() {
    for example in EXAMPLES {
        let checked = example.metrics(&["check", "--lock", example.kept("lock").to_str().unwrap()]);
        assert!(checked.status.success(), "{}", checked.stderr);
        assert_eq!(checked.stdout, "nothing breaks\n");
        let lint = example.metrics(&["lint"]);
        assert!(lint.status.success(), "{}: {}", example.name, lint.stderr);
    }
}

/// The metrics of a lock file, each with its labels.
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

/// The commands run before anything is served; what is there only because it is served is in the documents as well.
#[test]
fn the_contract_has_what_the_page_of_a_running_service_has() {
    let neurectomy = start(&NEURECTOMY, &["--traffic", "50"], &[]);
    let dynoai = start(&DYNOAI, &[], &[]);
    use_dynoai(&dynoai);
    for (example, service, requests) in
        [(NEURECTOMY, neurectomy, "neurectomy_http_requests_total"), (DYNOAI, dynoai, "dynoai_requests_total")]
    {
        let page = wait::until("traffic", || {
            let page = Page::parse_text(service.get("/metrics").expect(200).text()).unwrap();
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
fn what_breaks_is_listed_with_the_panels_and_rules_that_break() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("metrics.lock");
    let kept = fs::read_to_string(NEURECTOMY.kept("lock")).unwrap();
    let check = |files: &[&str]| NEURECTOMY.metrics(&[&["check", "--lock", lock.to_str().unwrap()], files].concat());

    let missing = check(&[]);
    assert!(!missing.status.success());
    assert!(missing.stderr.contains("write it with `metrics lock --output"), "{}", missing.stderr);

    fs::write(&lock, kept.replace("counter neurectomy_", "cuonter neurectomy_")).unwrap();
    let broken = check(&[]);
    assert!(!broken.status.success());
    assert!(broken.stderr.contains("`cuonter` is no kind of metric; restore it"), "{}", broken.stderr);
    fs::write(&lock, b"\xff").unwrap();
    let binary = check(&[]);
    assert!(binary.stderr.contains("metrics.lock`: it is not text; restore it"), "{}", binary.stderr);

    // The service as it is, seen from a time when the counter had another name, and the gauge was not there.
    let before = kept.replace("neurectomy_tokens_generated_total", "neurectomy_tokens_total");
    let before = before.replace("gauge neurectomy_active_users\n", "");
    fs::write(&lock, &before).unwrap();
    let dashboard = folder.path().join("dashboard.json");
    let panel = r#"{"panels": [{"title": "Tokens", "targets": [{"expr": "rate(neurectomy_tokens_total[5m])"}]}]}"#;
    fs::write(&dashboard, panel).unwrap();
    let breaks = check(&[dashboard.to_str().unwrap(), "no.json"]);
    assert!(!breaks.status.success());
    for line in [
        "neurectomy_tokens_total: removed; was it renamed to `neurectomy_tokens_generated_total`?",
        "dashboard.json: panel `Tokens`",
        "not searched: no.json: ",
        "new: gauge neurectomy_active_users",
        "accept it with `metrics lock --output",
    ] {
        assert!(breaks.stderr.contains(line), "{line}:\n{}", breaks.stderr);
    }

    fs::write(&lock, kept.replace("gauge neurectomy_active_users\n", "")).unwrap();
    let added = check(&[]);
    assert!(added.status.success(), "{}", added.stderr);
    assert_eq!(added.stdout, "new: gauge neurectomy_active_users\nnothing breaks\n");
    let unread = check(&["no.json"]);
    assert!(!unread.status.success() && unread.stderr.contains("no.json: "), "{}", unread.stderr);
}

#[test]
fn what_breaks_is_found_in_a_dashboard_as_grafanas_api_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("metrics.lock");
    let kept = fs::read_to_string(DYNOAI.kept("lock")).unwrap();
    let dashboard = fs::read_to_string(DYNOAI.kept("dashboard")).unwrap();
    let wrapped = folder.path().join("wrapped.json");
    fs::write(&wrapped, format!(r#"{{"dashboard": {}}}"#, dashboard.replace("dynoai_app_info", "gone_total"))).unwrap();
    fs::write(&lock, kept.replace("dynoai_app_info", "gone_total")).unwrap();
    let found = DYNOAI.metrics(&["check", "--lock", lock.to_str().unwrap(), wrapped.to_str().unwrap()]);
    for place in ["panel `App`", "variable `job`", "annotation `Restarts`"] {
        assert!(found.stderr.contains(place), "{place}:\n{}", found.stderr);
    }
}

/// Every series that the service's own rules record, as a query asks for it.
fn recorded(example: &Example, document: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(example.kept(document)).unwrap();
    let rules = text.split("- record: '").skip(1).map(|rest| rest.split("- alert: ").next().unwrap());
    let query = |rule: &str| {
        let name = rule.split('\'').next().unwrap();
        let slo = rule.lines().find_map(|line| line.trim().strip_prefix("slo: "));
        slo.map_or_else(|| name.to_owned(), |slo| format!("{name}{{slo=\"{slo}\"}}"))
    };
    rules.map(query).collect()
}

#[test]
fn what_is_recorded_of_a_metric_breaks_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("metrics.lock");
    let file = folder.path().join("queries.txt");
    for example in EXAMPLES {
        let queries = &recorded(&example, "rules") | &recorded(&example, "kubernetes");
        assert!(queries.len() > 9 && queries.iter().any(|query| query.starts_with("namespace_job")), "{queries:?}");
        let lines: Vec<_> = queries.iter().map(String::as_str).collect();
        fs::write(&file, lines.join("\n")).unwrap();
        // The service as it is, seen from a time when every metric had a label more.
        let kept = fs::read_to_string(example.kept("lock")).unwrap();
        let with_more = |line: &str| match line.split_once(' ') {
            Some((kind, _)) if !["", "#", "version", "constant"].contains(&kind) => format!("{line}\n  labels gone"),
            _ => line.to_owned(),
        };
        fs::write(&lock, kept.lines().map(with_more).collect::<Vec<_>>().join("\n")).unwrap();
        let checked = example.metrics(&["check", "--lock", lock.to_str().unwrap(), file.to_str().unwrap()]);
        for (i, query) in queries.iter().enumerate() {
            let found = checked.stderr.matches(&format!("queries.txt: line {}\n", i + 1)).count();
            assert_eq!(found, 1, "{query}:\n{}", checked.stderr);
        }
    }
}

#[test]
fn who_leaves_early_makes_no_failure() {
    let gone = || std::io::pipe().unwrap().1;
    for example in EXAMPLES {
        for arguments in [&["metrics", "dashboard"][..], &["metrics", "--help"], &["--help"]] {
            let run = Command::new(example.binary).args(arguments).stdout(gone()).output().unwrap();
            assert!(run.status.success() && run.stderr.is_empty(), "{arguments:?}: {run:?}");
        }
        // Nobody hears what is wrong, but the code says it: 101 would be a panic.
        for (arguments, code) in [(&["--wrong"][..], 2), (&["metrics", "check", "--lock", "no.lock"], 1)] {
            let run = Command::new(example.binary).args(arguments).stderr(gone()).output().unwrap();
            assert_eq!(run.status.code(), Some(code), "{arguments:?}");
        }
    }
}

#[test]
fn help_is_no_error() {
    for help in [&["--help"][..], &["-h"], &["help"], &["rules", "--help"]] {
        let helped = DYNOAI.metrics(help);
        assert!(helped.status.success() && helped.stderr.is_empty(), "{help:?}: {helped:?}");
        assert_eq!(helped.stdout, metrics_runtime::export::USAGE);
    }
    let missing = DYNOAI.metrics(&["rules", "--output", "--job"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(missing.stderr.contains("--output takes a value"), "{}", missing.stderr);
}

#[test]
fn wrong_commands_say_which_there_are() {
    let wrong = DYNOAI.metrics(&["dashbord"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stderr.contains("unknown command `dashbord`") && wrong.stderr.contains("metrics dashboard"));
    let off = tests::service::Service::run(DYNOAI.binary, &["metrics", "docs"], &[("METRICS_ENABLED", "false")]);
    assert!(!off.status.success());
    assert!(off.stderr.contains("metrics are switched off"), "{}", off.stderr);
}

#[test]
fn grafana_knows_everything_in_the_dashboards() {
    let Some(grafana) = tools::grafana() else {
        return;
    };
    for example in EXAMPLES {
        let checked = grafana.check_dashboard(&example.kept("dashboard"));
        checked.unwrap_or_else(|lost| panic!("{}:\n{lost}", example.name));
    }
}
