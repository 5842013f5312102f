//! `#[metrics] mod`: every declared function returns a series of its metric.
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use metrics_runtime::{Counter, Gauge, Histogram, Info, Kind, LabelValue, Registry, Series, catalog, metrics};
use support::{openmetrics_of, page, sample};

#[derive(Clone, Copy, LabelValue)]
enum State {
    Queued,
    #[label(rename = "finished")]
    Done,
}

const LIMITS: [f64; 3] = [0.5, 1.0, 2.0];

/// Business metrics.
#[metrics]
pub(crate) mod business {
    use super::State;
    use std::fmt::Display;

    /// Jobs by state.
    ///
    /// This paragraph is for readers of the code.
    pub(crate) fn jobs_total(state: State, tenant: &str) -> Counter;

    /// Users with
    /// a live session.
    pub(super) fn active_users() -> Gauge;

    /// Size of an upload, in "bytes" \ or less.
    #[buckets(1, 2.5, 10)]
    #[unit("bytes")]
    fn upload_bytes() -> Histogram;

    /// Version of the schema.
    pub(crate) fn schema_info(version: &str, dirty: bool) -> Info;

    pub(super) fn without_help() -> Gauge;

    /// A helper beside the declarations.
    pub(crate) fn observe_all(sizes: impl IntoIterator<Item = f64>) {
        sizes.into_iter().for_each(|size| upload_bytes().observe(size));
    }

    pub(crate) const UPLOADS: Uploads = Uploads { limit: 2 };

    pub(crate) struct Uploads {
        pub(crate) limit: u8,
    }

    impl Display for Uploads {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}", self.limit)
        }
    }

    macro_rules! finish {
        ($tenant:expr) => {
            jobs_total(State::Done, $tenant).inc()
        };
    }

    pub(crate) fn finish(tenant: &str) {
        finish!(tenant);
    }
}

#[metrics(prefix = "buckets_")]
mod buckets {
    const SLICE: &[f64] = &[1.0, 2.0];
    const ONE: f64 = 1.0;

    /// An array.
    #[buckets(super::LIMITS)]
    pub(super) fn array() -> Histogram;
    /// A slice.
    #[buckets(SLICE)]
    pub(super) fn slice() -> Histogram;
    /// A path to the buckets of another crate.
    #[buckets(metrics_runtime::presets::SECONDS)]
    pub(super) fn path() -> Histogram;
    /// A list in brackets.
    #[buckets([ONE, 2 * 2, 5e0])]
    pub(super) fn brackets() -> Histogram;
    /// A linear series.
    #[buckets(linear(-1, 0.5, 4))]
    pub(super) fn linear() -> Histogram;
    /// An exponential series.
    #[buckets(exponential(1, 10, 3))]
    pub(super) fn exponential() -> Histogram;
    /// The default buckets.
    pub(super) fn default() -> Histogram;
    /// Negative ones.
    #[buckets(-2.5, -1, 0, 1)]
    pub(super) fn negative() -> Histogram;
}

#[metrics(prefix = "types_")]
mod types {
    use super::State;
    use std::borrow::Cow;

    /// Every type of label.
    #[expect(clippy::too_many_arguments, reason = "one for each type")]
    pub(super) fn all_total(
        a: &str,
        b: String,
        c: Cow<'_, str>,
        d: u16,
        e: bool,
        f: State,
        g: &State,
        r#type: char,
    ) -> Counter;
    /// A type with a lifetime parameter.
    pub(super) fn lifetime<'a>(a: &'a str, b: &'a str) -> Gauge;
    /// A kind by its full path.
    #[allow(unused_qualifications, reason = "users may write the full path")]
    pub(super) fn qualified() -> metrics_runtime::Gauge;
}

mod elsewhere {
    use metrics_runtime::metrics;

    #[metrics]
    pub(super) mod business {
        /// Shared.
        pub(in super::super) fn shared_total(a: &str, b: &str) -> Counter;
    }
    #[metrics]
    pub(super) mod again {
        /// Shared.
        pub(in super::super) fn shared_total(b: &str, a: &str) -> Counter;
    }
}

#[test]
fn each_kind_of_metric_records() {
    let jobs: Series<'static, Counter> = business::jobs_total(State::Queued, "acme");
    jobs.inc();
    jobs.inc_by(4);
    jobs.add(0.5);
    let users: &'static Gauge = business::active_users();
    users.set(3.0);
    users.inc();
    users.dec();
    users.add(-1.5);
    business::observe_all([1.0, 3.0, 100.0]);
    let _: Series<'static, Info> = business::schema_info("7", true);
    business::finish("acme");
    assert_eq!(business::UPLOADS.to_string(), "2");
    assert_eq!(sample("jobs_total", [("state", "queued"), ("tenant", "acme")]), 5.5);
    assert_eq!(sample("jobs_total", [("state", "finished"), ("tenant", "acme")]), 1.0);
    assert_eq!(sample("active_users", []), 1.5);
    for (le, count) in [("1", 1.0), ("2.5", 1.0), ("10", 2.0), ("+Inf", 3.0)] {
        assert_eq!(sample("upload_bytes_bucket", [("le", le)]), count, "{le}");
    }
    assert_eq!(sample("upload_bytes_sum", []), 104.0);
    assert_eq!(sample("schema_info", [("version", "7"), ("dirty", "true")]), 1.0);
}

#[test]
fn the_same_labels_are_the_same_series() {
    assert!(std::ptr::eq(business::active_users(), business::active_users()));
    let series = |tenant: &str| std::ptr::from_ref::<Counter>(&business::jobs_total(State::Done, tenant)).addr();
    assert_eq!(series("same"), series("same"));
    assert_ne!(series("same"), series("other"));
}

#[test]
fn the_doc_comment_becomes_the_help_text_and_the_unit_is_kept() {
    let text = page();
    let help = |name: &str| text.family(name).unwrap().help.clone();
    business::jobs_total(State::Done, "help").inc();
    assert_eq!(help("active_users").as_deref(), Some("Users with a live session."));
    assert_eq!(help("upload_bytes").as_deref(), Some("Size of an upload, in \"bytes\" \\ or less."));
    assert_eq!(help("without_help"), None);
    business::without_help().set(1.0);
    assert_eq!(page().family("jobs_total").unwrap().help.as_deref(), Some("Jobs by state."));
    business::schema_info("1", false);
    let open = openmetrics_of(Registry::global());
    assert_eq!(open.family("upload_bytes").unwrap().unit.as_deref(), Some("bytes"));
    assert_eq!(open.family("schema").unwrap().kind, tests::page::Kind::Info);
}

#[test]
fn buckets_can_be_written_in_every_form() {
    let bounds = |name: &str| -> Vec<String> {
        let page = page();
        let buckets = page.series(&format!("buckets_{name}_bucket"));
        buckets.into_iter().map(|bucket| bucket.labels["le"].clone()).collect()
    };
    for histogram in [
        buckets::array(),
        buckets::slice(),
        buckets::path(),
        buckets::brackets(),
        buckets::linear(),
        buckets::exponential(),
        buckets::default(),
        buckets::negative(),
    ] {
        histogram.observe(0.0);
    }
    assert_eq!(bounds("array"), ["0.5", "1", "2", "+Inf"]);
    assert_eq!(bounds("slice"), ["1", "2", "+Inf"]);
    assert_eq!(bounds("brackets"), ["1", "4", "5", "+Inf"]);
    assert_eq!(bounds("linear"), ["-1", "-0.5", "0", "0.5", "+Inf"]);
    assert_eq!(bounds("exponential"), ["1", "10", "100", "+Inf"]);
    assert_eq!(bounds("negative"), ["-2.5", "-1", "0", "1", "+Inf"]);
    let seconds = metrics_runtime::presets::SECONDS.iter().map(ToString::to_string);
    let seconds: Vec<_> = seconds.chain(["+Inf".to_owned()]).collect();
    assert_eq!(bounds("path"), seconds);
    assert_eq!(bounds("default"), seconds);
}

#[test]
fn every_label_type_is_accepted() {
    types::all_total("a", "b".into(), "c".into(), 4, true, State::Queued, &State::Done, 'x').inc();
    let labels = [
        ("a", "a"),
        ("b", "b"),
        ("c", "c"),
        ("d", "4"),
        ("e", "true"),
        ("f", "queued"),
        ("g", "finished"),
        ("type", "x"),
    ];
    assert_eq!(sample("types_all_total", labels), 1.0);
    types::lifetime("1", "2").set(1.0);
    assert_eq!(sample("types_lifetime", [("a", "1"), ("b", "2")]), 1.0);
    types::qualified().set(1.0);
    assert_eq!(sample("types_qualified", []), 1.0);
}

#[test]
fn two_locations_share_a_metric_in_any_order_of_labels() {
    elsewhere::business::shared_total("1", "2").inc();
    elsewhere::again::shared_total("2", "1").inc();
    assert_eq!(sample("shared_total", [("a", "1"), ("b", "2")]), 2.0);
    assert_eq!(page().series("shared_total").len(), 1);
}

#[metrics(prefix = "known_")]
mod known {
    use super::State;

    /// By an enum.
    pub(super) fn by_state_total(state: State) -> Counter;
    /// By two of them.
    pub(super) fn by_states(from: State, to: &State, final_step: bool) -> Gauge;
    pub(super) fn by_other_states(from: State, to: &State, final_step: bool) -> Gauge;
    /// The series of an info are created by calls.
    pub(super) fn facts_info(state: State) -> Info;
}

#[test]
fn series_of_bounded_labels_exist_from_the_start() {
    let page = page();
    assert_eq!(page.value("known_by_state_total", [("state", "queued")]), 0.0);
    assert_eq!(page.value("known_by_state_total", [("state", "finished")]), 0.0);
    assert_eq!(page.series("known_by_states").len(), 8);
    assert_eq!(page.series("known_facts_info").len(), 0);
    assert_eq!(page.value("buckets_array_count", []), page.value("buckets_array_bucket", [("le", "+Inf")]));
    known::by_state_total(State::Done).inc();
    known::by_states(State::Done, &State::Queued, true).set(2.0);
    known::facts_info(State::Done);
    assert_eq!(sample("known_by_state_total", [("state", "finished")]), 1.0);
    assert_eq!(sample("known_facts_info", [("state", "finished")]), 1.0);
}

#[test]
fn each_tuple_of_bounded_values_has_its_own_series() {
    let states = [(State::Queued, "queued"), (State::Done, "finished")];
    let mut number = 0.0;
    for (from, from_text) in states {
        for (to, to_text) in states {
            for (last, last_text) in [(false, "false"), (true, "true")] {
                number += 1.0;
                known::by_other_states(from, &to, last).set(number);
                let labels = [("from", from_text), ("to", to_text), ("final_step", last_text)];
                assert_eq!(sample("known_by_other_states", labels), number);
            }
        }
    }
    assert_eq!(page().series("known_by_other_states").len(), 8);
}

#[test]
fn the_catalog_has_the_declarations() {
    let catalog = catalog();
    let declared = |name: &str| catalog.iter().find(|declared| declared.descriptor.name == name).unwrap();
    let jobs = declared("jobs_total");
    assert_eq!(jobs.descriptor.kind, Kind::Counter);
    assert_eq!(jobs.descriptor.labels, ["state", "tenant"]);
    assert_eq!(jobs.values, [vec!["queued", "finished"], vec![]]);
    assert_eq!((jobs.source.module, jobs.source.function), ("metrics_mod::business", "jobs_total"));
    assert_eq!(jobs.source.file, file!());
    let array = declared("buckets_array");
    assert_eq!(*array.descriptor.buckets, LIMITS);
    assert_eq!(array.source.function, "array");
    assert_eq!(declared("upload_bytes").descriptor.unit.as_deref(), Some("bytes"));
}

/// Invalid values never make a page that Prometheus rejects.
#[test]
fn invalid_values_are_rejected_and_counted() {
    let rejected = || sample("metrics_runtime_rejected_values_total", []);
    let before = rejected();
    let counter = types::all_total("", String::new(), "".into(), 0, false, State::Done, &State::Done, 'a');
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
        counter.add(bad);
    }
    let histogram: &Histogram = buckets::negative();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        histogram.observe(bad);
    }
    assert_eq!(rejected() - before, 7.0);
    assert!(sample("buckets_negative_sum", []).is_finite());
}

#[metrics]
mod with_inner_attributes {
    //! Documentation inside of the module.
    #![allow(dead_code)]

    /// Jobs.
    pub(super) fn inner_jobs_total() -> Counter;

    #[doc = concat!("Workers ", "of the pool.\n\nMore.")]
    pub(super) fn inner_workers() -> Gauge;

    fn unused() {}
}

#[test]
fn a_module_may_have_inner_attributes() {
    with_inner_attributes::inner_jobs_total().inc();
    with_inner_attributes::inner_workers().set(2.0);
    assert_eq!(sample("inner_jobs_total", []), 1.0);
    let help = |name: &str| page().family(name).and_then(|family| family.help.clone());
    assert_eq!(help("inner_workers").as_deref(), Some("Workers of the pool."));
}
