//! The command on small registries.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::{fs, thread};

use metrics_runtime::circuit_breaker::BreakerHandle;
use metrics_runtime::http::Http;
use metrics_runtime::{Descriptor, Metrics, Registry};

use crate::Command;

const PAGE: &str = "# TYPE shop_rooms gauge\nshop_rooms{room=\"a\",wing=\"n\"} 1\nshop_rooms{room=\"b\",wing=\"n\"} 2\n\
    # TYPE shop_wait_seconds histogram\nshop_wait_seconds_bucket{le=\"0.1\"} 0\nshop_wait_seconds_bucket{le=\"1\"} 0\n\
    shop_wait_seconds_bucket{le=\"+Inf\"} 1\nshop_wait_seconds_sum 3\nshop_wait_seconds_count 1\nother_total 7\n";

/// A shop: a gauge with two labels, a histogram with native buckets beside two classic ones, and a breaker.
fn shop() -> Metrics {
    let registry = Registry::new();
    registry.gauge(Descriptor::gauge("rooms", "Rooms.").labels(["room", "wing"]).series_limit(9)).unwrap();
    let wait = Descriptor::histogram("wait_seconds", "W.", vec![0.1, 1.0]).unit("seconds").native();
    registry.histogram(wait).unwrap();
    drop(BreakerHandle::register_in(&registry, "ryot").unwrap());
    Metrics::builder().namespace("shop").registry(&registry).http(Http::none()).build().unwrap()
}

/// Runs the command. Returns the output and the error.
fn run(args: &[&str]) -> (String, Option<String>) {
    let mut out = Vec::new();
    let command = Command::parse([&["budget"], args].concat());
    let result = command.and_then(|command| command.run(&shop(), &mut out));
    (String::from_utf8(out).unwrap(), result.err().map(|error| error.to_string()))
}

/// Returns the cells of the first row with this text.
fn row(output: &str, text: &str) -> Vec<String> {
    let line = output.lines().find_map(|line| line.strip_prefix(text).filter(|rest| rest.starts_with("  ")));
    let line = line.unwrap_or_else(|| panic!("no row `{text}` in\n{output}"));
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

/// Calls `act` with the path of a file that has this text.
fn with_file(text: &str, act: impl FnOnce(&str)) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, text).unwrap();
    act(file.path().to_str().unwrap());
}

#[test]
fn the_worst_case_is_that_of_all_instances() {
    let (output, error) = run(&["--instances", "1000"]);
    assert_eq!(error, None);
    assert_eq!(row(&output, "shop_rooms"), ["10", "10,000"]);
    assert_eq!(row(&output, "shop_wait_seconds"), ["5", "5,000"]);
    assert_eq!(row(&output, "  without le"), ["-10", "-10,000"], "the dearest is that of the toolkit");
    assert_eq!(row(&output, "shop_circuit_breaker_calls_total"), ["6+", "6,000+"]);
    assert_eq!(row(&output, "`up` and `scrape_*` of each target"), ["5", "5,000"]);
    assert!(output.contains("+ is the least: nothing bounds the values of `service`; say"), "{output}");
    // One instance needs no second column.
    assert_eq!(row(&run(&[]).0, "shop_rooms"), ["10"]);
    assert_eq!(run(&["--instances", "1000"]).0, output, "the same again");
}

#[test]
fn the_largest_numbers_are_counted() {
    let most = "1000000000000";
    let args = ["--instances", most, "--values", "service=1000000000000", "--sample-bytes", "1000"];
    let (output, error) = run(&[&args[..], &["--scrape-interval", "1ms", "--budget", most]].concat());
    assert_eq!(row(&output, "shop_circuit_breaker_calls_total")[1], "6,000,000,000,000,000,000,000,000");
    assert!(error.unwrap().contains("above the budget of 1,000,000,000,000"));
    with_file("version 1\n", |lock| {
        let (output, _) = run(&[&args[..], &["--since", lock]].concat());
        let added = row(&output, "added shop_circuit_breaker_calls_total: 6000000000000");
        assert_eq!(added[1], "+6,000,000,000,000,000,000,000,000");
    });
}

#[test]
fn expected_values_bound_the_worst_case() {
    let (output, _) = run(&["--values", "service=3", "--values", "room=4", "--values", "wing=2"]);
    assert_eq!(row(&output, "shop_rooms"), ["8"]);
    assert_eq!(row(&output, "  without room"), ["-6"]);
    assert_eq!(row(&output, "shop_circuit_breaker_calls_total"), ["18"]);
    assert_eq!(row(&output, "  without result"), ["-15"]);
    assert!(!output.contains('+'), "{output}");
    // The limit of a metric still holds.
    assert_eq!(row(&run(&["--values", "room=400", "--values", "wing=2"]).0, "shop_rooms"), ["10"]);
    assert_eq!(row(&run(&["--values", "room=4"]).0, "shop_rooms"), ["10"], "`wing` is not known");
    for label in ["rom", "result"] {
        assert_eq!(
            run(&["--values", &format!("{label}=4")]).1.unwrap(),
            format!(
                "--values `{label}`: no metric has such a label with values that are only known at run time; expected one of \
                 `room`, `service`, `wing`"
            )
        );
    }
}

#[test]
fn a_native_histogram_is_one_series() {
    for (form, series) in [("classic", "5"), ("native", "1"), ("both", "6")] {
        with_file(PAGE, |page| {
            let (output, _) = run(&["--page", page, "--histograms", form]);
            assert_eq!(row(&output, "shop_wait_seconds"), [series, series], "{form}");
        });
    }
}

#[test]
fn a_page_says_what_exists_and_what_its_labels_cost() {
    with_file(PAGE, |page| {
        let (output, error) = run(&["--page", page, "--instances", "100"]);
        assert_eq!(error, None);
        assert_eq!(row(&output, "shop_rooms"), ["10", "2", "1,000", "200"]);
        assert_eq!(row(&output, "  without room"), ["0", "-1", "0", "-100"], "the limit holds for `wing` alone too");
        assert_eq!(row(&output, "  without le"), ["-3", "-3", "-300", "-300"]);
        assert_eq!(row(&output, "other_total, which the program does not describe"), ["1+", "1", "100+", "100"]);
        assert_eq!(row(&output, "the metrics")[1], "8");
        assert_eq!(row(&output, "series in total")[1..], ["13", &row(&output, "series in total")[2], "1,300"]);
        let sizes = [PAGE.len() * 5_760, PAGE.len() * 576_000];
        assert_eq!(sizes, [1_710_720, 171_072_000], "the expected sizes below");
        assert_eq!(row(&output, "sent a day, at 297 B a page"), ["1.7 MB", "171 MB"]);
    });
}

#[test]
fn the_cost_depends_on_the_interval_and_the_size_of_a_sample() {
    with_file(PAGE, |page| {
        let costs = |args: &[&str], texts: [&str; 2]| {
            let output = run(&[&["--page", page, "--instances", "100"], args].concat()).0;
            texts.map(|text| row(&output, text)[3].clone())
        };
        let texts = ["samples a second, scraped every 15s", "stored a day, at 2 bytes a sample"];
        assert_eq!(costs(&[], texts), ["86.7", "15.0 MB"], "1,300 series");
        let texts = ["samples a second, scraped every 1m", "stored a day, at 1.37 bytes a sample"];
        assert_eq!(costs(&["--scrape-interval", "1m", "--sample-bytes", "1.37"], texts), ["21.7", "2.6 MB"]);
    });
}

#[test]
fn more_series_than_the_budget_are_an_error_after_the_table() {
    with_file(PAGE, |page| {
        let budget = |series| run(&["--page", page, "--instances", "100", "--budget", series]);
        let (output, error) = budget("1300");
        assert!(output.ends_with("\nbudget: 1,300 of 1,300 series (real), 100 %\n"), "{output}");
        assert_eq!(error, None);
        let (output, error) = budget("1299");
        assert!(output.contains("series in total"), "{output}");
        assert_eq!(
            error.unwrap(),
            "100 instances have 1,300 series (real), 1 above the budget of 1,299; the most are of `shop_wait_seconds` (500), \
             `shop_rooms` (200), `other_total` (100); remove labels, drop series with --drop and --relabel, or raise --budget"
        );
    });
    let error = run(&["--budget", "10"]).1.unwrap();
    assert!(error.starts_with("1 instance has at least "), "{error}");
    let error = run(&["--budget", "100000"]).1.unwrap();
    assert_eq!(
        error,
        "nothing bounds the worst case, so it cannot be compared with the budget of 100,000; give the number of values of \
         `service` with --values LABEL=N, or what exists with --page or --prometheus"
    );
    assert_eq!(run(&["--budget", "100000", "--values", "service=1"]).1, None);
}

#[test]
fn dropped_series_are_subtracted() {
    with_file(PAGE, |page| {
        let drop = |series: &[&str]| {
            let drops: Vec<_> = series.iter().flat_map(|series| ["--drop", series]).collect();
            let (output, error) = run(&[&["--page", page], &drops[..]].concat());
            assert_eq!(error, None);
            let total = row(&output, "series in total")[1].clone();
            (row(&output, "dropped")[1].clone(), total)
        };
        let text = |dropped: &str, total: &str| (dropped.to_owned(), total.to_owned());
        assert_eq!(drop(&["shop_rooms"]), text("-2", "11"));
        assert_eq!(drop(&["shop_wait_seconds"]), text("-5", "8"));
        assert_eq!(drop(&["shop_wait_seconds_bucket"]), text("-3", "10"));
        assert_eq!(drop(&["shop_wait_seconds{le=\"0.1\"}", "shop_wait_seconds_bucket{le = 0.10}"]), text("-1", "12"));
        assert_eq!(drop(&["shop_rooms{room=\"a\"}", "shop_rooms{wing=\"n\"}"]), text("-2", "11"));
        assert_eq!(drop(&["shop_rooms{room=\"z\"}"]), text("0", "13"));
    });
    let worst = |drop: &str, text: &str| row(&run(&["--drop", drop]).0, text)[0].clone();
    assert_eq!(worst("shop_wait_seconds_bucket", "dropped"), "-3");
    assert_eq!(worst("shop_circuit_breaker_calls_total{result=slow}", "dropped"), "-1");
    assert_eq!(worst("shop_rooms{room=a}", "dropped"), "0", "another room may take its place");
}

#[test]
fn what_must_not_be_dropped_is_refused() {
    for (drop, problem) in [
        ("shop_room", "the program has no metric `shop_room`; did you mean `shop_rooms`?"),
        ("x", "the program has no metric `x`"),
        ("shop_rooms{floor=\"1\"}", "it has no label `floor`; the labels of `shop_rooms` are `room`, `wing`"),
        ("shop_rooms{room}", "a relabel rule that removes a label saves no series: those that only differ in `room`"),
        ("shop_rooms{room=~\"a|b\"}", "expected one label and its value, as in `shop_rooms{room=\"..\"}`"),
        ("shop_rooms{room!=\"a\"}", "expected one label and its value, as in `shop_rooms{room=\"..\"}`"),
        ("shop_rooms{room=\"a\"", "expected `}` at the end"),
        ("shop_wait_seconds_sum", "it would leave a part of the histogram; expected `shop_wait_seconds`, or"),
        (
            "shop_wait_seconds_count{le=\"1\"}",
            "it would leave a part of the histogram; expected `shop_wait_seconds{..}`",
        ),
        (
            "shop_wait_seconds{le}",
            "expected a bucket, as in `shop_wait_seconds{le=\"0.1\"}`, or `shop_wait_seconds_bucket`",
        ),
        ("shop_wait_seconds_bucket{room=\"a\"}", "`shop_wait_seconds` has no labels"),
        ("shop_wait_seconds{le=\"2\"}", "it has no bucket `2`; its bounds are 0.1 1"),
        ("shop_wait_seconds{le=\"+Inf\"}", "quantiles need the bucket `+Inf`; drop others, or all of them"),
        ("shop_circuit_breaker_calls_total{result=\"lost\"}", "`result` never is `lost`; expected one of `cancelled`"),
    ] {
        let (output, error) = run(&["--drop", drop]);
        let error = error.unwrap();
        assert!(error.starts_with(&format!("--drop `{drop}`: {problem}")) && output.is_empty(), "{error}");
    }
}

#[test]
fn relabel_rules_drop_whole_histograms_and_escape_values() {
    let drops = [
        "--drop",
        "shop_wait_seconds",
        "--drop",
        "shop_rooms{room=\"a.b\"}",
        "--drop",
        "metrics_runtime_scrape_duration_seconds{le=1}",
    ];
    let rules = |form| run(&[&["--relabel", form, "--job", "shop-1"], &drops[..]].concat()).0;
    let prometheus = rules("prometheus");
    for part in [
        "# For the entry of `scrape_configs` with the job `shop-1`.\n",
        "# shop_rooms loses series, and is used by\n#   dashboard: panel `Rooms`\n",
        "    regex: 'shop_wait_seconds(_(bucket|sum|count))?'\n    action: drop\n",
        "      - __name__\n      - room\n    regex: 'shop_rooms;a\\.b'\n",
        "      - le\n    regex: 'metrics_runtime_scrape_duration_seconds_bucket;(1(\\.0)?)'\n",
    ] {
        assert!(prometheus.contains(part), "{part}\n{prometheus}");
    }
    let vmagent = rules("vmagent");
    assert!(
        vmagent.contains("    - __name__\n    - job\n    - room\n  regex: 'shop_rooms;shop-1;a\\.b'\n"),
        "{vmagent}"
    );
    // Without the native setting, there is no sample without a suffix, and the rule is the same.
    assert!(vmagent.contains("  regex: 'shop_wait_seconds(_(bucket|sum|count))?;shop-1'\n"), "{vmagent}");
}

#[test]
fn growth_is_counted_from_an_earlier_contract() {
    let mut lock = Vec::new();
    Command::parse(["lock"]).unwrap().run(&shop(), &mut lock).unwrap();
    let lock = String::from_utf8(lock).unwrap();
    let old = lock.replace("  buckets 0.1 1\n", "  buckets 0.1\n") + "counter gone_total\n";
    with_file(&old, |file| {
        let (output, _) = run(&["--since", file, "--instances", "10"]);
        let rows = ["larger shop_wait_seconds: 4 to 5", "removed gone_total: 1", "in total"];
        assert_eq!(rows.map(|text| row(&output, text)), [["+1", "+10"], ["-1", "-10"], ["+0", "+0"]]);
    });
    with_file(&lock, |file| assert!(run(&["--since", file]).0.contains("no metric has more or fewer series")));
    let error = run(&["--since", "nowhere.lock"]).1.unwrap();
    assert!(error.starts_with("`nowhere.lock` does not exist"), "{error}");
}

#[test]
fn a_page_that_cannot_be_read_is_an_error() {
    for (page, problem) in [
        ("nowhere.txt", "`nowhere.txt`: "),
        ("https://shop/metrics", "`https://shop/metrics`: it needs TLS"),
        ("http://127.0.0.1:1/metrics", "`http://127.0.0.1:1/metrics`: cannot connect: "),
    ] {
        let error = run(&["--page", page]).1.unwrap();
        assert!(error.starts_with(problem), "{error}");
    }
    with_file("<html>\n", |page| {
        let error = run(&["--page", page]).1.unwrap();
        assert!(error.ends_with("line 1: found `<html>`, expected a sample such as `jobs_total{state=\"done\"} 7`"));
    });
}

/// Answers each request with the next body.
fn serve(bodies: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for body in bodies {
            let (mut stream, _) = listener.accept().unwrap();
            // A request has no body, and its head ends with an empty line.
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn a_prometheus_that_scrapes_nothing_is_an_error() {
    let url = serve(vec!["{\"data\": {\"result\": []}}".to_owned()]);
    let error = run(&["--prometheus", &url, "--job", "shop-1"]).1.unwrap();
    assert_eq!(error, format!("`{url}`: no target of the job `shop-1` is up; set another one with --job"));
    let url = serve(vec!["<html>".to_owned()]);
    let error = run(&["--prometheus", &url]).1.unwrap();
    assert!(error.starts_with(&format!("`{url}`: the answer is not one of Prometheus; expected")), "{error}");
}

#[test]
fn the_page_of_an_address_is_counted() {
    let url = serve(vec![PAGE.to_owned(), PAGE.to_owned()]) + "/metrics";
    let (output, error) = run(&["--page", &url]);
    assert_eq!(error, None);
    assert_eq!(row(&output, "series in total")[1], "13");
    assert!(!output.contains("with gzip"), "the server does not compress: {output}");
}
