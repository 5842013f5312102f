//! The open connections of a listener, and their limit.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// A client that has taken a part of its page within this time is not stalled.
const MIN_STALL: Duration = Duration::from_millis(250);

/// The time that a client has in any case, from connecting to the end of its request.
const MIN_IDLE: Duration = Duration::from_millis(100);

/// A connection that is open for this time and waits for a page may wait for a collector that does not answer.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// The open connections, oldest first.
///
/// If the limit is reached, a connection is closed for a new one: the oldest without an active request, else the one
/// whose client has not read its page for longest. A client that opens many connections and sends nothing, or reads
/// nothing, or a little at a time, thus loses its own connections and does not block others.
///
/// If all wait for a page, because a collector does not answer, the client with the most connections loses one to a
/// client with fewer, and gets no further one. It does not block others either.
#[derive(Debug)]
pub(super) struct Connections {
    limit: usize,
    open: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
struct Connection {
    client: IpAddr,
    activity: Activity,
    task: AbortHandle,
}

/// The decision about a further connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// There is room.
    Free,
    /// There will be room soon.
    Soon,
    /// The client has its share of the connections.
    Refused,
}

/// The activity of a connection.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    opened: Instant,
    phase: Arc<watch::Sender<Phase>>,
}

/// The phases of a connection.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// It has had no request: the TLS handshake, and the head of the first request.
    Opening,
    /// A request is active.
    Active(ActiveSince),
    /// The last request has ended.
    Idle,
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

    /// Makes room for a further connection of the peer. Closes another one if necessary.
    pub(super) fn make_room(&self, peer: IpAddr) -> Room {
        let mut open = self.lock();
        if open.len() >= self.limit {
            open.retain(|connection| !connection.task.is_finished());
        }
        if open.len() < self.limit {
            return Room::Free;
        }
        let closed = idle(&open).or_else(|| stalled(&open)).or_else(|| excessive(&open, client(peer)));
        if let Some(closed) = closed {
            open.remove(closed).task.abort();
            return Room::Free;
        }
        let waiting = open.iter().filter(|connection| connection.activity.waits_for_page()).count();
        if 2 * waiting > self.limit { Room::Refused } else { Room::Soon }
    }

    /// Spawns the connection that `serve` creates.
    pub(super) fn open<F>(&self, peer: IpAddr, serve: impl FnOnce(Activity) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let activity = Activity { opened: Instant::now(), phase: Arc::new(watch::Sender::new(Phase::Opening)) };
        let task = tokio::spawn(serve(activity.clone())).abort_handle();
        self.lock().push(Connection { client: client(peer), activity, task });
    }

    /// Closes the connections that have had no request.
    pub(super) fn close_opening(&self) {
        let opening = |connection: &mut Connection| matches!(*connection.activity.phase.borrow(), Phase::Opening);
        self.lock().extract_if(.., opening).for_each(|connection| connection.task.abort());
    }

    /// Closes all open connections.
    pub(super) fn close(&self) {
        self.lock().drain(..).for_each(|connection| connection.task.abort());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the oldest connection without an active request.
fn idle(open: &[Connection]) -> Option<usize> {
    let is_idle = |activity: &Activity| !activity.is_busy() && activity.opened.elapsed() >= MIN_IDLE;
    open.iter().position(|connection| is_idle(&connection.activity))
}

/// Returns the connection whose client has not read its page for longest.
fn stalled(open: &[Connection]) -> Option<usize> {
    let stalls = open.iter().enumerate().filter_map(|(i, connection)| Some((connection.activity.stalled_since()?, i)));
    stalls.min().filter(|(since, _)| since.elapsed() >= MIN_STALL).map(|(_, i)| i)
}

/// Returns the latest connection of the client with the most ones, if the newcomer has fewer even with one more.
fn excessive(open: &[Connection], newcomer: IpAddr) -> Option<usize> {
    let mut counts = HashMap::new();
    for connection in open {
        *counts.entry(connection.client).or_insert(0) += 1;
    }
    let own = counts.get(&newcomer).copied().unwrap_or(0);
    let (most, _) = counts.into_iter().filter(|(_, count)| *count > own + 1).max_by_key(|(_, count)| *count)?;
    open.iter().rposition(|connection| connection.client == most)
}

/// Returns the address that stands for a client: one that has an IPv6 network has all of its addresses.
fn client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Activity {
    pub(super) fn begin_request(&self) -> ActiveRequest {
        self.phase.send_replace(Phase::Active(ActiveSince { started: Instant::now(), progress: None }));
        ActiveRequest(self.clone())
    }

    /// Returns the times of the active request.
    fn active(&self) -> Option<ActiveSince> {
        self.phase.borrow().active()
    }

    fn is_busy(&self) -> bool {
        self.active().is_some()
    }

    /// Returns `true` if the page of the request is not written yet, and probably not soon either.
    fn waits_for_page(&self) -> bool {
        let waits = self.active().is_some_and(|request| request.progress.is_none());
        waits && self.opened.elapsed() >= MIN_WAIT
    }

    /// Returns the time since which the client has read nothing of its page.
    fn stalled_since(&self) -> Option<Instant> {
        self.active().and_then(|request| request.progress)
    }

    /// Completes when a request has been active for longer than the limit.
    pub(super) async fn exceeds(&self, limit: Duration) {
        let mut phase = self.phase.subscribe();
        loop {
            let started = phase.borrow_and_update().active().map(|request| request.started);
            let exceeded = async {
                match started.and_then(|started| started.checked_add(limit)) {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = exceeded => return,
                // Never fails: `self` holds the sender.
                _ = phase.changed() => {}
            }
        }
    }
}

impl Phase {
    fn active(&self) -> Option<ActiveSince> {
        if let Self::Active(request) = self { Some(*request) } else { None }
    }
}

impl ActiveRequest {
    /// Notes that the client takes a part of its page. Wakes nobody, because it happens often.
    pub(super) fn progress(&self) {
        self.0.phase.send_if_modified(|phase| {
            if let Phase::Active(request) = phase {
                request.progress = Some(Instant::now());
            }
            false
        });
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.phase.send_replace(Phase::Idle);
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

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn open(connections: &Connections, peer: IpAddr, connection: Open) -> Activity {
        let (sender, receiver) = std::sync::mpsc::channel();
        connections.open(peer, |activity| {
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
            assert_eq!(connections.make_room(PEER), Room::Free, "{name}");
            open(&connections, PEER, Open(name, closed.clone()))
        };
        let [_, second, _] = [open(1), open(2), open(3)];
        assert_eq!(connections.make_room(PEER), Room::Soon, "they have time to send a request");
        tokio::time::advance(MIN_IDLE).await;
        let second = second.begin_request();
        let fourth = open(4).begin_request();
        assert_eq!(closing.recv().await, Some(1));
        let fifth = open(5).begin_request();
        assert_eq!(closing.recv().await, Some(3));
        // All are busy with a page that is not written yet.
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(connections.make_room(PEER), Room::Refused);
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

    #[tokio::test(start_paused = true)]
    async fn the_client_with_the_most_waiting_connections_loses_one_to_others() {
        let (closed, mut closing) = mpsc::unbounded_channel();
        let connections = Connections::new(4);
        let [greedy, modest, network, neighbour, newcomer] =
            ["10.0.0.1", "::ffff:10.0.0.2", "2001:db8::1", "2001:db8::ffff:1", "10.0.0.3"]
                .map(|address| address.parse::<IpAddr>().expect("an address"));
        let open = |name, peer| {
            let room = connections.make_room(peer);
            let request = || open(&connections, peer, Open(name, closed.clone())).begin_request();
            (room == Room::Free).then(request).ok_or(room)
        };
        let requests: Vec<_> =
            [(1, greedy), (2, modest), (3, greedy), (4, greedy)].map(|(name, peer)| open(name, peer)).into();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(open(5, greedy).err(), Some(Room::Refused));
        let fifth = open(5, network).expect("it has none");
        assert_eq!(closing.recv().await, Some(4));
        // Two of one network have two connections, which is as many as anybody has.
        assert_eq!(open(6, neighbour).err(), Some(Room::Refused));
        assert_eq!(open(6, "10.0.0.2".parse().expect("an address")).err(), Some(Room::Refused));
        let sixth = open(6, newcomer).expect("it has none");
        assert_eq!(closing.recv().await, Some(3));
        // All have one.
        assert_eq!(open(7, "::1".parse().expect("an address")).err(), Some(Room::Soon), "two have just come");
        tokio::time::advance(MIN_WAIT).await;
        assert_eq!(open(7, "::1".parse().expect("an address")).err(), Some(Room::Refused));
        drop((requests, fifth, sixth));
    }
}
