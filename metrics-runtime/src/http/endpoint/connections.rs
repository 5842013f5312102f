//! The open connections of a listener, and their limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// A client that has taken a part of its page within this time is not stalled.
const MIN_STALL: Duration = Duration::from_millis(250);

/// The time that a client has in any case, from connecting to the end of its request.
const MIN_IDLE: Duration = Duration::from_millis(100);

/// The open connections, oldest first.
///
/// If the limit is reached, a connection is closed for a new one: the oldest without an active request, else the one
/// whose client has not read its page for longest. A client that opens many connections and sends nothing, or reads
/// nothing, or a little at a time, thus loses its own connections and does not block others.
#[derive(Debug)]
pub(super) struct Connections {
    limit: usize,
    open: Mutex<Vec<(Activity, AbortHandle)>>,
}

/// The activity of a connection.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    opened: Instant,
    request: Arc<watch::Sender<Option<ActiveSince>>>,
}

/// The times of an active request.
#[derive(Clone, Copy, Debug)]
struct ActiveSince {
    started: Instant,
    /// The time at which the client took the last part of its page; `None` before the page is written.
    progress: Option<Instant>,
}

/// An active request. Its connection is busy until this is dropped.
#[derive(Debug)]
pub(super) struct ActiveRequest(Activity);

impl Connections {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, open: Mutex::default() }
    }

    /// Returns `true` if there is room for a further connection. Closes another one if necessary.
    pub(super) fn make_room(&self) -> bool {
        let mut open = self.lock();
        if open.len() >= self.limit {
            open.retain(|(_, task)| !task.is_finished());
        }
        if open.len() < self.limit {
            return true;
        }
        let now = Instant::now();
        let is_idle =
            |activity: &Activity| !activity.is_busy() && now.saturating_duration_since(activity.opened) >= MIN_IDLE;
        let idle = open.iter().position(|(activity, _)| is_idle(activity));
        let stalled = || {
            let stalls = open.iter().enumerate().filter_map(|(i, (activity, _))| Some((activity.stalled_since()?, i)));
            let longest = stalls.min().filter(|(since, _)| now.saturating_duration_since(*since) >= MIN_STALL);
            longest.map(|(_, i)| i)
        };
        let Some(closed) = idle.or_else(stalled) else { return false };
        let (_, task) = open.remove(closed);
        task.abort();
        true
    }

    /// Spawns the connection that `serve` creates.
    pub(super) fn open<F>(&self, serve: impl FnOnce(Activity) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let activity = Activity { opened: Instant::now(), request: Arc::new(watch::Sender::new(None)) };
        let task = tokio::spawn(serve(activity.clone()));
        self.lock().push((activity, task.abort_handle()));
    }

    /// Closes all open connections.
    pub(super) fn close(&self) {
        self.lock().drain(..).for_each(|(_, task)| task.abort());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Activity, AbortHandle)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    pub(super) fn begin_request(&self) -> ActiveRequest {
        self.request.send_replace(Some(ActiveSince { started: Instant::now(), progress: None }));
        ActiveRequest(self.clone())
    }

    fn is_busy(&self) -> bool {
        self.request.borrow().is_some()
    }

    /// Returns the time since which the client has read nothing of its page.
    fn stalled_since(&self) -> Option<Instant> {
        self.request.borrow().and_then(|request| request.progress)
    }

    /// Completes when a request has been active for longer than the limit.
    pub(super) async fn exceeds(&self, limit: Duration) {
        let mut request = self.request.subscribe();
        loop {
            let started = request.borrow_and_update().map(|request| request.started);
            let exceeded = async {
                match started.and_then(|started| started.checked_add(limit)) {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = exceeded => return,
                // Never fails: `self` holds the sender.
                _ = request.changed() => {}
            }
        }
    }
}

impl ActiveRequest {
    /// Notes that the client takes a part of its page. Wakes nobody, because it happens often.
    pub(super) fn progress(&self) {
        self.0.request.send_if_modified(|request| {
            if let Some(request) = request {
                request.progress = Some(Instant::now());
            }
            false
        });
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.request.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// A connection that reports its number when it is closed.
    struct Open(u32, mpsc::UnboundedSender<u32>);

    impl Drop for Open {
        fn drop(&mut self) {
            let _ = self.1.send(self.0);
        }
    }

    fn open(connections: &Connections, connection: Open) -> Activity {
        let (sender, receiver) = std::sync::mpsc::channel();
        connections.open(|activity| {
            let _ = sender.send(activity);
            async move {
                let _connection = connection;
                std::future::pending::<()>().await;
            }
        });
        receiver.recv().expect("the connection was opened")
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_idle_connection_is_closed_first_then_the_one_that_stalls_for_longest() {
        let (closed, mut closing) = mpsc::unbounded_channel();
        let connections = Connections::new(3);
        let open = |name| {
            assert!(connections.make_room(), "{name}");
            open(&connections, Open(name, closed.clone()))
        };
        let [_, second, _] = [open(1), open(2), open(3)];
        assert!(!connections.make_room(), "they have time to send a request");
        tokio::time::advance(MIN_IDLE).await;
        let second = second.begin_request();
        let fourth = open(4).begin_request();
        assert_eq!(closing.recv().await, Some(1));
        let fifth = open(5).begin_request();
        assert_eq!(closing.recv().await, Some(3));
        // All are busy with a page that is not written yet.
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!connections.make_room());
        for request in [&fifth, &second, &fourth] {
            request.progress();
            tokio::time::advance(MIN_STALL).await;
        }
        fifth.progress();
        open(6).begin_request();
        assert_eq!(closing.recv().await, Some(2));
        drop(fifth);
        tokio::time::advance(MIN_IDLE).await;
        open(7);
        assert_eq!(closing.recv().await, Some(5));
        connections.close();
        let mut rest = [closing.recv().await, closing.recv().await, closing.recv().await];
        rest.sort_unstable();
        assert_eq!(rest, [Some(4), Some(6), Some(7)]);
    }
}
