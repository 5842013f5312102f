//! The page: the families and the answers of collectors, written once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::gathered::{Cause, Gathered};
use super::{Registry, own_metrics};
use crate::encode::{Format, Header, Page};
use crate::family::{AnyFamily, Owner};
use crate::schema::{Kind, Naming};

/// The estimated bytes of a family's comments.
const HEADERS: usize = 512;

/// The families of a page at one moment.
pub(crate) struct Snapshot {
    /// The families in the order of the page: by owner, then by name. Each sample name is written by one of them.
    pub(crate) families: Vec<Arc<dyn AnyFamily>>,
    /// The sample names that they write.
    pub(crate) names: BTreeSet<String>,
    /// The metrics that are left out because one of their sample names is taken.
    left_out: Vec<String>,
    /// `false` if computing a family panicked.
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
                self.names.extend(names);
                self.families.push(family);
            }
        }
    }
}

impl Registry {
    /// Returns the page of this registry in the Prometheus text format 0.0.4, without namespace.
    #[must_use]
    pub fn render(&self) -> String {
        self.page(Format::Text, &Naming::default())
    }

    /// Returns the families of a page: registered ones, computed ones with their current samples, and the toolkit's own.
    pub(crate) fn snapshot(&self, naming: &Naming) -> Snapshot {
        let (mut by_name, groups) = {
            let families = self.families();
            (families.by_name.clone(), families.computed.clone())
        };
        let mut snapshot =
            Snapshot { families: Vec::new(), names: BTreeSet::new(), left_out: Vec::new(), is_complete: true };
        for group in groups {
            let (families, computed) = group.families();
            if !computed {
                let what = "a computed metric panicked; the rest of the page is served";
                self.inner.errors.count(Cause::Panic, || what.to_owned());
                snapshot.is_complete = false;
            }
            by_name.extend(families.into_iter().map(|family| (family.descriptor().name.to_string(), family)));
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

    /// Returns the page. The calling thread calls the collectors.
    pub(crate) fn page(&self, format: Format, naming: &Naming) -> String {
        self.page_with(format, naming, self.gather()).0
    }

    /// Returns the page with these answers of collectors, and `false` if a family is missing. No lock is held while
    /// series are read.
    pub(crate) fn page_with(&self, format: Format, naming: &Naming, mut gathered: Gathered) -> (String, bool) {
        let snapshot = self.snapshot(naming);
        self.count_left_out(&snapshot);
        let is_gathered = gathered.problems.is_empty() && gathered.unanswered.is_empty();
        let is_complete = snapshot.is_complete && snapshot.left_out.is_empty() && is_gathered;
        for problem in gathered.problems.drain(..) {
            self.inner.errors.count(problem.cause, || format!("{}; the rest of the page is served", problem.what));
        }
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
            let left_out = super::prometheus::write_all(&mut page, &gathered.families, snapshot.names);
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
