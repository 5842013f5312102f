//! How many series of a metric one instance can have.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::model::{Kind, Label, Model};
use crate::family::{AnyFamily, DEFAULT_SERIES_LIMIT};
use crate::instrument::catalog::Declaration;
use crate::schema;
use crate::schema::label::each_tuple;

/// How many series of a metric one instance can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorstCase {
    /// As many as its labels have combinations of known values.
    Exactly(usize),
    /// Values come at run time, up to the limit of the family and one series for the rest.
    Limited(usize),
    /// So many for each combination of values of these labels. How many of those there are is the program's own business:
    /// the names of its circuit breakers, the workers of its runtimes.
    Each(usize, Vec<String>),
    /// A foreign collector's own business.
    Unknown,
}

impl WorstCase {
    /// In words, with this one behind the number.
    fn words(&self, of: &str) -> String {
        match self {
            Self::Exactly(series) => format!("{series}{of}"),
            Self::Limited(series) => format!("up to {series}{of}"),
            Self::Each(series, labels) => format!("{series}{of} for each `{}`", labels.join("`, `")),
            Self::Unknown => "not known".to_owned(),
        }
    }
}

impl fmt::Display for WorstCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(""))
    }
}

/// The worst case of a family of ours, which may take so many series of values that come at run time.
pub(super) fn of_family(
    family: &dyn AnyFamily,
    labels: &[Label],
    declared: &[&Declaration],
    limit: usize,
) -> WorstCase {
    let descriptor = family.descriptor();
    let each = lines(descriptor.kind.into(), descriptor.buckets.len());
    if family.is_computed() {
        let (known, open): (Vec<_>, Vec<_>) = labels.iter().partition(|label| label.values.is_some());
        let tuples = known.iter().flat_map(|label| &label.values).map(Vec::len).product();
        let open: Vec<_> = open.iter().map(|label| label.name.clone()).collect();
        return if open.is_empty() { WorstCase::Exactly(tuples) } else { WorstCase::Each(tuples, open) };
    }
    if labels.is_empty() {
        return WorstCase::Exactly(each);
    }
    if descriptor.kind == schema::Kind::Info && declared.is_empty() {
        // Facts are registered with their values, once.
        let mut facts = 0;
        family.visit(&mut |_, _| facts += 1);
        return WorstCase::Exactly(facts);
    }
    let mut known = BTreeSet::new();
    let mut open = declared.is_empty();
    for own in declared {
        let values = |label| {
            let at = own.descriptor.labels.iter().position(|name| name == label);
            at.and_then(|at| own.values.get(at)).cloned().unwrap_or_default()
        };
        let lists: Vec<_> = descriptor.labels.iter().map(values).collect();
        let mut bounded = false;
        each_tuple(&lists, DEFAULT_SERIES_LIMIT, &mut |tuple| {
            bounded = true;
            known.insert(tuple.to_vec());
        });
        open |= !bounded;
    }
    // What is known does not count against the limit.
    if open {
        WorstCase::Limited((known.len() + limit + 1).saturating_mul(each))
    } else {
        WorstCase::Exactly(known.len().saturating_mul(each))
    }
}

/// The series of one tuple of label values. A histogram has one for each bucket, `+Inf`, its sum and its count.
pub(super) fn lines(kind: Kind, buckets: usize) -> usize {
    if kind == Kind::Histogram { buckets + 3 } else { 1 }
}

/// The series of every metric, the most first.
pub(crate) fn listing(model: &Model) -> String {
    let weight = |case: &WorstCase| match case {
        WorstCase::Exactly(series) | WorstCase::Limited(series) | WorstCase::Each(series, _) => *series,
        WorstCase::Unknown => 0,
    };
    let mut metrics: Vec<_> = model.metrics.iter().collect();
    metrics.sort_by_key(|metric| (Reverse(weight(&metric.series)), &metric.name));
    metrics.iter().fold(String::new(), |mut out, metric| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}: {}", metric.name, metric.series.words(" series"));
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit_breaker::BreakerHandle;
    use crate::family::Family;
    use crate::schema::{Descriptor, Source};
    use crate::{Counter, Metrics, Registry};

    /// The worst case of each metric of a registry, as it is shown.
    fn cases(register: impl FnOnce(&Registry)) -> impl Fn(&str) -> String {
        let registry = Registry::new();
        register(&registry);
        let metrics = Metrics::builder().info("app", [("version", "1"), ("os", "linux")]).registry(&registry);
        let model = Model::new(&metrics.build().unwrap());
        move |base: &str| {
            let metric = model.find(base).unwrap();
            assert!(listing(&model).contains(&format!("{}: {}", metric.name, metric.series.words(" series"))));
            metric.series.to_string()
        }
    }

    #[test]
    fn buckets_are_counted_and_run_time_values_are_limited() {
        let case = cases(|registry| {
            registry.set_series_limit(100);
            registry.histogram(Descriptor::histogram("wait_seconds", "W.", &[1.0, 2.0][..])).unwrap();
            registry.histogram(Descriptor::histogram("work_seconds", "W.", &[1.0][..]).labels(["queue"])).unwrap();
            registry.gauge(Descriptor::gauge("depth", "D.").labels(["queue"])).unwrap();
        });
        assert_eq!((case("wait_seconds").as_str(), case("work_seconds").as_str()), ("5", "up to 404"));
        assert_eq!(case("depth"), "up to 101");
    }

    #[test]
    fn facts_are_as_many_as_were_registered() {
        let case = cases(|registry| {
            let build = registry.info(Descriptor::info("build_info", "B.").labels(["version"])).unwrap();
            build.get_or_create(&["1"]).unwrap();
            build.get_or_create(&["2"]).unwrap();
        });
        assert_eq!((case("app_info").as_str(), case("build_info").as_str()), ("1", "2"));
    }

    #[test]
    fn breakers_have_so_many_each_and_nothing_limits_them() {
        let case = cases(|registry| drop(BreakerHandle::register_in(registry, "ryot").unwrap()));
        assert_eq!(case("circuit_breaker_state"), "1 for each `service`");
        assert_eq!(case("circuit_breaker_calls_total"), "5 for each `service`");
        // What is shown of the breakers of others may go ways that ours do not.
        assert_eq!(case("circuit_breaker_transitions_total"), "25 for each `service`");
    }

    #[test]
    fn the_toolkit_knows_its_own() {
        let case = cases(|registry| {
            registry.gauge(Descriptor::gauge("depth", "D.").labels(["queue"])).unwrap();
            let theirs = prometheus::IntCounterVec::new(prometheus::Opts::new("theirs_total", "T."), &["a"]).unwrap();
            registry.register(Box::new(theirs)).unwrap();
        });
        assert_eq!(case("metrics_runtime_scrape_errors_total"), "4");
        // Of those with labels: the gauge and the info here, and where there is HTTP its two.
        let families = if cfg!(feature = "axum") { "4" } else { "2" };
        assert_eq!(case("metrics_runtime_label_overflow_total"), families);
        assert_eq!(case("theirs_total"), "not known");
    }

    #[test]
    fn tuples_are_known_by_the_declarations_that_make_them() {
        let descriptor = Descriptor::counter("jobs_total", "J.").labels(["kind", "state"]);
        let family = Family::<Counter>::new(descriptor.clone(), Source::caller(), std::sync::Arc::default());
        let declared = |values: [&[&'static str]; 2]| Declaration {
            descriptor: descriptor.clone(),
            source: Source::caller(),
            values: values.map(<[_]>::to_vec).to_vec(),
            objective: None,
        };
        let case = |all: &[&Declaration]| {
            let labels = ["kind", "state"].map(|name| Label { name: name.to_owned(), values: None });
            of_family(&family, &labels, all, 10)
        };
        let (a, b) = (declared([&["a"], &["new", "done"]]), declared([&["b"], &["done"]]));
        let any = declared([&[], &["new", "done"]]);
        assert_eq!(case(&[&a, &b, &a]), WorstCase::Exactly(3));
        assert_eq!(case(&[&a, &any]), WorstCase::Limited(2 + 10 + 1));
    }
}
