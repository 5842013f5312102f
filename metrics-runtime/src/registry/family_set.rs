//! The families of a registry by name, and the sample names that each of them writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::RegistryError;
use crate::family::AnyFamily;
use crate::family::computed::Group;
use crate::schema::{Descriptor, Source};

#[derive(Default)]
pub(super) struct FamilySet {
    pub(super) by_name: BTreeMap<String, Arc<dyn AnyFamily>>,
    /// The groups of computed families. `by_name` has their families without samples.
    pub(super) computed: Vec<Group>,
    /// Every sample name that a family writes, with the name of the family.
    claims: BTreeMap<String, String>,
    /// Declarations that could not be registered.
    pub(super) problems: Vec<RegistryError>,
}

impl FamilySet {
    /// Checks that no other family writes a sample name of this metric.
    pub(super) fn check_claims(&self, descriptor: &Descriptor, source: Source) -> Result<(), RegistryError> {
        let claims = descriptor.claims();
        match claims.iter().find_map(|claim| self.claims.get_key_value(claim)) {
            None => Ok(()),
            Some((sample, other)) => Err(RegistryError::SampleTaken {
                metric: descriptor.name.to_string(),
                sample: sample.clone(),
                other: other.clone(),
                first: Box::new(self.by_name.get(other).map_or(source, |family| family.source())),
                second: Box::new(source),
            }),
        }
    }

    pub(super) fn insert(&mut self, family: Arc<dyn AnyFamily>) {
        let descriptor = family.descriptor();
        let name = descriptor.name.to_string();
        self.claims.extend(descriptor.claims().into_iter().map(|claim| (claim, name.clone())));
        self.by_name.insert(name, family);
    }
}
