//! The connections of a listener: how many there are, and which has to go for a new one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// The open connections, the oldest first.
///
/// Where there are as many as there may be, the oldest on which no request is under way makes room: a client that opens
/// connections and sends nothing, or a little at a time, closes its own connections by it and keeps nobody out.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    open: Mutex<Vec<(Busy, AbortHandle)>>,
}

/// Whether a request is under way on a connection, and since when.
#[derive(Clone, Debug)]
pub(super) struct Busy {
    since: Arc<watch::Sender<Option<Instant>>>,
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Working(Busy);

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    /// Runs the connection that `serve` makes, if there is room, and drops it otherwise.
    pub(super) fn open<F>(&self, serve: impl FnOnce(Busy) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut open = self.lock();
        open.retain(|(_, task)| !task.is_finished());
        if open.len() >= self.most {
            let Some(idle) = open.iter().position(|(busy, _)| !busy.is_busy()) else { return };
            let (_, task) = open.remove(idle);
            task.abort();
        }
        let busy = Busy { since: Arc::new(watch::Sender::new(None)) };
        let task = tokio::spawn(serve(busy.clone()));
        open.push((busy, task.abort_handle()));
    }

    /// Closes what is still open.
    pub(super) fn close(&self) {
        self.lock().drain(..).for_each(|(_, task)| task.abort());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Busy, AbortHandle)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Busy {
    pub(super) fn work(&self) -> Working {
        self.since.send_replace(Some(Instant::now()));
        Working(self.clone())
    }

    fn is_busy(&self) -> bool {
        self.since.borrow().is_some()
    }

    /// Ends when one request has been under way for longer than this.
    pub(super) async fn longer_than(&self, longest: Duration) {
        let mut since = self.since.subscribe();
        loop {
            let started = *since.borrow_and_update();
            let over = async {
                match started.and_then(|started| started.checked_add(longest)) {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return,
                // The sender is in `self`.
                _ = since.changed() => {}
            }
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.since.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// A connection that lasts until it is closed, and says which one it is.
    struct Open(u32, mpsc::UnboundedSender<u32>);

    impl Drop for Open {
        fn drop(&mut self) {
            let _ = self.1.send(self.0);
        }
    }

    #[tokio::test]
    async fn the_oldest_idle_connection_makes_room_and_a_busy_one_never_does() {
        let (closed, mut closing) = mpsc::unbounded_channel();
        let connections = Connections::new(2);
        let mut busy = Vec::new();
        let mut open = |name| {
            let connection = Open(name, closed.clone());
            connections.open(|state| {
                busy.push(state);
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
        let working = [busy[2].work(), busy[3].work()];
        let refused = Open(5, closed.clone());
        connections.open(|_| async move { drop(refused) });
        assert_eq!(closing.recv().await, Some(5));
        drop(working);
        connections.close();
        let rest = [closing.recv().await, closing.recv().await];
        assert!(rest.contains(&Some(3)) && rest.contains(&Some(4)), "{rest:?}");
    }
}
