//! A family of any kind, as the registry holds it.

use std::any::Any;

use super::{Family, Metric, Sample, lock};
use crate::encode::Page;
use crate::schema::{Descriptor, Kind, LabelText, Naming, Source};

/// The bytes of a line beside its name and its labels. The longest number is `18446744073709551615`.
pub(super) const LINE: usize = "{} \n".len() + 20;

/// The owner of a family. It decides the family's name and position on the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// The service. Its families get the namespace.
    #[default]
    Service,
    /// A library. Every service has the same families under the same names (`process_*`), so they get no namespace.
    #[cfg_attr(
        not(any(feature = "process", feature = "tokio-runtime")),
        allow(dead_code, reason = "the collectors behind these features have it")
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
    /// Writes every series: those that can be removed, those that functions hold, in the order of creation, and the
    /// overflow series.
    fn write(&self, page: &mut Page);
    /// Returns an upper estimate of the bytes that `write` adds to a page, if each line has `beside` bytes of name and
    /// constant labels.
    fn page_len(&self, beside: usize) -> usize;
    /// Calls `visit` with every series, in the order of `write`.
    fn visit(&self, visit: &mut dyn FnMut(&LabelText, Sample));
    /// Removes all series with this label value.
    fn remove_series(&self, _label: &str, _value: &str) {}
    fn bounds(&self) -> &[f64];
    /// Returns the own limit of series of the family, or `None` if that of the registry applies.
    fn own_limit(&self) -> Option<usize> {
        None
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

impl<M: Metric> Family<M> {
    /// Calls `each` with all series but hidden ones: those that can be removed, those that functions hold, in the order of
    /// creation, and the overflow series.
    fn each_series(&self, mut each: impl FnMut(&LabelText, &M)) {
        let inner = &*self.inner;
        // An info that is being set has its old or its new series.
        let setting = (M::KIND == Kind::Info).then(|| lock(&inner.owners));
        let held = {
            // No series moves meanwhile, so each one is either among these or among the held ones.
            let _creating = lock(&inner.creating);
            for entry in inner.loose.get().into_iter().flat_map(|table| table.iter()) {
                each(&entry.labels, &entry.value);
            }
            inner.table.len()
        };
        let hidden = self.hidden();
        for (number, entry) in inner.table.iter().take(held).enumerate() {
            if !hidden.contains(&number) {
                each(&entry.labels, &entry.value);
            }
        }
        drop(setting);
        for entry in inner.overflow.get().into_iter().flat_map(|table| table.iter()) {
            each(&entry.labels, &entry.value);
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

    fn write(&self, page: &mut Page) {
        // Before exemplars are locked, since it changes them.
        self.settle();
        let exemplars = if page.takes_exemplars() { self.inner.exemplars.read() } else { None };
        self.each_series(|labels, series| {
            if let Some(exemplars) = &exemplars {
                // Read before the numbers, so that the numbers include the calls of the exemplars.
                page.exemplars(exemplars.texts(series));
            }
            series.write(labels.as_str(), page);
        });
        page.exemplars(Vec::new());
    }

    fn page_len(&self, beside: usize) -> usize {
        // A histogram has a line for each bucket, for `+Inf`, the sum and the count.
        let (lines, beside) = match M::KIND {
            Kind::Histogram => (self.inner.bounds.upper().len() + 3, beside + "_bucket,le=\"0.0000\"".len()),
            Kind::Counter | Kind::Gauge | Kind::Info => (1, beside),
        };
        let held = [(self.inner.table.text_len(), self.inner.table.len())];
        let overflow = self.inner.overflow.get().map(|table| (table.text_len(), table.len()));
        let loose = self.inner.loose.get().map(|table| (table.text_len(), table.len()));
        held.into_iter().chain(overflow).chain(loose).map(|(text, len)| text + len * (beside + LINE)).sum::<usize>()
            * lines
    }

    fn visit(&self, visit: &mut dyn FnMut(&LabelText, Sample)) {
        self.settle();
        self.each_series(|labels, series| visit(labels, series.sample()));
    }

    fn remove_series(&self, label: &str, value: &str) {
        if let Some(label) = self.inner.descriptor.labels.iter().position(|name| name == label) {
            self.retain(|values| values[label] != value);
        }
    }

    fn bounds(&self) -> &[f64] {
        self.inner.bounds.upper()
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
