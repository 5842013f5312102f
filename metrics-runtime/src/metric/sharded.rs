//! A part of a value for each thread that writes it.

use std::array;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{LazyLock, PoisonError};

use super::sync::{Mutex, OnceLock, SLOT_LIMITS, global, thread_local};

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

/// How many slots every value has room for that has parts at all.
const FIRST: usize = SLOT_LIMITS.0;

/// The parts by slot, behind a thin pointer: a value that no two threads have met on is small.
#[derive(Debug)]
struct Parts<T> {
    first: [Part<T>; FIRST],
    /// Of the slots from there on, once a thread with one of them has come: on a machine of many cores they are many.
    rest: OnceLock<Box<[Part<T>]>>,
    /// Of all threads without a slot.
    shared: Part<T>,
}

impl<T> Parts<T> {
    fn beyond_first(&self, slot: usize) -> Option<&Part<T>> {
        let slot = slot.checked_sub(FIRST).filter(|slot| *slot < NONE - FIRST)?;
        self.rest.get_or_init(|| (FIRST..slot_count()).map(|_| OnceLock::new()).collect()).get(slot)
    }

    fn iter(&self) -> impl Iterator<Item = &Part<T>> {
        self.first.iter().chain(self.rest.get().into_iter().flatten()).chain([&self.shared])
    }
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
                rest: OnceLock::new(),
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
    pub(crate) fn mine(&self, thread: Thread, make: impl FnOnce() -> T) -> Option<&T> {
        let parts = self.parts.get()?;
        let part = parts.first.get(thread.slot).or_else(|| parts.beyond_first(thread.slot))?;
        Some(part.get_or_init(|| Box::new(make())))
    }

    /// The part of the threads that have no slot: nothing where there are no parts.
    pub(crate) fn shared(&self, make: impl FnOnce() -> T) -> Option<&T> {
        Some(self.parts.get()?.shared.get_or_init(|| Box::new(make())))
    }

    /// The parts that were written.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.get().into_iter().flat_map(|parts| parts.iter()).filter_map(|part| part.get().map(AsRef::as_ref))
    }
}

/// The thread that records, as the parts know it. Asked for once, it serves all that is recorded of one call; it cannot
/// leave its thread.
#[derive(Clone, Copy)]
pub(crate) struct Thread {
    slot: usize,
    here: PhantomData<*const ()>,
}

impl Thread {
    #[inline]
    pub(crate) fn current() -> Self {
        let slot = match SLOT.try_with(Cell::get).unwrap_or(NONE) {
            UNKNOWN => take_slot(),
            slot => slot,
        };
        Self { slot, here: PhantomData }
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

/// The slot of a thread that has not asked for one.
const UNKNOWN: usize = usize::MAX;
/// The slot of a thread that came when there was none, or is being torn down. No value has so many parts.
const NONE: usize = usize::MAX - 1;

thread_local! {
    static SLOT: Cell<usize> = const { Cell::new(UNKNOWN) };
}
// A local of its own: reading one that has a destructor costs more.
thread_local! {
    static OWNER: Owner = const { Owner };
}

/// Gives the slot back when its thread ends. Whoever gets it next has seen all that was written with it, by the lock.
struct Owner;

impl Drop for Owner {
    fn drop(&mut self) {
        give_back();
    }
}

#[cold]
fn take_slot() -> usize {
    // From here on it will be given back; where it no longer would be, it is not taken.
    let number = OWNER.try_with(|_| ()).ok().and_then(|()| {
        let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        slots.free.pop().or_else(|| {
            let number = slots.next;
            (number < slot_count()).then(|| {
                slots.next += 1;
                number
            })
        })
    });
    let slot = number.unwrap_or(NONE);
    let _ = SLOT.try_with(|own| own.set(slot));
    slot
}

/// What a thread does at its end: it has no slot from then on.
pub(crate) fn give_back() {
    let slot = SLOT.try_with(|slot| slot.replace(NONE)).unwrap_or(NONE);
    if slot < NONE {
        SLOTS.lock().unwrap_or_else(PoisonError::into_inner).free.push(slot);
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
                            let slot = Thread::current().slot;
                            barrier.wait();
                            slot
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let given: Vec<_> = slots.into_iter().filter(|slot| *slot != NONE).collect();
            // Other tests have threads too, so not all of the slots are free for these.
            assert!(
                given.iter().collect::<BTreeSet<_>>().len() == given.len() && given.iter().all(|&s| s < slot_count())
            );
        }
    }

    #[test]
    fn a_value_has_parts_for_the_threads_that_came() {
        let sharded = Sharded::new();
        assert!(sharded.mine(Thread::current(), || Cell::new(1)).is_none());
        sharded.spread();
        if let Some(part) = sharded.mine(Thread::current(), || Cell::new(1)) {
            part.set(part.get() + 1);
            assert_eq!(sharded.iter().map(Cell::get).sum::<i32>(), 2);
        }
    }
}
