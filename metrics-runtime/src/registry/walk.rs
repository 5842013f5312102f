//! The walk over all samples of a registry, which every page and every other visitor makes.

#[cfg(feature = "prometheus")]
use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use super::Registry;
use super::gathered::Gathered;
#[cfg(feature = "prometheus")]
use super::prometheus::{Collected, sample_names, select};
use super::snapshot::Snapshot;
use crate::encode::Extent;
use crate::family::{Owner, visit};
use crate::schema::{Kind, Naming};
use crate::scope;
use crate::visit::Visitor;

/// The time that sources have to answer at an install.
const INSTALL_DEADLINE: Duration = Duration::from_secs(1);

/// A duration that can be added to every time.
const LONG: Duration = Duration::from_secs(86_400);

/// Everything that a page shows at one moment, before it is read.
pub(crate) struct Walk<'n> {
    naming: &'n Naming,
    pub(crate) snapshot: Snapshot,
    /// The families of collectors whose names are free.
    #[cfg(feature = "prometheus")]
    pub(crate) collected: Vec<Collected>,
    /// The families of collectors that have no series yet.
    #[cfg(feature = "prometheus")]
    pub(crate) empty: Vec<prometheus::proto::MetricFamily>,
    gathered: Gathered,
    /// The metrics of collectors that are left out because their names are taken, and because the toolkit has the same.
    left_out: Vec<String>,
    second_sources: Vec<String>,
}

impl Registry {
    /// Visits all series of this registry once, without namespace: those that its page has.
    ///
    /// The calling thread calls collectors and breaker sources, without a deadline.
    /// [`Metrics::visit`](crate::Metrics::visit) adds namespace and constant labels.
    pub fn visit(&self, visitor: &mut dyn Visitor) {
        self.visit_as(&Naming::default(), visitor);
    }

    /// Visits all series as [`visit`](Self::visit) does, on a new thread and without the sources that have not answered
    /// by the deadline. Then calls `then` there, unless the visitor panicked.
    ///
    /// It does not block, so async code can call it. Sources that are left out are counted, as those of a page are, and
    /// the visitor [is told](Visitor::leaves_out).
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use metrics_runtime::visit::{FamilyRef, SeriesRef, Value, Visitor};
    /// use metrics_runtime::Registry;
    ///
    /// #[derive(Default)]
    /// struct Count(usize);
    ///
    /// impl Visitor for Count {
    ///     fn series(&mut self, _: &FamilyRef<'_>, _: &SeriesRef<'_>, _: Value<'_>) {
    ///         self.0 += 1;
    ///     }
    /// }
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// Registry::new().visit_within(Duration::from_secs(1), Count::default(), move |count| {
    ///     let _ = sender.send(count.0);
    /// })?;
    /// assert!(receiver.recv()? > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error, and drops the visitor, if the system has no thread for the walk.
    pub fn visit_within<V: Visitor + Send + 'static>(
        &self,
        deadline: Duration,
        mut visitor: V,
        then: impl FnOnce(V) + Send + 'static,
    ) -> io::Result<()> {
        let registry = self.clone();
        scope::spawn("metrics-visit", move || {
            registry.visit_answers(&Naming::default(), registry.gather_within(deadline, deadline), &mut visitor);
            then(visitor);
        })
    }

    /// Visits all series with the names and the constant labels of this naming.
    pub(crate) fn visit_as(&self, naming: &Naming, visitor: &mut dyn Visitor) {
        self.visit_answers(naming, self.gather(), visitor);
    }

    /// Visits all series with these answers of sources.
    pub(crate) fn visit_answers(&self, naming: &Naming, gathered: Gathered, visitor: &mut dyn Visitor) {
        let walk = self.walk(naming, gathered);
        self.report(&walk);
        walk.visit(visitor);
    }

    /// Calls all sources on other threads, and returns the answers of this time. A source that has not answered is a
    /// problem if its call takes longer than `overdue`.
    pub(crate) fn gather_within(&self, time: Duration, overdue: Duration) -> Gathered {
        let gathering = self.start_gathering(overdue, time < overdue);
        // A call that has started for an earlier walk can be overdue before.
        gathering.wait(Instant::now() + time.min(LONG));
        gathering.answers()
    }

    /// Prepares a walk over the families of this moment and these answers of sources.
    pub(crate) fn walk<'n>(&self, naming: &'n Naming, mut gathered: Gathered) -> Walk<'n> {
        let snapshot = self.snapshot(naming, std::mem::take(&mut gathered.computed));
        #[cfg(feature = "prometheus")]
        let (second_sources, empty) =
            (gathered.take_second_sources(&snapshot.common), std::mem::take(&mut gathered.empty));
        #[cfg(feature = "prometheus")]
        let (collected, left_out) = select(std::mem::take(&mut gathered.families), snapshot.taken(naming));
        #[cfg(not(feature = "prometheus"))]
        let (second_sources, left_out) = (Vec::new(), Vec::new());
        Walk {
            naming,
            snapshot,
            #[cfg(feature = "prometheus")]
            collected,
            #[cfg(feature = "prometheus")]
            empty,
            gathered,
            left_out,
            second_sources,
        }
    }

    /// Counts and logs what a walk leaves out.
    pub(crate) fn report(&self, walk: &Walk<'_>) {
        let errors = &self.inner.errors;
        for metric in walk.snapshot.left_out.iter().chain(&walk.left_out) {
            errors.count_duplicate(metric);
        }
        for problem in &walk.gathered.problems {
            errors.count(problem.cause, || format!("{}; the rest of the page is served", problem.what));
        }
        errors.warn_of_second_sources(&walk.second_sources);
    }

    /// Logs, once, the families of collectors that the toolkit's own collectors have as well.
    pub(crate) fn warn_of_second_sources(&self, naming: &Naming) {
        if self.snapshot(naming, Vec::new()).common.is_empty() {
            return;
        }
        let walk = self.walk(naming, self.gather_within(INSTALL_DEADLINE, INSTALL_DEADLINE));
        self.inner.errors.warn_of_second_sources(&walk.second_sources);
    }
}

impl Walk<'_> {
    /// Returns the sample names that the page has or reserves.
    #[cfg(feature = "prometheus")]
    pub(super) fn taken(&self) -> BTreeSet<String> {
        let collected = self.collected.iter().flat_map(|collected| sample_names(&collected.family));
        self.snapshot.taken(self.naming).into_iter().chain(collected).collect()
    }

    /// Returns `false` if a family is missing.
    pub(crate) fn is_complete(&self) -> bool {
        let is_gathered = self.gathered.problems.is_empty() && self.gathered.unanswered.is_empty();
        self.snapshot.is_complete && self.snapshot.left_out.is_empty() && self.left_out.is_empty() && is_gathered
    }

    /// Returns the sizes of the families, without those of collectors.
    pub(crate) fn extents(&self) -> impl Iterator<Item = Extent> {
        let constant = self.naming.constant_text(&[]).len();
        self.snapshot.families.iter().map(move |family| {
            let (series, labels) = family.len();
            let constant = constant + family.prefix(self.naming).len() + family.descriptor().name.len();
            let buckets = family.bounds().len() + 1;
            let is_histogram = family.descriptor().kind == Kind::Histogram;
            Extent { series, labels, constant, buckets: if is_histogram { buckets } else { 0 } }
        })
    }

    /// Visits all families. No lock of the registry is held while series are read.
    pub(crate) fn visit<V: Visitor + ?Sized>(&self, visitor: &mut V) {
        for source in &self.gathered.unanswered {
            visitor.awaits(source);
        }
        for problem in &self.gathered.problems {
            visitor.leaves_out(&problem.what);
        }
        for metric in self.snapshot.left_out.iter().chain(&self.left_out) {
            visitor.leaves_out(&format!("`{metric}` is left out: another metric on the page has its name"));
        }
        let families = &self.snapshot.families;
        let toolkit = families.partition_point(|family| family.owner() < Owner::Toolkit);
        let naming = self.naming;
        for family in families[..toolkit].iter().filter(|family| !naming.hides_unused || !family.is_unused()) {
            visit(&**family, self.naming, self.snapshot.is_ambiguous(&**family, self.naming), visitor);
        }
        #[cfg(feature = "prometheus")]
        for family in &self.collected {
            family.visit(visitor);
        }
        // The toolkit's own come last, so they count what happened to this page.
        let own = families[toolkit..].iter().filter(|_| !naming.hides_own);
        for family in own.filter(|family| !naming.hides_unused || !family.is_unused()) {
            visit(&**family, self.naming, false, visitor);
        }
    }
}
