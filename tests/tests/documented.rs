//! Tables of the documentation name everything that exists, and nothing else.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

mod support;

use std::collections::BTreeSet;

use metrics_runtime::{Metrics, Registry, track_counter, track_histogram};
use support::page;
use tests::page::Page;

const CRATE_PAGE: &str = include_str!("../../metrics-runtime/src/lib.rs");

/// Returns the first cells of the table below a heading, without markup.
fn first_cells(heading: &str) -> Vec<String> {
    let section = CRATE_PAGE.split_once(&format!("//! # {heading}\n")).expect(heading).1;
    let rows =
        section.lines().take_while(|line| !line.starts_with("//! # ")).filter_map(|line| line.strip_prefix("//! | "));
    rows.skip(1).map(|row| row.split(" | ").next().unwrap().replace('`', "")).collect()
}

#[test]
fn the_table_of_features_has_every_feature_and_its_default() {
    let manifest = include_str!("../../metrics-runtime/Cargo.toml");
    let features = manifest.split_once("[features]\n").unwrap().1.split_once("\n[").unwrap().0;
    let features: Vec<_> = features
        .lines()
        .filter(|line| !line.starts_with(['#', ' ', ']']))
        .filter_map(|line| line.split_once(" = "))
        .collect();
    let defaults = features.iter().find(|(name, _)| *name == "default").unwrap().1;
    let expected = features.iter().filter(|(name, _)| *name != "default").map(|(name, _)| {
        let is_default = defaults.contains(&format!("\"{name}\""));
        if is_default { format!("{name} (default)") } else { (*name).to_owned() }
    });
    let documented: BTreeSet<_> = first_cells("Cargo features").into_iter().collect();
    assert_eq!(documented, expected.collect());
}

#[test]
fn the_crate_page_names_every_variable_of_the_environment() {
    let source = include_str!("../../metrics-runtime/src/config/environment.rs");
    let variables = source.lines().filter_map(|line| line.strip_prefix("const ")?.split('"').nth(1));
    let variables: Vec<_> = variables.filter(|name| name.starts_with("METRICS_")).collect();
    assert!(variables.len() > 5, "{variables:?}");
    for variable in variables {
        assert!(CRATE_PAGE.contains(&format!("`{variable}`")), "the crate page does not name {variable}");
        let mut rows = source.lines().filter(|line| line.trim_start().starts_with("/// | `METRICS_"));
        let describes = |row: &str| row.split(" | ").nth(1).unwrap().contains(&format!("`{variable}`"));
        assert!(rows.any(describes), "`from_env` does not describe {variable}");
    }
}

#[test]
fn the_table_of_metrics_has_every_metric_of_the_toolkit_with_its_labels() {
    let metrics = Metrics::builder().registry(&Registry::new()).build().unwrap();
    drop(metrics.endpoint());
    let page = Page::parse_text(&metrics.render()).unwrap();
    let own = page.families().iter().filter(|family| family.name.starts_with("metrics_runtime_"));
    let names: BTreeSet<_> = own.clone().map(|family| family.name.clone()).collect();
    let cells = first_cells("Metrics of the toolkit");
    let documented = cells.iter().filter(|cell| cell.starts_with("metrics_runtime_"));
    assert_eq!(documented.map(|cell| cell.split('{').next().unwrap().to_owned()).collect::<BTreeSet<_>>(), names);
    for family in own {
        for sample in family.samples.iter().filter(|sample| sample.name == family.name) {
            let labels: Vec<_> = sample.labels.keys().map(String::as_str).collect();
            let cell = if labels.is_empty() {
                family.name.clone()
            } else {
                format!("{}{{{}}}", family.name, labels.join(", "))
            };
            assert!(cells.contains(&cell), "{cell}");
        }
    }
}

#[test]
fn a_unit_is_the_suffix_of_a_default_name() {
    #[track_histogram(unit = "bytes", buckets = [1], value = |sent| *sent)]
    fn documented_sent() -> usize {
        4
    }
    #[track_counter(unit = "bytes", value = |sent| *sent)]
    fn documented_received() -> usize {
        4
    }
    documented_sent();
    documented_received();
    assert_eq!(page().text("documented_sent_bytes_sum", []), "4");
    assert_eq!(page().text("documented_received_bytes_total", []), "4");
}
