//! A part of a value for each thread that writes it.

use std::array;
use std::cell::Cell;
use std::sync::{LazyLock, PoisonError};

use crate::sync::{Mutex, OnceLock, SLOT_LIMITS, global, thread_local};

/// Parts of a value, each written by one thread and read by all.
///
/// A thread has a slot number that no other living thread has, so it may change its part with a load and a store where
/// shared ones need a read-modify-write: no lock prefix, no cache line that wanders. The parts are made when their
/// threads first come, so a value costs memory only for those that really write it, however many cores there are. It is
/// for the type to keep its parts on cache lines of their own.
#[derive(Debug)]
pub(crate) struct Sharded<T> {
    parts: OnceLock<Box<Parts<T>>>,
}

type Part<T> = OnceLock<Box<T>>;

/// The parts by slot. So many stand here that most threads find theirs at a fixed place, and the way here is a thin
/// pointer: a value that no two threads have met on is small.
#[derive(Debug)]
struct Parts<T> {
    first: [Part<T>; SLOT_LIMITS.0],
    rest: Box<[Part<T>]>,
    /// Of all threads without a slot.
    shared: Part<T>,
}

impl<T> Sharded<T> {
    pub(crate) fn new() -> Self {
        Self { parts: OnceLock::new() }
    }

    /// From now on, threads have parts of their own.
    pub(crate) fn spread(&self) {
        self.parts.get_or_init(|| {
            Box::new(Parts {
                first: array::from_fn(|_| OnceLock::new()),
                rest: (SLOT_LIMITS.0..slot_count()).map(|_| OnceLock::new()).collect(),
                shared: OnceLock::new(),
            })
        });
    }

    /// Whether threads have parts of their own.
    #[inline]
    pub(crate) fn is_spread(&self) -> bool {
        self.parts.get().is_some()
    }

    /// This thread's part: nothing where there are none, or where the thread has no slot.
    #[inline]
    pub(crate) fn mine(&self, make: impl FnOnce() -> T) -> Option<&T> {
        let (parts, slot) = (self.parts.get()?, slot()?);
        let part = parts.first.get(slot).or_else(|| parts.rest.get(slot - SLOT_LIMITS.0))?;
        Some(part.get_or_init(|| Box::new(make())))
    }

    /// The part of the threads that have no slot: nothing where there are no parts.
    pub(crate) fn shared(&self, make: impl FnOnce() -> T) -> Option<&T> {
        Some(self.parts.get()?.shared.get_or_init(|| Box::new(make())))
    }

    /// The parts that were written.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let parts = self.parts.get().into_iter();
        let parts = parts.flat_map(|parts| parts.first.iter().chain(&parts.rest).chain([&parts.shared]));
        parts.filter_map(|part| part.get().map(AsRef::as_ref))
    }
}

/// How many threads can have a slot at a time. The others share, and pay for it.
fn slot_count() -> usize {
    static COUNT: LazyLock<usize> = LazyLock::new(|| {
        let cores = std::thread::available_parallelism().map_or(4, std::num::NonZero::get);
        (4 * cores).clamp(SLOT_LIMITS.0, SLOT_LIMITS.1)
    });
    *COUNT
}

struct Slots {
    next: usize,
    free: Vec<usize>,
}

global! {
    /// The slots that are free: those given back, and all from `next` on.
    static SLOTS: Mutex<Slots> = Mutex::new(Slots { next: 0, free: Vec::new() });
}

/// A thread's slot; given back when the thread ends. Whoever gets it next has seen all that was written with it, by the
/// lock.
pub(super) struct Slot(Cell<State>);

#[derive(Clone, Copy)]
enum State {
    Unknown,
    Has(usize),
    HasNone,
}

thread_local! {
    pub(super) static SLOT: Slot = const { Slot(Cell::new(State::Unknown)) };
}

/// This thread's slot. A thread that is being torn down has none any more.
#[inline]
fn slot() -> Option<usize> {
    SLOT.try_with(|slot| match slot.0.get() {
        State::Has(number) => Some(number),
        State::HasNone => None,
        State::Unknown => slot.take(),
    })
    .unwrap_or(None)
}

impl Slot {
    #[cold]
    fn take(&self) -> Option<usize> {
        let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        let number = slots.free.pop().or_else(|| {
            let number = slots.next;
            (number < slot_count()).then(|| {
                slots.next += 1;
                number
            })
        });
        self.0.set(number.map_or(State::HasNone, State::Has));
        number
    }

    /// What a thread does at its end: it has no slot from then on.
    pub(super) fn give_back(&self) {
        if let State::Has(number) = self.0.replace(State::HasNone) {
            SLOTS.lock().unwrap_or_else(PoisonError::into_inner).free.push(number);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    #[test]
    fn no_two_living_threads_have_the_same_slot() {
        let threads = slot_count() + 8;
        for _ in 0..3 {
            let barrier = Barrier::new(threads);
            let slots: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..threads)
                    .map(|_| {
                        scope.spawn(|| {
                            let slot = slot();
                            barrier.wait();
                            slot
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let given: Vec<_> = slots.into_iter().flatten().collect();
            // Other tests have threads too, so not all of the slots are free for these.
            assert!(
                given.iter().collect::<BTreeSet<_>>().len() == given.len() && given.iter().all(|&s| s < slot_count())
            );
        }
    }

    #[test]
    fn a_value_has_parts_for_the_threads_that_came() {
        let sharded = Sharded::new();
        assert!(sharded.mine(|| Cell::new(1)).is_none());
        sharded.spread();
        if let Some(part) = sharded.mine(|| Cell::new(1)) {
            part.set(part.get() + 1);
            assert_eq!(sharded.iter().map(Cell::get).sum::<i32>(), 2);
        }
    }
}
