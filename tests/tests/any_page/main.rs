//! No page that Prometheus refuses: whatever a program sets and its collectors give, all formats of the page are valid.

mod collectors;
mod program;
mod words;

use std::collections::BTreeSet;
use std::sync::Once;

use metrics_runtime::{Format, exemplars};
use metrics_send::Version;
use program::Program;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{TestError, TestRunner};
use serde_json::json;
use tests::page::{Exemplar, Family, Kind, Labels, Page, Point, as_stored, difference};
use tests::prometheus::Target;
use tests::python::Python;
use tests::{canned, tools, wait};

fn install_exemplars() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| exemplars::install(program::exemplar).expect("once in this process"));
}

/// Returns a page as text for messages.
fn shown(page: &[u8]) -> String {
    String::from_utf8_lossy(page).into_owned()
}

/// Returns pages of as many random programs.
fn sample(programs: usize) -> Vec<(Format, Vec<u8>)> {
    install_exemplars();
    let mut runner = TestRunner::default();
    let mut program = || program::program().new_tree(&mut runner).expect("no value is rejected").current();
    (0..programs).flat_map(|_| program().pages()).collect()
}

#[test]
fn every_page_is_valid() {
    install_exemplars();
    let python = tools::python();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) };
    let outcome = TestRunner::new(config).run(&program::program(), |program: Program| {
        for (format, body) in program.pages() {
            let fail = |error| TestCaseError::fail(format!("{error}\n{}", shown(&body)));
            let page = Page::parse(format, &body).map_err(fail)?;
            if let (Some(python), Format::Text | Format::OpenMetrics) = (&python, format) {
                agrees_with(python, format, &shown(&body), &page).map_err(TestCaseError::fail)?;
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        match error {
            TestError::Fail(reason, program) => panic!("{reason}\n{program:#?}"),
            TestError::Abort(reason) => panic!("{reason}"),
        }
    }
}

#[test]
fn every_format_and_every_visitor_has_the_samples_of_the_text_page() {
    install_exemplars();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) };
    let outcome = TestRunner::new(config).run(&program::program(), |program: Program| {
        let Some(walks) = program.walks() else { return Ok(()) };
        let page = |format, body: &[u8]| {
            Page::parse(format, body).map_err(|error| TestCaseError::fail(format!("{error}\n{}", shown(body))))
        };
        let (text, protobuf) = (page(Format::Text, &walks.text)?, page(Format::Protobuf, &walks.protobuf)?);
        let expected = as_stored(constant(&text));
        for (what, found) in [("protobuf", as_stored(constant(&protobuf))), ("a visitor", as_stored(walks.visited))] {
            let difference = difference(&expected, &found);
            prop_assert!(difference.is_empty(), "{what} has other samples:\n{difference}{}", shown(&walks.text));
        }
        let families = |page: &Page| -> Vec<_> {
            let of = |family: &Family| (family.name.clone(), family.kind, family.help.clone());
            page.families().iter().filter(|family| !family.samples.is_empty()).map(of).collect()
        };
        prop_assert_eq!(families(&text), families(&protobuf));
        let timestamps = |page: &Page| -> Vec<_> { page.samples().map(|sample| sample.timestamp.clone()).collect() };
        prop_assert_eq!(timestamps(&text), timestamps(&protobuf));
        Ok(())
    });
    if let Err(error) = outcome {
        match error {
            TestError::Fail(reason, program) => panic!("{reason}\n{program:#?}"),
            TestError::Abort(reason) => panic!("{reason}"),
        }
    }
}

#[test]
fn remote_write_sends_the_samples_of_the_text_page() {
    let case = (program::program(), select(vec![Version::V1, Version::V2]));
    check_sent(100, case, |(program, version)| program.written(*version));
}

#[test]
fn otlp_sends_the_samples_of_the_text_page() {
    check_sent(60, program::program(), Program::exported);
}

/// Checks that programs send the samples of their text pages.
fn check_sent<C: std::fmt::Debug>(
    cases: u32,
    case: impl Strategy<Value = C>,
    send: impl Fn(&C) -> Option<(Vec<u8>, BTreeSet<Point>)>,
) {
    install_exemplars();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let outcome = TestRunner::new(config).run(&case, |case| {
        let Some((text, found)) = send(&case) else { return Ok(()) };
        let page = Page::parse(Format::Text, &text).map_err(TestCaseError::fail)?;
        // An empty label is the same as none.
        let without_empty = |mut point: Point| {
            point.labels.retain(|_, value| !value.is_empty());
            point
        };
        let expected = as_stored(constant(&page)).into_iter().map(without_empty).collect();
        let difference = difference(&expected, &as_stored(found));
        prop_assert!(difference.is_empty(), "{difference}{}", shown(&text));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Returns the samples that are the same on all pages of a program: see [`program::is_constant`].
fn constant(page: &Page) -> BTreeSet<Point> {
    page.points().into_iter().filter(|point| program::is_constant(&point.name)).collect()
}

/// Checks that the reference parser finds the same samples.
fn agrees_with(python: &Python, format: Format, text: &str, page: &Page) -> Result<(), String> {
    let (found, expected) = match format {
        Format::Text => (python.parse_text(text), with_total(page)),
        _ => (python.parse_openmetrics(text), page.points()),
    };
    match found {
        Ok(found) => match difference(&expected, &found).as_str() {
            "" => Ok(()),
            difference => Err(format!("python reads other samples:\n{difference}{text}")),
        },
        Err(error) if is_stricter(&error, page) => Ok(()),
        Err(error) => Err(format!("python: {error}\n{text}")),
    }
}

/// Returns the samples as Python's parser of the text format gives them: it adds a missing `_total`.
fn with_total(page: &Page) -> BTreeSet<Point> {
    let mut points = page.points();
    for counter in page.families().iter().filter(|family| family.kind == Kind::Counter) {
        if !counter.name.ends_with("_total") {
            let (own, other) = points.into_iter().partition(|point: &Point| point.name == counter.name);
            let own: BTreeSet<_> = own;
            points = other;
            points.extend(own.into_iter().map(|point| Point { name: format!("{}_total", point.name), ..point }));
        }
    }
    points
}

/// Returns `true` if Python refuses a page that is valid.
fn is_stricter(error: &str, page: &Page) -> bool {
    // It takes the name of each family for the name of a sample. The standard compares the names of samples, so a counter
    // `jobs_created_total` may be beside `jobs_total`. Our parser has compared them.
    let is_clash = error.starts_with("ValueError: Clashing name");
    // In the text format, it cannot distinguish a counter `jobs` from `jobs_total`.
    let is_same = error.starts_with("duplicate series") && with_total(page).len() < page.points().len();
    // It does not know escaped quotes in the labels of exemplars.
    let has_quote = |exemplar: &Exemplar| exemplar.labels.values().any(|value| value.contains('"'));
    is_clash || is_same || page.samples().filter_map(|sample| sample.exemplar.as_ref()).any(has_quote)
}

#[test]
fn prometheus_scrapes_every_page() {
    let Some(prometheus) = tools::prometheus() else { return };
    let pages = sample(150);
    let canned =
        |(format, body): &(Format, Vec<u8>)| canned::Page { content_type: format.content_type(), body: body.clone() };
    let server = canned::Server::start_all(pages.iter().map(canned).collect());
    let paths: Vec<_> = (0..pages.len()).map(|page| format!("/{page}")).collect();
    let targets = paths.iter().map(|path| Target {
        path,
        // Without their timestamps, so that no sample is too old.
        ..Target::new(path, server.address())
            .with(json!({ "scrape_interval": "5s", "scrape_timeout": "5s", "honor_timestamps": false }))
    });
    let server = prometheus.watch(&targets.collect::<Vec<_>>());
    let page_of = |job: &str| job[1..].parse::<usize>().expect("the path of a page");
    wait::until("every page to be scraped", || {
        let up = server.query("up");
        let down = up.iter().find(|(_, up)| **up < 1.0).map(|(labels, _)| &labels["job"]);
        if let Some(job) = down
            && let Some(error) = server.error(job)
        {
            // The server may have given up the connection of a scraper that was late.
            assert!(error.starts_with("Get "), "prometheus refuses a page: {error}\n{}", shown(&pages[page_of(job)].1));
        }
        (up.len() == pages.len() && down.is_none()).then_some(())
    });
    let found = || {
        let mut found = vec![BTreeSet::new(); pages.len()];
        for (mut labels, value) in server.query("{job!=\"\", __name__!~\"up|scrape_.*\"}") {
            let page = page_of(&labels["job"]);
            for target in ["job", "instance"] {
                labels.remove(target);
                if let Some(own) = labels.remove(&format!("exported_{target}")) {
                    labels.insert(target.to_owned(), own);
                }
            }
            found[page].insert(stored(labels, value));
        }
        found
    };
    let expected = |(format, body): &(Format, Vec<u8>)| -> BTreeSet<Point> {
        let page = Page::parse(*format, body).unwrap_or_else(|error| panic!("{error}\n{}", shown(body)));
        let samples = page.samples().filter(|sample| sample.name != "up" && !sample.name.starts_with("scrape_"));
        let samples = samples.map(|sample| {
            let mut labels = sample.labels.clone();
            labels.insert("__name__".to_owned(), sample.name.clone());
            stored(labels, sample.value)
        });
        samples.collect()
    };
    let expected: Vec<_> = pages.iter().map(expected).collect();
    // A page has no samples while its last scrape was late.
    let compared = wait::try_until(|| {
        let found = found();
        match (0..pages.len()).find(|&page| found[page] != expected[page]) {
            Some(page) => Err(format!("{}\n{}", difference(&expected[page], &found[page]), shown(&pages[page].1))),
            None => Ok(()),
        }
    });
    compared.unwrap_or_else(|other| panic!("prometheus reads other samples:\n{other}"));
}

/// Returns a sample as Prometheus stores it: as a 64-bit float, without empty labels.
fn stored(mut labels: Labels, value: f64) -> Point {
    let name = labels.remove("__name__").expect("every series has a name");
    labels.retain(|_, value| !value.is_empty());
    Point::new(&name, labels.iter().map(|(name, value)| (&**name, &**value)), value)
}

#[test]
fn promtool_parses_every_page() {
    let Some(promtool) = tools::promtool() else { return };
    for (_, body) in sample(60).iter().filter(|(format, _)| *format == Format::Text) {
        let text = shown(body);
        let problems = promtool.check_metrics(&text).err().unwrap_or_default();
        // All other problems are those of style, such as a counter without `_total`.
        assert!(!problems.contains("error while linting"), "{problems}\n{text}");
    }
}
