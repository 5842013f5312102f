//! API keys, and the sessions opened with them.
//!
//! The gauges are set from the sizes of the store, under its lock and after each change. They do not add up events, so
//! no code path can forget to decrement. Sessions expire; [`Sessions::expire`] runs as long as the service.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use examples::secret::secret;
use metrics_runtime::metrics;
use rand::rngs::SysError;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The maximum number of keys. Every client can request one, so memory needs a limit.
const MAX_KEYS: usize = 10_000;

/// The maximum number of open sessions.
const MAX_SESSIONS: usize = 10_000;

#[metrics]
mod gauges {
    /// Users with at least one open session.
    pub(super) fn active_users() -> Gauge;

    /// API keys that were issued and not revoked.
    pub(super) fn api_keys_active() -> Gauge;
}

/// An error of an operation on keys or sessions.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("this key was never issued or has been revoked")]
    UnknownKey,
    #[error("there is no such session, or it has ended")]
    UnknownSession,
    #[error("the limit of keys or sessions is reached; revoke or end some first")]
    Full,
    #[error("the operating system provides no random numbers")]
    NoRandomness(#[from] SysError),
}

#[derive(Debug)]
struct Session {
    user: String,
    key: String,
    ends: Instant,
}

#[derive(Debug, Default)]
struct Store {
    /// The user of each key.
    keys: HashMap<String, String>,
    sessions: HashMap<String, Session>,
    /// The identifiers of the sessions, ordered by the time they end.
    ends: BTreeSet<(Instant, String)>,
    /// The number of open sessions of each user with at least one.
    users: HashMap<String, usize>,
}

impl Store {
    fn open(&mut self, id: String, session: Session) {
        *self.users.entry(session.user.clone()).or_default() += 1;
        self.ends.insert((session.ends, id.clone()));
        self.sessions.insert(id, session);
    }

    fn close(&mut self, id: &str) -> bool {
        let Some(session) = self.sessions.remove(id) else {
            return false;
        };
        self.ends.remove(&(session.ends, id.to_owned()));
        if let Some(open) = self.users.get_mut(&session.user) {
            *open -= 1;
            if *open == 0 {
                self.users.remove(&session.user);
            }
        }
        true
    }

    fn close_ended(&mut self, now: Instant) {
        while let Some((ends, id)) = self.ends.first()
            && *ends <= now
        {
            let id = id.clone();
            self.close(&id);
        }
    }

    fn update_gauges(&self) {
        gauges::active_users().set(self.users.len() as f64);
        gauges::api_keys_active().set(self.keys.len() as f64);
    }
}

/// The store of keys and sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    lifetime: Duration,
    store: Mutex<Store>,
    opened: Notify,
}

impl Sessions {
    /// Creates an empty store. Sessions end after `lifetime`.
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { lifetime, store: Mutex::default(), opened: Notify::new() }
    }

    /// Returns the lifetime of a session.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Issues a key to `user` and returns it.
    pub(crate) fn issue_key(&self, user: String) -> Result<String, SessionError> {
        let key = secret("nk")?;
        self.change(|store| {
            if store.keys.len() >= MAX_KEYS {
                return Err(SessionError::Full);
            }
            store.keys.insert(key.clone(), user);
            Ok(key)
        })
    }

    /// Revokes a key and ends the sessions that were opened with it.
    pub(crate) fn revoke_key(&self, key: &str) -> Result<(), SessionError> {
        self.change(|store| {
            store.keys.remove(key).ok_or(SessionError::UnknownKey)?;
            let opened_with_it = store.sessions.iter().filter(|(_, open)| open.key == key);
            let ids: Vec<String> = opened_with_it.map(|(id, _)| id.clone()).collect();
            for id in ids {
                store.close(&id);
            }
            Ok(())
        })
    }

    /// Opens a session for the user of `key`, and returns the session's identifier.
    pub(crate) fn open(&self, key: &str) -> Result<String, SessionError> {
        let id = secret("ns")?;
        let id = self.change(|store| {
            let user = store.keys.get(key).ok_or(SessionError::UnknownKey)?.clone();
            if store.sessions.len() >= MAX_SESSIONS {
                return Err(SessionError::Full);
            }
            let session = Session { user, key: key.to_owned(), ends: Instant::now() + self.lifetime };
            store.open(id.clone(), session);
            Ok(id)
        })?;
        self.opened.notify_one();
        Ok(id)
    }

    /// Ends a session before it expires.
    pub(crate) fn end(&self, id: &str) -> Result<(), SessionError> {
        self.change(|store| if store.close(id) { Ok(()) } else { Err(SessionError::UnknownSession) })
    }

    /// Ends each session when it expires. Never returns.
    pub(crate) async fn expire(&self) {
        loop {
            let next = self.change(|store| store.ends.first().map(|(ends, _)| *ends));
            match next {
                Some(ends) => tokio::time::sleep_until(ends).await,
                // All sessions have the same lifetime, so only the first one has to wake this task.
                None => self.opened.notified().await,
            }
        }
    }

    /// Accesses the store. Ends expired sessions before the access, and updates the gauges after it.
    fn change<R>(&self, change: impl FnOnce(&mut Store) -> R) -> R {
        let mut store = self.lock();
        store.close_ended(Instant::now());
        let outcome = change(&mut store);
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

    fn sessions() -> Arc<Sessions> {
        let sessions = Arc::new(Sessions::new(LIFETIME));
        let expiring = Arc::clone(&sessions);
        tokio::spawn(async move { expiring.expire().await });
        sessions
    }

    /// Returns the numbers of users and keys, without ending expired sessions first.
    fn counts(sessions: &Sessions) -> (usize, usize) {
        let store = sessions.lock();
        (store.users.len(), store.keys.len())
    }

    fn key(sessions: &Sessions, user: &str) -> String {
        sessions.issue_key(user.to_owned()).expect("a key")
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
        assert!(store.ends.is_empty() && store.sessions.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn keys_and_sessions_are_limited() {
        let sessions = sessions();
        let first = key(&sessions, "ada");
        for _ in 1..MAX_KEYS {
            key(&sessions, "ada");
        }
        assert_eq!(sessions.issue_key("ada".to_owned()), Err(SessionError::Full));
        for _ in 0..MAX_SESSIONS {
            sessions.open(&first).expect("a session");
        }
        assert_eq!(sessions.open(&first), Err(SessionError::Full));
        assert_eq!(counts(&sessions), (1, MAX_KEYS));
    }
}
