//! The families by their names, and the names that each of them writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::RegistryError;
use crate::family::AnyFamily;
use crate::family::computed::Group;
use crate::schema::{Descriptor, Source};

#[derive(Default)]
pub(super) struct Families {
    pub(super) by_name: BTreeMap<String, Arc<dyn AnyFamily>>,
    /// What computes the samples of families, which are in `by_name` without any.
    pub(super) computed: Vec<Group>,
    /// Every name that some family writes, with the name of the family.
    pub(super) claims: BTreeMap<String, String>,
    /// What was declared and could not be registered.
    pub(super) problems: Vec<RegistryError>,
}

impl Families {
    /// Whether all names that the metric would write are free.
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
