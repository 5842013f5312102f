//! Everything this binary declares, known before anything was called.
//!
//! Generated code puts one entry into a link section for each annotated function and each function of a `#[metrics]`
//! module. Nothing runs for it: the linker collects them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use linkme::distributed_slice;

use super::Callsite;
use crate::metric::clock;
use crate::registry::{Registry, RegistryError};
use crate::schema::{Descriptor, Kind, Objective, Source};

/// What generated code puts into the catalog.
pub trait Declare: Sync {
    /// The metrics, as they are declared here.
    fn declarations(&self) -> Vec<Declaration>;

    /// Registers them, with every series that is known already at zero.
    fn declare(&'static self, registry: &Registry);
}

/// The annotated functions, in a link section.
#[distributed_slice]
pub static CALLSITES: [Callsite];

/// Everything else that declares metrics, in another.
#[distributed_slice]
pub static ENTRIES: [&'static dyn Declare];

/// Puts a static, which has the type of the elements, into a link section.
///
/// This is what the attribute `distributed_slice` becomes, without the function that it adds for the compiler to look at
/// the type: generated code names the type itself, and that function would be a third of what an annotated function
/// costs to check. `linkme` does not document this form, and so is required in the one version that is known to have it.
#[doc(hidden)]
#[macro_export]
macro_rules! __listed {
    ($slice:path, $element:item) => {
        $slice! {
            #![linkme_macro = $slice]
            $element
        }
    };
}

fn entries() -> impl Iterator<Item = &'static dyn Declare> {
    let callsites = CALLSITES.iter().map(|callsite| -> &'static dyn Declare { callsite });
    callsites.chain(ENTRIES.iter().copied())
}

impl Registry {
    /// Returns the registry that attributes and `#[metrics]` modules record into: it has everything this binary declares.
    #[must_use]
    pub fn global() -> &'static Self {
        static GLOBAL: LazyLock<Registry> = LazyLock::new(|| {
            clock::start();
            let registry = Registry::new();
            declare_all(&registry);
            registry
        });
        &GLOBAL
    }

    /// Returns `true` if this is the global registry.
    #[cfg(any(feature = "http", feature = "export"))]
    pub(crate) fn is_global(&self) -> bool {
        self.is(Self::global())
    }
}

/// One metric as one place in the program declares it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Declaration {
    /// The metric, its name without namespace.
    pub descriptor: Descriptor,
    /// Where it is declared.
    pub source: Source,
    /// For each label, in order, the values it can have as far as they are known at compile time, `panic` and `cancelled`
    /// of a label that is read from the result among them; empty where any value is possible.
    pub values: Vec<Vec<&'static str>>,
    /// What the attribute promises of the calls that this metric records.
    pub objective: Option<Objective>,
}

impl Declaration {
    /// The labels that have one value here, which the attribute fixes, in order.
    pub(crate) fn fixed(&self) -> Vec<(&str, &'static str)> {
        let labels = self.descriptor.labels.iter().zip(&self.values);
        let fixed = labels.filter_map(|(label, values)| match values.as_slice() {
            [value] => Some((&**label, *value)),
            _ => None,
        });
        fixed.collect()
    }

    /// Whether what is recorded here may be in the series that the fixed labels of `other` select.
    #[cfg(feature = "export")]
    pub(crate) fn shares_series(&self, other: &Self) -> bool {
        let may_be = |label: &str, value| {
            let at = self.descriptor.labels.iter().position(|own| own == label);
            at.and_then(|at| self.values.get(at)).is_some_and(|values| values.is_empty() || values.contains(&value))
        };
        self.descriptor.name == other.descriptor.name
            && other.fixed().into_iter().all(|(label, value)| may_be(label, value))
    }
}

/// Every metric that this binary declares with attributes and `#[metrics]` modules, sorted by name and place.
///
/// Complete before the first call. A family that several functions share (`function_calls_total`) has one declaration
/// for each of them.
///
/// ```
/// #[metrics_runtime::track_counter(name = "jobs_total")]
/// fn job() {}
///
/// let catalog = metrics_runtime::catalog();
/// let jobs = catalog.iter().find(|d| d.descriptor.name == "jobs_total").unwrap();
/// assert_eq!(jobs.source.function, "job");
/// assert_eq!(jobs.values, [["success", "error", "panic", "cancelled"]]);
/// # job();
/// ```
#[must_use]
pub fn catalog() -> Vec<Declaration> {
    let mut all: Vec<_> = entries().flat_map(Declare::declarations).collect();
    all.sort_by(|a, b| (&a.descriptor.name, a.source).cmp(&(&b.descriptor.name, b.source)));
    all
}

/// Declares every entry, in the order of their places, so that of two that differ it is always the same one that wins.
pub(crate) fn declare_all(registry: &Registry) {
    let mut entries: Vec<_> = entries().map(|entry| (entry.declarations(), entry)).collect();
    entries.sort_by_key(|(declared, _)| declared.first().map(|declaration| declaration.source));
    for (_, entry) in &entries {
        entry.declare(registry);
    }
    for problem in contradictions(entries.iter().flat_map(|(declared, _)| declared)) {
        registry.keep_problem(problem);
    }
}

/// What functions that no label tells apart promise differently, of success where it is calls that their metric counts,
/// and of latency where it is their duration.
pub(crate) fn contradictions<'d>(declared: impl IntoIterator<Item = &'d Declaration>) -> Vec<RegistryError> {
    let mut promised = BTreeMap::new();
    let mut problems = Vec::new();
    for declared in declared {
        let Some(objective) = &declared.objective else { continue };
        let words = match declared.descriptor.kind {
            Kind::Counter => objective.success_percent().map(|percent| format!("{percent}% succeed")),
            Kind::Histogram => {
                objective.latency_bound().map(|(seconds, percent)| format!("{percent}% within {seconds} s"))
            }
            _ => None,
        };
        let Some(words) = words else { continue };
        let mut fixed = declared.fixed();
        fixed.sort_unstable();
        let (first, place) =
            promised.entry((&*declared.descriptor.name, fixed)).or_insert_with(|| (words.clone(), declared.source));
        if *first != words {
            problems.push(RegistryError::Objectives {
                metric: declared.descriptor.name.to_string(),
                promised: first.clone(),
                other: words,
                first: Box::new(*place),
                second: Box::new(declared.source),
            });
        }
    }
    problems
}
