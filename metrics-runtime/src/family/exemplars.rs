//! The exemplars of a family's series.
//!
//! They are stored separately from the series, so that a series without exemplars costs nothing. Recording never waits:
//! if another thread writes the same slot at the same moment, the exemplar of that thread is stored.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};

use crate::exemplars::StoredExemplar;

/// The slots of each series, by its address: one for each bucket, one for a counter. Series never move, and are forgotten
/// before they are released.
type BySeries = HashMap<usize, Box<[Slot]>>;
type Slot = Mutex<Option<StoredExemplar>>;

#[derive(Debug, Default)]
pub(crate) struct Exemplars {
    by_series: RwLock<BySeries>,
}

impl Exemplars {
    /// Stores an exemplar, unless another thread holds the slot. The series has `slots` slots.
    pub(crate) fn keep<M>(&self, series: &M, slot: usize, slots: usize, kept: StoredExemplar) {
        let Some(by_series) = tried(self.by_series.try_read()) else { return };
        if let Some(slots) = by_series.get(&address(series)) {
            if let Some(mut slot) = slots.get(slot).and_then(|slot| tried(slot.try_lock())) {
                *slot = Some(kept);
            }
            return;
        }
        drop(by_series);
        // This is the first exemplar of the series.
        let Some(mut by_series) = tried(self.by_series.try_write()) else { return };
        let slots = by_series.entry(address(series)).or_insert_with(|| (0..slots).map(|_| Slot::default()).collect());
        if let Some(slot) = slots.get_mut(slot) {
            *slot.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        }
    }

    /// Releases the exemplars of a series that nobody else holds.
    pub(crate) fn forget<M>(&self, series: &M) {
        let address = address(series);
        let has_some = self.by_series.read().unwrap_or_else(PoisonError::into_inner).contains_key(&address);
        if has_some {
            self.by_series.write().unwrap_or_else(PoisonError::into_inner).remove(&address);
        }
    }

    /// Locks the exemplars for reading. Returns `None` if there are none.
    pub(crate) fn read(&self) -> Option<Reading<'_>> {
        let by_series = self.by_series.read().unwrap_or_else(PoisonError::into_inner);
        (!by_series.is_empty()).then_some(Reading(by_series))
    }
}

/// The exemplars while they are read. Meanwhile, exemplars of series that have none yet are dropped, and others are
/// stored.
pub(crate) struct Reading<'a>(RwLockReadGuard<'a, BySeries>);

impl Reading<'_> {
    /// Returns the exemplars of a series: one place for each bucket, or none at all.
    pub(crate) fn of<M>(&self, series: &M) -> Vec<Option<StoredExemplar>> {
        let slots = self.0.get(&address(series)).map_or(&[][..], |slots| slots);
        slots.iter().map(|slot| lock(slot).clone()).collect()
    }
}

fn address<M>(series: &M) -> usize {
    std::ptr::from_ref(series).addr()
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<StoredExemplar>> {
    // No code panics while the lock is held.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the guard, or `None` if another thread holds the lock.
fn tried<G>(result: Result<G, TryLockError<G>>) -> Option<G> {
    match result {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exemplars::Exemplar;
    use std::time::SystemTime;

    fn kept(span: u64) -> StoredExemplar {
        StoredExemplar { exemplar: Exemplar::trace(1, span), value: 0.5, time: SystemTime::UNIX_EPOCH }
    }

    fn spans<M>(reading: &Reading<'_>, series: &M) -> Vec<Option<u64>> {
        let span = |kept: StoredExemplar| {
            let labels = kept.exemplar.labels();
            u64::from_str_radix(&labels[1].1, 16).unwrap()
        };
        reading.of(series).into_iter().map(|kept| kept.map(span)).collect()
    }

    #[test]
    fn the_last_exemplar_of_each_bucket_is_kept() {
        let exemplars = Exemplars::default();
        assert!(exemplars.read().is_none());
        let series = [0_u8, 1];
        for (slot, span) in [(0, 1), (2, 2), (0, 3), (9, 4)] {
            exemplars.keep(&series[0], slot, 3, kept(span));
        }
        let reading = exemplars.read().unwrap();
        assert_eq!(spans(&reading, &series[0]), [Some(3), None, Some(2)]);
        assert!(reading.of(&series[1]).is_empty());
    }

    #[test]
    fn recording_does_not_wait_for_a_reader() {
        let exemplars = Exemplars::default();
        let series = [0_u8, 1];
        exemplars.keep(&series[0], 0, 1, kept(1));
        let reading = exemplars.read().unwrap();
        // This would never end if it waited for the reader on this same thread.
        exemplars.keep(&series[1], 0, 1, kept(2));
        assert!(reading.of(&series[1]).is_empty());
        exemplars.keep(&series[0], 0, 1, kept(3));
        assert_eq!(spans(&reading, &series[0]), [Some(3)]);
        let slot = lock(&reading.0[&address(&series[0])][0]);
        exemplars.keep(&series[0], 0, 1, kept(4));
        drop(slot);
        assert_eq!(spans(&reading, &series[0]), [Some(3)]);
    }
}
