//! The bridge to the `prometheus` crate: its collectors on our page, our families in its registries.
//!
//! `cargo test -p tests --features protobuf --test registry` runs the same tests with the other one of its two data
//! models.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::collections::{BTreeSet, HashMap};

use metrics_runtime::{Builder, Descriptor, Http, Metrics, Registry};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, MetricFamily};
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, TextEncoder, default_registry,
};
use support::{openmetrics_of, page_of, panics, quiet_panic};
use tests::collector::Fixed;
use tests::log::Log;
use tests::page::{Kind, Page, Point, difference};

fn counter(name: &str) -> IntCounter {
    IntCounter::new(name, format!("Help of {name}.")).unwrap()
}

/// Returns the log of `run`, and its result.
fn logged<T>(run: impl FnOnce() -> T) -> (Vec<String>, T) {
    let (log, _logging) = Log::start();
    let given = run();
    (log.lines(), given)
}

/// The page that the `prometheus` crate renders.
fn prometheus_page(registry: &prometheus::Registry) -> Page {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    Page::parse_text(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The points of a page without the toolkit's own metrics.
fn points(page: &Page) -> BTreeSet<Point> {
    page.points().into_iter().filter(|point| !point.name.starts_with("metrics_runtime_")).collect()
}

fn errors(page: &Page, cause: &str) -> f64 {
    page.value("metrics_runtime_scrape_errors_total", [("cause", cause)])
}

/// A collector of every kind, with samples.
fn collectors() -> Vec<Box<dyn Collector>> {
    let plain = counter("plain_total");
    plain.inc_by(3);
    let labelled = IntCounterVec::new(Opts::new("labelled_total", "By \"tenant\"\\\n."), &["tenant", "b"]).unwrap();
    labelled.with_label_values(&["a\"\\\n", "x"]).inc();
    labelled.with_label_values(&["", "é"]).inc_by(u64::MAX >> 12);
    let gauge = IntGauge::with_opts(Opts::new("gauge", "A gauge.").const_label("fixed", "yes")).unwrap();
    gauge.set(-4);
    // No infinity: the crate writes `-inf`, which is not valid in the format.
    let float = prometheus::Gauge::new("float", "A float.").unwrap();
    float.set(-1.5e300);
    let histogram =
        HistogramVec::new(HistogramOpts::new("sizes", "Sizes.").buckets(vec![0.5, 1.0, 100.0]), &["kind"]).unwrap();
    for value in [0.25, 0.5, 7.0, 1e9] {
        histogram.with_label_values(&["a"]).observe(value);
    }
    vec![Box::new(plain), Box::new(labelled), Box::new(gauge), Box::new(float), Box::new(histogram)]
}

fn register_families(registry: &Registry, name: &str, families: Vec<MetricFamily>) {
    let description = Desc::new(name.to_owned(), "Foreign.".to_owned(), vec![], HashMap::new()).unwrap();
    registry.register(Box::new(Fixed { description, families })).unwrap();
}

/// Registers a family that has the type of its first metric.
fn register_family(registry: &Registry, name: &str, metrics: Vec<proto::Metric>) {
    register_families(registry, name, vec![family_of(name, metrics)]);
}

/// As [`register_family`], as one of several collectors of this name.
fn register_part(registry: &Registry, name: &str, part: &str, metrics: Vec<proto::Metric>) {
    let constant = HashMap::from([("part".to_owned(), part.to_owned())]);
    let description = Desc::new(name.to_owned(), "Foreign.".to_owned(), vec![], constant).unwrap();
    registry.register(Box::new(Fixed { description, families: vec![family_of(name, metrics)] })).unwrap();
}

fn family_of(name: &str, metrics: Vec<proto::Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help("Foreign.".to_owned());
    family.set_field_type(match &metrics[0] {
        metric if !metric.get_histogram().get_bucket().is_empty() => proto::MetricType::HISTOGRAM,
        metric if !metric.get_summary().get_quantile().is_empty() => proto::MetricType::SUMMARY,
        _ => proto::MetricType::COUNTER,
    });
    family.set_metric(metrics);
    family
}

fn counter_value(value: f64) -> proto::Metric {
    let mut counter = proto::Counter::default();
    counter.set_value(value);
    let mut metric = proto::Metric::default();
    metric.set_counter(counter);
    metric
}

/// A metric whose untyped value is 7.
fn untyped_seven() -> proto::Metric {
    let mut metric = proto::Metric::default();
    #[cfg(not(feature = "protobuf"))]
    #[allow(deprecated, reason = "it has no replacement")]
    {
        let mut untyped = proto::Untyped::default();
        untyped.set_value(7.0);
        metric.set_untyped(untyped);
    }
    #[cfg(feature = "protobuf")]
    metric.untyped.mut_or_insert_default().set_value(7.0);
    metric
}

fn buckets(buckets: &[(f64, u64)]) -> proto::Metric {
    buckets_and_sum(buckets, 0.0)
}

fn buckets_and_sum(buckets: &[(f64, u64)], sum: f64) -> proto::Metric {
    let mut histogram = proto::Histogram::default();
    histogram.set_sample_sum(sum);
    histogram.set_sample_count(buckets.last().map_or(0, |(_, count)| *count));
    let buckets = buckets.iter().map(|(bound, count)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*count);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    let mut metric = proto::Metric::default();
    metric.set_histogram(histogram);
    metric
}

fn quantiles(quantiles: &[f64]) -> proto::Metric {
    let zeros: Vec<_> = quantiles.iter().map(|quantile| (*quantile, 0.0)).collect();
    quantiles_and_sum(&zeros, 0.0)
}

fn quantiles_and_sum(quantiles: &[(f64, f64)], sum: f64) -> proto::Metric {
    let quantiles = quantiles.iter().map(|(quantile, value)| {
        let mut of = proto::Quantile::default();
        of.set_quantile(*quantile);
        of.set_value(*value);
        of
    });
    let mut summary = proto::Summary::default();
    summary.set_sample_sum(sum);
    summary.set_quantile(quantiles.collect());
    let mut metric = proto::Metric::default();
    metric.set_summary(summary);
    metric
}

fn at(mut metric: proto::Metric, milliseconds: i64) -> proto::Metric {
    metric.set_timestamp_ms(milliseconds);
    metric
}

fn labelled(mut metric: proto::Metric, label: &str, value: &str) -> proto::Metric {
    let mut pair = proto::LabelPair::default();
    pair.set_name(label.to_owned());
    pair.set_value(value.to_owned());
    metric.set_label(vec![pair]);
    metric
}

mod collectors_on_our_page {
    use super::*;

    #[test]
    fn every_kind_of_collector_keeps_its_samples() {
        let (ours, other) = (Registry::new(), prometheus::Registry::new());
        for collector in collectors() {
            ours.register(collector).unwrap();
        }
        for collector in collectors() {
            other.register(collector).unwrap();
        }
        let page = page_of(&ours);
        assert_eq!(difference(&prometheus_page(&other).points(), &points(&page)), "");
        let there = prometheus_page(&other);
        for family in there.families() {
            let here = page.family(&family.name).unwrap();
            assert_eq!((here.kind, &here.help), (family.kind, &family.help));
        }
        // The same samples in OpenMetrics.
        let open = openmetrics_of(&ours);
        assert_eq!(open.value("plain_total", []), 3.0);
        assert_eq!(open.value("sizes_bucket", [("kind", "a"), ("le", "1.0")]), 2.0);
        assert_eq!(open.family("plain").unwrap().kind, Kind::Counter);
    }

    #[test]
    fn families_that_scrapers_misread_are_left_out_and_counted() {
        let invalid = [
            ("negative_total", vec![counter_value(-1.0)]),
            ("nan_total", vec![counter_value(f64::NAN)]),
            ("bound_twice", vec![buckets(&[(1.0, 1), (1.0, 2)])]),
            ("bounds_fall", vec![buckets(&[(2.0, 1), (1.0, 2)])]),
            ("bound_nan", vec![buckets(&[(f64::NAN, 1)])]),
            ("counts_fall", vec![buckets(&[(1.0, 2), (2.0, 1)])]),
            ("infinite_falls", vec![buckets(&[(1.0, 2), (f64::INFINITY, 1)])]),
            ("quantile_twice", vec![quantiles(&[0.5, 0.9, 0.5])]),
            ("quantile_zero_twice", vec![quantiles(&[0.0, -0.0])]),
            ("quantile_below", vec![quantiles(&[-1.0])]),
            ("quantile_above", vec![quantiles(&[2.0])]),
            ("quantile_nan", vec![quantiles(&[f64::NAN])]),
            ("too_early_total", vec![at(counter_value(1.0), -1)]),
            ("one_of_two", vec![buckets(&[(1.0, 1)]), buckets(&[(1.0, 1), (1.0, 1)])]),
        ];
        let number = invalid.len();
        let ours = Registry::new();
        let names = invalid.each_ref().map(|(name, _)| *name);
        for (name, metrics) in invalid {
            register_family(&ours, name, metrics);
        }
        register_family(&ours, "sound_total", vec![counter_value(f64::INFINITY)]);
        register_family(&ours, "sound_sizes", vec![buckets(&[(-1.0, 0), (1.0, 2), (f64::INFINITY, 2)])]);
        register_family(&ours, "sound_quantiles", vec![quantiles(&[1.0, 0.0, 0.5])]);
        for (i, page) in [page_of(&ours), openmetrics_of(&ours)].into_iter().enumerate() {
            for name in names {
                assert!(
                    page.family(name).is_none() && page.family(name.trim_end_matches("_total")).is_none(),
                    "{name}"
                );
            }
            assert_eq!(errors(&page, "invalid"), (number * (i + 1)) as f64);
            assert_eq!(page.value("sound_total", []), f64::INFINITY);
            assert_eq!(page.value("sound_quantiles_count", []), 0.0);
        }
        assert_eq!(page_of(&ours).value("sound_sizes_bucket", [("le", "+Inf")]), 2.0);
    }

    #[test]
    fn labels_that_prometheus_drops_or_reserves_are_left_out_and_counted() {
        let ours = Registry::new();
        let labelled = |label: &str, value: &str| labelled(counter_value(1.0), label, value);
        // A label without a value is no label.
        register_family(&ours, "same_total", vec![counter_value(1.0), labelled("zone", "")]);
        register_family(&ours, "named_total", vec![labelled("__name__", "up")]);
        register_family(&ours, "sound_total", vec![labelled("zone", "")]);
        let page = page_of(&ours);
        assert!(page.family("same_total").is_none() && page.family("named_total").is_none());
        assert_eq!((errors(&page, "invalid"), page.series("sound_total").len()), (2.0, 1));
    }

    #[test]
    fn a_histogram_named_as_the_total_of_a_counter_keeps_its_type() {
        let ours = Registry::new();
        register_family(&ours, "jobs", vec![counter_value(1.0)]);
        register_family(&ours, "jobs_total", vec![buckets(&[(1.0, 1)])]);
        assert_eq!(openmetrics_of(&ours).family("jobs_total").unwrap().kind, Kind::Histogram);
    }

    /// Only histograms reserve `le`, and only summaries `quantile`.
    #[test]
    fn a_label_named_as_that_of_another_kind_is_kept() {
        let ours = Registry::new();
        register_family(&ours, "jobs_total", vec![labelled(counter_value(1.0), "le", "1")]);
        register_family(&ours, "sizes", vec![labelled(buckets(&[(1.0, 2)]), "quantile", "0.5")]);
        register_family(&ours, "waits", vec![labelled(quantiles(&[0.5]), "le", "x")]);
        register_family(&ours, "bad", vec![labelled(buckets(&[(1.0, 2)]), "le", "1")]);
        for page in [page_of(&ours), openmetrics_of(&ours)] {
            assert_eq!(page.value("jobs_total", [("le", "1")]), 1.0);
            assert_eq!(page.value("sizes_count", [("quantile", "0.5")]), 2.0);
            assert_eq!(page.value("waits", [("le", "x"), ("quantile", "0.5")]), 0.0);
            assert!(page.family("bad").is_none());
        }
    }

    /// In OpenMetrics, the sums of histograms and summaries are counters.
    #[test]
    fn a_negative_sum_is_on_the_page_in_the_text_format_only() {
        let ours = Registry::new();
        register_family(&ours, "below", vec![buckets_and_sum(&[(1.0, 2)], -2.0)]);
        register_family(&ours, "undefined", vec![buckets_and_sum(&[(1.0, 2)], f64::NAN)]);
        register_family(&ours, "waits", vec![quantiles_and_sum(&[(0.5, -1.0), (0.9, 0.0)], -2.0)]);
        let text = page_of(&ours);
        assert_eq!((text.value("below_sum", []), text.value("below_count", [])), (-2.0, 2.0));
        assert!(text.value("undefined_sum", []).is_nan());
        assert_eq!((text.value("waits_sum", []), text.value("waits", [("quantile", "0.5")])), (-2.0, -1.0));
        let open = openmetrics_of(&ours);
        for name in ["below", "undefined"] {
            assert_eq!(open.value(&format!("{name}_bucket"), [("le", "1.0")]), 2.0);
            assert_eq!(open.sample(&format!("{name}_sum"), []), None);
            // A count requires a sum.
            assert_eq!(open.sample(&format!("{name}_count"), []), None);
        }
        assert_eq!((open.sample("waits_sum", []), open.sample("waits_count", [])), (None, Some(0.0)));
        assert_eq!(open.sample("waits", [("quantile", "0.5")]), None);
        assert_eq!(open.value("waits", [("quantile", "0.9")]), 0.0);
    }

    #[test]
    fn an_invalid_series_costs_another_collector_of_that_name_nothing() {
        let ours = Registry::new();
        let named = |zone: &str, value: f64| labelled(counter_value(value), "zone", zone);
        register_part(&ours, "jobs_total", "a", vec![named("a", 1.0)]);
        register_part(&ours, "jobs_total", "b", vec![named("b", -1.0)]);
        register_part(&ours, "jobs_total", "c", vec![named("a", 3.0)]);
        register_part(&ours, "jobs_total", "d", vec![named("d", 4.0)]);
        let page = page_of(&ours);
        let value = |zone| page.sample("jobs_total", [("zone", zone)]);
        assert_eq!((value("a"), value("b"), value("d")), (Some(1.0), None, Some(4.0)));
        assert_eq!(errors(&page, "invalid"), 2.0);
    }

    #[test]
    fn a_timestamp_of_a_collector_is_kept_in_both_formats() {
        let ours = Registry::new();
        register_family(&ours, "at_total", vec![at(counter_value(1.0), 1_700_000_000_042)]);
        register_family(&ours, "at_sizes", vec![at(buckets(&[(1.0, 2)]), 1_700_000_000_000)]);
        register_family(&ours, "at_quantiles", vec![at(quantiles(&[0.5]), 1500)]);
        register_family(&ours, "now_total", vec![counter_value(1.0)]);
        let expected = [
            ("at_total", Some("1700000000042"), Some("1700000000.042")),
            ("at_sizes_bucket", Some("1700000000000"), Some("1700000000.000")),
            ("at_sizes_sum", Some("1700000000000"), Some("1700000000.000")),
            ("at_sizes_count", Some("1700000000000"), Some("1700000000.000")),
            ("at_quantiles", Some("1500"), Some("1.500")),
            ("at_quantiles_count", Some("1500"), Some("1.500")),
            ("now_total", None, None),
        ];
        let (text, open) = (page_of(&ours), openmetrics_of(&ours));
        let timestamps = |page: &Page, name: &str| {
            let series = page.series(name);
            assert!(!series.is_empty(), "{name}");
            series.iter().map(|sample| sample.timestamp.clone()).collect::<BTreeSet<_>>()
        };
        for (name, in_text, in_open) in expected {
            assert_eq!(timestamps(&text, name), BTreeSet::from([in_text.map(str::to_owned)]), "{name}");
            assert_eq!(timestamps(&open, name), BTreeSet::from([in_open.map(str::to_owned)]), "{name}");
        }
    }

    #[test]
    fn an_untyped_value_is_kept_or_left_out_and_counted() {
        let ours = Registry::new();
        let family = |name: &str, metric| {
            let mut family = family_of(name, vec![metric]);
            family.set_field_type(proto::MetricType::UNTYPED);
            family
        };
        register_families(&ours, "counted", vec![family("counted", counter_value(7.0))]);
        let page = page_of(&ours);
        assert_eq!((page.value("counted", []), page.family("counted").unwrap().kind), (7.0, Kind::Unknown));
        // Without a value that can be read, there is no 0.
        register_families(&ours, "unset", vec![family("unset", untyped_seven())]);
        let page = page_of(&ours);
        if cfg!(feature = "protobuf") {
            assert_eq!((page.sample("unset", []), errors(&page, "invalid")), (None, 1.0));
        } else {
            assert_eq!((page.sample("unset", []), errors(&page, "invalid")), (Some(7.0), 0.0));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_registry_with_process_metrics_beside_those_of_the_toolkit_is_said_once() {
        let (ours, old) = (Registry::new(), prometheus::Registry::new());
        for name in ["process_open_fds", "process_threads", "old_gauge"] {
            old.register(Box::new(IntGauge::new(name, "Old.").unwrap())).unwrap();
        }
        ours.include(old);
        let (log, metrics) = logged(|| Metrics::builder().registry(&ours).process().build().unwrap());
        let said: Vec<_> = log.iter().filter(|line| line.contains("process_open_fds, process_threads")).collect();
        assert_eq!(said.len(), 1, "{log:?}");
        let (log, _) = logged(|| metrics.render());
        assert!(log.is_empty(), "{log:?}");
        let page = page_of(&ours);
        assert_eq!((page.value("old_gauge", []), errors(&page, "duplicate")), (0.0, 0.0));
        assert!(page.value("process_threads", []) > 0.0);
    }

    #[test]
    fn a_whole_registry_can_be_included() {
        let ours = Registry::new();
        let other = prometheus::Registry::new_custom(Some("app".into()), None).unwrap();
        for collector in collectors() {
            other.register(collector).unwrap();
        }
        ours.include(other.clone());
        assert_eq!(difference(&prometheus_page(&other).points(), &points(&page_of(&ours))), "");
        assert_eq!(page_of(&ours).value("app_plain_total", []), 3.0);
        // Collectors that are registered there later also appear here.
        let later = counter("later_total");
        other.register(Box::new(later.clone())).unwrap();
        later.inc();
        assert_eq!(page_of(&ours).value("app_later_total", []), 1.0);
    }

    #[test]
    fn the_default_registry_can_be_included() {
        let ours = Registry::new();
        let there = counter("in_the_default_total");
        default_registry().register(Box::new(there.clone())).unwrap();
        ours.include(default_registry().clone());
        there.inc();
        assert_eq!(page_of(&ours).value("in_the_default_total", []), 1.0);
    }

    #[test]
    fn collectors_keep_their_names_under_a_namespace() {
        let registry = Registry::new();
        registry.register(Box::new(counter("foreign_total"))).unwrap();
        registry.counter(Descriptor::counter("own_total", "Own.")).unwrap().get_or_create(&[]).unwrap().inc();
        let metrics =
            Metrics::builder().registry(&registry).namespace("app").constant_label("region", "eu").build().unwrap();
        let page = Page::parse_text(&metrics.render()).unwrap();
        assert_eq!(page.value("foreign_total", []), 0.0);
        assert_eq!(page.value("app_own_total", [("region", "eu")]), 1.0);
    }

    struct Panics {
        desc: Desc,
        panic: fn() -> Vec<MetricFamily>,
    }

    impl Collector for Panics {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.desc]
        }
        fn collect(&self) -> Vec<MetricFamily> {
            (self.panic)()
        }
    }

    fn panicking(name: &str, panic: fn() -> Vec<MetricFamily>) -> Box<dyn Collector> {
        Box::new(Panics { desc: Desc::new(name.into(), "Panics.".into(), Vec::new(), [].into()).unwrap(), panic })
    }

    #[test]
    fn a_collector_that_panics_loses_only_its_own_metrics() {
        let ours = Registry::new();
        ours.gauge(Descriptor::gauge("own", "Own.")).unwrap().get_or_create(&[]).unwrap().set(1.0);
        ours.register(panicking("panics", || quiet_panic())).unwrap();
        ours.register(Box::new(counter("healthy_total"))).unwrap();
        let page = page_of(&ours);
        assert_eq!(page.value("own", []), 1.0);
        assert_eq!(page.value("healthy_total", []), 0.0);
        assert_eq!(page.family("panics"), None);
        // Each page adds one error, which it already shows itself.
        let before = errors(&page, "panic");
        let other = prometheus::Registry::new();
        other.register(panicking("included", || quiet_panic())).unwrap();
        panics(|| other.gather());
        ours.include(other);
        assert_eq!(errors(&page_of(&ours), "panic"), before + 2.0);
        assert_eq!(page_of(&ours).value("healthy_total", []), 0.0);
    }

    #[test]
    fn a_problem_is_logged_once_and_without_the_panic_message() {
        let ours = Registry::new();
        for name in ["first", "second"] {
            ours.register(panicking(name, || std::panic::resume_unwind(Box::new("a canary")))).unwrap();
        }
        let logged = logged(|| [page_of(&ours), page_of(&ours)].map(|page| errors(&page, "panic")));
        assert_eq!(logged.1, [2.0, 4.0]);
        assert_eq!(logged.0.len(), 1, "{:?}", logged.0);
        assert!(logged.0[0].contains("the collector of `first` panicked; the rest of the page is served"));
        assert!(!logged.0[0].contains("canary"), "{:?}", logged.0);
    }

    #[test]
    fn a_collector_with_a_taken_name_is_skipped_and_counted() {
        let ours = Registry::new();
        ours.counter(Descriptor::counter("taken_total", "Ours.")).unwrap().get_or_create(&[]).unwrap().inc_by(5);
        let histogram = Descriptor::histogram("seconds", "Ours.", vec![1.0]);
        ours.histogram(histogram).unwrap().get_or_create(&[]).unwrap().observe(0.5);
        let duplicate = counter("taken_total");
        duplicate.inc();
        ours.register(Box::new(duplicate)).unwrap();
        ours.register(Box::new(counter("seconds_count"))).unwrap();
        ours.register(Box::new(counter("free_total"))).unwrap();
        let (one, other) = (prometheus::Registry::new(), prometheus::Registry::new());
        for registry in [&one, &other] {
            registry.register(Box::new(counter("twice_total"))).unwrap();
            ours.include(registry.clone());
        }
        let page = page_of(&ours);
        assert_eq!(page.value("taken_total", []), 5.0);
        assert_eq!(page.family("taken_total").unwrap().help.as_deref(), Some("Ours."));
        assert_eq!(page.value("seconds_count", []), 1.0);
        assert_eq!(page.value("free_total", []), 0.0);
        assert_eq!(page.series("twice_total").len(), 1);
        assert_eq!(errors(&page, "duplicate"), 3.0);
        assert_eq!(errors(&page_of(&ours), "duplicate"), 6.0);
    }

    /// In OpenMetrics, the family of `jobs_total` is named `jobs`.
    #[test]
    fn a_name_that_is_taken_in_openmetrics_only() {
        let ours = Registry::new();
        ours.gauge(Descriptor::gauge("jobs", "Ours.")).unwrap().get_or_create(&[]).unwrap().set(2.0);
        ours.register(Box::new(counter("jobs_total"))).unwrap();
        ours.register(Box::new(counter("others_total"))).unwrap();
        ours.register(Box::new(IntGauge::new("others", "Theirs.").unwrap())).unwrap();
        let text = page_of(&ours);
        assert_eq!((text.value("jobs", []), text.value("jobs_total", [])), (2.0, 0.0));
        let open = openmetrics_of(&ours);
        assert_eq!(open.value("jobs", []), 2.0);
    }

    /// In OpenMetrics, `jobs_created` is a sample of the counter `jobs_total`, and `sizes_created` one of the histogram.
    #[test]
    fn a_name_that_openmetrics_reserves_for_creation_times() {
        let ours = Registry::new();
        ours.counter(Descriptor::counter("own_total", "Ours.")).unwrap().get_or_create(&[]).unwrap().inc();
        // A counter of created jobs is another family.
        ours.counter(Descriptor::counter("own_created_total", "Ours.")).unwrap().get_or_create(&[]).unwrap().inc();
        ours.register(Box::new(counter("jobs_total"))).unwrap();
        register_family(&ours, "sizes", vec![buckets(&[(1.0, 1)])]);
        for name in ["own_created", "jobs_created", "sizes_created"] {
            ours.register(Box::new(IntGauge::new(name, "Theirs.").unwrap())).unwrap();
        }
        for page in [page_of(&ours), openmetrics_of(&ours)] {
            assert_eq!((page.value("own_total", []), page.value("own_created_total", [])), (1.0, 1.0));
            // The counter loses its type in OpenMetrics, so that both keep their values.
            assert_eq!((page.value("jobs_total", []), page.value("jobs_created", [])), (0.0, 0.0));
            assert_eq!(page.value("sizes_count", []), 1.0);
            assert_eq!((page.sample("own_created", []), page.sample("sizes_created", [])), (None, None));
        }
        assert_eq!(errors(&page_of(&ours), "duplicate"), 6.0);
    }

    #[test]
    fn names_of_the_toolkits_own_metrics_are_reserved() {
        let ours = Registry::new();
        ours.register(Box::new(counter("metrics_runtime_scrape_errors_total"))).unwrap();
        let page = page_of(&ours);
        assert_eq!(errors(&page, "duplicate"), 1.0);
        assert!(
            page.series("metrics_runtime_scrape_errors_total").iter().all(|series| series.labels.contains_key("cause"))
        );
    }

    #[test]
    fn the_same_collector_twice_is_an_error() {
        let ours = Registry::new();
        ours.register(Box::new(counter("once_total"))).unwrap();
        let error = ours.register(Box::new(counter("once_total"))).unwrap_err().to_string();
        assert!(error.contains("refused"), "{error}");
    }

    #[test]
    fn names_that_only_prometheus_allows_still_make_valid_pages() {
        let ours = Registry::new();
        // A counter without `_total`, a gauge with it, and names with colons.
        ours.register(Box::new(counter("no_suffix"))).unwrap();
        ours.register(Box::new(IntGauge::new("like_a_total", "Gauge.").unwrap())).unwrap();
        ours.register(Box::new(counter("job:errors:total"))).unwrap();
        let text = page_of(&ours);
        assert_eq!(text.family("no_suffix").unwrap().kind, Kind::Counter);
        let open = openmetrics_of(&ours);
        assert_eq!(open.value("no_suffix", []), 0.0);
        assert_eq!(open.value("like_a_total", []), 0.0);
        assert_eq!(open.value("job:errors:total", []), 0.0);
    }
}

mod families_in_prometheus_registries {
    use super::*;

    #[test]
    fn every_kind_of_family_keeps_its_samples() {
        let (ours, other) = (Registry::new(), prometheus::Registry::new());
        let counter = ours.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["z", "a"])).unwrap();
        counter.get_or_create(&["1", "2\"\\\n"]).unwrap().inc_by(3);
        counter.get_or_create(&["", ""]).unwrap().add(0.5);
        let gauge = ours.gauge(Descriptor::gauge("depth", "Depth.")).unwrap();
        gauge.get_or_create(&[]).unwrap().set(-2.5);
        let under_way = ours.in_flight(Descriptor::gauge("under_way", "Under way.").labels(["kind"])).unwrap();
        under_way.get_or_create(&["x"]).unwrap();
        let sizes =
            ours.histogram(Descriptor::histogram("sizes", "Sizes.", vec![-1.0, 1.0, 2.5]).labels(["kind"])).unwrap();
        for value in [-2.0, 1.0, 2.0, 100.0] {
            sizes.get_or_create(&["x"]).unwrap().observe(value);
        }
        let info = ours.info(Descriptor::info("build_info", "Build.").labels(["version"])).unwrap();
        info.get_or_create(&["1"]).unwrap();
        other.register(Box::new(counter)).unwrap();
        other.register(Box::new(gauge)).unwrap();
        other.register(Box::new(under_way)).unwrap();
        other.register(Box::new(sizes)).unwrap();
        other.register(Box::new(info)).unwrap();
        assert_eq!(difference(&points(&page_of(&ours)), &prometheus_page(&other).points()), "");
        assert_eq!(prometheus_page(&other).family("sizes").unwrap().kind, Kind::Histogram);
    }

    #[test]
    fn all_metrics_are_one_collector_with_namespace_and_constant_labels() {
        let registry = Registry::new();
        let metrics = Metrics::builder()
            .registry(&registry)
            .namespace("app")
            .constant_label("region", "eu")
            .info("build", [("version", "1")])
            .build()
            .unwrap();
        let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["kind"])).unwrap();
        jobs.get_or_create(&["a"]).unwrap().inc();
        let other = prometheus::Registry::new();
        other.register(Box::new(metrics.collector())).unwrap();
        // Registered after the collector.
        registry.gauge(Descriptor::gauge("late", "Late.")).unwrap().get_or_create(&[]).unwrap().set(1.0);
        let ours = Page::parse_text(&metrics.render()).unwrap();
        // The collector also has the toolkit's own metrics.
        assert_eq!(difference(&ours.points(), &prometheus_page(&other).points()), "");
        assert_eq!(prometheus_page(&other).value("app_jobs_total", [("kind", "a"), ("region", "eu")]), 1.0);
        assert_eq!(prometheus_page(&other).value("app_late", [("region", "eu")]), 1.0);
    }

    #[test]
    fn a_prometheus_registry_gathers_the_same_samples_as_the_page() {
        let metrics = Metrics::builder()
            .registry(&Registry::new())
            .namespace("shop")
            .constant_label("region", "eu")
            .build()
            .unwrap();
        let sizes = Descriptor::histogram("size_bytes", "Sizes.", &[1.0, 2.0][..]).labels(["kind"]);
        metrics.registry().histogram(sizes).unwrap().get_or_create(&["a\"b"]).unwrap().observe(1.5);
        let other = prometheus::Registry::new();
        other.register(Box::new(metrics.collector())).unwrap();
        let page = TextEncoder::new().encode_to_string(&other.gather()).unwrap();
        for line in [
            "shop_size_bytes_bucket{kind=\"a\\\"b\",region=\"eu\",le=\"2\"} 1",
            "shop_size_bytes_bucket{kind=\"a\\\"b\",region=\"eu\",le=\"+Inf\"} 1",
            "shop_size_bytes_sum{kind=\"a\\\"b\",region=\"eu\"} 1.5",
        ] {
            assert!(page.contains(line), "{line} is missing:\n{page}");
        }
    }

    #[test]
    fn of_two_families_with_one_full_name_the_page_and_the_collector_have_the_first() {
        let registry = Registry::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let builder = Metrics::builder().registry(&registry).namespace("tokio");
        let metrics = builder.tokio_runtime("main", runtime.handle()).build().unwrap();
        let workers = registry.gauge(Descriptor::gauge("workers", "Of the service.").labels(["a"])).unwrap();
        workers.get_or_create(&["x"]).unwrap().set(7.0);
        let other = prometheus::Registry::new();
        other.register(Box::new(metrics.collector())).unwrap();
        for page in [Page::parse_text(&metrics.render()).unwrap(), prometheus_page(&other)] {
            assert_eq!(page.value("tokio_workers", [("a", "x")]), 7.0);
            assert_eq!(page.value("metrics_runtime_label_overflow_total", [("metric", "tokio_workers")]), 0.0);
            assert!(page.value("metrics_runtime_scrape_errors_total", [("cause", "duplicate")]) >= 1.0);
        }
    }

    #[test]
    fn a_prometheus_registry_refuses_a_second_collector_that_would_write_the_same_series() {
        let collector = |namespace: &str, constant: &[(&str, &str)]| {
            let mut builder = Metrics::builder().registry(&Registry::new()).namespace(namespace);
            for (name, value) in constant {
                builder = builder.constant_label(*name, *value);
            }
            Box::new(builder.build().unwrap().collector())
        };
        let accepts = |first: &[(&str, &str)], second: &[(&str, &str)]| {
            let other = prometheus::Registry::new();
            other.register(collector("a", first)).unwrap();
            let accepted = other.register(collector("b", second)).is_ok();
            // The page is parsed strictly: a series that is there twice fails.
            prometheus_page(&other);
            accepted
        };
        assert!(accepts(&[("zone", "1")], &[("zone", "2")]));
        assert!(!accepts(&[], &[]));
        assert!(!accepts(&[("zone", "1")], &[("zone", "1")]));
        // These labels of the toolkit's own metrics replace the constant labels, so their series would be the same.
        assert!(!accepts(&[("code", "1")], &[("code", "2")]));
        assert!(!accepts(&[("metric", "1")], &[("metric", "2")]));
    }

    #[test]
    fn a_family_without_help_or_series_is_accepted() {
        let (ours, other) = (Registry::new(), prometheus::Registry::new());
        let silent = ours.counter(Descriptor::counter("silent_total", "").labels(["kind"])).unwrap();
        other.register(Box::new(silent.clone())).unwrap();
        assert_eq!(prometheus_page(&other).names(), [""; 0]);
        silent.get_or_create(&["a"]).unwrap().inc();
        assert_eq!(prometheus_page(&other).value("silent_total", [("kind", "a")]), 1.0);
    }

    /// A `prometheus` registry with one of our families is included in our registry, which has this family already.
    #[test]
    fn a_family_in_an_included_registry_is_on_the_page_once() {
        let (ours, other) = (Registry::new(), prometheus::Registry::new());
        let jobs = ours.counter(Descriptor::counter("jobs_total", "Jobs.")).unwrap();
        jobs.get_or_create(&[]).unwrap().inc();
        other.register(Box::new(jobs)).unwrap();
        ours.include(other);
        let page = page_of(&ours);
        assert_eq!(page.value("jobs_total", []), 1.0);
        assert_eq!(errors(&page, "duplicate"), 1.0);
    }

    #[test]
    fn the_overflow_series_is_collected_too() {
        let (ours, other) = (Registry::new(), prometheus::Registry::new());
        ours.set_series_limit(2);
        let jobs = ours.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["kind"])).unwrap();
        for kind in ["a", "b", "c", "d"] {
            jobs.get_or_create(&[kind]).unwrap().inc();
        }
        other.register(Box::new(jobs)).unwrap();
        assert_eq!(prometheus_page(&other).value("jobs_total", [("kind", "_overflow")]), 2.0);
    }
}

#[test]
fn a_build_that_fails_registers_nothing() {
    type Set = fn(Builder) -> Builder;
    let settings: [(&str, Set); 5] = [
        ("an invalid info", |builder| builder.info("b", [("not a label", "v")])),
        ("an info of another definition", |builder| builder.info("taken", [("v", "1")])),
        ("two definitions of one info", |builder| builder.info("a", [("w", "1")])),
        ("metrics of the process", Builder::process),
        ("the layer", |builder| builder.http(Http::new().buckets(vec![2.0, 1.0]))),
    ];
    for (what, set) in settings {
        let registry = Registry::new();
        let _ = registry.info(Descriptor::info("taken_info", "Mine.").labels(["w"])).unwrap();
        let _ = registry.gauge(Descriptor::gauge("process_threads", "Mine.")).unwrap();
        let before = registry.render();
        let build = || set(Metrics::builder().registry(&registry).info("a", [("v", "1")])).build();
        assert!(build().is_err(), "{what}");
        assert_eq!(registry.render(), before, "{what}");
    }
}
