//! A family of any kind, as the registry holds it.

use std::any::Any;

use super::computed::ComputedFamily;
use super::created::Created;
use super::metric::Reading;
use super::{Family, Info, Metric, lock};
use crate::metric::{Counter, Gauge, Histogram, InFlight};
use crate::schema::{Descriptor, Kind, LabelText, Naming, Source, shortened};
use crate::visit::{FamilyRef, SeriesRef, Visitor};

/// The owner of a family. It decides the family's name and position on the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// The service. Its families get the namespace.
    #[default]
    Service,
    /// A library. Every service has the same families under the same names (`process_*`), so they get no namespace.
    #[cfg_attr(
        not(any(feature = "grpc", feature = "process", feature = "tokio-runtime")),
        allow(dead_code, reason = "what is behind these features has it")
    )]
    Library,
    /// This toolkit (`metrics_runtime_*`). Its families get no namespace, have all their series from the start, and are
    /// written last, so that they count what was left out of the page before them.
    Toolkit,
}

/// A family of any kind.
pub(crate) trait AnyFamily: Send + Sync {
    fn descriptor(&self) -> &Descriptor;
    /// Returns the place of the registration.
    fn source(&self) -> Source;
    fn owner(&self) -> Owner;
    /// Returns `true` if the samples are computed for each page. No limit of series applies to them.
    fn is_computed(&self) -> bool {
        false
    }
    /// Returns all values that a label can have, or an empty list if any value is possible.
    fn known_values(&self, _label: &str) -> Vec<&'static str> {
        Vec::new()
    }
    /// Returns the places that register the series, if they differ from the place that registers the family.
    fn places(&self) -> Vec<Source> {
        Vec::new()
    }
    /// Returns the family with its type, for [`visit`](AnyFamilyRef::visit).
    fn typed(&self) -> AnyFamilyRef<'_>;
    /// Returns the number of series and the bytes of their labels.
    fn len(&self) -> (usize, usize);
    /// Removes all series with this label value.
    fn remove_series(&self, _label: &str, _value: &str) {}
    fn bounds(&self) -> &[f64];
    /// Returns `true` for histograms with native buckets.
    fn is_native(&self) -> bool {
        false
    }
    /// Returns the own limit of series of the family, or `None` if that of the registry applies.
    fn own_limit(&self) -> Option<usize> {
        None
    }
    /// Returns `true` if no series of the family was ever used.
    fn is_unused(&self) -> bool {
        false
    }
    /// Returns the number of look-ups that found no room.
    fn overflowed(&self) -> u64;
    fn as_any(&self) -> &dyn Any;

    /// Returns the prefix of the name on a page.
    fn prefix<'a>(&self, naming: &'a Naming) -> &'a str {
        if self.owner() == Owner::Service { &naming.prefix } else { "" }
    }

    /// Returns the name on a page.
    fn full_name(&self, naming: &Naming) -> String {
        format!("{}{}", self.prefix(naming), self.descriptor().name)
    }
}

/// A family with its type. A walk over its series is compiled for each type of metric and each visitor, because it is
/// the inner loop of a page.
pub enum AnyFamilyRef<'f> {
    Counter(&'f Family<Counter>),
    Gauge(&'f Family<Gauge>),
    InFlight(&'f Family<InFlight>),
    Histogram(&'f Family<Histogram>),
    Info(&'f Family<Info>),
    Computed(&'f ComputedFamily),
}

/// Visits a family and all of its series: those that can be removed, those that functions hold, in the order of creation,
/// and the overflow series. `is_ambiguous` is that of [`FamilyRef`].
pub(crate) fn visit<V: Visitor + ?Sized>(family: &dyn AnyFamily, naming: &Naming, is_ambiguous: bool, visitor: &mut V) {
    let descriptor = family.descriptor();
    let places = family.places();
    let source = [family.source()];
    let head = FamilyRef {
        name: &family.full_name(naming),
        kind: descriptor.kind.into(),
        help: &descriptor.help,
        unit: descriptor.unit.as_deref(),
        places: if places.is_empty() { &source } else { &places },
        constant: &naming.constant_text(&descriptor.labels),
        is_ambiguous,
    };
    visitor.family(&head);
    match family.typed() {
        AnyFamilyRef::Counter(family) => family.visit_series(&head, visitor),
        AnyFamilyRef::Gauge(family) => family.visit_series(&head, visitor),
        AnyFamilyRef::InFlight(family) => family.visit_series(&head, visitor),
        AnyFamilyRef::Histogram(family) => family.visit_series(&head, visitor),
        AnyFamilyRef::Info(family) => family.visit_series(&head, visitor),
        AnyFamilyRef::Computed(family) => family.visit_series(&head, visitor),
    }
}

impl<M: Metric> Family<M> {
    fn visit_series<V: Visitor + ?Sized>(&self, head: &FamilyRef<'_>, visitor: &mut V) {
        // Before exemplars are locked, since it changes them.
        self.settle();
        let exemplars = if visitor.takes_exemplars() { self.inner.exemplars.read() } else { None };
        let mut reading = Reading { takes_native: visitor.takes_native_buckets(), ..Reading::default() };
        let counts = matches!(M::KIND, Kind::Counter | Kind::Histogram);
        let started = |created: Created| if counts { created.millis() } else { None };
        // Most families have no exemplars. The loop without them is the inner loop of a page.
        let Some(exemplars) = exemplars else {
            self.each_series(|labels, series, created| {
                let at = SeriesRef { created: started(created), ..SeriesRef::new(head.constant, labels.as_str()) };
                visitor.series(head, &at, series.read(&mut reading));
            });
            return;
        };
        self.each_series(|labels, series, created| {
            // Read before the numbers, so that the numbers include the calls of the exemplars.
            let exemplars = exemplars.of(series);
            let at = SeriesRef::new(head.constant, labels.as_str());
            let at = SeriesRef { exemplars: &exemplars, created: started(created), ..at };
            visitor.series(head, &at, series.read(&mut reading));
        });
    }

    /// Calls `each` with all series but hidden ones: those that can be removed, those that functions hold, in the order of
    /// creation, and the overflow series.
    pub(super) fn each_series(&self, mut each: impl FnMut(&LabelText, &M, Created)) {
        let inner = &*self.inner;
        // An info that is being set has its old or its new series.
        let setting = (M::KIND == Kind::Info).then(|| lock(&inner.owners));
        let held = {
            // No series moves meanwhile, so each one is either among these or among the held ones.
            let _moving = lock(&inner.moving);
            let held = inner.table.len();
            for entry in inner.loose.get().into_iter().flat_map(|table| table.walk()) {
                each(&entry.labels, &entry.value, entry.created());
            }
            held
        };
        let hidden = self.hidden();
        for (number, entry) in inner.table.iter().take(held).enumerate() {
            if !hidden.contains(&number) {
                each(&entry.labels, &entry.value, entry.value.created());
            }
        }
        drop(setting);
        for entry in inner.overflow.get().into_iter().flat_map(|table| table.iter()) {
            each(&entry.labels, &entry.value, entry.value.created());
        }
    }
}

impl<M: Metric> AnyFamily for Family<M> {
    fn descriptor(&self) -> &Descriptor {
        &self.inner.descriptor
    }

    fn source(&self) -> Source {
        self.inner.source
    }

    fn owner(&self) -> Owner {
        self.inner.owner
    }

    fn typed(&self) -> AnyFamilyRef<'_> {
        M::typed(self)
    }

    fn len(&self) -> (usize, usize) {
        let inner = &*self.inner;
        let held = Some((inner.table.len(), inner.table.text_len()));
        let overflow = inner.overflow.get().map(|table| (table.len(), table.text_len()));
        let loose = inner.loose.get().map(|table| (table.len(), table.text_len()));
        let sum = |(series, labels), (more, text)| (series + more, labels + text);
        [held, overflow, loose].into_iter().flatten().fold((0, 0), sum)
    }

    fn is_unused(&self) -> bool {
        self.settle();
        let unused = M::new(&self.inner.bounds).sample();
        let mut is_unused = true;
        // The value of an info is in its labels.
        self.each_series(|_, series, _| is_unused &= M::KIND != Kind::Info && series.sample() == unused);
        is_unused
    }

    fn remove_series(&self, label: &str, value: &str) {
        if let Some(label) = self.inner.descriptor.labels.iter().position(|name| name == label) {
            let short = shortened(&[value]);
            let value = short.as_ref().map_or(value, |short| &short[0]);
            self.retain(|values| values[label] != value);
        }
    }

    fn bounds(&self) -> &[f64] {
        self.inner.bounds.upper()
    }

    fn is_native(&self) -> bool {
        self.inner.bounds.is_native()
    }

    fn own_limit(&self) -> Option<usize> {
        self.inner.limit.own()
    }

    fn overflowed(&self) -> u64 {
        self.inner.overflowed.sum()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
