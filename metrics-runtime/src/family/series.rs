//! Handles of series.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::created::Created;
use super::removable::{Loaded, Removable};
use super::{Family, Metric, lock};
use crate::metric::{Histogram, InFlight, InFlightGuard, Timer};
use crate::schema::OpenLabels;

/// A series of a family, returned by [`Family::get_or_create`]. Dereferences to its [`Metric`].
///
/// Holding it does not keep the series on the page, see [`Family`](Family#removal).
pub struct Series<'f, M> {
    pub(super) place: Place<'f, M>,
}

/// A series that functions hold: their own, or one that could be removed until then. Handles of that one stay valid.
#[derive(Debug)]
pub(super) enum Held<M> {
    Own { series: M, created: Created },
    Adopted(Arc<Removable<M>>),
}

impl<M> Held<M> {
    pub(super) fn own(series: M) -> Self {
        Self::Own { series, created: Created::now() }
    }

    /// Returns the time at which the series was created.
    #[inline]
    pub(super) fn created(&self) -> Created {
        match self {
            Self::Own { created, .. } => *created,
            Self::Adopted(entry) => entry.created(),
        }
    }
}

impl<M> Deref for Held<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        match self {
            Self::Own { series, .. } => series,
            Self::Adopted(entry) => &entry.value,
        }
    }
}

pub(super) enum Place<'f, M> {
    /// Kept for as long as the family.
    Held(&'f M),
    /// Can be removed.
    Loose(Loaded<M>),
}

impl<M> Place<'static, M> {
    /// Returns the series as a reference that can be stored.
    pub(super) fn store(self) -> StoredSeries<M> {
        match self {
            Self::Held(series) => StoredSeries::Held(series),
            Self::Loose(entry) => StoredSeries::Loose(Arc::clone(&entry)),
        }
    }
}

/// A series that a call site stores.
#[derive(Clone, Debug)]
pub(crate) enum StoredSeries<M: 'static> {
    /// Kept for as long as the family.
    Held(&'static M),
    /// Can be removed.
    Loose(Arc<Removable<M>>),
}

impl<M> StoredSeries<M> {
    /// Returns `true` if the series was removed, so that another one has its labels, or `None` if it cannot be removed.
    pub(crate) fn removal(&self) -> Option<bool> {
        match self {
            Self::Held(_) => None,
            Self::Loose(entry) => Some(entry.is_removed()),
        }
    }
}

impl<M> Deref for StoredSeries<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        match self {
            Self::Held(series) => series,
            Self::Loose(entry) => &entry.value,
        }
    }
}

impl<'f, M> Series<'f, M> {
    /// Returns the handle of a series that is never removed.
    #[inline]
    pub(crate) fn held(series: &'f M) -> Self {
        Self { place: Place::Held(series) }
    }

    /// Returns the handle for a guard, which can live for long. `arc-swap` is slower for all while references without a
    /// count of their own are held.
    fn counted(self) -> Self {
        match self.place {
            Place::Held(_) => self,
            Place::Loose(entry) => Self { place: Place::Loose(Arc::clone(&entry).into()) },
        }
    }
}

impl<M> Deref for Series<'_, M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        match &self.place {
            Place::Held(series) => series,
            Place::Loose(entry) => &entry.value,
        }
    }
}

impl<M: fmt::Debug> fmt::Debug for Series<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Series<'_, Histogram> {
    /// Starts a timer, which observes the time in seconds when it is dropped or stopped.
    pub fn start_timer(self) -> Timer<Self> {
        Timer::start(self.counted())
    }
}

impl Series<'_, InFlight> {
    /// Enters the gauge, and leaves it when the guard is dropped.
    pub fn guard(self) -> InFlightGuard<Self> {
        InFlightGuard::enter(self.counted())
    }
}

/// The numbers of owners, by the address of the series. An owner keeps the series allocated.
pub(super) type Owners = HashMap<usize, usize>;

fn address<M>(series: &M) -> usize {
    std::ptr::from_ref(series).addr()
}

/// A series that is removed when its last owner is dropped, returned by [`Family::owned`]. Dereferences to its
/// [`Metric`].
///
/// Made for series of tenants or connections: the series is on the page for as long as it has an owner.
///
/// ```
/// use metrics_runtime::{Descriptor, Registry};
///
/// let registry = Registry::new();
/// let depth = registry.gauge(Descriptor::gauge("queue_depth", "Waiting jobs.").labels(["queue"]))?;
/// let mails = depth.owned(&["mails"])?;
/// mails.set(3.0);
/// assert!(registry.render().contains("queue_depth{queue=\"mails\"} 3\n"));
/// drop(mails);
/// assert!(!registry.render().contains("queue_depth{"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the series is removed when its owner is dropped"]
pub struct OwnedSeries<M: Metric> {
    family: Family<M>,
    values: Box<[String]>,
    place: OwnedPlace<M>,
}

enum OwnedPlace<M> {
    Loose(Arc<Removable<M>>),
    /// The number of a series that functions hold.
    Held(usize),
    /// The family is full.
    NoRoom,
    Dropped,
}

impl<M: Metric> OwnedSeries<M> {
    pub(super) fn new(family: &Family<M>, values: &[&str]) -> Self {
        let inner = &*family.inner;
        let mut owners = lock(&inner.owners);
        let place = match family.loose_place(values, OpenLabels::ALL) {
            Some(Place::Loose(entry)) => {
                *owners.entry(address(&entry.value)).or_insert(0) += 1;
                OwnedPlace::Loose(Arc::clone(&entry))
            }
            Some(Place::Held(series)) => match inner.table.number(&inner.descriptor.labels, values) {
                Some(number) => {
                    *owners.entry(address(series)).or_insert(0) += 1;
                    lock(&inner.hidden).remove(&number);
                    OwnedPlace::Held(number)
                }
                None => OwnedPlace::NoRoom,
            },
            None => {
                family.count_overflow();
                OwnedPlace::NoRoom
            }
        };
        Self { family: family.clone(), values: values.iter().map(ToString::to_string).collect(), place }
    }
}

impl<M: Metric> Deref for OwnedSeries<M> {
    type Target = M;

    fn deref(&self) -> &M {
        let held = match &self.place {
            OwnedPlace::Loose(entry) => return &entry.value,
            OwnedPlace::Held(number) => self.family.inner.table.numbered(*number).map(|entry| &*entry.value),
            OwnedPlace::NoRoom | OwnedPlace::Dropped => None,
        };
        held.unwrap_or_else(|| self.family.overflow_series())
    }
}

impl<M: Metric> fmt::Debug for OwnedSeries<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedSeries")
            .field("metric", &self.family.inner.descriptor.name)
            .field("values", &self.values)
            .finish_non_exhaustive()
    }
}

impl<M: Metric> Drop for OwnedSeries<M> {
    fn drop(&mut self) {
        let place = std::mem::replace(&mut self.place, OwnedPlace::Dropped);
        let series: &M = match &place {
            OwnedPlace::Loose(entry) => &entry.value,
            OwnedPlace::Held(number) => match self.family.inner.table.numbered(*number) {
                Some(entry) => &entry.value,
                None => return,
            },
            OwnedPlace::NoRoom | OwnedPlace::Dropped => return,
        };
        let address = address(series);
        let mut owners = lock(&self.family.inner.owners);
        let count = owners.entry(address).or_insert(1);
        *count -= 1;
        if *count == 0 {
            owners.remove(&address);
            let values: Vec<_> = self.values.iter().map(String::as_str).collect();
            let removed = self.family.unlink(&values, |other| self::address(&other.value) == address);
            if removed.is_none() {
                // Under the lock, so that the series of a new owner is not hidden.
                self.family.hide_if(&values, |series| self::address(series) == address);
            }
            drop((place, owners));
            if let Some(removed) = removed {
                self.family.leave(removed);
            }
        }
    }
}
