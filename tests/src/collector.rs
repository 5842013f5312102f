//! A collector of the `prometheus` crate that always gives the same families.

use std::collections::HashMap;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

/// A collector that gives these families.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// The description that the collector gives.
    pub description: Desc,
    /// The families, whether or not they fit the description.
    pub families: Vec<MetricFamily>,
}

impl Fixed {
    /// Creates a collector with the description of its first family.
    #[must_use]
    pub fn new(families: Vec<MetricFamily>) -> Self {
        let (name, help) = (families[0].name().to_owned(), families[0].help().to_owned());
        let description = Desc::new(name, help, vec![], HashMap::new()).unwrap();
        Self { description, families }
    }
}

impl Collector for Fixed {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.families.clone()
    }
}
