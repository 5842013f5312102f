//! The families of a registry by name, and the sample names that each of them writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::RegistryError;
use super::own_metrics;
use crate::family::AnyFamily;
use crate::family::computed::Group;
use crate::schema::objective::RouteObjective;
use crate::schema::{Descriptor, Naming, Source};

#[derive(Clone, Default)]
pub(super) struct FamilySet {
    pub(super) by_name: BTreeMap<String, Arc<dyn AnyFamily>>,
    /// The groups of computed families. `by_name` has their families without samples.
    pub(super) computed: Vec<Group>,
    /// Every sample name that a family writes, with the name of the family.
    claims: BTreeMap<String, String>,
    /// Every sample name that a family had before, with the present name of the family.
    replaced: BTreeMap<String, String>,
    /// Declarations that could not be registered.
    pub(super) problems: Vec<RegistryError>,
    /// The objectives of gRPC methods, by the paths of these.
    pub(super) methods: Vec<RouteObjective>,
}

impl FamilySet {
    /// Checks that no other family writes a sample name of this metric.
    pub(super) fn check_claims(&self, descriptor: &Descriptor, source: Source) -> Result<(), RegistryError> {
        self.check_replaced(descriptor, source)?;
        let claims = descriptor.claims();
        let claimed = claims.iter().find_map(|claim| self.claims.get_key_value(claim));
        let claimed = claimed.map(|(sample, other)| (sample.clone(), other.clone()));
        match claimed.or_else(|| self.taken_created(descriptor)) {
            None => Ok(()),
            Some((sample, other)) => Err(RegistryError::SampleTaken {
                metric: descriptor.name.to_string(),
                sample,
                first: Box::new(self.by_name.get(&other).map_or(source, |family| family.source())),
                second: Box::new(source),
                other,
            }),
        }
    }

    /// Checks that no other family has an earlier name of this metric, and that none had the name of this metric before.
    fn check_replaced(&self, descriptor: &Descriptor, source: Source) -> Result<(), RegistryError> {
        let has = |other: &&String, sample: &String| {
            self.by_name.get(*other).is_some_and(|family| family.descriptor().samples().contains(sample))
        };
        for sample in descriptor.replaced_samples() {
            let writer = self.claims.get(&sample).filter(|other| has(other, &sample));
            if let Some(other) = writer.or_else(|| self.replaced.get(&sample)) {
                return Err(RegistryError::Replaced {
                    metric: descriptor.name.to_string(),
                    replaced: sample,
                    other: other.clone(),
                    first: Box::new(source),
                    second: Box::new(self.by_name.get(other).map_or(source, |family| family.source())),
                });
            }
        }
        for sample in descriptor.samples() {
            if let Some(metric) = self.replaced.get(&sample) {
                return Err(RegistryError::Replaced {
                    metric: metric.clone(),
                    replaced: sample,
                    other: descriptor.name.to_string(),
                    first: Box::new(self.by_name.get(metric).map_or(source, |family| family.source())),
                    second: Box::new(source),
                });
            }
        }
        Ok(())
    }

    /// Returns the name of a sample that this metric writes and another one reserves for its creation time, or the other
    /// way round, with the other family. Only legacy names are such.
    fn taken_created(&self, descriptor: &Descriptor) -> Option<(String, String)> {
        let reserved = descriptor.created().and_then(|created| Some((created.clone(), self.by_name.get(&created)?)));
        if let Some((created, family)) = reserved
            && family.descriptor().writes(&created)
        {
            return Some((created.clone(), created));
        }
        let name = &*descriptor.name;
        let stem = name.strip_suffix("_created").filter(|_| descriptor.writes(name))?;
        let mut others = [stem.to_owned(), format!("{stem}_total")].into_iter();
        let other = others.find(|other| {
            let family = self.by_name.get(other);
            family.and_then(|family| family.descriptor().created()).as_deref() == Some(name)
        })?;
        Some((name.to_owned(), other))
    }

    /// Returns the conflicts between the names that the families have on a page with this naming.
    pub(super) fn naming_conflicts(&self, naming: &Naming) -> Vec<RegistryError> {
        let mut taken = BTreeMap::new();
        let mut problems = Vec::new();
        // In the order of the page, where the first family keeps the name.
        let mut families: Vec<_> = self.by_name.values().collect();
        families.sort_by_key(|family| family.owner());
        for family in families {
            let (metric, source) = (family.full_name(naming), family.source());
            if own_metrics::is_reserved(&**family, naming) {
                problems.push(RegistryError::Reserved { metric, source_place: source });
                continue;
            }
            let claims = family.descriptor().claims();
            let mut claims = claims.into_iter().map(|claim| format!("{}{claim}", family.prefix(naming)));
            let conflict = claims.find_map(|claim| {
                let (other, first) = taken.get(&claim).cloned()?;
                Some((claim, other, first))
            });
            if let Some((sample, other, first)) = conflict {
                let (first, second) = (Box::new(first), Box::new(source));
                problems.push(RegistryError::SampleTaken { metric, sample, other, first, second });
                continue;
            }
            for claim in family.descriptor().claims() {
                taken.insert(format!("{}{claim}", family.prefix(naming)), (metric.clone(), source));
            }
        }
        problems.extend(self.replaced_conflicts(naming));
        problems
    }

    /// Returns the conflicts between the earlier names on a page with this naming and the names of other families.
    fn replaced_conflicts(&self, naming: &Naming) -> impl Iterator<Item = RegistryError> {
        let families = self.by_name.values();
        let written = families.clone().flat_map(|family| {
            let samples = family.descriptor().samples().into_iter();
            samples.map(move |sample| (format!("{}{sample}", family.prefix(naming)), family))
        });
        let written: BTreeMap<_, _> = written.collect();
        let replaced = families.flat_map(move |family| {
            let samples = family.descriptor().replaced_samples().into_iter();
            samples.map(move |sample| (format!("{}{sample}", family.prefix(naming)), family))
        });
        replaced.filter_map(move |(replaced, family)| {
            let other = written.get(&replaced)?;
            let (metric, other_name) = (family.full_name(naming), other.full_name(naming));
            let (first, second) = (Box::new(family.source()), Box::new(other.source()));
            Some(RegistryError::Replaced { metric, replaced, other: other_name, first, second })
        })
    }

    /// Adds a group of computed families, all of them or none.
    pub(super) fn add_group(&mut self, group: Group, source: Source) -> Result<(), RegistryError> {
        // Two families of the group can conflict as well.
        let mut with = self.clone();
        for family in group.placeholders() {
            let descriptor = family.descriptor();
            if descriptor.name.starts_with(own_metrics::PREFIX) {
                return Err(RegistryError::Reserved { metric: descriptor.name.to_string(), source_place: source });
            }
            descriptor.check().map_err(|problem| RegistryError::Invalid { problem, source_place: source })?;
            if let Some(registered) = with.by_name.get(&*descriptor.name) {
                return Err(RegistryError::Conflict {
                    metric: descriptor.name.to_string(),
                    what: registered.descriptor().difference(descriptor).unwrap_or("kind of family"),
                    first: Box::new(registered.source()),
                    second: Box::new(source),
                });
            }
            with.check_claims(descriptor, source)?;
            with.insert(family);
        }
        with.computed.push(group);
        *self = with;
        Ok(())
    }

    pub(super) fn insert(&mut self, family: Arc<dyn AnyFamily>) {
        let descriptor = family.descriptor();
        let name = descriptor.name.to_string();
        self.claims.extend(descriptor.claims().into_iter().map(|claim| (claim, name.clone())));
        self.replaced.extend(descriptor.replaced_samples().into_iter().map(|sample| (sample, name.clone())));
        self.by_name.insert(name, family);
    }
}
