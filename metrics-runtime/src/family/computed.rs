//! Families whose samples are computed for each page, such as the state of something that changes with time.
//!
//! One type computes a group of families. A registry has at most one value of each such type. For a page it fills all
//! families of the group at once, so their samples agree.

use std::any::Any;
use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use super::any::AnyFamilyRef;
use super::{AnyFamily, Owner};
use crate::contained::contained;
use crate::schema::{Descriptor, Kind, LabelText, Number, Source, shortened};
use crate::visit::{FamilyRef, SeriesRef, Value, Visitor};

/// Computes the samples of a group of families.
pub(crate) trait Computed: Any + Send + Sync {
    /// Returns the families, which are counters and gauges. Every call returns the same.
    fn descriptors(&self) -> Vec<Descriptor>;

    /// Returns the owner of the families.
    fn owner(&self) -> Owner {
        Owner::Service
    }

    /// Returns all values that a label of the families can have, or an empty list if any value is possible.
    fn known_values(&self, _label: &str) -> Vec<&'static str> {
        Vec::new()
    }

    /// Returns the places that register the series, if they differ from the place that registers the group.
    fn places(&self) -> Vec<Source> {
        Vec::new()
    }

    /// Removes samples that the page must not have, after those of sources were added. Returns the number of those that have
    /// the labels of another one.
    fn settle(&self, _samples: &mut Samples) -> usize {
        0
    }

    /// Returns the number of samples of this metric that were removed because of a limit of series.
    fn overflowed(&self, _metric: &str) -> u64 {
        0
    }

    /// Adds the current samples, without code of others: that is a [`ComputedSource`]. A panic leaves the families of
    /// this page empty.
    fn compute(&self, samples: &mut Samples);
}

/// Code of others that adds samples to a group. Each such source is called by itself, with a deadline.
pub(crate) trait ComputedSource: Send + Sync {
    /// Returns a description for the log.
    fn name(&self) -> String;

    /// Returns `true` if there will be no more samples.
    fn has_ended(&self) -> bool;

    /// Adds the current samples. After a panic, none of them are on the page.
    fn compute(&self, samples: &mut Samples);
}

/// The samples of a group for one page, by the index of their family in [`Computed::descriptors`].
#[derive(Clone)]
pub(crate) struct Samples {
    families: Vec<ComputedFamily>,
    unreadable: Vec<String>,
}

impl Samples {
    /// Adds one sample. It has one value for each label of the family, in their order.
    pub(crate) fn add(&mut self, family: usize, values: &[&str], number: Number) {
        debug_assert!(family < self.families.len());
        if let Some(family) = self.families.get_mut(family) {
            family.add(values, number);
        }
    }

    /// Reports values that cannot be read at the moment, as text for the log.
    pub(crate) fn unreadable(&mut self, what: String) {
        self.unreadable.push(what);
    }

    /// Removes and returns what was reported as unreadable.
    pub(crate) fn take_unreadable(&mut self) -> Vec<String> {
        mem::take(&mut self.unreadable)
    }

    /// Moves the samples of a source to those of its group.
    pub(crate) fn append(&mut self, source: Self) {
        for (family, source) in self.families.iter_mut().zip(source.families) {
            family.samples.extend(source.samples);
        }
        self.unreadable.extend(source.unreadable);
    }

    /// Returns the families with their samples.
    pub(crate) fn families_mut(&mut self) -> impl Iterator<Item = &mut ComputedFamily> {
        self.families.iter_mut()
    }

    pub(crate) fn into_families(self) -> Vec<Arc<dyn AnyFamily>> {
        self.families.into_iter().map(|family| Arc::new(family) as _).collect()
    }
}

/// A family with the samples of one page.
#[derive(Clone)]
pub struct ComputedFamily {
    descriptor: Descriptor,
    source: Source,
    owner: Owner,
    /// The source of the known label values, and of the places.
    computed: Option<Arc<dyn Computed>>,
    samples: Vec<(LabelText, Number)>,
}

impl ComputedFamily {
    /// Creates a family that is not part of a group.
    pub(crate) fn new(owner: Owner, descriptor: Descriptor, source: Source) -> Self {
        Self { descriptor, source, owner, computed: None, samples: Vec::new() }
    }

    /// Adds one sample. It has one value for each label, in their order.
    pub(crate) fn add(&mut self, values: &[&str], number: Number) {
        debug_assert_eq!(self.descriptor.labels.len(), values.len());
        if let Some(short) = shortened(values) {
            return self.add(&short.iter().map(AsRef::as_ref).collect::<Vec<_>>(), number);
        }
        self.samples.push((LabelText::new(&self.descriptor.labels, values), number));
    }

    /// Removes the samples that have the labels of an earlier one. Returns their number.
    pub(crate) fn remove_repeated(&mut self) -> usize {
        let (mut seen, before) = (HashSet::new(), self.samples.len());
        self.samples.retain(|(labels, _)| seen.insert(labels.as_str().to_owned()));
        before - self.samples.len()
    }

    /// Keeps the first samples. Returns the number of those that were removed.
    pub(crate) fn truncate(&mut self, len: usize) -> usize {
        let before = self.samples.len();
        self.samples.truncate(len);
        before - self.samples.len()
    }

    pub(super) fn visit_series<V: Visitor + ?Sized>(&self, head: &FamilyRef<'_>, visitor: &mut V) {
        for (labels, number) in &self.samples {
            let value = match self.descriptor.kind {
                Kind::Counter => Value::Counter(*number),
                _ => Value::Gauge(*number),
            };
            visitor.series(head, &SeriesRef::new(head.constant, labels.as_str()), value);
        }
    }
}

/// A registered group.
#[derive(Clone)]
pub(crate) struct Group {
    computed: Arc<dyn Computed>,
    source: Source,
}

impl Group {
    pub(crate) fn new(computed: Arc<dyn Computed>, source: Source) -> Self {
        Self { computed, source }
    }

    /// Returns the value that computes the group, or `None` if it has another type.
    pub(crate) fn downcast<C: Computed>(&self) -> Option<Arc<C>> {
        let any: Arc<dyn Any + Send + Sync> = Arc::clone(&self.computed) as _;
        any.downcast().ok()
    }

    /// Returns the families without samples.
    pub(crate) fn placeholders(&self) -> Vec<Arc<dyn AnyFamily>> {
        self.no_samples().into_families()
    }

    /// Returns the families without samples.
    pub(crate) fn no_samples(&self) -> Samples {
        let families = self.computed.descriptors().into_iter().map(|descriptor| ComputedFamily {
            computed: Some(Arc::clone(&self.computed)),
            ..ComputedFamily::new(self.computed.owner(), descriptor, self.source)
        });
        Samples { families: families.collect(), unreadable: Vec::new() }
    }

    /// Returns the current samples, and `false` if computing them panicked.
    pub(crate) fn samples(&self) -> (Samples, bool) {
        let mut samples = self.no_samples();
        let computed = contained(|| self.computed.compute(&mut samples));
        if computed.is_none() {
            samples = self.no_samples();
        }
        (samples, computed.is_some())
    }

    /// Removes samples that the page must not have. Returns the number of those that have the labels of another one.
    pub(crate) fn settle(&self, samples: &mut Samples) -> usize {
        self.computed.settle(samples)
    }

    /// Returns `true` if both are the same group.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.computed, &other.computed)
    }
}

impl AnyFamily for ComputedFamily {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn source(&self) -> Source {
        self.source
    }

    fn owner(&self) -> Owner {
        self.owner
    }

    fn is_computed(&self) -> bool {
        true
    }

    fn known_values(&self, label: &str) -> Vec<&'static str> {
        self.computed.as_ref().map(|computed| computed.known_values(label)).unwrap_or_default()
    }

    fn places(&self) -> Vec<Source> {
        self.computed.as_ref().map(|computed| computed.places()).unwrap_or_default()
    }

    fn typed(&self) -> AnyFamilyRef<'_> {
        AnyFamilyRef::Computed(self)
    }

    fn len(&self) -> (usize, usize) {
        (self.samples.len(), self.samples.iter().map(|(labels, _)| labels.as_str().len()).sum())
    }

    fn bounds(&self) -> &[f64] {
        &[]
    }

    fn own_limit(&self) -> Option<usize> {
        self.descriptor.series_limit
    }

    fn overflowed(&self) -> u64 {
        self.computed.as_ref().map_or(0, |computed| computed.overflowed(&self.descriptor.name))
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
    fn every_page_has_the_samples_of_its_moment() {
        let registry = Registry::new();
        let ticks = registry.computed::<Ticks>(Source::caller()).unwrap();
        assert!(Arc::ptr_eq(&ticks, &registry.computed::<Ticks>(Source::caller()).unwrap()));
        assert!(registry.render().contains("ticks_total{clock=\"wall\"} 0\n"));
        ticks.0.store(3, Ordering::Relaxed);
        let page = registry.render();
        assert!(page.contains("ticks_total{clock=\"wall\"} 3\n") && page.contains("\neven 0\n"), "{page}");
    }

    #[test]
    fn a_panic_removes_only_its_own_samples_and_is_counted() {
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
    fn their_names_conflict_with_those_of_other_families() {
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
