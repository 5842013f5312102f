//! A process without a free file descriptor keeps its metrics.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

mod support;

use std::env;
use std::fs::File;
use std::process::Command;

use metrics_runtime::{Metrics, Registry};
use tests::page::Page;

/// Set in the process of the test that has few descriptors.
const FEW: &str = "FEW_DESCRIPTORS";

#[test]
fn values_of_the_process_stay_without_a_free_descriptor() {
    if env::var_os(FEW).is_some() {
        return check();
    }
    let name = "values_of_the_process_stay_without_a_free_descriptor";
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"]).arg(env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env(FEW, "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn check() {
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).process().build().unwrap();
    let page = || Page::parse_text(&metrics.render()).unwrap();
    let started = page().value("process_start_time_seconds", []);
    let open: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let full = page();
    // Registered without a free descriptor: the file could not be opened.
    let late = Metrics::builder().registry(&Registry::new()).process().build().unwrap();
    let late_page = Page::parse_text(&late.render()).unwrap();
    assert!(open.len() > 10);
    drop(open);
    for name in ["process_resident_memory_bytes", "process_virtual_memory_bytes", "process_threads"] {
        assert!(full.value(name, []) > 0.0, "{name}");
        assert_eq!(late_page.sample(name, []), None);
    }
    assert_eq!(full.sample("process_start_time_seconds", []), Some(started));
    let errors = |page: &Page| page.value("metrics_runtime_scrape_errors_total", [("cause", "unreadable")]);
    // Before Linux 6.2, counting the descriptors needs one.
    let listed = u32::from(full.sample("process_open_fds", []).is_none());
    assert_eq!((errors(&full), errors(&late_page) > 0.0), (f64::from(listed), true));
    // They are back with the next page that can read them.
    let later = Page::parse_text(&late.render()).unwrap();
    assert!(later.value("process_threads", []) > 0.0);
}
