//! The catalog: a binary's declarations are known before any call, with name and source location, and as series at
//! zero.
//!
//! No function in this file is called.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]
#![allow(dead_code, reason = "the catalog must not need calls")]

mod support;

use metrics_runtime::{
    Declaration, Kind, LabelValue, Outcome, catalog, metrics, track, track_compression, track_counter, track_histogram,
    track_in_flight, track_ryot, track_storage,
};
use support::page;

const STATUSES: [&str; 4] = ["success", "error", "panic", "cancelled"];

#[derive(Clone, Copy, LabelValue)]
enum LoginKind {
    One,
    Two,
}

/// Logs in.
///
/// The second paragraph is not for dashboards.
#[track_counter(name = "logins_total", labels(kind = kind, method = "password", tenant = |user| user.clone()))]
fn login(kind: LoginKind) -> String {
    format!("{}", matches!(kind, LoginKind::One))
}
const LOGIN_LINE: u32 = line!() - 4;

#[track_histogram(name = "sizes_bytes", help = "Sizes.", unit = "bytes", buckets = [1, 2.5], value = |size| *size)]
async fn size() -> usize {
    1
}

#[track]
fn plain() {}

struct Service;

#[track(in_flight)]
impl Service {
    async fn method(&self) {}
}

fn generic_parent<T: Default>() -> T {
    #[track_in_flight(name = "nested")]
    fn nested() {}
    T::default()
}

#[track_ryot]
async fn ryot() {}

#[track_compression(ratio = |ratio| *ratio)]
fn compression() -> f64 {
    1.0
}

#[track_storage("store")]
#[track_storage("load", timed)]
fn storage() {}

#[track(name = "unnamed_help")]
fn without_doc_comment() {}

#[metrics(prefix = "shop_")]
mod business {
    use super::LoginKind;

    /// Orders.
    pub(super) fn orders_total(kind: LoginKind) -> Counter;
}

fn declared(name: &str) -> Vec<Declaration> {
    catalog().into_iter().filter(|declared| declared.descriptor.name == name).collect()
}

#[track_caller]
fn the_one(name: &str) -> Declaration {
    let [one] = <[_; 1]>::try_from(declared(name)).unwrap_or_else(|all| panic!("{name}: {all:?}"));
    one
}

#[test]
fn a_declaration_has_descriptor_values_and_source_location() {
    let logins = the_one("logins_total");
    let descriptor = &logins.descriptor;
    assert_eq!(descriptor.kind, Kind::Counter);
    assert_eq!(descriptor.help, "Logs in.");
    assert_eq!(descriptor.unit, None);
    assert_eq!(descriptor.labels, ["kind", "method", "tenant", "status"]);
    assert_eq!(logins.values, [vec!["one", "two"], vec!["password"], vec![], STATUSES.to_vec()]);
    assert_eq!(logins.source.file, file!());
    assert_eq!(logins.source.line, LOGIN_LINE);
    assert_eq!((logins.source.module, logins.source.function), ("catalog", "login"));
    assert_eq!(logins.source.to_string(), format!("{}:{LOGIN_LINE} (catalog::login)", file!()));

    let sizes = the_one("sizes_bytes");
    assert_eq!(sizes.descriptor.kind, Kind::Histogram);
    assert_eq!(sizes.descriptor.help, "Sizes.");
    assert_eq!(sizes.descriptor.unit.as_deref(), Some("bytes"));
    assert_eq!(*sizes.descriptor.buckets, [1.0, 2.5]);
    assert_eq!(sizes.descriptor.labels.len(), 0);
}

#[test]
fn every_attribute_is_in_the_catalog_in_any_kind_of_item() {
    let functions = |name: &str| -> Vec<_> { declared(name).iter().map(|found| found.source.function).collect() };
    assert_eq!(functions("function_calls_total"), ["plain", "Service::method"]);
    assert_eq!(functions("function_call_duration_seconds"), ["plain", "Service::method"]);
    assert_eq!(functions("function_calls_in_flight"), ["Service::method"]);
    assert_eq!(functions("nested"), ["nested"]);
    assert_eq!(functions("ryot_requests_total"), ["ryot"]);
    assert_eq!(functions("ryot_request_duration_seconds"), ["ryot"]);
    assert_eq!(functions("tokens_generated_total"), [""; 0]);
    assert_eq!(functions("sigmalang_compression_ratio"), ["compression"]);
    assert_eq!(functions("sigmavault_operations_total"), ["storage", "storage"]);
    assert_eq!(functions("sigmavault_operation_duration_seconds"), ["storage"]);
    assert_eq!(functions("unnamed_help_total"), ["without_doc_comment"]);
    assert_eq!(functions("shop_orders_total"), ["orders_total"]);
}

#[test]
fn the_catalog_is_sorted_by_name_and_location() {
    let all = catalog();
    assert!(all.is_sorted_by_key(|found| (found.descriptor.name.clone(), found.source)));
}

#[test]
fn series_with_known_labels_start_at_zero() {
    let page = page();
    for status in STATUSES {
        let status = ("status", status);
        for function in ["plain", "Service::method"] {
            let labels = [("function", function), ("module", "catalog"), status];
            assert_eq!(page.value("function_calls_total", labels), 0.0);
        }
        assert_eq!(page.value("ryot_requests_total", [status]), 0.0);
        assert_eq!(page.value("sigmavault_operations_total", [("operation", "store"), status]), 0.0);
        assert_eq!(page.value("sigmavault_operations_total", [("operation", "load"), status]), 0.0);
        assert_eq!(page.value("unnamed_help_total", [status]), 0.0);
    }
    let method = [("function", "Service::method"), ("module", "catalog")];
    assert_eq!(page.value("function_calls_in_flight", method), 0.0);
    assert_eq!(page.value("function_call_duration_seconds_count", method), 0.0);
    assert_eq!(page.value("nested", []), 0.0);
    assert_eq!(page.value("sizes_bytes_count", []), 0.0);
    assert_eq!(page.value("sigmalang_compression_ratio_count", []), 0.0);
    assert_eq!(page.value("sigmavault_operation_duration_seconds_count", [("operation", "load")]), 0.0);
    assert_eq!(page.sample("sigmavault_operation_duration_seconds_count", [("operation", "store")]), None);
    assert_eq!(page.value("shop_orders_total", [("kind", "two")]), 0.0);
    // The label `tenant` is unbounded.
    assert_eq!(page.series("logins_total").len(), 0);
    assert!(page.samples().all(|sample| sample.value == 0.0 || sample.name.starts_with("metrics_runtime_")));
}

#[test]
fn without_a_doc_comment_the_help_text_is_generated() {
    let help = the_one("unnamed_help_total").descriptor.help;
    assert!(help.contains("`without_doc_comment`"), "{help}");
    let duration = the_one("unnamed_help_duration_seconds").descriptor.help;
    assert_ne!(help, duration);
}

/// Labels of the result, with series that are created by calls.
#[track_counter(name = "verdicts_total", labels(verdict: LoginKind = |kind| *kind))]
#[track_histogram(name = "verdict_seconds", buckets = [1], labels(verdict: LoginKind = |kind| *kind))]
fn judge() -> LoginKind {
    LoginKind::One
}

#[test]
fn a_label_of_the_result_also_has_the_outcomes_without_a_result() {
    assert_eq!(the_one("verdicts_total").values[0], ["one", "two", "panic", "cancelled"]);
    assert_eq!(the_one("verdict_seconds").values[0], ["one", "two", "panic"]);
    let verdicts = page().series("verdicts_total").len();
    // Success and error with each value, and panic and cancelled with themselves.
    assert_eq!(verdicts, 2 * 2 + 2, "series that can never occur do not exist before a call");
}

#[test]
fn every_outcome_has_a_status() {
    assert_eq!(Outcome::ALL.map(Outcome::as_str), STATUSES);
}
