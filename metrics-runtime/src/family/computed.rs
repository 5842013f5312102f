//! Families whose samples are computed when they are asked for: the state of something that changes by itself.
//!
//! What computes them belongs to one type, which the registry has one of: it says what its families are, and on every
//! page fills all of them at once, so that what they say goes together.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{AnyFamily, LINE, Sample};
use crate::encode::Page;
use crate::schema::Number;
use crate::schema::label::LabelText;
use crate::schema::{Descriptor, Kind, Naming, Source};

/// What computes the samples of some families.
pub(crate) trait Computed: Any + Send + Sync {
    /// The families, counters and gauges; always the same.
    fn descriptors(&self) -> Vec<Descriptor>;

    /// Whether the service's namespace stands in front of their names. Not where every service has the same families
    /// under the same names.
    fn is_namespaced(&self) -> bool {
        true
    }

    /// All values that a label of the families can have; none where any is possible.
    #[cfg(feature = "export")]
    fn values(&self, _label: &str) -> Vec<&'static str> {
        Vec::new()
    }

    /// Where those that it shows come from; nothing where that is where it was registered.
    #[cfg(feature = "export")]
    fn places(&self) -> Vec<Source> {
        Vec::new()
    }

    /// Adds the samples that there are now. May run the user's code: a panic leaves the families empty for this once.
    fn compute(&self, samples: &mut Samples);
}

/// The samples of one page, by the place of their family in [`Computed::descriptors`].
pub(crate) struct Samples {
    families: Vec<Filled>,
}

struct Filled {
    descriptor: Descriptor,
    source: Source,
    computed: Arc<dyn Computed>,
    samples: Vec<(LabelText, Number)>,
}

impl Samples {
    fn into_families(self) -> Vec<Arc<dyn AnyFamily>> {
        self.families.into_iter().map(|family| Arc::new(family) as _).collect()
    }

    /// One sample. There is one value for each label of the family, in their order.
    pub(crate) fn add(&mut self, family: usize, values: &[&str], number: Number) {
        debug_assert!(family < self.families.len());
        if let Some(family) = self.families.get_mut(family) {
            debug_assert_eq!(family.descriptor.labels.len(), values.len());
            family.samples.push((LabelText::new(&family.descriptor.labels, values), number));
        }
    }
}

/// One that is registered.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) computed: Arc<dyn Computed>,
    source: Source,
}

impl Group {
    pub(crate) fn new(computed: Arc<dyn Computed>, source: Source) -> Self {
        Self { computed, source }
    }

    /// Whether it is of this type.
    pub(crate) fn is<C: Computed>(&self) -> Option<Arc<C>> {
        let any: Arc<dyn Any + Send + Sync> = Arc::clone(&self.computed) as _;
        any.downcast().ok()
    }

    /// Its families without samples.
    pub(crate) fn empty(&self) -> Vec<Arc<dyn AnyFamily>> {
        self.nothing().into_families()
    }

    fn nothing(&self) -> Samples {
        let families = self.computed.descriptors().into_iter().map(|descriptor| Filled {
            descriptor,
            source: self.source,
            computed: Arc::clone(&self.computed),
            samples: Vec::new(),
        });
        Samples { families: families.collect() }
    }

    /// Its families as they are now, and whether computing them went well.
    pub(crate) fn families(&self) -> (Vec<Arc<dyn AnyFamily>>, bool) {
        let mut samples = self.nothing();
        let computed = catch_unwind(AssertUnwindSafe(|| self.computed.compute(&mut samples)));
        if computed.is_err() {
            samples = self.nothing();
        }
        (samples.into_families(), computed.is_ok())
    }
}

impl AnyFamily for Filled {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn source(&self) -> Source {
        self.source
    }

    fn prefix<'a>(&self, naming: &'a Naming) -> &'a str {
        if self.computed.is_namespaced() { &naming.prefix } else { "" }
    }

    #[cfg(feature = "export")]
    fn computed(&self) -> Option<&dyn Computed> {
        Some(&*self.computed)
    }

    fn write(&self, page: &mut Page) {
        for (labels, number) in &self.samples {
            page.sample(labels.as_str(), *number);
        }
    }

    fn page_len(&self, beside: usize) -> usize {
        self.samples.iter().map(|(labels, _)| labels.as_str().len() + beside + LINE).sum()
    }

    fn visit(&self, visit: &mut dyn FnMut(&LabelText, Sample)) {
        for (labels, number) in &self.samples {
            let sample = match self.descriptor.kind {
                Kind::Counter => Sample::Counter(*number),
                _ => Sample::Gauge(number.as_f64()),
            };
            visit(labels, sample);
        }
    }

    fn bounds(&self) -> &[f64] {
        &[]
    }

    fn overflowed(&self) -> u64 {
        0
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Registry, RegistryError};
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    struct Ticks(AtomicU64);

    impl Computed for Ticks {
        fn descriptors(&self) -> Vec<Descriptor> {
            vec![Descriptor::counter("ticks_total", "Ticks.").labels(["clock"]), Descriptor::gauge("even", "Even.")]
        }

        fn compute(&self, samples: &mut Samples) {
            let ticks = self.0.load(Ordering::Relaxed);
            samples.add(0, &["wall"], Number::Whole(ticks));
            assert!(ticks < 5, "broken");
            samples.add(1, &[], Number::Float(f64::from(u8::from(ticks.is_multiple_of(2)))));
        }
    }

    #[test]
    fn every_page_has_what_is_true_when_it_is_written() {
        let registry = Registry::new();
        let ticks = registry.computed::<Ticks>(Source::caller()).unwrap();
        assert!(Arc::ptr_eq(&ticks, &registry.computed::<Ticks>(Source::caller()).unwrap()));
        assert!(registry.render().contains("ticks_total{clock=\"wall\"} 0\n"));
        ticks.0.store(3, Ordering::Relaxed);
        let page = registry.render();
        assert!(page.contains("ticks_total{clock=\"wall\"} 3\n") && page.contains("\neven 0\n"), "{page}");
    }

    #[test]
    fn a_panic_costs_its_own_samples_and_is_counted() {
        let registry = Registry::new();
        let ticks = registry.computed::<Ticks>(Source::caller()).unwrap();
        registry.gauge(Descriptor::gauge("other", "Other.")).unwrap().get_or_create(&[]).unwrap().set(1.0);
        ticks.0.store(5, Ordering::Relaxed);
        let page = registry.render();
        assert!(page.contains("# TYPE ticks_total counter\n") && !page.contains("ticks_total{"), "{page}");
        assert!(page.contains("other 1\n"), "{page}");
        assert!(page.contains("metrics_runtime_scrape_errors_total{cause=\"panic\"} 1\n"), "{page}");
    }

    #[test]
    fn their_names_are_taken_as_those_of_other_families_are() {
        let registry = Registry::new();
        let _ = registry.computed::<Ticks>(Source::caller()).unwrap();
        let taken = registry.gauge(Descriptor::gauge("even", "Even."));
        assert!(matches!(taken, Err(RegistryError::Conflict { .. })));

        let registry = Registry::new();
        let _ = registry.gauge(Descriptor::gauge("even", "Even.")).unwrap();
        let error = registry.computed::<Ticks>(Source::caller()).map(|_| ()).unwrap_err();
        assert!(matches!(error, RegistryError::Conflict { .. }), "{error}");
        assert!(!registry.render().contains("ticks_total"), "none of them, or all");
    }
}
