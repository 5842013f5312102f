//! What the parts without locks are made of: the standard library's atomics, cells and locks.
//!
//! In the models these are loom's, which runs a piece of code in every order, and shows it every old value, that the
//! memory model allows. The switch is not `cfg(loom)`: tokio, for one, takes that for its own.

#[cfg(all(test, models))]
pub(crate) use models::*;
#[cfg(not(all(test, models)))]
pub(crate) use standard::*;

#[cfg(not(all(test, models)))]
mod standard {
    pub(crate) use std::sync::{Mutex, OnceLock, atomic};
    pub(crate) use std::thread_local;

    /// With a seed of its own for each table.
    pub(crate) use foldhash::fast::RandomState as HashState;

    /// How few and how many threads can have a slot at a time.
    pub(crate) const SLOT_LIMITS: (usize, usize) = (16, 256);

    /// How often a table can double: eight million entries are beyond any family.
    pub(crate) const TABLE_SIZES: usize = 19;

    /// A static; in the models, one that every run begins anew.
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
    pub(crate) use loom::sync::Mutex;

    /// With the same seed in each run: loom goes back to the point where the last one could have gone another way.
    pub(crate) use foldhash::fast::FixedState as HashState;

    /// So few that in a model, too, a thread can be left without one.
    pub(crate) const SLOT_LIMITS: (usize, usize) = (1, 2);

    /// So few that a table finds room on the small stack of a thread.
    pub(crate) const TABLE_SIZES: usize = 2;

    macro_rules! global {
        ($(#[$doc:meta])* static $name:ident: $ty:ty = $init:expr;) => {
            loom::lazy_static! {
                $(#[$doc])*
                static ref $name: $ty = $init;
            }
        };
    }
    pub(crate) use global;

    /// With loom's own, a `const` block is no expression.
    macro_rules! local {
        ($vis:vis static $name:ident: $ty:ty = $init:expr;) => {
            loom::thread_local! {
                $vis static $name: $ty = $init;
            }
        };
    }
    pub(crate) use local as thread_local;

    /// loom's atomics, each with a number that every access changes.
    ///
    /// To find out what else to run the other way round, loom compares a store with the last access alone. A thread's
    /// own load is that where it loads before it stores, and so it hides the loads of other threads, and their orders
    /// are left out (tokio-rs/loom#166, #392). Among accesses that all change something, each is compared with the last.
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
        atomics!(AtomicBool: bool, AtomicU64: u64, AtomicUsize: usize);
    }

    /// The standard library's cell: loom has none. Readers reach the value by way of `is_set` alone, and so see it only
    /// where the original promises that they do.
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
            let _writer = self.writer.lock().expect("a model ends where it panics");
            let value = self.value.get_or_init(init);
            self.is_set.store(true, atomic::Ordering::Release);
            value
        }
    }

    /// Runs a model in every order in which threads are interrupted no more than so often; one that waits or ends is not
    /// interrupted.
    pub(crate) fn model(interruptions: usize, run: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(interruptions);
        builder.max_branches = 10_000;
        builder.check(run);
    }

    #[test]
    fn a_model_runs_a_load_before_and_after_the_store_of_a_thread_that_loads_too() {
        use std::collections::BTreeSet;
        use std::sync::{Arc, Mutex};

        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let seen_in_model = Arc::clone(&seen);
        model(1, move || {
            let number = Arc::new(atomic::AtomicU64::new(1));
            let thread = {
                let number = Arc::clone(&number);
                loom::thread::spawn(move || {
                    number.store(2 * number.load(atomic::Ordering::Relaxed), atomic::Ordering::Relaxed);
                })
            };
            seen_in_model.lock().unwrap().insert(number.load(atomic::Ordering::Relaxed));
            thread.join().unwrap();
        });
        assert_eq!(*seen.lock().unwrap(), BTreeSet::from([1, 2]));
    }
}
