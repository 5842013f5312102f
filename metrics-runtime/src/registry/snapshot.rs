//! The families of a page at one moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::gathered::Cause;
use super::{Registry, own_metrics};
use crate::family::computed::{Group, Samples};
use crate::family::{AnyFamily, Owner};
use crate::schema::{Kind, Naming};

/// The families of a page at one moment.
pub(crate) struct Snapshot {
    /// The families in the order of the page: by owner, then by name. Each sample name is written by one of them.
    pub(crate) families: Vec<Arc<dyn AnyFamily>>,
    /// The sample names that they write.
    names: BTreeSet<String>,
    /// `true` if one of them ends in `_created`, which is rare.
    has_created: bool,
    /// The metrics that are left out because one of their sample names is taken.
    pub(super) left_out: Vec<String>,
    /// The sample names of the families that every service has, such as `process_*`.
    pub(super) common: BTreeSet<String>,
    /// `false` if computing a family failed.
    pub(super) is_complete: bool,
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
                self.has_created |= names.iter().any(|name| name.ends_with("_created"));
                self.names.extend(names);
                self.families.push(family);
            }
        }
    }

    /// Returns `true` for a counter if another family has its name with `_created` in place of `_total`. In OpenMetrics,
    /// the name of a counter `a_created_total` is `a_created`.
    pub(super) fn is_ambiguous(&self, family: &dyn AnyFamily, naming: &Naming) -> bool {
        let descriptor = family.descriptor();
        let is_taken = |created| self.names.contains(&format!("{}{created}", family.prefix(naming)));
        self.has_created && descriptor.kind == Kind::Counter && descriptor.created().is_some_and(is_taken)
    }

    /// Returns the names that no collector may write.
    #[cfg(feature = "prometheus")]
    pub(crate) fn taken(&self, naming: &Naming) -> BTreeSet<String> {
        let created = self.families.iter().filter_map(|family| {
            let created = family.descriptor().created()?;
            Some(format!("{}{created}", family.prefix(naming)))
        });
        let replaced = self.families.iter().flat_map(|family| {
            let samples = family.descriptor().replaced_samples().into_iter();
            samples.map(|sample| format!("{}{sample}", family.prefix(naming)))
        });
        created.chain(replaced).chain(self.names.iter().cloned()).collect()
    }
}

impl Registry {
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
            has_created: false,
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
            for (_, source) in computed.extract_if(.., |(of, _)| group.is(of)) {
                samples.append(source);
            }
            for what in samples.take_unreadable() {
                self.inner.errors.count(Cause::Unreadable, || format!("cannot read {what}"));
                snapshot.is_complete = false;
            }
            for _ in 0..group.settle(&mut samples) {
                let what = "an observed metric has two values with the same labels; the first one is on the page";
                self.inner.errors.count(Cause::Duplicate, || what.to_owned());
                snapshot.is_complete = false;
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
}
