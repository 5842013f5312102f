//! The declaration of one metric at one place in the source.

use crate::registry::Registry;
use crate::schema::{Descriptor, Objective, Source};

/// A static that declares metrics. Generated code puts it into the catalog.
pub trait Declare: Sync {
    /// Returns the metrics that are declared here.
    fn declarations(&self) -> Vec<Declaration>;

    /// Registers the metrics, and creates at zero every series whose labels are known.
    fn declare(&'static self, registry: &Registry);
}

/// A metric as one place in the program declares it. See [`catalog`](crate::catalog()).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Declaration {
    /// The definition of the metric; its name has no namespace.
    pub descriptor: Descriptor,
    /// The place of the declaration.
    pub source: Source,
    /// The values of each label that are known at compile time, in the order of the labels; empty for a label that can
    /// have any value. A label that is evaluated on the result also has the values `panic` and `cancelled`.
    pub values: Vec<Vec<&'static str>>,
    /// The labels that are evaluated on the result. A share of calls is never one of the calls with such a value: all calls
    /// with an error's cause are errors.
    pub result_labels: Vec<&'static str>,
    /// The objective that the attribute declares for the calls that this metric records.
    pub objective: Option<Objective>,
}

impl Declaration {
    /// Returns the labels for which the attribute has a fixed value, each with the value, in the order of the labels.
    #[must_use]
    pub fn fixed_labels(&self) -> Vec<(&str, &'static str)> {
        let labels = self.descriptor.labels.iter().zip(&self.values);
        let fixed = labels.filter_map(|(label, values)| match values.as_slice() {
            [value] => Some((&**label, *value)),
            _ => None,
        });
        fixed.collect()
    }
}
