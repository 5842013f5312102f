//! The start of a test, for the code that `#[metrics_runtime::test]` generates.

use tokio::runtime::Builder;

use super::Scope;
use crate::scope::ScopeId;

/// Runs a test in a new scope.
pub fn run<R>(test: impl FnOnce(Scope) -> R) -> R {
    let scope = Scope::new();
    scope.clone().enter(|| test(scope))
}

/// Runs an async test in a new scope, on a runtime whose threads are in it.
///
/// # Panics
/// Panics if the runtime cannot be built.
pub fn block_on<F: Future>(runtime: Runtime, test: impl FnOnce(Scope) -> F) -> F::Output {
    run(|scope| {
        // Dropped in the scope, and with it the tasks.
        let runtime = runtime.build(scope.id);
        runtime.block_on(test(scope))
    })
}

/// The runtime of a test.
#[derive(Debug)]
pub struct Runtime(Builder);

impl Runtime {
    /// Returns a runtime on the thread of the test.
    #[must_use]
    pub fn current_thread(start_paused: bool) -> Self {
        let mut builder = Builder::new_current_thread();
        builder.start_paused(start_paused);
        Self(builder)
    }

    /// Returns a runtime with this number of threads, or with as many as there are cores.
    ///
    /// # Panics
    /// Panics if the number is zero.
    #[must_use]
    pub fn multi_thread(workers: Option<usize>) -> Self {
        let mut builder = Builder::new_multi_thread();
        if let Some(workers) = workers {
            builder.worker_threads(workers);
        }
        Self(builder)
    }

    fn build(mut self, scope: ScopeId) -> tokio::runtime::Runtime {
        let runtime = self.0.enable_all().on_thread_start(move || scope.enter()).build();
        runtime.unwrap_or_else(|error| panic!("cannot build the runtime of the test: {error}"))
    }
}
