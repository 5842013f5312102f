//! Values with a shard for each thread.

use std::array;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{LazyLock, PoisonError};

use super::sync::{Mutex, OnceLock, SLOT_LIMITS, global, thread_local};

/// The shards of a value. Each one is written by one thread and read by all.
///
/// A thread has a slot number that no other running thread has. It can therefore change its shard with a load and a
/// store instead of a read-modify-write, without a lock prefix and without cache lines that move between cores. A shard
/// is created when its thread first writes the value, so memory depends on the number of writing threads, not on the
/// number of cores. The type `T` has to keep its shards on separate cache lines.
#[derive(Debug)]
pub(crate) struct Sharded<T> {
    shards: OnceLock<Box<Shards<T>>>,
}

type LazyShard<T> = OnceLock<Box<T>>;

/// The number of slots that the shards of a value hold without a further allocation.
const FIRST: usize = SLOT_LIMITS.0;

/// The shards by slot, behind a thin pointer, so that a value without shards is small.
#[derive(Debug)]
struct Shards<T> {
    first: [LazyShard<T>; FIRST],
    /// The shards of the other slots, allocated when a thread with such a slot first writes. A machine with many cores
    /// can have many such slots.
    rest: OnceLock<Box<[LazyShard<T>]>>,
    /// The shard of all threads without a slot.
    shared: LazyShard<T>,
}

impl<T> Shards<T> {
    fn beyond_first(&self, slot: usize) -> Option<&LazyShard<T>> {
        let slot = slot.checked_sub(FIRST).filter(|slot| *slot < NONE - FIRST)?;
        self.rest.get_or_init(|| (FIRST..slot_count()).map(|_| OnceLock::new()).collect()).get(slot)
    }

    fn iter(&self) -> impl Iterator<Item = &LazyShard<T>> {
        self.first.iter().chain(self.rest.get().into_iter().flatten()).chain([&self.shared])
    }
}

impl<T> Sharded<T> {
    pub(crate) fn new() -> Self {
        Self { shards: OnceLock::new() }
    }

    /// Gives each thread its own shard from now on.
    pub(crate) fn spread(&self) {
        self.shards.get_or_init(|| {
            Box::new(Shards {
                first: array::from_fn(|_| OnceLock::new()),
                rest: OnceLock::new(),
                shared: OnceLock::new(),
            })
        });
    }

    /// Returns `true` if threads have their own shards.
    #[inline]
    pub(crate) fn is_spread(&self) -> bool {
        self.shards.get().is_some()
    }

    /// Returns the shard of a thread, or `None` if the value has no shards or the thread has no slot.
    #[inline]
    pub(crate) fn of(&self, thread: Thread, create: impl FnOnce() -> T) -> Option<&T> {
        let shards = self.shards.get()?;
        let shard = shards.first.get(thread.slot).or_else(|| shards.beyond_first(thread.slot))?;
        Some(shard.get_or_init(|| Box::new(create())))
    }

    /// Returns the shard that a thread has created, if its slot is one of the first, as it is with few threads.
    #[inline]
    pub(crate) fn existing(&self, thread: Thread) -> Option<&T> {
        self.shards.get()?.first.get(thread.slot)?.get().map(AsRef::as_ref)
    }

    /// Returns the shard that the current thread has created, or `None` if there is none or it is not among the first.
    #[cfg(feature = "circuit-breaker")]
    #[inline]
    pub(crate) fn own(&self) -> Option<&T> {
        let slot = SLOT.try_with(Cell::get).unwrap_or(NONE);
        self.shards.get()?.first.get(slot)?.get().map(AsRef::as_ref)
    }

    /// Returns the shard of the threads without a slot, or `None` if the value has no shards.
    pub(crate) fn shared(&self, create: impl FnOnce() -> T) -> Option<&T> {
        Some(self.shards.get()?.shared.get_or_init(|| Box::new(create())))
    }

    /// Returns the shards that threads have created.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.shards
            .get()
            .into_iter()
            .flat_map(|shards| shards.iter())
            .filter_map(|shard| shard.get().map(AsRef::as_ref))
    }
}

/// The slot of the current thread. Looked up once for all values that a call records. Neither `Send` nor `Sync`.
#[derive(Clone, Copy)]
pub(crate) struct Thread {
    slot: usize,
    not_send: PhantomData<*const ()>,
}

impl Thread {
    /// Returns the current thread, without a slot if it has not requested one.
    #[inline]
    pub(crate) fn known() -> Self {
        Self { slot: SLOT.try_with(Cell::get).unwrap_or(NONE), not_send: PhantomData }
    }

    #[inline]
    pub(crate) fn current() -> Self {
        let slot = match SLOT.try_with(Cell::get).unwrap_or(NONE) {
            UNKNOWN => take_slot(),
            slot => slot,
        };
        Self { slot, not_send: PhantomData }
    }
}

/// Returns the number of threads that can have a slot at the same time. All other threads share one number, with slower
/// atomic operations.
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
    /// The free slots: those in `free`, and all from `next` on.
    static SLOTS: Mutex<Slots> = Mutex::new(Slots { next: 0, free: Vec::new() });
}

/// The slot of a thread that has not requested one.
const UNKNOWN: usize = usize::MAX;
/// The slot of a thread for which no slot was free, or whose thread-locals are being destroyed. No value has this many
/// shards.
const NONE: usize = usize::MAX - 1;

thread_local! {
    static SLOT: Cell<usize> = const { Cell::new(UNKNOWN) };
}
// Separate from `SLOT`, because reading a thread-local with a destructor is slower.
thread_local! {
    static OWNER: Owner = const { Owner };
}

/// Releases the slot when the thread ends. The lock of the free slots makes all writes of the thread visible to the
/// next owner of the slot.
struct Owner;

impl Drop for Owner {
    fn drop(&mut self) {
        release_slot();
    }
}

#[cold]
fn take_slot() -> usize {
    // Initializing `OWNER` registers the release of the slot. If that is no longer possible, no slot is taken.
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

/// Releases the slot of the current thread, which has no slot from then on.
pub(crate) fn release_slot() {
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
    fn no_two_running_threads_have_the_same_slot() {
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
            let assigned: Vec<_> = slots.into_iter().filter(|slot| *slot != NONE).collect();
            // Other tests run threads too, so not all slots are free for these.
            assert!(
                assigned.iter().collect::<BTreeSet<_>>().len() == assigned.len()
                    && assigned.iter().all(|&s| s < slot_count())
            );
        }
    }

    #[test]
    fn a_value_has_shards_for_the_threads_that_wrote_it() {
        let sharded = Sharded::new();
        assert!(sharded.of(Thread::current(), || Cell::new(1)).is_none());
        sharded.spread();
        if let Some(shard) = sharded.of(Thread::current(), || Cell::new(1)) {
            shard.set(shard.get() + 1);
            assert_eq!(sharded.iter().map(Cell::get).sum::<i32>(), 2);
        }
    }
}
