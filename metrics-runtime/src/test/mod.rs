//! Tests of what a program records, with the feature `test`.
//!
//! [`#[metrics_runtime::test]`](macro@crate::test) gives each test a [`Scope`]: metrics of its own, which start at zero. Tests
//! run in parallel in one process and do not see each other's calls.
//!
//! ```
//! use metrics_runtime::test::Scope;
//! use metrics_runtime::{assert_metric, assert_no_metric, track};
//!
//! #[track(name = "login", labels(tenant = tenant))]
//! fn login(tenant: &str, password: &str) -> Result<(), String> {
//!     if password == "secret" { Ok(()) } else { Err("wrong password".into()) }
//! }
//!
//! # macro_rules! as_in_a_test { (#[metrics_runtime::test] $test:item) => { $test } }
//! # as_in_a_test! {
//! #[metrics_runtime::test]
//! fn failed_logins_are_counted(metrics: Scope) {
//!     login("acme", "guess").unwrap_err();
//!     assert_metric!(metrics, login_total { tenant = "acme", status = "error" } == 1);
//!     assert_metric!(metrics, login_duration_seconds { tenant = "acme" } count == 1, sum < 60.0);
//!     assert_no_metric!(metrics, login_total { status = "panic" } > 0);
//! }
//! # }
//! # let metrics = Scope::new();
//! # metrics.clone().enter(|| failed_logins_are_counted(metrics));
//! ```
//!
//! # What records into the scope
//!
//! Everything that looks for its metrics on a thread of the scope: attributes, functions of `#[metrics]` modules,
//! [`time!`](crate::time), circuit breakers of attributes (with a state of their own), and whatever uses
//! [`Registry::global`] or [`Metrics::builder`](crate::Metrics::builder), such as HTTP layers.
//! [`Builder::install`](crate::Builder::install) installs metrics in the scope only, so every test can do so.
//!
//! The threads of the scope are
//!
//! - the thread of the test,
//! - those of the runtime of an async test, with `tokio::spawn` and `spawn_blocking`,
//! - those that [`Scope::spawn`] starts, and others within [`Scope::enter`].
//!
//! A call that started in the scope ends there, also if its future or guard is dropped on another thread.
//!
//! # What does not
//!
//! - Other threads and other runtimes. They record into the registry of the process, which no scope shows.
//! - Handles that the program keeps in statics of its own: a [`Family`](crate::Family), a series, a
//!   [`Metrics`] in a `LazyLock` belongs to the scope in which it was created, and other tests record into
//!   that one. Declare such metrics in a `#[metrics]` module.
//! - The recorder of the facade `metrics`, which the process has once. Use `metrics::with_local_recorder` in a test.
//!
//! # Cost
//!
//! Enable the feature in `[dev-dependencies]` only. Then cargo builds tests, examples and benchmarks with it, and the program
//! without it: there it does not exist. With it, a call outside of scopes looks at one more thread-local, and one in a scope
//! looks into a table.
//!
//! The metrics that a scope has used stay in memory until the process ends, because calls refer to them: some kilobytes for
//! each metric.

pub(crate) mod eventually;
mod macros;
pub(crate) mod query;
mod report;
pub(crate) mod run;
mod samples;

use std::fmt;
use std::thread::{self, JoinHandle};

pub use eventually::Eventually;
pub use samples::Samples;

use crate::config::Metrics;
use crate::registry::Registry;
use crate::scope::ScopeId;

/// The metrics of one test. See the [module documentation](self).
///
/// Clones are the same scope.
///
/// # Reading
///
/// A metric has the name of its declaration, without the namespace of the installed metrics. Labels are a part of those of
/// the series: all series that have them match. The values of several counters are added, and so are the counts and sums of
/// histograms; of a gauge one series must match.
///
/// A name that no metric has, a label that the metric does not have, and a value that the type of a label does not have are
/// errors, not zeros: the test panics and names a similar one.
#[derive(Clone)]
pub struct Scope {
    id: ScopeId,
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl Scope {
    /// Creates a scope without metrics, for tests that [`#[metrics_runtime::test]`](macro@crate::test) does not start.
    #[must_use]
    pub fn new() -> Self {
        Self { id: ScopeId::new() }
    }

    /// Runs code in this scope on the current thread.
    ///
    /// ```
    /// use metrics_runtime::test::Scope;
    /// use metrics_runtime::{assert_metric, track_counter};
    ///
    /// #[track_counter(name = "imports_total")]
    /// fn import() {}
    ///
    /// let metrics = Scope::new();
    /// metrics.enter(import);
    /// import();
    /// assert_metric!(metrics, imports_total == 1);
    /// ```
    pub fn enter<R>(&self, run: impl FnOnce() -> R) -> R {
        self.id.run(run)
    }

    /// Starts a thread of this scope.
    ///
    /// # Panics
    /// Panics if the system has no further thread.
    pub fn spawn<R: Send + 'static>(&self, run: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
        let scope = self.clone();
        thread::spawn(move || scope.enter(run))
    }

    /// Returns the page: that of the metrics that are installed in this scope, with their namespace, or that of its registry.
    /// It has everything that the program declares.
    #[must_use]
    pub fn page(&self) -> String {
        self.enter(|| Metrics::installed().map_or_else(|| Registry::global().render(), Metrics::render))
    }

    /// Returns all samples of this moment.
    #[must_use]
    pub fn samples(&self) -> Samples {
        Samples::of(self.id)
    }

    /// Runs code in this scope, and returns what it has changed: the differences of counters, gauges, counts and sums. Of an
    /// async test, use [`Samples::since`].
    ///
    /// ```
    /// use metrics_runtime::test::Scope;
    /// use metrics_runtime::{assert_metric, track_counter};
    ///
    /// #[track_counter(name = "exports_total")]
    /// fn export() {}
    ///
    /// let metrics = Scope::new();
    /// metrics.enter(export);
    /// let again = metrics.delta(|| {
    ///     export();
    ///     export();
    /// });
    /// assert_metric!(again, exports_total == 2);
    /// ```
    pub fn delta(&self, run: impl FnOnce()) -> Samples {
        let before = self.samples();
        self.enter(run);
        self.samples().since(&before)
    }
}
