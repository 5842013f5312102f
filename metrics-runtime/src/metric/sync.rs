//! The atomics, cells and locks of the code without locks: those of the standard library, or those of loom in models.
//!
//! loom runs a model in every order of execution, and with every stale value, that the memory model allows. The switch
//! is `cfg(models)` and not `cfg(loom)`, because other crates, such as tokio, react to `cfg(loom)`.

#[cfg(all(test, models))]
pub(crate) use models::*;
#[cfg(not(all(test, models)))]
pub(crate) use standard::*;

#[cfg(not(all(test, models)))]
mod standard {
    pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, atomic};
    pub(crate) use std::thread_local;

    /// A counted reference that threads load without a lock and replace.
    pub(crate) type ArcCell<T> = arc_swap::ArcSwap<T>;
    /// A loaded reference. It is counted only if the cell gets another value meanwhile.
    pub(crate) type ArcGuard<T> = arc_swap::Guard<std::sync::Arc<T>>;

    /// Has a different seed for each table.
    pub(crate) use foldhash::fast::RandomState as HashState;

    /// The lowest and the highest number of slots.
    pub(crate) const SLOT_LIMITS: (usize, usize) = (16, 256);

    /// The number of sizes of a table, each twice the previous one. The largest has eight million entries, more than
    /// any family needs.
    pub(crate) const TABLE_SIZES: usize = 19;

    /// The number of lists of the octaves of a native histogram.
    pub(crate) const OCTAVE_LISTS: usize = 8;

    /// The number of powers of two of durations.
    pub(crate) const DURATION_OCTAVES: usize = 64;

    /// Defines a static. In models, each run initializes it again.
    macro_rules! global {
        ($(#[$doc:meta])* static $name:ident: $ty:ty = $init:expr;) => {
            $(#[$doc])*
            static $name: $ty = $init;
        };
    }
    pub(crate) use global;
}

#[cfg(all(test, models))]
mod models {
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    /// Has the same seed in each run, because loom replays the run up to the point where it takes another branch.
    pub(crate) use foldhash::fast::FixedState as HashState;

    /// Low enough that a thread of a model can be left without a slot.
    pub(crate) const SLOT_LIMITS: (usize, usize) = (1, 2);

    /// Low enough that a table fits on the small stack of a loom thread.
    pub(crate) const TABLE_SIZES: usize = 2;

    /// Low enough that two octaves share a list.
    pub(crate) const OCTAVE_LISTS: usize = 1;

    /// Low enough for the small stack of a loom thread. Durations from two microseconds on are counted like other values.
    pub(crate) const DURATION_OCTAVES: usize = 16;

    macro_rules! global {
        ($(#[$doc:meta])* static $name:ident: $ty:ty = $init:expr;) => {
            loom::lazy_static! {
                $(#[$doc])*
                static ref $name: $ty = $init;
            }
        };
    }
    pub(crate) use global;

    /// Accepts a `const` block as the initial value, unlike `loom::thread_local`.
    macro_rules! local {
        ($vis:vis static $name:ident: $ty:ty = $init:expr;) => {
            loom::thread_local! {
                $vis static $name: $ty = $init;
            }
        };
    }
    pub(crate) use local as thread_local;

    /// The atomics of loom, each with a second atomic that every access changes.
    ///
    /// To choose the orders to run, loom compares a store only with the last access. If a thread loads before it
    /// stores, its own load is the last access and hides the loads of other threads, and loom skips their orders
    /// (tokio-rs/loom#166,
    /// #392). With an access that always changes a value, loom compares each access with the previous one.
    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::Ordering;

        macro_rules! atomics {
            ($($name:ident: $ty:ty),*) => {$(
                #[derive(Debug, Default)]
                pub(crate) struct $name {
                    value: loom::sync::atomic::$name,
                    accesses: loom::sync::atomic::AtomicUsize,
                }

                impl $name {
                    pub(crate) fn new(value: $ty) -> Self {
                        Self { value: loom::sync::atomic::$name::new(value), ..Self::default() }
                    }
                }

                impl std::ops::Deref for $name {
                    type Target = loom::sync::atomic::$name;

                    fn deref(&self) -> &Self::Target {
                        self.accesses.fetch_add(1, Ordering::Relaxed);
                        &self.value
                    }
                }
            )*};
        }
        atomics!(AtomicBool: bool, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize);
    }

    /// The cell of a counted reference, with a lock in place of the algorithm of `arc-swap`.
    #[derive(Debug)]
    pub(crate) struct ArcCell<T>(Mutex<std::sync::Arc<T>>);

    /// A loaded reference.
    pub(crate) type ArcGuard<T> = std::sync::Arc<T>;

    impl<T> ArcCell<T> {
        pub(crate) fn new(value: std::sync::Arc<T>) -> Self {
            Self(Mutex::new(value))
        }

        pub(crate) fn load(&self) -> ArcGuard<T> {
            std::sync::Arc::clone(&self.0.lock().expect("a model ends at the first panic"))
        }

        pub(crate) fn store(&self, value: std::sync::Arc<T>) {
            drop(self.swap(value));
        }

        pub(crate) fn swap(&self, value: std::sync::Arc<T>) -> std::sync::Arc<T> {
            std::mem::replace(&mut *self.0.lock().expect("a model ends at the first panic"), value)
        }
    }

    /// The cell of the standard library, because loom has none. Readers check `is_set` first, so that loom models the
    /// ordering that the standard library guarantees.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        value: std::sync::OnceLock<T>,
        is_set: atomic::AtomicBool,
        writer: Mutex<()>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self { value: std::sync::OnceLock::new(), is_set: atomic::AtomicBool::new(false), writer: Mutex::new(()) }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_set.load(atomic::Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
            if let Some(value) = self.get() {
                return value;
            }
            let _writer = self.writer.lock().expect("a model ends at the first panic");
            let value = self.value.get_or_init(init);
            self.is_set.store(true, atomic::Ordering::Release);
            value
        }
    }

    /// Runs a model in every order with at most this number of preemptions. A thread that blocks or ends is not
    /// preempted.
    pub(crate) fn model(preemptions: usize, run: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.max_branches = 10_000;
        builder.check(run);
    }

    #[test]
    fn a_model_runs_a_load_before_and_after_the_store_of_a_thread_that_also_loads() {
        use std::collections::BTreeSet;
        use std::sync::{Arc, Mutex};

        let loaded = Arc::new(Mutex::new(BTreeSet::new()));
        let loaded_in_model = Arc::clone(&loaded);
        model(1, move || {
            let number = Arc::new(atomic::AtomicU64::new(1));
            let thread = {
                let number = Arc::clone(&number);
                loom::thread::spawn(move || {
                    number.store(2 * number.load(atomic::Ordering::Relaxed), atomic::Ordering::Relaxed);
                })
            };
            loaded_in_model.lock().unwrap().insert(number.load(atomic::Ordering::Relaxed));
            thread.join().unwrap();
        });
        assert_eq!(*loaded.lock().unwrap(), BTreeSet::from([1, 2]));
    }
}
