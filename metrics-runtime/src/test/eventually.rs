//! Assertions about what happens in the background.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

use super::Scope;
use super::query::Query;

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// An assertion that waits until it holds. Created by [`eventually!`](crate::eventually).
///
/// Await it in an async test, so that other tasks run meanwhile. Call [`wait`](Self::wait) in others.
#[must_use = "nothing is asserted before `.await` or `wait`"]
pub struct Eventually {
    scope: Scope,
    query: Query,
    limit: Duration,
    location: &'static Location<'static>,
}

impl fmt::Debug for Eventually {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eventually").field("query", &self.query.to_string()).finish_non_exhaustive()
    }
}

/// Creates an assertion that waits until it holds.
#[track_caller]
pub fn eventually(scope: &Scope, query: &Query) -> Eventually {
    let location = Location::caller();
    Eventually { scope: scope.clone(), query: query.clone(), limit: Duration::from_secs(10), location }
}

impl Eventually {
    /// Sets the time after which the test fails. Default: 10 s. It is measured by the clock of the system, also if that of
    /// tokio is paused.
    pub const fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Blocks the thread until the assertion holds.
    ///
    /// # Panics
    /// Panics if it does not hold in time.
    pub fn wait(self) {
        let started = Instant::now();
        while !self.holds(started) {
            thread::sleep(PAUSE);
        }
    }

    /// Returns `true` if the assertion holds. Panics if it does not, and the time is over.
    fn holds(&self, started: Instant) -> bool {
        let Self { limit, location, .. } = self;
        match self.query.check(&self.scope) {
            Ok(()) => true,
            Err(_) if started.elapsed() < *limit => false,
            Err(failure) => panic!("at {location}, after {limit:?}: {failure}"),
        }
    }
}

impl IntoFuture for Eventually {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let started = Instant::now();
            while !self.holds(started) {
                let looked = Instant::now();
                // A paused clock advances only while all tasks wait for it.
                if tokio::runtime::Handle::try_current().is_ok() {
                    tokio::time::sleep(PAUSE).await;
                } else {
                    yielded().await;
                }
                // So it does not run ahead of threads that it does not stop.
                thread::sleep(PAUSE.saturating_sub(looked.elapsed()));
            }
        })
    }
}

/// Waits once, for executors that are not tokio.
fn yielded() -> impl Future<Output = ()> {
    let mut polled = false;
    std::future::poll_fn(move |cx| {
        if !std::mem::replace(&mut polled, true) {
            cx.waker().wake_by_ref();
            ready!(Poll::<()>::Pending);
        }
        Poll::Ready(())
    })
}
