//! The committed documents, and the commands as a person meets them.
//!
//! `BLESS=1 cargo test -p examples --test export documents` writes the documents anew.

use std::{env, fs};

use tests::tools;

use crate::{DYNOAI, EXAMPLES, NEURECTOMY};

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

    // The service as it is, seen from a time when the counter had another name, and the gauge was not there.
    let before = kept.replace("neurectomy_tokens_generated_total", "neurectomy_tokens_total");
    let before = before.replace("gauge neurectomy_active_users\n", "");
    fs::write(&lock, &before).unwrap();
    let dashboard = folder.path().join("dashboard.json");
    let panel = r#"{"panels": [{"title": "Tokens", "targets": [{"expr": "rate(neurectomy_tokens_total[5m])"}]}]}"#;
    fs::write(&dashboard, panel).unwrap();
    let breaks = check(&[dashboard.to_str().unwrap()]);
    assert!(!breaks.status.success());
    for line in [
        "neurectomy_tokens_total: removed; was it renamed to `neurectomy_tokens_generated_total`?",
        "dashboard.json: panel `Tokens`",
        "new: gauge neurectomy_active_users",
        "accept it with `metrics lock --output",
    ] {
        assert!(breaks.stderr.contains(line), "{line}:\n{}", breaks.stderr);
    }

    fs::write(&lock, kept.replace("gauge neurectomy_active_users\n", "")).unwrap();
    let added = check(&[]);
    assert!(added.status.success(), "{}", added.stderr);
    assert_eq!(added.stdout, "new: gauge neurectomy_active_users\nnothing breaks\n");
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
