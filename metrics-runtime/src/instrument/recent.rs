//! The series of run-time labels that each thread has used last.
//!
//! A call holds its series by a counted reference, so that a removal cannot take it away. Threads that record into one
//! series would contend for its count. Each thread therefore has a counted reference of its own, and finds it without a
//! look at what threads share.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::series::Series;
use crate::family::{Removable, removals};

/// A reference to an entry, with a count that is mostly changed by one thread.
pub(super) type OwnEntry = Arc<Arc<Removable<Series>>>;

/// The number of series of one thread, a power of two.
const SLOTS: usize = 256;

/// The number of new series after which a thread releases those that were removed.
const RELEASE_AFTER: u32 = 64;

thread_local! {
    static RECENT: RefCell<Recent> = const { RefCell::new(Recent { slots: Vec::new(), new: 0, released_at: 0 }) };
}

struct Recent {
    /// Empty until the first call with such labels.
    slots: Vec<Slot>,
    /// The number of new series since the last release.
    new: u32,
    /// The number of removals at that time.
    released_at: usize,
}

#[derive(Default)]
struct Slot {
    hash: u32,
    entry: Option<OwnEntry>,
    /// `true` if a call has used the entry since another one wanted its place.
    used: Cell<bool>,
}

/// Returns the series of this hash that the current thread has used, if `is` accepts it.
#[inline]
pub(super) fn find(hash: u32, is: impl FnOnce(&Series) -> bool) -> Option<OwnEntry> {
    let find = |recent: &RefCell<Recent>| {
        let recent = recent.try_borrow().ok()?;
        let slot = recent.slots.get(hash as usize % SLOTS)?;
        let entry = slot.entry.as_ref().filter(|entry| slot.hash == hash && is(&entry.value))?;
        slot.used.set(true);
        Some(Arc::clone(entry))
    };
    RECENT.try_with(find).ok().flatten()
}

/// Keeps a series that the current thread has not found. Returns `None` if the place is taken by one that is in use.
#[cold]
pub(super) fn keep(hash: u32, entry: &Arc<Removable<Series>>) -> Option<OwnEntry> {
    // Dropped without the borrow.
    let mut released = Vec::new();
    let keep = |recent: &RefCell<Recent>| {
        let mut recent = recent.try_borrow_mut().ok()?;
        recent.new += 1;
        if recent.new >= RELEASE_AFTER && recent.released_at != removals() {
            (recent.new, recent.released_at) = (0, removals());
            let is_removed = |entry: &mut OwnEntry| !entry.value.is_current();
            released.extend(recent.slots.iter_mut().filter_map(|slot| slot.entry.take_if(is_removed)));
        }
        if recent.slots.is_empty() {
            recent.slots.resize_with(SLOTS, Slot::default);
        }
        let slot = &mut recent.slots[hash as usize % SLOTS];
        // Of two series of one place, the one that is used more often stays, and no call allocates for the other.
        if slot.used.take() && slot.entry.as_ref().is_some_and(|entry| entry.value.is_current()) {
            return None;
        }
        let own = Arc::new(Arc::clone(entry));
        released.extend(slot.entry.replace(Arc::clone(&own)));
        slot.hash = hash;
        Some(own)
    };
    RECENT.try_with(keep).ok().flatten()
}
