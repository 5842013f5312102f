//! Pages that the parser accepts, and mistakes that a lenient parser would miss.

use super::*;

const TEXT: &str = include_str!("golden.txt");
const OPENMETRICS: &str = include_str!("golden.openmetrics.txt");

#[track_caller]
fn rejects(parsed: Result<Page, String>, reason: &str) {
    let error = parsed.expect_err("accepted");
    assert!(error.contains(reason), "expected {reason:?} in the error, found: {error}");
}

#[track_caller]
fn text_rejects(page: &str, reason: &str) {
    rejects(Page::parse_text(page), reason);
}

/// Like [`text_rejects`], for OpenMetrics. Adds the `# EOF`.
#[track_caller]
fn openmetrics_rejects(page: &str, reason: &str) {
    rejects(Page::parse_openmetrics(&format!("{page}# EOF\n")), reason);
}

#[test]
fn a_text_page_becomes_a_model() {
    let page = Page::parse_text(TEXT).unwrap();
    assert_eq!(
        page.names(),
        ["jobs_total", "depth", "wait_seconds", "drift_seconds", "size_bytes", "never", "whatever"]
    );
    let jobs = page.family("jobs_total").unwrap();
    assert_eq!((jobs.kind, jobs.samples.len(), &jobs.unit), (Kind::Counter, 3, &None));
    assert_eq!(jobs.help.as_deref(), Some("Jobs, by \"status\": one line\nand a backslash \\."));
    assert!((page.value("jobs_total", [("status", "a\"} 1\nforged 2\\")]) - 0.25).abs() < f64::EPSILON);
    assert_eq!(page.text("jobs_total", [("status", "success")]), "9007199254740993");
    // The order of labels does not matter.
    assert_eq!(page.sample("depth", [("of", "a"), ("in", "bc")]), Some(f64::INFINITY));
    assert!(page.value("depth", [("of", "ü, {}=#")]).is_nan());
    assert_eq!(page.series("depth")[3].timestamp.as_deref(), Some("1700000000000"));
    assert_eq!(page.series("wait_seconds_bucket").len(), 4);
    assert_eq!(page.sample("forged", []), None);
    assert_eq!(page.samples().count(), page.points().len());
}

#[test]
fn an_openmetrics_page_becomes_a_model() {
    let page = Page::parse_openmetrics(OPENMETRICS).unwrap();
    assert_eq!(page.family("jobs").unwrap().kind, Kind::Counter);
    assert_eq!(page.family("jobs").unwrap().help.as_deref().unwrap().matches('"').count(), 2);
    assert_eq!(page.family("wait_seconds").unwrap().unit.as_deref(), Some("seconds"));
    assert_eq!(page.series("build_info")[0].labels["version"], "1.0");
    let exemplar = page.series("jobs_total")[0].exemplar.as_ref().unwrap();
    assert_eq!(exemplar.labels["trace_id"], "4bf9");
    assert_eq!(exemplar.timestamp.as_deref(), Some("1700000000.25"));
    assert!(page.series("wait_seconds_bucket")[0].exemplar.as_ref().unwrap().labels.is_empty());
}

#[test]
fn empty_pages_are_accepted() {
    assert!(Page::parse_text("").unwrap().families().is_empty());
    assert!(Page::parse_openmetrics("# EOF\n").unwrap().families().is_empty());
    assert!(Page::parse_openmetrics("# EOF").is_ok());
}

#[test]
#[should_panic = "no series jobs_total{status=\"lost\"}; found:\n  jobs_total{status=\"success\"}\n"]
fn a_missing_series_lists_the_series_of_its_name() {
    let page = Page::parse_text(TEXT).unwrap();
    assert!(page.value("jobs_total", [("status", "lost")]).is_nan());
}

#[test]
#[should_panic = "the page has {\"up\"}"]
fn a_missing_name_lists_the_names() {
    let page = Page::parse_text("# TYPE up gauge\nup 1\n").unwrap();
    assert!(page.value("jobs_total", []).is_nan());
}

#[test]
fn duplicate_series_are_rejected() {
    text_rejects("# TYPE a gauge\na 1\na 1\n", "line 3: this series appears more than once");
    text_rejects("# TYPE a gauge\na{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n", "more than once");
    text_rejects("# TYPE a gauge\na{x=\"\"} 1\na 1\n", "more than once");
    text_rejects("# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n", "label \"x\" appears more than once");
    openmetrics_rejects("# TYPE a counter\na_total 1\na_total 1\n", "more than once");
}

#[test]
fn duplicate_and_split_families_are_rejected() {
    text_rejects("# TYPE a gauge\n# TYPE a gauge\n", "TYPE of \"a\" appears more than once");
    text_rejects("# HELP a x\n# HELP a x\n# TYPE a gauge\n", "HELP of \"a\" appears more than once");
    text_rejects("# TYPE a gauge\na 1\n# TYPE b gauge\n# TYPE a gauge\n", "described above");
    text_rejects("# TYPE a gauge\na{x=\"1\"} 1\n# TYPE b gauge\nb 1\na{x=\"2\"} 1\n", "away from its family");
    text_rejects("# TYPE a gauge\na 1\n# HELP a x\n", "HELP of \"a\" after its samples");
    let interleaved = "# TYPE a counter\na_total{x=\"1\"} 1\na_total{x=\"2\"} 1\na_created{x=\"1\"} 1\n";
    openmetrics_rejects(interleaved, "not together");
}

#[test]
fn samples_without_a_type_are_rejected() {
    text_rejects("a 1\n", "without a TYPE line");
    text_rejects("# HELP a x\na 1\n", "without a TYPE line");
    text_rejects("# HELP a x\n", "family \"a\" has no TYPE");
    text_rejects("# TYPE a gauge\na_total 1\n", "without a TYPE line");
    text_rejects("# TYPE a histogram\na 1\n", "without a TYPE line");
    openmetrics_rejects("# TYPE a counter\na 1\n", "without a TYPE line");
    openmetrics_rejects("# TYPE a_total counter\na_total 1\n", "without a TYPE line");
    openmetrics_rejects("# TYPE a counter\na_created 1\n", "a counter without its _total");
}

#[test]
fn names_of_two_families_are_rejected() {
    let clash = "# TYPE a histogram\n# TYPE a_count counter\n";
    text_rejects(clash, "family \"a_count\" clashes with \"a\"");
    openmetrics_rejects("# TYPE a counter\n# TYPE a_total gauge\n", "clashes");
    openmetrics_rejects("# TYPE a counter\n# TYPE a_created gauge\n", "clashes");
    // Only the names of samples matter: these are `a_count_total` and `a_created_total`.
    assert!(Page::parse_openmetrics(&format!("{clash}# EOF\n")).is_ok());
    assert!(Page::parse_openmetrics("# TYPE a counter\n# TYPE a_created counter\n# EOF\n").is_ok());
}

#[test]
fn wrong_escapes_and_quotes_are_rejected() {
    text_rejects("# TYPE a gauge\na{x=\"a\\tb\"} 1\n", "escape \\t");
    text_rejects("# TYPE a gauge\na{x=\"a\"b\"} 1\n", "expected \",\" before \"b");
    text_rejects("# TYPE a gauge\na{x=\"a\n\"} 1\n", "no closing quote");
    text_rejects("# TYPE a gauge\na{x=\"a\\\"} 1\n", "no closing quote");
    text_rejects("# HELP a x\\y\n# TYPE a gauge\n", "escape \\y");
    text_rejects("# HELP a x\\\n# TYPE a gauge\n", "lone backslash");
    text_rejects("# HELP a x\\\"\n# TYPE a gauge\n", "escape \\\"");
    openmetrics_rejects("# HELP a say \"x\"\n# TYPE a gauge\n", "unescaped quote");
}

#[test]
fn lines_that_no_writer_needs_are_rejected() {
    text_rejects("# TYPE a gauge\na 1", "no line feed");
    text_rejects("# TYPE a gauge\n\na 1\n", "line 2: empty line");
    text_rejects("# TYPE a gauge\r\na 1\r\n", "type \"gauge\\r\"");
    text_rejects("# TYPE a gauge\na 1\r\n", "\"1\\r\" is not a number");
    text_rejects("# TYPE a gauge\na  1\n", "is not a number");
    text_rejects("# TYPE a gauge\na 1 \n", "is not a timestamp");
    text_rejects("# TYPE a gauge\na 1 1.5\n", "is not a timestamp");
    text_rejects("# TYPE a gauge\na 1 -1\n", "is not a timestamp");
    text_rejects("# TYPE a gauge\na 1 2 3\n", "after the end");
    text_rejects("# TYPE a gauge\na{x=\"1\",} 1\n", "expected a label name");
    text_rejects("# TYPE a gauge\na{__x=\"1\"} 1\n", "reserved");
    text_rejects("# TYPE a gauge\na{x:y=\"1\"} 1\n", "expected \"=\"");
    text_rejects("# TYPE 1a gauge\n", "expected a metric name");
    text_rejects("# TYPE a-b gauge\n", "expected \" \"");
    text_rejects("# made by hand\n", "comment \"made\"");
    text_rejects("#TYPE a gauge\n", "expected \" \"");
    text_rejects("# EOF\n", "comment \"EOF\"");
    text_rejects("# TYPE a info\n", "type \"info\" is not one of");
    openmetrics_rejects("# TYPE a untyped\n", "type \"untyped\" is not one of");
    text_rejects("# UNIT a seconds\n", "comment \"UNIT\"");
    text_rejects("# TYPE a gauge\na 1 # {} 1\n", "is not a timestamp");
}

#[test]
fn numbers_in_another_notation_are_rejected() {
    for number in ["", "nan", "inf", "Inf", "Infinity", "1_000", "0x10", "1,5", "e", "1e999", "--1"] {
        text_rejects(&format!("# TYPE a gauge\na {number}\n"), "is not a number");
    }
}

#[test]
fn an_openmetrics_page_ends_with_eof() {
    rejects(Page::parse_openmetrics(""), "not `# EOF`");
    rejects(Page::parse_openmetrics("# TYPE a gauge\na 1\n"), "not `# EOF`");
    rejects(Page::parse_openmetrics("# EOF\n# EOF\n"), "comment \"EOF\"");
    rejects(Page::parse_openmetrics("# EOF\n# TYPE a gauge\n"), "not `# EOF`");
    rejects(Page::parse_openmetrics("# TYPE a gauge\na 1# EOF\n"), "no line feed");
    rejects(Page::parse_openmetrics("# EOF\n\n"), "not `# EOF`");
}

#[test]
fn negative_and_nan_counters_are_rejected() {
    text_rejects("# TYPE a counter\na -1\n", "it cannot be -1");
    text_rejects("# TYPE a counter\na NaN\n", "it cannot be NaN");
    openmetrics_rejects("# TYPE a counter\na_total NaN\n", "it cannot be NaN");
}

#[test]
fn reserved_labels_are_rejected() {
    text_rejects("# TYPE a histogram\na_count{le=\"1\"} 1\n", "\"le\" is reserved");
    text_rejects("# TYPE a summary\na_sum{quantile=\"1\"} 1\n", "\"quantile\" is reserved");
    let elsewhere = "# TYPE a counter\na{le=\"x\"} 1\n# TYPE b summary\nb_sum{le=\"x\"} 1\nb_count{le=\"x\"} 1\n";
    assert!(Page::parse_text(elsewhere).is_ok());
    text_rejects("# TYPE a summary\na 1\n", "without the label \"quantile\"");
    text_rejects("# TYPE a summary\na{quantile=\"2\"} 1\n", "not between 0 and 1");
}

/// A text page with one histogram that consists of these lines.
fn histogram(lines: &[&str]) -> String {
    format!("# TYPE a histogram\na_{}\n", lines.join("\na_"))
}

#[test]
fn contradictory_histograms_are_rejected() {
    let bad: &[(&[&str], &str)] = &[
        (&["bucket{le=\"1\"} 2", "bucket{le=\"+Inf\"} 1", "sum 1", "count 1"], "fewer than the 2"),
        (&["bucket{le=\"+Inf\"} 1", "sum 1", "count 2"], "the +Inf bucket has 1, the count is 2"),
        (&["bucket{le=\"1\"} 1", "sum 1", "count 1"], "no +Inf bucket"),
        (&["sum 1", "count 1"], "no +Inf bucket"),
        (&["bucket{le=\"+Inf\"} 1", "sum 1"], "no _count"),
        (&["bucket{le=\"+Inf\"} 1", "count 1"], "no _sum"),
        (&["bucket{le=\"2\"} 1", "bucket{le=\"1\"} 1", "bucket{le=\"+Inf\"} 1", "sum 1", "count 1"], "comes after"),
        (&["bucket{le=\"1\"} 1", "bucket{le=\"1.0\"} 1", "bucket{le=\"+Inf\"} 1", "sum 1", "count 1"], "comes after"),
        (&["bucket{le=\"+Inf\"} 1.5", "sum 1", "count 1.5"], "whole events"),
        (&["bucket{le=\"+Inf\"} -1", "sum 1", "count -1"], "it cannot be -1"),
        (&["bucket{le=\"NaN\"} 1"], "is not a bound"),
        (&["bucket{le=\"one\"} 1"], "is not a number"),
        (&["bucket 1"], "without the label \"le\""),
        (&["bucket{le=\"+Inf\",x=\"1\"} 0", "count{x=\"1\"} 0", "sum{x=\"2\"} 0"], "no _sum"),
    ];
    for (lines, reason) in bad {
        text_rejects(&histogram(lines), reason);
    }
}

#[test]
fn some_rules_apply_in_openmetrics_only() {
    let negative = histogram(&["bucket{le=\"-1.0\"} 1", "bucket{le=\"+Inf\"} 1", "sum -3", "count 1"]);
    assert!(Page::parse_text(&negative).is_ok());
    openmetrics_rejects(&negative.replace("sum -3", "sum 3"), "beside negative bounds");

    for (sum, reason) in [("-1", "it cannot be -1"), ("NaN", "it cannot be NaN")] {
        let sum = histogram(&["bucket{le=\"+Inf\"} 1", &format!("sum {sum}"), "count 1"]);
        assert!(Page::parse_text(&sum).is_ok());
        openmetrics_rejects(&sum, reason);
    }
    let without = histogram(&["bucket{le=\"1.0\"} 1", "bucket{le=\"+Inf\"} 1"]);
    text_rejects(&without, "no _count");
    assert!(Page::parse_openmetrics(&format!("{without}# EOF\n")).is_ok());

    let summary = "# TYPE a summary\na{quantile=\"0.5\"} -1\na_sum -1\na_count 1\n";
    assert!(Page::parse_text(summary).is_ok());
    openmetrics_rejects(summary, "the value of a quantile cannot be negative");
    openmetrics_rejects("# TYPE a summary\na_sum -1\n", "it cannot be -1");

    let plain = histogram(&["bucket{le=\"1\"} 1", "bucket{le=\"+Inf\"} 1", "sum 1", "count 1"]);
    assert!(Page::parse_text(&plain).is_ok());
    openmetrics_rejects(&plain, "le=\"1\" is not canonical; write \"1.0\"");

    openmetrics_rejects("# TYPE a_seconds gauge\n# UNIT a_seconds bytes\n", "does not end in its unit");
    openmetrics_rejects("# TYPE a gauge\n# UNIT a \n", "does not end in its unit");
    openmetrics_rejects("# TYPE a_x info\n# UNIT a_x x\n", "has no unit");
    openmetrics_rejects("# TYPE a info\na_info 2\n", "an info has the value 1");
    openmetrics_rejects("# TYPE a stateset\na{a=\"x\"} 2\n", "a state is 0 or 1");
    openmetrics_rejects("# TYPE a stateset\na 1\n", "without the label \"a\"");
}

#[test]
fn exemplars_belong_to_totals_and_buckets() {
    openmetrics_rejects("# TYPE a gauge\na 1 # {} 1\n", "cannot carry an exemplar");
    openmetrics_rejects("# TYPE a counter\na_total 1 # {}\n", "expected \" \"");
    openmetrics_rejects("# TYPE a counter\na_total 1 # {} 1 NaN\n", "is not a timestamp");
    openmetrics_rejects(&histogram(&["bucket{le=\"1.0\"} 1 # {} 2"]), "not in its bucket");
    let long = format!("# TYPE a counter\na_total 1 # {{x=\"{}\"}} 1\n", "y".repeat(128));
    openmetrics_rejects(&long, "at most 128 characters, not 129");
}

#[test]
fn bounds_are_formatted_as_in_go() {
    let expected = [
        (0.0, "0.0"),
        (1.0, "1.0"),
        (0.005, "0.005"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.5e-10, "1.5e-10"),
        (100_000.0, "100000.0"),
        (123_456.789, "123456.789"),
        (1_000_000.0, "1e+06"),
        (52_428_800.0, "5.24288e+07"),
        (1e100, "1e+100"),
        (-2.5, "-2.5"),
        (-0.0, "0.0"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
    ];
    for (bound, text) in expected {
        assert_eq!(canonical_bound(bound), text);
    }
}

#[test]
fn values_of_points_have_a_canonical_form() {
    assert_eq!(Point::new("a", [], 1), Point::new("a", [], "1.0"));
    assert_eq!(Point::new("a", [], 1e6), Point::new("a", [], "1e+06"));
    assert_eq!(Point::new("a", [], f64::NAN), Point::new("a", [], "NaN"));
    assert_eq!(Point::new("a", [], f64::INFINITY), Point::new("a", [], "+Inf"));
    assert_eq!(Point::new("a", [], "-0.0"), Point::new("a", [], 0));
    // Equal as `f64`, but different.
    assert_ne!(Point::new("a", [], u64::MAX), Point::new("a", [], u64::MAX - 1));
    assert_ne!(Point::new("a", [("x", "1")], 1), Point::new("a", [], 1));
}

#[test]
fn a_difference_lists_missing_and_unexpected_points() {
    let one = BTreeSet::from([Point::new("a", [("x", "1")], 1), Point::new("b", [], 1)]);
    let other = BTreeSet::from([Point::new("a", [("x", "1")], 2), Point::new("b", [], 1)]);
    assert_eq!(difference(&one, &other), "missing: a{x=\"1\"} 1\nunexpected: a{x=\"1\"} 2\n");
    assert_eq!(difference(&one, &one), "");
}
