//! The open connections of a listener, and their limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// The open connections, oldest first.
///
/// If the limit is reached, the oldest connection without an active request is closed for a new one. A client that
/// opens many connections and sends nothing, or a little at a time, thus loses its own connections and does not block
/// others.
#[derive(Debug)]
pub(super) struct Connections {
    limit: usize,
    open: Mutex<Vec<(Activity, AbortHandle)>>,
}

/// The activity of a connection: the start of its active request, if there is one.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    since: Arc<watch::Sender<Option<Instant>>>,
}

/// An active request. Its connection is busy until this is dropped.
#[derive(Debug)]
pub(super) struct ActiveRequest(Activity);

impl Connections {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, open: Mutex::default() }
    }

    /// Spawns the connection that `serve` creates. Does not call `serve` if all connections are busy.
    pub(super) fn open<F>(&self, serve: impl FnOnce(Activity) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut open = self.lock();
        open.retain(|(_, task)| !task.is_finished());
        if open.len() >= self.limit {
            let Some(idle) = open.iter().position(|(activity, _)| !activity.is_busy()) else { return };
            let (_, task) = open.remove(idle);
            task.abort();
        }
        let activity = Activity { since: Arc::new(watch::Sender::new(None)) };
        let task = tokio::spawn(serve(activity.clone()));
        open.push((activity, task.abort_handle()));
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
        self.since.send_replace(Some(Instant::now()));
        ActiveRequest(self.clone())
    }

    fn is_busy(&self) -> bool {
        self.since.borrow().is_some()
    }

    /// Completes when a request has been active for longer than the limit.
    pub(super) async fn exceeds(&self, limit: Duration) {
        let mut since = self.since.subscribe();
        loop {
            let started = *since.borrow_and_update();
            let exceeded = async {
                match started.and_then(|started| started.checked_add(limit)) {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = exceeded => return,
                // Never fails: `self` holds the sender.
                _ = since.changed() => {}
            }
        }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.since.send_replace(None);
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

    #[tokio::test]
    async fn the_oldest_idle_connection_is_closed_for_a_new_one_and_a_busy_one_never_is() {
        let (closed, mut closing) = mpsc::unbounded_channel();
        let connections = Connections::new(2);
        let mut activities = Vec::new();
        let mut open = |name| {
            let connection = Open(name, closed.clone());
            connections.open(|activity| {
                activities.push(activity);
                async move {
                    let _connection = connection;
                    std::future::pending::<()>().await;
                }
            });
        };
        open(1);
        open(2);
        open(3);
        assert_eq!(closing.recv().await, Some(1));
        open(4);
        assert_eq!(closing.recv().await, Some(2));
        let active = [activities[2].begin_request(), activities[3].begin_request()];
        let refused = Open(5, closed.clone());
        connections.open(|_| async move { drop(refused) });
        assert_eq!(closing.recv().await, Some(5));
        drop(active);
        connections.close();
        let rest = [closing.recv().await, closing.recv().await];
        assert!(rest.contains(&Some(3)) && rest.contains(&Some(4)), "{rest:?}");
    }
}
