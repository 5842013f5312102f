//! Where calls come from: one static for each annotated function.

use std::sync::OnceLock;

use super::catalog::{Declaration, Declare};
use super::enabled;
use super::families::{Families, Part};
use super::guard::Call;
use super::series::Series;
use super::site::{Role, Site};
use crate::registry::Registry;
use crate::schema::objective::Objective;

/// One annotated function: what it declares, and the series it records into once it was called.
#[derive(Debug)]
pub struct Callsite {
    site: Site,
    objective: Option<Objective>,
    /// Boxed: a call site stands in the data of the program.
    families: OnceLock<Box<Families>>,
    /// The series of a call site without run-time labels.
    fixed: OnceLock<Series>,
}

impl Callsite {
    /// A call site that was not called yet.
    #[must_use]
    pub const fn new(site: Site) -> Self {
        Self { site, objective: None, families: OnceLock::new(), fixed: OnceLock::new() }
    }

    fn families(&'static self) -> &'static Families {
        self.families.get().unwrap_or_else(|| {
            // First of all, since building the registry resolves every call site in the catalog, this one too.
            let registry = Registry::global();
            self.families.get_or_init(|| Box::new(Families::new(&self.site, registry)))
        })
    }

    /// A call without labels that are evaluated before the body.
    #[inline]
    pub fn enter(&'static self) -> Call {
        if enabled() { self.begin() } else { Call::disabled() }
    }

    /// Stands here once, and not in every annotated function; so with all that is `inline(never)` below.
    #[inline(never)]
    fn begin(&'static self) -> Call {
        Call::begin(match self.fixed.get() {
            Some(series) => series,
            None => self.fix(),
        })
    }

    #[cold]
    fn fix(&'static self) -> &'static Series {
        let families = self.families();
        self.fixed.get_or_init(|| Series::new(families, Some(&[])))
    }

    /// The same with what the attribute promises.
    #[must_use]
    pub const fn promising(mut self, objective: Objective) -> Self {
        self.objective = Some(objective);
        self
    }

    /// The series of labels that are evaluated before the body, of whose values each knows where it stands among those of
    /// its type, in the order of their declaration. Nothing where one does not, or where there are too many to have them
    /// all.
    #[inline]
    pub fn bounded(&'static self, ordinals: &[Option<usize>]) -> Option<&'static Series> {
        // Of its types the compiler knows as much: nothing is left of this where one is a string.
        if ordinals.contains(&None) { None } else { self.placed(ordinals) }
    }

    #[inline(never)]
    fn placed(&'static self, ordinals: &[Option<usize>]) -> Option<&'static Series> {
        self.families().bounded(ordinals)
    }

    /// The series of these values of the labels that are evaluated before the body, in the order of their declaration.
    pub fn series(&'static self, values: &[&str]) -> &'static Series {
        self.families().entered(values)
    }
}

impl Declare for Callsite {
    fn declarations(&self) -> Vec<Declaration> {
        let site = &self.site;
        let recorded = Role::ALL.into_iter().filter_map(|role| Some((role, site.instrument(role)?)));
        recorded
            .map(|(role, instrument)| Declaration {
                descriptor: site.descriptor(role, &instrument),
                source: site.source,
                values: site.wants(role, &instrument).into_iter().map(|(_, want)| want.possible(role)).collect(),
                objective: self.objective.filter(|_| matches!(role, Role::Calls | Role::Duration)),
            })
            .collect()
    }

    fn declare(&'static self, registry: &Registry) {
        let families = self.families.get_or_init(|| Box::new(Families::new(&self.site, registry)));
        families.calls.iter().for_each(Part::declare_known_series);
        families.duration.iter().for_each(Part::declare_known_series);
        families.observed.iter().for_each(Part::declare_known_series);
        families.added.iter().for_each(Part::declare_known_series);
        families.in_flight.iter().for_each(Part::declare_known_series);
    }
}
