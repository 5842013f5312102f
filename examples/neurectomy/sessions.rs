//! API keys, and the sessions opened with them.
//!
//! Everybody can request a key, so a caller has a limited number of keys, a key a limited number of sessions, and both
//! expire: nobody takes the room of all others for ever.
//!
//! The gauges are set from the sizes of the store, under its lock and after each change. They do not add up events, so
//! no code path can forget to decrement. [`Sessions::expire`] runs as long as the service.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use examples::secret::secret;
use metrics_runtime::metrics;
use rand::rngs::SysError;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::expiring::Expiring;

/// The maximum number of keys of one caller.
const MAX_KEYS_OF_CALLER: usize = 50;

/// The maximum number of open sessions of one key.
const MAX_SESSIONS_OF_KEY: usize = 50;

/// The maximum number of keys, and of open sessions.
const MAX_ENTRIES: usize = 10_000;

#[metrics]
mod gauges {
    /// Users with at least one open session.
    pub(super) fn active_users() -> Gauge;

    /// API keys that were issued, not revoked, and used recently.
    pub(super) fn api_keys_active() -> Gauge;
}

/// An error of an operation on keys or sessions.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("this key was never issued, has been revoked or has expired")]
    UnknownKey,
    #[error("there is no such session, or it has ended")]
    UnknownSession,
    #[error("your address has {MAX_KEYS_OF_CALLER} keys, which is the limit; revoke one first")]
    TooManyKeys,
    #[error("this key has {MAX_SESSIONS_OF_KEY} open sessions, which is the limit; end one first")]
    TooManySessions,
    #[error("there is no room for a new key or session; try again later")]
    Full { room_in: Duration },
    #[error("the operating system provides no random numbers")]
    NoRandomness(#[from] SysError),
}

/// The lifetimes of keys and sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    /// The time after which an unused key expires.
    pub(crate) key: Duration,
    pub(crate) session: Duration,
}

/// The client that a key was issued to: its address, or its network in IPv6, where a client has many addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Caller(IpAddr);

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

#[derive(Debug)]
struct Key {
    user: String,
    caller: Caller,
}

#[derive(Debug)]
struct Session {
    user: String,
    key: String,
}

#[derive(Debug, Default)]
struct Store {
    keys: Expiring<Key>,
    sessions: Expiring<Session>,
    /// The number of keys of each caller with at least one.
    callers: Counts<Caller>,
    /// The number of open sessions of each key with at least one.
    opened: Counts<String>,
    /// The number of open sessions of each user with at least one.
    users: Counts<String>,
}

impl Store {
    fn close(&mut self, id: &str) -> Result<(), SessionError> {
        let session = self.sessions.remove(id).ok_or(SessionError::UnknownSession)?;
        self.opened.remove(&session.key);
        self.users.remove(&session.user);
        Ok(())
    }

    fn remove_key(&mut self, id: &str) -> Result<(), SessionError> {
        let key = self.keys.remove(id).ok_or(SessionError::UnknownKey)?;
        self.callers.remove(&key.caller);
        let opened_with_it = self.sessions.iter().filter(|(_, open)| open.key == id);
        let sessions: Vec<String> = opened_with_it.map(|(session, _)| session.clone()).collect();
        sessions.iter().try_for_each(|session| self.close(session))
    }

    fn remove_ended(&mut self, now: Instant) {
        while let Some(id) = self.sessions.ended(now) {
            let _ = self.close(&id);
        }
        while let Some(id) = self.keys.ended(now) {
            let _ = self.remove_key(&id);
        }
    }

    fn next_end(&self) -> Option<Instant> {
        [self.keys.next_end(), self.sessions.next_end()].into_iter().flatten().min()
    }

    fn update_gauges(&self) {
        gauges::active_users().set(self.users.0.len() as f64);
        gauges::api_keys_active().set(self.keys.len() as f64);
    }
}

/// Returns an error if `entries` has no room.
fn check_room<V>(entries: &Expiring<V>, now: Instant) -> Result<(), SessionError> {
    if entries.len() < MAX_ENTRIES {
        return Ok(());
    }
    let room_in = entries.next_end().unwrap_or(now).saturating_duration_since(now);
    Err(SessionError::Full { room_in })
}

/// The number of times that each element was added and not removed.
#[derive(Debug)]
struct Counts<T>(HashMap<T, usize>);

impl<T> Default for Counts<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + std::hash::Hash> Counts<T> {
    fn of(&self, element: &T) -> usize {
        self.0.get(element).copied().unwrap_or_default()
    }

    fn add(&mut self, element: T) {
        *self.0.entry(element).or_default() += 1;
    }

    fn remove(&mut self, element: &T) {
        if let Some(count) = self.0.get_mut(element) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(element);
            }
        }
    }
}

/// The store of keys and sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    lifetimes: Lifetimes,
    store: Mutex<Store>,
    added: Notify,
}

impl Sessions {
    /// Creates an empty store.
    pub(crate) fn new(lifetimes: Lifetimes) -> Self {
        Self { lifetimes, store: Mutex::default(), added: Notify::new() }
    }

    /// Returns the lifetime of a session.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetimes.session
    }

    /// Issues a key to `user` and returns it.
    pub(crate) fn issue_key(&self, user: String, caller: Caller) -> Result<String, SessionError> {
        let id = secret("nk")?;
        self.change(|store, now| {
            if store.callers.of(&caller) >= MAX_KEYS_OF_CALLER {
                return Err(SessionError::TooManyKeys);
            }
            check_room(&store.keys, now)?;
            store.callers.add(caller);
            store.keys.insert(id.clone(), Key { user, caller }, now + self.lifetimes.key);
            self.added.notify_one();
            Ok(id)
        })
    }

    /// Revokes a key and ends the sessions that were opened with it.
    pub(crate) fn revoke_key(&self, key: &str) -> Result<(), SessionError> {
        self.change(|store, _| store.remove_key(key))
    }

    /// Opens a session for the user of `key`, and returns the session's identifier. The key then expires later.
    pub(crate) fn open(&self, key: &str) -> Result<String, SessionError> {
        let id = secret("ns")?;
        self.change(|store, now| {
            let user = store.keys.get(key).ok_or(SessionError::UnknownKey)?.user.clone();
            let key = key.to_owned();
            if store.opened.of(&key) >= MAX_SESSIONS_OF_KEY {
                return Err(SessionError::TooManySessions);
            }
            check_room(&store.sessions, now)?;
            // A key outlives its sessions.
            store.keys.extend(&key, now + self.lifetimes.key.max(self.lifetimes.session));
            store.opened.add(key.clone());
            store.users.add(user.clone());
            store.sessions.insert(id.clone(), Session { user, key }, now + self.lifetimes.session);
            self.added.notify_one();
            Ok(id)
        })
    }

    /// Ends a session before it expires.
    pub(crate) fn end(&self, id: &str) -> Result<(), SessionError> {
        self.change(|store, _| store.close(id))
    }

    /// Removes each key and each session when it expires. Never returns.
    pub(crate) async fn expire(&self) {
        loop {
            let next = self.change(|store, _| store.next_end());
            let ended = async {
                match next {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ended => {}
                // The new one may end before all others.
                () = self.added.notified() => {}
            }
        }
    }

    /// Accesses the store. Removes expired entries before the access, and updates the gauges after it.
    fn change<R>(&self, change: impl FnOnce(&mut Store, Instant) -> R) -> R {
        let mut store = self.lock();
        let now = Instant::now();
        store.remove_ended(now);
        let outcome = change(&mut store, now);
        store.update_gauges();
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const LIFETIME: Duration = Duration::from_secs(60);
    const KEY_LIFETIME: Duration = Duration::from_secs(600);
    const CALLER: Caller = Caller(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn sessions() -> Arc<Sessions> {
        let sessions = Arc::new(Sessions::new(Lifetimes { key: KEY_LIFETIME, session: LIFETIME }));
        let expiring = Arc::clone(&sessions);
        tokio::spawn(async move { expiring.expire().await });
        sessions
    }

    /// Returns the numbers of users and keys, without ending expired sessions first.
    fn counts(sessions: &Sessions) -> (usize, usize) {
        let store = sessions.lock();
        (store.users.0.len(), store.keys.len())
    }

    fn key(sessions: &Sessions, user: &str) -> String {
        sessions.issue_key(user.to_owned(), CALLER).expect("a key")
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_with_two_sessions_is_counted_once() {
        let sessions = sessions();
        let ada = [key(&sessions, "ada"), key(&sessions, "ada")];
        let bob = key(&sessions, "bob");
        assert_eq!(counts(&sessions), (0, 3));
        let first = sessions.open(&ada[0]).expect("a session");
        let second = sessions.open(&ada[1]).expect("a session");
        sessions.open(&bob).expect("a session");
        assert_eq!(counts(&sessions), (2, 3));
        sessions.end(&first).expect("open");
        assert_eq!(counts(&sessions), (2, 3));
        sessions.end(&second).expect("open");
        assert_eq!(counts(&sessions), (1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_expire() {
        let sessions = sessions();
        let [ada, bob] = ["ada", "bob"].map(|user| key(&sessions, user));
        tokio::task::yield_now().await;
        let id = sessions.open(&ada).expect("a session");
        tokio::time::sleep(LIFETIME / 2).await;
        sessions.open(&bob).expect("a session");
        assert_eq!(counts(&sessions), (2, 2));
        tokio::time::sleep(LIFETIME / 2 + Duration::from_millis(2)).await;
        assert_eq!(counts(&sessions), (1, 2), "ada's session has expired");
        assert_eq!(sessions.end(&id), Err(SessionError::UnknownSession));
        tokio::time::sleep(LIFETIME).await;
        assert_eq!(counts(&sessions), (0, 2));
        sessions.open(&ada).expect("a key outlives its sessions");
        assert_eq!(counts(&sessions), (1, 2));
        tokio::time::sleep(LIFETIME + Duration::from_millis(2)).await;
        assert_eq!(counts(&sessions), (0, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn revoking_a_key_ends_its_sessions() {
        let sessions = sessions();
        let [ada, other] = ["ada", "ada"].map(|user| key(&sessions, user));
        sessions.open(&ada).expect("a session");
        sessions.open(&ada).expect("a session");
        let kept = sessions.open(&other).expect("a session");
        sessions.revoke_key(&ada).expect("issued");
        assert_eq!(counts(&sessions), (1, 1));
        assert_eq!(sessions.revoke_key(&ada), Err(SessionError::UnknownKey));
        assert_eq!(sessions.open(&ada), Err(SessionError::UnknownKey));
        sessions.end(&kept).expect("open");
        assert_eq!(counts(&sessions), (0, 1));
        let store = sessions.lock();
        assert_eq!((store.sessions.len(), store.opened.0.len(), store.callers.of(&CALLER)), (0, 0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unused_key_expires_and_a_used_one_does_not() {
        let sessions = sessions();
        let [used, _unused] = ["ada", "bob"].map(|user| key(&sessions, user));
        tokio::task::yield_now().await;
        tokio::time::sleep(KEY_LIFETIME / 2).await;
        sessions.open(&used).expect("a session");
        tokio::time::sleep(KEY_LIFETIME / 2 + Duration::from_millis(2)).await;
        assert_eq!(counts(&sessions), (0, 1));
        sessions.open(&used).expect("a session");
        tokio::time::sleep(KEY_LIFETIME + Duration::from_millis(2)).await;
        assert_eq!(counts(&sessions), (0, 0));
        assert_eq!(sessions.open(&used), Err(SessionError::UnknownKey));
        assert_eq!(sessions.lock().callers.0.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_expires_before_its_sessions_would_is_kept_for_them() {
        let lifetimes = Lifetimes { key: LIFETIME / 2, session: LIFETIME };
        let sessions = Sessions::new(lifetimes);
        let ada = key(&sessions, "ada");
        let id = sessions.open(&ada).expect("a session");
        tokio::time::sleep(LIFETIME / 2 + Duration::from_millis(2)).await;
        assert_eq!(sessions.end(&id), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_has_a_quota_and_takes_nothing_from_others() {
        let sessions = sessions();
        let keys: Vec<_> = (0..MAX_KEYS_OF_CALLER).map(|_| key(&sessions, "eve")).collect();
        assert_eq!(sessions.issue_key("eve".to_owned(), CALLER), Err(SessionError::TooManyKeys));
        for _ in 0..MAX_SESSIONS_OF_KEY {
            sessions.open(&keys[0]).expect("a session");
        }
        assert_eq!(sessions.open(&keys[0]), Err(SessionError::TooManySessions));
        sessions.open(&keys[1]).expect("another key");
        let other = Caller::from(IpAddr::from([192, 0, 2, 1]));
        let ada = sessions.issue_key("ada".to_owned(), other).expect("another caller");
        sessions.open(&ada).expect("a session");
        sessions.revoke_key(&keys[0]).expect("issued");
        key(&sessions, "eve");
        tokio::time::sleep(KEY_LIFETIME).await;
        key(&sessions, "eve");
    }

    #[tokio::test(start_paused = true)]
    async fn the_store_is_full_until_something_expires() {
        let sessions = sessions();
        let issue = |number: u32| {
            let caller = Caller::from(IpAddr::from(number.to_be_bytes()));
            sessions.issue_key("ada".to_owned(), caller)
        };
        let first = issue(0).expect("a key");
        tokio::time::sleep(KEY_LIFETIME / 4).await;
        for number in 1..10_000 {
            issue(number).expect("a key");
        }
        assert_eq!(issue(10_000), Err(SessionError::Full { room_in: KEY_LIFETIME / 4 * 3 }));
        sessions.revoke_key(&first).expect("issued");
        issue(10_000).expect("a key");
    }

    #[test]
    fn a_caller_is_an_address_or_a_network_of_version_six() {
        let caller = |address: &str| Caller::from(address.parse::<IpAddr>().expect("an address"));
        assert_eq!(caller("192.0.2.1"), caller("::ffff:192.0.2.1"));
        assert_ne!(caller("192.0.2.1"), caller("192.0.2.2"));
        assert_eq!(caller("2001:db8::1"), caller("2001:db8::ffff:0:0:2"));
        assert_ne!(caller("2001:db8::1"), caller("2001:db8:0:1::1"));
    }
}
