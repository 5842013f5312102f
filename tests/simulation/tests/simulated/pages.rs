//! The two pages that the simulated instances are made of.
//!
//! `BLESS=1 cargo test -p simulation pages` writes them again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, thread};

use simulation::Neurectomy;
use tests::page::Page;
use tests::service::Service;
use tests::wait;

/// An address at which nobody listens.
const NO_RYOT: &str = "http://127.0.0.1:9/v1";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pages").join(format!("{name}.txt"))
}

/// Writes the page of a service that has had some traffic.
fn write(name: &str, environment: &[(&str, &str)]) {
    let folder = env::temp_dir().join(format!("simulation-{name}-{}", std::process::id()));
    let folder_name = folder.to_str().unwrap();
    let environment = [environment, &[("SIGMAVAULT_DIR", folder_name)]].concat();
    let neurectomy = Neurectomy::find().unwrap();
    let service = Service::start(neurectomy.path(), &["--listen", "127.0.0.1:0", "--traffic", "50"], &environment);
    let page = wait::until("enough requests", || {
        let text = service.get("/metrics").text().to_owned();
        let page = Page::parse_text(&text).unwrap();
        let requests = page.series("neurectomy_http_requests_total").iter().map(|sample| sample.value).sum::<f64>();
        // Scrapes are on the page too, so there should be few.
        thread::sleep(Duration::from_secs(1));
        (requests >= 1000.0).then_some(text)
    });
    drop(service);
    let _ = fs::remove_dir_all(folder);
    fs::write(file(name), page).unwrap();
}

/// The labels of each metric.
type Metrics = BTreeMap<String, BTreeSet<String>>;

fn contract() -> Metrics {
    let lock = include_str!("../../../../examples/neurectomy/metrics.lock");
    let mut metrics = Metrics::new();
    let mut last = None;
    for line in lock.lines().filter(|line| !line.starts_with(['#', ' ']) || line.starts_with("  labels ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["labels", labels @ ..] => {
                let labels = labels.iter().map(ToString::to_string).collect();
                metrics.insert(last.clone().unwrap(), labels);
            }
            ["counter" | "gauge" | "histogram" | "info", name] => {
                metrics.insert((*name).to_owned(), BTreeSet::new());
                last = Some((*name).to_owned());
            }
            _ => {}
        }
    }
    metrics
}

#[test]
fn the_pages_have_the_metrics_of_the_contract() {
    if env::var_os("BLESS").is_some() {
        write("healthy", &[]);
        write("broken", &[("RYOT_URL", NO_RYOT)]);
    }
    let contract = contract();
    for name in ["healthy", "broken"] {
        let page = Page::parse_text(&fs::read_to_string(file(name)).unwrap()).unwrap();
        let families: BTreeSet<&str> = page.families().iter().map(|family| family.name.as_str()).collect();
        let expected: BTreeSet<&str> = contract.keys().map(String::as_str).collect();
        assert_eq!(families, expected, "{name}; BLESS=1 cargo test -p simulation pages writes the pages again");
        for family in page.families() {
            for sample in &family.samples {
                let labels: BTreeSet<String> = sample.labels.keys().filter(|label| *label != "le").cloned().collect();
                assert_eq!(labels, contract[&family.name], "{}", sample.name);
            }
        }
    }
}
