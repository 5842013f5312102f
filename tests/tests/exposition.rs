//! Pages in both formats equal the recorded values: compared as a set with a model, and with the results of the
//! reference parsers.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

mod support;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use metrics_runtime::{Descriptor, Format, Metrics, Registry};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use tests::page::{Kind, Page, Point, canonical_bound, difference};
use tests::python::Python;
use tests::tools;

/// A family with its recorded values.
#[derive(Clone, Debug)]
struct Family {
    name: String,
    help: String,
    unit: bool,
    labels: Vec<&'static str>,
    recorded: Recorded,
}

/// The recorded values by label values. Values beyond the number of labels are cut off.
type Series<T> = Vec<(Vec<String>, T)>;

#[derive(Clone, Debug)]
enum Recorded {
    /// Integer increments and one fraction.
    Counter(Series<(Vec<u64>, f64)>),
    Gauge(Series<f64>),
    /// In quarters, whose sum is exact in every order.
    Histogram(Vec<f64>, Series<Vec<i32>>),
    Info(Series<()>),
}

#[derive(Clone, Debug)]
struct Naming {
    namespace: &'static str,
    constant: Vec<(&'static str, String)>,
}

const LABELS: [&str; 5] = ["a", "b_2", "_c", "Status", "tenant"];

fn awkward() -> impl Strategy<Value = String> {
    let parts = [
        "\\",
        "\"",
        "\n",
        "\\n",
        "\\\"",
        ",",
        "=",
        "{",
        "}",
        "#",
        " ",
        "\t",
        "\r",
        "a",
        "le",
        "é",
        "\u{2028}",
        "🦀",
        "a=\"b\",",
        "} 1\n",
        "# EOF\n",
        "_overflow",
        "NaN",
    ];
    vec(select(parts.to_vec()), 0..5).prop_map(|parts| parts.concat())
}

fn series<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Series<T>> {
    btree_map(vec(awkward(), 3), value, 1..4).prop_map(|series| series.into_iter().collect())
}

fn recorded() -> impl Strategy<Value = Recorded> {
    let whole = prop_oneof![0..10_u64, Just(1 << 53), Just((1 << 53) + 1), Just(u64::MAX / 4)];
    let fraction = prop_oneof![Just(0.0), Just(0.5), Just(1e300), Just(f64::MIN_POSITIVE), 0.0..1e6];
    let odd =
        vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 5e-324, 0.1, -1e21];
    let gauge = prop_oneof![select(odd), any::<f64>()];
    let bound = prop_oneof![
        select(vec![
            -1e9,
            -2.5,
            -1.0,
            0.0,
            1e-9,
            1e-5,
            0.005,
            0.1,
            0.3,
            1.0,
            2.5,
            10.0,
            1e5,
            1e6,
            123_456_789.0,
            1e21,
            1e300
        ]),
        -10.0..10.0,
    ];
    let bounds = vec(bound, 1..6).prop_map(|mut bounds: Vec<f64>| {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds
    });
    prop_oneof![
        series((vec(whole, 0..3), fraction)).prop_map(Recorded::Counter),
        series(gauge).prop_map(Recorded::Gauge),
        (bounds, series(vec(-4000..4000, 0..6))).prop_map(|(bounds, series)| Recorded::Histogram(bounds, series)),
        series(Just(())).prop_map(Recorded::Info),
    ]
}

fn family() -> impl Strategy<Value = Family> {
    let labels = subsequence(LABELS.to_vec(), 0..=3).prop_shuffle();
    let stem = select(vec!["jobs", "A_b9", "_x", "ns:rate"]);
    (stem, awkward(), any::<bool>(), labels, recorded()).prop_map(|(stem, help, unit, labels, mut recorded)| {
        let count = labels.len();
        recorded.cut(count);
        let name = stem.to_owned();
        Family { name, help, unit, labels, recorded }
    })
}

fn families() -> impl Strategy<Value = Vec<Family>> {
    vec(family(), 1..6).prop_map(|mut families| {
        for (i, family) in families.iter_mut().enumerate() {
            let unit = if family.unit { "_bytes" } else { "" };
            family.name = match &family.recorded {
                Recorded::Counter(_) => format!("{}{i}{unit}_total", family.name),
                Recorded::Gauge(_) | Recorded::Histogram(..) => format!("{}{i}{unit}", family.name),
                // An info has no unit.
                Recorded::Info(_) => format!("{}{i}_info", family.name),
            };
            family.unit &= !matches!(family.recorded, Recorded::Info(_));
        }
        families
    })
}

fn naming() -> impl Strategy<Value = Naming> {
    let constant = btree_set(select(LABELS.to_vec()), 0..3);
    (select(vec!["", "app"]), constant, awkward()).prop_map(|(namespace, names, value)| Naming {
        namespace,
        constant: names.into_iter().map(|name| (name, value.clone())).collect(),
    })
}

impl Recorded {
    /// Cuts the label values to the number of labels, and keeps one series for each tuple.
    fn cut(&mut self, labels: usize) {
        fn cut<T>(series: &mut Series<T>, labels: usize) {
            let mut seen = BTreeSet::new();
            for (values, _) in series.iter_mut() {
                values.truncate(labels);
            }
            series.retain(|(values, _)| seen.insert(values.clone()));
            // The overflow series has its own tests.
            series.retain(|(values, _)| values.is_empty() || values.iter().any(|value| value != "_overflow"));
        }
        match self {
            Self::Counter(series) => cut(series, labels),
            Self::Gauge(series) => cut(series, labels),
            Self::Histogram(_, series) => cut(series, labels),
            Self::Info(series) => cut(series, labels),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Counter(series) => series.is_empty(),
            Self::Gauge(series) => series.is_empty(),
            Self::Histogram(_, series) => series.is_empty(),
            Self::Info(series) => series.is_empty(),
        }
    }
}

fn refs(values: &[String]) -> Vec<&str> {
    values.iter().map(String::as_str).collect()
}

fn quarters(number: i32) -> f64 {
    f64::from(number) / 4.0
}

/// The value of a counter: large numbers are whole.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the fraction is not negative")]
fn sum(whole: u64, fraction: f64) -> String {
    let exact = u128::from(whole).saturating_add(fraction as u128);
    match u64::try_from(exact) {
        Ok(exact) if fraction == 0.0 || exact >= 1 << 53 => exact.to_string(),
        Ok(_) => (whole as f64 + fraction).to_string(),
        Err(_) => fraction.max(exact as f64).to_string(),
    }
}

impl Family {
    fn record(&self, registry: &Registry) {
        let complete = |descriptor: Descriptor| {
            let descriptor = descriptor.labels(self.labels.iter().copied());
            if self.unit { descriptor.unit("bytes") } else { descriptor }
        };
        let (name, help) = (self.name.clone(), self.help.clone());
        match &self.recorded {
            Recorded::Counter(series) => {
                let family = registry.counter(complete(Descriptor::counter(name, help))).unwrap();
                for (values, (whole, fraction)) in series {
                    let counter = family.get_or_create(&refs(values)).unwrap();
                    for n in whole {
                        counter.inc_by(*n);
                    }
                    counter.add(*fraction);
                }
            }
            Recorded::Gauge(series) => {
                let family = registry.gauge(complete(Descriptor::gauge(name, help))).unwrap();
                for (values, value) in series {
                    family.get_or_create(&refs(values)).unwrap().set(*value);
                }
            }
            Recorded::Histogram(bounds, series) => {
                let descriptor = Descriptor::histogram(name, help, bounds.clone());
                let family = registry.histogram(complete(descriptor)).unwrap();
                for (values, observed) in series {
                    let histogram = family.get_or_create(&refs(values)).unwrap();
                    for number in observed {
                        histogram.observe(quarters(*number));
                    }
                }
            }
            Recorded::Info(series) => {
                let family = registry.info(complete(Descriptor::info(name, help))).unwrap();
                for (values, ()) in series {
                    family.get_or_create(&refs(values)).unwrap();
                }
            }
        }
    }

    /// The points that a page must have.
    fn points(&self, naming: &Naming, format: Format) -> BTreeSet<Point> {
        let name = self.full_name(naming);
        let mut points = BTreeSet::new();
        let mut point = |suffix: &str, values: &[String], le: Option<f64>, value: String| {
            let constant = naming.constant.iter().filter(|(label, _)| !self.labels.contains(label));
            let constant = constant.map(|(label, value)| (*label, value.as_str()));
            let own = self.labels.iter().copied().zip(values.iter().map(String::as_str));
            let le = le.map(canonical_bound);
            let le = le.iter().map(|le| ("le", le.as_str()));
            let labels = constant.chain(own).chain(le);
            points.insert(Point::new(&format!("{name}{suffix}"), labels, value));
        };
        match &self.recorded {
            Recorded::Counter(series) => {
                for (values, (whole, fraction)) in series {
                    let whole: u64 = whole.iter().sum();
                    point("", values, None, sum(whole, *fraction));
                }
            }
            Recorded::Gauge(series) => {
                for (values, value) in series {
                    point("", values, None, value.to_string());
                }
            }
            Recorded::Histogram(bounds, series) => {
                // Observations below zero are only accepted if a bound is negative too.
                let signed = bounds[0] < 0.0;
                let with_sum = format == Format::Text || !signed;
                for (values, observed) in series {
                    let observed: Vec<_> = observed.iter().filter(|number| signed || **number >= 0).collect();
                    for bound in bounds.iter().copied().chain([f64::INFINITY]) {
                        let below = observed.iter().filter(|number| quarters(***number) <= bound).count();
                        point("_bucket", values, Some(bound), below.to_string());
                    }
                    if with_sum {
                        let sum: f64 = observed.iter().map(|number| quarters(**number)).sum();
                        point("_sum", values, None, sum.to_string());
                        point("_count", values, None, observed.len().to_string());
                    }
                }
            }
            Recorded::Info(series) => {
                for (values, ()) in series {
                    point("", values, None, "1".to_owned());
                }
            }
        }
        points
    }

    fn full_name(&self, naming: &Naming) -> String {
        let separator = if naming.namespace.is_empty() { "" } else { "_" };
        format!("{}{separator}{}", naming.namespace, self.name)
    }

    fn check_header(&self, naming: &Naming, format: Format, page: &Page) {
        if self.recorded.is_empty() {
            return;
        }
        let name = self.full_name(naming);
        let (name, kind) = match (&self.recorded, format) {
            (Recorded::Counter(_), Format::Text) => (name.as_str(), Kind::Counter),
            (Recorded::Counter(_), _) => (name.strip_suffix("_total").unwrap(), Kind::Counter),
            (Recorded::Gauge(_), _) | (Recorded::Info(_), Format::Text) => (name.as_str(), Kind::Gauge),
            (Recorded::Histogram(..), _) => (name.as_str(), Kind::Histogram),
            (Recorded::Info(_), _) => (name.strip_suffix("_info").unwrap(), Kind::Info),
        };
        let family = page.family(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(family.kind, kind, "{name}");
        assert_eq!(family.help.as_deref().unwrap_or_default(), self.help, "{name}");
        let unit = if self.unit && format == Format::OpenMetrics { Some("bytes") } else { None };
        assert_eq!(family.unit.as_deref(), unit, "{name}");
    }
}

/// The points without the toolkit's own metrics, with bounds in canonical form.
fn compared(points: BTreeSet<Point>) -> BTreeSet<Point> {
    let points = points.into_iter().filter(|point| !point.name.starts_with("metrics_runtime_"));
    let points = points.map(|mut point| {
        if let Some(le) = point.labels.get_mut("le").filter(|le| le.as_str() != "+Inf") {
            *le = canonical_bound(le.parse().unwrap());
        }
        point
    });
    points.collect()
}

/// The points with values rounded to the precision of Python's floats.
fn as_floats(points: BTreeSet<Point>) -> BTreeSet<Point> {
    let points = compared(points).into_iter().map(|point| {
        let labels = point.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Point::new(&point.name, labels, point.value.parse::<f64>().unwrap())
    });
    points.collect()
}

static PYTHON: LazyLock<Option<Python>> = LazyLock::new(tools::python);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_page_has_the_recorded_values(families in families(), naming in naming()) {
        let registry = Registry::new();
        for family in &families {
            family.record(&registry);
        }
        let mut builder = Metrics::builder().registry(&registry).namespace(naming.namespace);
        for (name, value) in &naming.constant {
            builder = builder.constant_label(*name, value.as_str());
        }
        let metrics = builder.build().unwrap();
        for format in [Format::Text, Format::OpenMetrics] {
            let text = String::from_utf8(metrics.render_as(format)).unwrap();
            let open = format == Format::OpenMetrics;
            let page = if open { Page::parse_openmetrics(&text) } else { Page::parse_text(&text) };
            let page = page.unwrap_or_else(|error| panic!("{error}\n{text}"));
            let expected: BTreeSet<_> = families.iter().flat_map(|family| family.points(&naming, format)).collect();
            let found = compared(page.points());
            prop_assert!(found == expected, "{}{}", difference(&expected, &found), text);
            for family in &families {
                family.check_header(&naming, format, &page);
            }
            if let Some(python) = &*PYTHON {
                let found = if open { python.parse_openmetrics(&text) } else { python.parse_text(&text) };
                let found = as_floats(found.unwrap_or_else(|error| panic!("{error}\n{text}")));
                let expected = as_floats(expected);
                prop_assert!(found == expected, "python: {}{}", difference(&expected, &found), text);
            }
        }
    }
}

#[test]
fn counters_of_creations_are_told_apart_from_times_of_creation() {
    let registry = Registry::new();
    for name in ["sent_bytes_total", "sent_bytes_created_total"] {
        let descriptor =
            Descriptor::counter(name, "Sent.").unit(if name.contains("created") { "created" } else { "bytes" });
        registry.counter(descriptor).unwrap().get_or_create(&[]).unwrap().inc_by(2);
    }
    let metrics = Metrics::builder().registry(&registry).namespace("shop").build().unwrap();
    let text = String::from_utf8(metrics.render_as(Format::OpenMetrics)).unwrap();
    let page = Page::parse_openmetrics(&text).unwrap();
    assert_eq!(page.family("shop_sent_bytes_total").unwrap().kind, Kind::Unknown);
    assert_eq!(page.family("shop_sent_bytes_created").unwrap().kind, Kind::Counter);
    if let Some(python) = &*PYTHON {
        let found = python.parse_openmetrics(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(found.contains(&Point::new("shop_sent_bytes_total", [], 2.0)), "{found:?}");
    }
}

#[test]
fn an_empty_registry_renders_a_valid_page() {
    let registry = Registry::new();
    let own = ["metrics_runtime_rejected_values_total", "metrics_runtime_scrape_errors_total"];
    for name in own {
        assert!(support::page_of(&registry).series(name).iter().all(|sample| sample.labels.len() < 2));
    }
    assert!(registry.render().ends_with('\n'));
    let metrics = Metrics::builder().registry(&registry).build().unwrap();
    let open = String::from_utf8(metrics.render_as(Format::OpenMetrics)).unwrap();
    assert_eq!(open.matches("# EOF").count(), 1);
    assert!(open.ends_with("# EOF\n"));
}

#[test]
fn counters_beyond_the_precision_of_floats_keep_their_digits() {
    let registry = Registry::new();
    let counter = registry.counter(Descriptor::counter("large_total", "Large.")).unwrap();
    counter.get_or_create(&[]).unwrap().inc_by(u64::MAX - 1);
    assert_eq!(support::page_of(&registry).text("large_total", []), "18446744073709551614");
    assert_eq!(support::openmetrics_of(&registry).text("large_total", []), "18446744073709551614");
}
