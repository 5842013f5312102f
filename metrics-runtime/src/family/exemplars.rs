//! The exemplars of a family's series.
//!
//! They stand beside the series, not in them: a series costs nothing for what most services never have. Recording never
//! waits: where another thread is at the same place at the same moment, its exemplar is as good as this one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};

use crate::exemplars::Kept;

/// For the address of a series, a slot for each bucket; a counter has one. Series never move.
type BySeries = HashMap<usize, Box<[Slot]>>;
type Slot = Mutex<Option<Kept>>;

#[derive(Debug, Default)]
pub(crate) struct Exemplars {
    by_series: RwLock<BySeries>,
}

impl Exemplars {
    /// Keeps it, unless somebody is in the way. `slots` is how many the series has.
    pub(crate) fn keep<M>(&self, series: &M, slot: usize, slots: usize, kept: Kept) {
        let Some(by_series) = tried(self.by_series.try_read()) else { return };
        if let Some(there) = by_series.get(&address(series)) {
            if let Some(mut slot) = there.get(slot).and_then(|slot| tried(slot.try_lock())) {
                *slot = Some(kept);
            }
            return;
        }
        drop(by_series);
        // The first of this series.
        let Some(mut by_series) = tried(self.by_series.try_write()) else { return };
        let there = by_series.entry(address(series)).or_insert_with(|| (0..slots).map(|_| Slot::default()).collect());
        if let Some(slot) = there.get_mut(slot) {
            *slot.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        }
    }

    /// For reading, unless there are none.
    pub(crate) fn read(&self) -> Option<Reading<'_>> {
        let by_series = self.by_series.read().unwrap_or_else(PoisonError::into_inner);
        (!by_series.is_empty()).then_some(Reading(by_series))
    }
}

/// Nobody writes new series meanwhile; known ones go on.
pub(crate) struct Reading<'a>(RwLockReadGuard<'a, BySeries>);

impl Reading<'_> {
    /// What stands behind the samples of a series, bucket by bucket: empty where there is none.
    pub(crate) fn texts<M>(&self, series: &M) -> Vec<String> {
        let slots = self.0.get(&address(series)).map_or(&[][..], |slots| slots);
        let text = |slot: &Slot| lock(slot).as_ref().map_or_else(String::new, Kept::text);
        slots.iter().map(text).collect()
    }
}

fn address<M>(series: &M) -> usize {
    std::ptr::from_ref(series).addr()
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Kept>> {
    // Nothing panics while it is held.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was tried, unless somebody else has it.
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

    fn kept(span: u64) -> Kept {
        Kept { exemplar: Exemplar::trace(1, span), value: 0.5, time: SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn the_last_one_of_each_bucket_is_kept() {
        let exemplars = Exemplars::default();
        assert!(exemplars.read().is_none());
        let series = [0_u8, 1];
        for (slot, span) in [(0, 1), (2, 2), (0, 3), (9, 4)] {
            exemplars.keep(&series[0], slot, 3, kept(span));
        }
        let reading = exemplars.read().unwrap();
        let texts = reading.texts(&series[0]);
        assert_eq!(texts, [kept(3).text(), String::new(), kept(2).text()]);
        assert!(reading.texts(&series[1]).is_empty());
    }

    #[test]
    fn recording_waits_for_nobody() {
        let exemplars = Exemplars::default();
        let series = [0_u8, 1];
        exemplars.keep(&series[0], 0, 1, kept(1));
        let reading = exemplars.read().unwrap();
        // This would never end if it waited for the reader on this same thread.
        exemplars.keep(&series[1], 0, 1, kept(2));
        assert!(reading.texts(&series[1]).is_empty());
        exemplars.keep(&series[0], 0, 1, kept(3));
        assert_eq!(reading.texts(&series[0]), [kept(3).text()]);
        let slot = lock(&reading.0[&address(&series[0])][0]);
        exemplars.keep(&series[0], 0, 1, kept(4));
        drop(slot);
        assert_eq!(reading.texts(&series[0]), [kept(3).text()]);
    }
}
