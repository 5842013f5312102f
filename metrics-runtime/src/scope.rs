//! The scope of a test: a set of values that the process's statics have for some threads.
//!
//! Attributes find their series by statics: call sites, the metrics of `#[metrics]` modules, declared breakers, the global
//! registry, the installed metrics. All of them are looked at through [`current`]. While a thread is in a scope, it
//! returns a value that belongs to the scope, which the first look creates. Whatever starts in a scope keeps references to
//! its values, and so ends there, on whichever thread. Without the feature `test`, nothing of this is compiled.

use std::{io, thread};

#[cfg(feature = "test")]
pub(crate) use with_test::{ScopeId, outside};

/// A static that has a value of its own in each scope.
pub(crate) trait PerScope: Send + Sync + 'static {
    /// Returns the value at the start of a scope.
    #[cfg_attr(not(feature = "test"), allow(dead_code, reason = "there are no scopes"))]
    fn fresh(&self) -> Self;
}

/// Returns the value of a static in the scope of this thread, or the static if the thread is in none.
#[inline]
pub(crate) fn current<T: PerScope>(of_process: &'static T) -> &'static T {
    #[cfg(feature = "test")]
    if let Some(scope) = ScopeId::current() {
        return scope.value_of(of_process);
    }
    of_process
}

/// Returns `true` if this thread is in a scope.
#[inline]
pub(crate) fn is_entered() -> bool {
    #[cfg(feature = "test")]
    return ScopeId::current().is_some();
    #[cfg(not(feature = "test"))]
    false
}

/// The scope that a thread was in, or none. Without the feature `test`, it has no size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entered {
    #[cfg(feature = "test")]
    scope: Option<ScopeId>,
}

impl Entered {
    /// Returns the scope of this thread.
    #[inline]
    pub(crate) fn now() -> Self {
        Self {
            #[cfg(feature = "test")]
            scope: ScopeId::current(),
        }
    }

    /// Runs code in the scope, or in none.
    #[inline]
    #[cfg_attr(not(feature = "test"), expect(clippy::unused_self, reason = "there are no scopes"))]
    pub(crate) fn run<R>(self, run: impl FnOnce() -> R) -> R {
        #[cfg(feature = "test")]
        return match self.scope {
            Some(scope) => scope.run(run),
            None => outside(run),
        };
        #[cfg(not(feature = "test"))]
        run()
    }
}

/// Runs code on a new thread, in the scope of this one.
///
/// # Errors
/// Returns an error if the system has no thread for it.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let scope = Entered::now();
    thread::Builder::new().name(name.to_owned()).spawn(move || scope.run(work)).map(drop)
}

#[cfg(feature = "test")]
mod with_test {
    use std::any::Any;
    use std::cell::Cell;
    use std::collections::HashMap;
    use std::fmt;
    use std::ptr;
    use std::sync::{PoisonError, RwLock};

    use crate::scope::PerScope;

    /// One scope.
    #[derive(Clone, Copy)]
    pub(crate) struct ScopeId(&'static Values);

    /// The values of the statics in one scope, by the address of the static. A value is also listed by its own address,
    /// so that it stands for itself.
    ///
    /// They are never freed: what has started in a scope refers to them, and may end at any time.
    #[derive(Default)]
    struct Values {
        by_address: RwLock<HashMap<usize, &'static (dyn Any + Send + Sync)>>,
    }

    thread_local! {
        static CURRENT: Cell<Option<ScopeId>> = const { Cell::new(None) };
    }

    /// Leaves the scope when it is dropped.
    struct Leave {
        before: Option<ScopeId>,
    }

    impl Drop for Leave {
        fn drop(&mut self) {
            CURRENT.set(self.before);
        }
    }

    impl ScopeId {
        pub(crate) fn new() -> Self {
            Self(Box::leak(Box::default()))
        }

        #[inline]
        pub(crate) fn current() -> Option<Self> {
            CURRENT.get()
        }

        /// Runs code in this scope.
        pub(crate) fn run<R>(self, run: impl FnOnce() -> R) -> R {
            let _leave = Leave { before: CURRENT.replace(Some(self)) };
            run()
        }

        /// Enters this scope until the thread ends.
        pub(crate) fn enter(self) {
            CURRENT.set(Some(self));
        }

        /// Returns the value of a static, or of one of the values of this scope.
        pub(super) fn value_of<T: PerScope>(self, original: &'static T) -> &'static T {
            let address = ptr::from_ref(original).addr();
            let found = self.0.by_address.read().unwrap_or_else(PoisonError::into_inner).get(&address).copied();
            found.unwrap_or_else(|| self.add(address, original)).downcast_ref().unwrap_or(original)
        }

        #[cold]
        fn add<T: PerScope>(self, address: usize, original: &'static T) -> &'static (dyn Any + Send + Sync) {
            let mut by_address = self.0.by_address.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = by_address.get(&address) {
                return *value;
            }
            let value: &'static T = Box::leak(Box::new(original.fresh()));
            by_address.insert(address, value);
            by_address.insert(ptr::from_ref(value).addr(), value);
            value
        }
    }

    impl fmt::Debug for ScopeId {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_tuple("ScopeId").field(&ptr::from_ref(self.0)).finish()
        }
    }

    /// Runs code in no scope.
    pub(crate) fn outside<R>(run: impl FnOnce() -> R) -> R {
        let _leave = Leave { before: CURRENT.take() };
        run()
    }
}
