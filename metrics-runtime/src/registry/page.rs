//! The page: the families and the answers of sources, written once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gathered::{Cause, Gathered};
use super::{Registry, own_metrics};
use crate::encode::{Format, Header, Page};
use crate::family::computed::{Group, Samples};
use crate::family::{AnyFamily, Owner};
use crate::schema::{Kind, Naming};

/// The estimated bytes of a family's comments.
const HEADERS: usize = 512;

/// The time that sources have to answer at an install.
const INSTALL_DEADLINE: Duration = Duration::from_secs(1);

/// A duration that can be added to every time.
#[cfg(feature = "push")]
const LONG: Duration = Duration::from_secs(86_400);

/// The families of a page at one moment.
pub(crate) struct Snapshot {
    /// The families in the order of the page: by owner, then by name. Each sample name is written by one of them.
    pub(crate) families: Vec<Arc<dyn AnyFamily>>,
    /// The sample names that they write.
    names: BTreeSet<String>,
    /// The metrics that are left out because one of their sample names is taken.
    left_out: Vec<String>,
    /// The sample names of the families that every service has, such as `process_*`.
    common: BTreeSet<String>,
    /// `false` if computing a family failed.
    is_complete: bool,
}

impl Snapshot {
    /// Adds families, or leaves them out if one of their sample names is taken.
    fn extend(&mut self, families: impl IntoIterator<Item = Arc<dyn AnyFamily>>, naming: &Naming) {
        for family in families {
            let prefix = family.prefix(naming);
            let claims = family.descriptor().claims();
            let names: Vec<_> = claims.iter().map(|claim| format!("{prefix}{claim}")).collect();
            if own_metrics::is_reserved(&*family, naming) || names.iter().any(|name| self.names.contains(name)) {
                self.left_out.push(family.descriptor().name.to_string());
            } else {
                if family.owner() == Owner::Library {
                    self.common.extend(names.iter().cloned());
                }
                self.names.extend(names);
                self.families.push(family);
            }
        }
    }

    /// Returns the names that no collector may write.
    #[cfg(feature = "prometheus")]
    pub(crate) fn taken(&self, naming: &Naming) -> BTreeSet<String> {
        let created = self.families.iter().filter_map(|family| {
            let created = family.descriptor().created()?;
            Some(format!("{}{created}", family.prefix(naming)))
        });
        created.chain(self.names.iter().cloned()).collect()
    }
}

impl Registry {
    /// Returns the page of this registry in the Prometheus text format 0.0.4, without namespace.
    ///
    /// The calling thread calls collectors and breaker sources, without a deadline.
    #[must_use]
    pub fn render(&self) -> String {
        self.page(Format::Text, &Naming::default())
    }

    /// Returns the families of a page: registered ones, computed ones with their current samples, and the toolkit's own.
    /// `computed` are the samples of sources.
    pub(crate) fn snapshot(&self, naming: &Naming, mut computed: Vec<(Group, Samples)>) -> Snapshot {
        let (mut by_name, groups) = {
            let families = self.families();
            (families.by_name.clone(), families.computed.clone())
        };
        let mut snapshot = Snapshot {
            families: Vec::new(),
            names: BTreeSet::new(),
            left_out: Vec::new(),
            common: BTreeSet::new(),
            is_complete: true,
        };
        for group in groups {
            let (mut samples, is_computed) = group.samples();
            if !is_computed {
                let what = "a computed metric panicked; the rest of the page is served";
                self.inner.errors.count(Cause::Panic, || what.to_owned());
                snapshot.is_complete = false;
            }
            for what in samples.take_unreadable() {
                self.inner.errors.count(Cause::Unreadable, || format!("cannot read {what}"));
                snapshot.is_complete = false;
            }
            for (_, source) in computed.extract_if(.., |(of, _)| group.is(of)) {
                samples.append(source);
            }
            by_name.extend(
                samples.into_families().into_iter().map(|family| (family.descriptor().name.to_string(), family)),
            );
        }
        // The service's families come first, so they take precedence if another family has the same full name.
        let mut families: Vec<_> = by_name.into_values().collect();
        families.sort_by_key(|family| family.owner());
        snapshot.extend(families, naming);
        let own = own_metrics::families(&snapshot.families, naming);
        snapshot.extend(own, naming);
        snapshot
    }

    /// Counts the metrics that a snapshot leaves out.
    pub(crate) fn count_left_out(&self, snapshot: &Snapshot) {
        for metric in &snapshot.left_out {
            self.inner.errors.count_duplicate(metric);
        }
    }

    /// Logs, once, the families of collectors that the toolkit's own collectors have as well.
    pub(crate) fn warn_of_second_sources(&self, naming: &Naming) {
        let common = self.snapshot(naming, Vec::new()).common;
        if common.is_empty() {
            return;
        }
        let gathering = self.start_gathering(INSTALL_DEADLINE);
        while !gathering.wait(Instant::now() + INSTALL_DEADLINE) {}
        self.inner.errors.warn_of_second_sources(&second_sources(&mut gathering.answers(), &common));
    }

    /// Counts the problems of sources.
    pub(crate) fn count_problems(&self, gathered: &mut Gathered) {
        for problem in gathered.problems.drain(..) {
            self.inner.errors.count(problem.cause, || format!("{}; the rest of the page is served", problem.what));
        }
    }

    /// Returns the page. The calling thread calls the sources.
    pub(crate) fn page(&self, format: Format, naming: &Naming) -> String {
        self.page_with(format, naming, self.gather()).0
    }

    /// Returns the page for a gateway, without the sources that have not answered by the deadline. They are called on
    /// other threads.
    #[cfg(feature = "push")]
    pub(crate) fn page_within(&self, deadline: Duration, format: Format, naming: &Naming) -> String {
        let gathering = self.start_gathering(deadline);
        // A call can be overdue before the deadline of this page, but not after it.
        while !gathering.wait(Instant::now() + deadline.min(LONG)) {}
        #[cfg_attr(not(feature = "prometheus"), expect(unused_mut, reason = "only collectors have timestamps"))]
        let mut gathered = gathering.answers();
        #[cfg(feature = "prometheus")]
        gathered.leave_out_timestamps();
        self.page_with(format, naming, gathered).0
    }

    /// Returns the page with these answers of sources, and `false` if a family is missing. No lock is held while
    /// series are read.
    pub(crate) fn page_with(&self, format: Format, naming: &Naming, mut gathered: Gathered) -> (String, bool) {
        let snapshot = self.snapshot(naming, std::mem::take(&mut gathered.computed));
        self.count_left_out(&snapshot);
        let is_gathered = gathered.problems.is_empty() && gathered.unanswered.is_empty();
        let is_complete = snapshot.is_complete && snapshot.left_out.is_empty() && is_gathered;
        self.count_problems(&mut gathered);
        let families = &snapshot.families;
        // Reserved at once: a page of many megabytes that grows is copied, and each time the kernel maps fresh memory.
        let constant = naming.constant_text(&[]).len();
        let len = families.iter().map(|family| {
            let name = family.prefix(naming).len() + family.descriptor().name.len();
            HEADERS + family.page_len(name + constant)
        });
        let mut page = Page::new(format, HEADERS + len.sum::<usize>());
        let toolkit = families.partition_point(|family| family.owner() < Owner::Toolkit);
        for family in &families[..toolkit] {
            write(&mut page, &**family, naming);
        }
        #[cfg(feature = "prometheus")]
        let is_complete = {
            let second = second_sources(&mut gathered, &snapshot.common);
            self.inner.errors.warn_of_second_sources(&second);
            let left_out = super::prometheus::write_all(&mut page, &gathered.families, snapshot.taken(naming));
            for metric in &left_out {
                self.inner.errors.count_duplicate(metric);
            }
            is_complete && left_out.is_empty()
        };
        // The toolkit's own come last, so they count what happened to this page.
        for family in &families[toolkit..] {
            write(&mut page, &**family, naming);
        }
        (page.finish(), is_complete)
    }
}

/// Removes the families of collectors whose names are common, and returns their names. They have the same values, so this
/// is no error that an operator could repair.
#[cfg_attr(not(feature = "prometheus"), expect(unused_variables, reason = "there are no collectors"))]
fn second_sources(gathered: &mut Gathered, common: &BTreeSet<String>) -> Vec<String> {
    #[cfg(feature = "prometheus")]
    return gathered
        .families
        .extract_if(.., |family| common.contains(family.name()))
        .map(|family| family.name().to_owned())
        .collect();
    #[cfg(not(feature = "prometheus"))]
    Vec::new()
}

/// Writes a family. A family without series has a header too, so the page shows every declared metric.
fn write(page: &mut Page, family: &dyn AnyFamily, naming: &Naming) {
    let descriptor = family.descriptor();
    page.family(Header {
        name: &family.full_name(naming),
        kind: descriptor.kind.into(),
        help: &descriptor.help,
        unit: descriptor.unit.as_deref(),
        constant: &naming.constant_text(&descriptor.labels),
    });
    if descriptor.kind == Kind::Histogram {
        page.bounds(family.bounds());
    }
    family.write(page);
}
