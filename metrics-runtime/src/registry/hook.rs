//! Functions that are called before each page.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::Registry;
use super::sources::Failure;

pub(super) type Refresh = dyn Fn(Option<Instant>) -> Result<(), Failure> + Send + Sync;

/// A function that is called before each page, until this handle is dropped. See [`Registry::before_scrape`].
///
/// The handle owns the function, and the registry does not.
#[must_use = "the function is called only until this handle is dropped"]
pub struct ScrapeHook {
    refresh: Arc<Refresh>,
}

impl ScrapeHook {
    /// Calls the function until the process ends.
    pub fn forever(self) {
        std::mem::forget(self.refresh);
    }
}

impl fmt::Debug for ScrapeHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScrapeHook").finish_non_exhaustive()
    }
}

impl Registry {
    /// Calls a function before each page, until the returned handle is dropped: for metrics of any kind that it sets or
    /// removes. An exporter of numbers that another system counts is shorter with [`observe_all`](Self::observe_all).
    ///
    /// The page has everything that the function has set when it returns. The function is called with the deadline of the
    /// page, if the page has one, on a thread that may block; concurrent scrapes share one call. If it panics or does not
    /// return in time, the page has the previous values, and `metrics_runtime_scrape_errors_total` counts it. Collectors and
    /// observed metrics are called at the same time, not after it. It must not render this registry.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let locks = registry.gauge(Descriptor::gauge("locks", "Locks by mode.").labels(["mode"]))?;
    /// let hook = registry.before_scrape(move |_deadline| {
    ///     for (mode, number) in [("exclusive", 2.0), ("shared", 7.0)] {
    ///         locks.get_or_create(&[mode]).expect("one label").set(number);
    ///     }
    /// });
    /// assert!(registry.render().contains("locks{mode=\"shared\"} 7\n"));
    /// # drop(hook);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn before_scrape(&self, refresh: impl Fn(Option<Instant>) + Send + Sync + 'static) -> ScrapeHook {
        self.hook(move |deadline| {
            refresh(deadline);
            Ok(())
        })
    }

    fn hook(&self, refresh: impl Fn(Option<Instant>) -> Result<(), Failure> + Send + Sync + 'static) -> ScrapeHook {
        let refresh: Arc<Refresh> = Arc::new(refresh);
        self.inner.sources.add_hook(Arc::downgrade(&refresh));
        ScrapeHook { refresh }
    }

    /// Runs a future before each page that has a deadline, as scrapes and pushes have, until the returned handle is dropped.
    /// Otherwise like [`before_scrape`](Self::before_scrape). The runtime runs the future, and drops it at the deadline.
    ///
    /// [`render`](Self::render) has no deadline and does not run it: it blocks its thread, which may be the only one of the
    /// runtime.
    #[cfg(any(feature = "axum", feature = "push"))]
    pub fn before_scrape_on<F>(
        &self,
        runtime: &tokio::runtime::Handle,
        refresh: impl Fn(Instant) -> F + Send + Sync + 'static,
    ) -> ScrapeHook
    where
        F: Future<Output = ()> + Send + 'static,
    {
        use std::sync::mpsc::{RecvTimeoutError, sync_channel};

        let runtime = runtime.clone();
        self.hook(move |deadline| {
            let Some(deadline) = deadline else { return Ok(()) };
            let (done, is_done) = sync_channel(1);
            let future = refresh(deadline);
            let task = runtime.spawn(async move {
                future.await;
                // The page may have been written without it.
                let _ = done.send(());
            });
            match is_done.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(()) => Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    task.abort();
                    Err(Failure::Timeout)
                }
                Err(RecvTimeoutError::Disconnected) => Err(Failure::Panic),
            }
        })
    }
}
