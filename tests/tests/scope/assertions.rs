//! Assertions, and the texts of those that fail.

use std::time::Duration;

use metrics_runtime::test::Scope;
use metrics_runtime::{Descriptor, Outcome, Registry, assert_metric, assert_no_metric, eventually, track_counter};

use crate::{Size, message, order, things};

/// An assertion that fails.
type Assertion = fn(&Scope);

fn orders() {
    order("a", true).unwrap();
    order("a", true).unwrap();
    order("a", false).unwrap_err();
    order("b", false).unwrap_err();
}

#[metrics_runtime::test]
fn all_comparisons_hold(metrics: Scope) {
    orders();
    let shop = String::from("a");
    assert_metric!(metrics, order_total { shop = shop, status = "success" } == 2);
    assert_metric!(metrics, order_total { shop = "a", status = Outcome::Success, } == 2u64);
    assert_metric!(metrics, order_total { status = "success" } != 3.0);
    assert_metric!(metrics, order_total < 5);
    assert_metric!(metrics, order_total <= 4);
    assert_metric!(&metrics, order_total > 3);
    assert_metric!(metrics, order_total >= 4_usize);
    assert_metric!(metrics, order_duration_seconds count == 4, sum >= 0, sum < 60.0);
    assert_metric!(metrics, "order_total" { shop = "b" } == 1);
    let name = "order_total";
    assert_metric!(metrics, (name) == 4);
    assert_no_metric!(metrics, order_total { shop = "b" } > 1);
    assert_no_metric!(metrics, order_total { shop = "c" });
    assert_no_metric!(metrics, order_duration_seconds { shop = "c" } count > 0);
}

#[metrics_runtime::test]
fn labels_with_the_names_of_keywords_are_compared(metrics: Scope) {
    let family = Registry::global().counter(Descriptor::counter("typed_total", "T.").labels(["type"])).unwrap();
    family.get_or_create(&["x"]).unwrap().inc();
    assert_metric!(metrics, typed_total { type = "x" } == 1);
    assert_metric!(metrics, typed_total { r#type = "x" } == 1);
}

#[metrics_runtime::test]
fn a_failure_shows_the_series_that_come_close(metrics: Scope) {
    orders();
    let failure = message(|| assert_metric!(metrics, order_total { shop = "b", status = "success" } == 1));
    let line = failure.rsplit_once("main.rs:").unwrap().1.split(' ').next().unwrap();
    let expected = format!(
        "assertion failed: order_total{{shop=\"b\",status=\"success\"}} == 1
  found: 0 (no series has these labels)
  series:
    order_total{{shop=\"a\",status=\"success\"}} 2
    order_total{{shop=\"b\",status=\"error\"}} 1
    order_total{{shop=\"a\",status=\"error\"}} 1
  declared at:
    tests/tests/scope/main.rs:{line} (scope::order)
"
    );
    assert_eq!(failure, expected);
    let failure = message(|| assert_metric!(metrics, order_duration_seconds { shop = "a" } count == 2, sum < 60));
    assert!(
        failure.starts_with("assertion failed: order_duration_seconds{shop=\"a\"} count == 2, sum < 60\n"),
        "{failure}"
    );
    assert!(failure.contains("  found: count 3, sum 0."), "{failure}");
    let failure = message(|| assert_no_metric!(metrics, order_total { status = "error" } > 0));
    assert!(
        failure.starts_with("assertion failed: no series is order_total{status=\"error\"} > 0\n  found:\n"),
        "{failure}"
    );
    assert!(!failure.contains("success"), "{failure}");
}

#[metrics_runtime::test]
fn an_earlier_name_is_an_error_with_the_present_one(metrics: Scope) {
    #[track_counter(name = "visits_total", replaces = "hits_total")]
    fn visit() {}

    visit();
    let registered = Descriptor::gauge("visitors", "Visitors.").replaces(["guests"]);
    Registry::global().gauge(registered).unwrap();
    for (failure, present) in [
        (message(|| assert_metric!(metrics, hits_total == 1)), "visits_total"),
        (message(|| assert_metric!(metrics, guests == 1)), "visitors"),
    ] {
        assert!(failure.ends_with(&format!("it is an earlier name of `{present}`; ask for `{present}`")), "{failure}");
    }
}

#[metrics_runtime::test]
fn names_that_do_not_exist_are_errors(metrics: Scope) {
    orders();
    let cases: [(&str, Assertion); 9] = [
        (
            "no metric has the name `order`: neither the program declares it nor was it registered in this scope; did you mean `order_total`?",
            |m| {
                assert_metric!(m, order == 1);
            },
        ),
        ("; did you mean `order_total`?", |m| assert_no_metric!(m, orders_total > 0)),
        (
            "it is a part of the histogram `order_duration_seconds`; write `order_duration_seconds { .. } count == ..`",
            |m| {
                assert_metric!(m, order_duration_seconds_count == 1);
            },
        ),
        ("`order_total` has no label `shp`; it has `shop`, `status`; did you mean `shop`?", |m| {
            assert_no_metric!(m, order_total { shp = "a" } > 0);
        }),
        (
            "the label `status` of `order_total` is never `eror`; it is one of `cancelled`, `error`, `panic`, `success`; did you mean `error`?",
            |m| {
                assert_no_metric!(m, order_total { status = "eror" } > 0);
            },
        ),
        ("`orders_open` has no labels, found `shop`", |m| assert_metric!(m, orders_open { shop = "a" } == 0)),
        ("`order_duration_seconds` is a histogram, which has no single value", |m| {
            assert_metric!(m, order_duration_seconds > 0);
        }),
        ("`order_total` is of the kind counter, which has one value", |m| assert_no_metric!(m, order_total count > 0)),
        ("; did you mean `order_total`?", |m| {
            let _ = m.value("order_totl", &[]);
        }),
    ];
    for (expected, test) in cases {
        let failure = message(|| test(&metrics));
        assert!(failure.contains(expected), "{failure}\n{expected}");
    }
}

#[metrics_runtime::test]
fn a_series_that_does_not_exist_has_counted_nothing(metrics: Scope) {
    assert_metric!(metrics, letters_total { country = "se" } == 0);
    assert_no_metric!(metrics, letters_total { country = "se" });
    assert_metric!(metrics, order_duration_seconds { shop = "x" } count == 0, sum == 0);
    assert_eq!(metrics.value("letters_total", &[]), None);
    assert_eq!(metrics.count("order_duration_seconds", &[]), None);
    assert_eq!(metrics.value("boxes_total", &[("size", "large")]), Some(0.0), "its labels are known");
    assert_eq!(
        (metrics.count("pack_duration_seconds", &[]), metrics.sum("pack_duration_seconds", &[])),
        (Some(0.0), Some(0.0))
    );
}

#[metrics_runtime::test]
fn a_gauge_is_one_series(metrics: Scope) {
    let failure = message(|| assert_metric!(metrics, stock { shop = "a" } == 0));
    assert!(failure.contains("  found: no value (no series has these labels)\n"), "{failure}");
    things::stock("a").set(1.5);
    things::stock("b").set(2.0);
    assert_metric!(metrics, stock { shop = "a" } == 1.5);
    assert_eq!(metrics.value("stock", &[("shop", "b")]), Some(2.0));
    let failure = message(|| assert_metric!(metrics, stock == 3.5));
    assert!(failure.contains("2 series of `stock` match, and a value of the kind gauge cannot be added"), "{failure}");
    assert_no_metric!(metrics, stock > 2);
}

#[metrics_runtime::test]
fn a_delta_has_the_changes_only(metrics: Scope) {
    orders();
    things::stock("a").set(5.0);
    let delta = metrics.delta(|| {
        order("a", true).unwrap();
        order("c", true).unwrap();
        things::stock("a").set(3.0);
        things::pack_duration_seconds(Size::Large).observe(2.0);
    });
    assert_metric!(delta, order_total { shop = "a" } == 1);
    assert_metric!(delta, order_total { shop = "c", status = "success" } == 1);
    assert_metric!(delta, order_total { status = "error" } == 0);
    assert_metric!(delta, stock { shop = "a" } == -2);
    assert_metric!(delta, pack_duration_seconds count == 1, sum == 2);
    assert_eq!(delta.value("boxes_total", &[]), Some(0.0));
    let failure = message(|| assert_metric!(delta, order_totals == 1));
    assert!(failure.contains("did you mean `order_total`?"), "{failure}");
}

#[metrics_runtime::test]
fn the_page_has_everything_that_the_program_declares(metrics: Scope) {
    order("a", true).unwrap();
    let page = metrics.page();
    assert!(page.contains("order_total{shop=\"a\",status=\"success\"} 1\n"), "{page}");
    assert!(page.contains("boxes_total{size=\"small\"} 0\n"), "{page}");
}

#[metrics_runtime::test]
async fn what_never_happens_fails_in_the_end(metrics: Scope) {
    let failure = tokio::spawn(eventually!(metrics, order_total == 1).within(Duration::from_millis(5)).into_future());
    let failure = failure.await.unwrap_err().into_panic();
    let failure = failure.downcast_ref::<String>().unwrap();
    assert!(
        failure.contains("assertions.rs:") && failure.contains("assertion failed: order_total == 1\n"),
        "{failure}"
    );
}
