//! The answers of sources for one page.

#[cfg(feature = "prometheus")]
use std::collections::BTreeSet;

#[cfg(feature = "prometheus")]
use prometheus::proto::MetricFamily;

#[cfg(feature = "prometheus")]
use super::merged::Merged;
#[cfg(all(feature = "prometheus", feature = "push"))]
use super::prometheus::has_timestamps;
use super::sources::{Answer, Failure};
use crate::family::computed::{Group, Samples};

/// The answers of sources, and the reasons why some are missing.
#[derive(Default)]
pub(crate) struct Gathered {
    /// The families of collectors sorted by name, then those of included registries.
    #[cfg(feature = "prometheus")]
    pub(crate) families: Vec<MetricFamily>,
    /// The families of collectors that have no series yet. They are on no page, but tell their type.
    #[cfg(feature = "prometheus")]
    pub(crate) empty: Vec<MetricFamily>,
    pub(crate) computed: Vec<(Group, Samples)>,
    pub(crate) problems: Vec<Problem>,
    /// The sources that had not answered when the page was written, and still have time to. They are no problem of the
    /// service: a scraper with a short timeout did not wait for them.
    pub(crate) unanswered: Vec<String>,
}

#[cfg(feature = "prometheus")]
impl Gathered {
    /// Removes the families of collectors whose names are common, and returns their names. They have the same values, so
    /// this is no error that an operator could repair.
    pub(super) fn take_second_sources(&mut self, common: &BTreeSet<String>) -> Vec<String> {
        let second = self.families.extract_if(.., |family| common.contains(family.name()));
        second.map(|family| family.name().to_owned()).collect()
    }

    /// Leaves out families with timestamps, because a Pushgateway refuses the whole page for one of them. Without its
    /// timestamp an old value would look current.
    #[cfg(feature = "push")]
    pub(super) fn leave_out_timestamps(&mut self) {
        for family in self.families.extract_if(.., |family| has_timestamps(family)) {
            let what =
                format!("{:?} of a collector is not pushed, because a gateway takes no timestamps", family.name());
            self.problems.push(Problem { cause: Cause::Invalid, what });
        }
    }
}

/// The reason why a source or one of its families is missing.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) cause: Cause,
    /// The text for the log. It never repeats the message of a panic.
    pub(crate) what: String,
}

/// The cause of missing families on a page: the label of `metrics_runtime_scrape_errors_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Duplicate,
    #[cfg_attr(not(feature = "prometheus"), allow(dead_code, reason = "only collectors give invalid data"))]
    Invalid,
    Panic,
    Recursion,
    Timeout,
    /// The operating system did not give the values, because no file can be opened, or the function of observed metrics
    /// returned an error.
    Unreadable,
}

impl Cause {
    pub(super) const ALL: [Self; 6] =
        [Self::Duplicate, Self::Invalid, Self::Panic, Self::Recursion, Self::Timeout, Self::Unreadable];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Invalid => "invalid",
            Self::Panic => "panic",
            Self::Recursion => "recursion",
            Self::Timeout => "timeout",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Collects the answers of sources.
#[derive(Default)]
pub(super) struct Gatherer {
    gathered: Gathered,
    #[cfg(feature = "prometheus")]
    merged: Merged,
}

impl Gatherer {
    pub(super) fn add(&mut self, name: &str, answer: Result<Answer, Failure>) {
        match answer {
            #[cfg(feature = "prometheus")]
            Ok(Answer::Collector(families)) => self.merged.add(name, families, &mut self.gathered.problems),
            #[cfg(feature = "prometheus")]
            Ok(Answer::Registry(families)) => self.merged.include(families, &mut self.gathered.problems),
            Ok(Answer::Computed(group, samples)) => self.gathered.computed.push((group, samples)),
            Ok(Answer::Refreshed) => {}
            Err(failure) => self.problem(failure.cause(), format!("{name} {}", failure.what())),
        }
    }

    pub(super) fn problem(&mut self, cause: Cause, what: String) {
        self.gathered.problems.push(Problem { cause, what });
    }

    pub(super) fn unanswered(&mut self, name: String) {
        self.gathered.unanswered.push(name);
    }

    pub(super) fn finish(self) -> Gathered {
        let Self { gathered, .. } = self;
        #[cfg(feature = "prometheus")]
        let (families, empty) = self.merged.finish();
        #[cfg(feature = "prometheus")]
        let gathered = Gathered { families, empty, ..gathered };
        gathered
    }
}
