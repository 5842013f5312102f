//! `--traffic N`: the service sends itself N requests a second over HTTP, so that a newcomer sees its numbers move.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

/// Requests under way at a time. When the service is slower than that, the traffic waits for it.
const MOST_UNDER_WAY: usize = 256;

/// Keys and sessions that are kept before the oldest are given back.
const KEPT: usize = 8;

const PROMPTS: [&str; 5] = [
    "The keeper of the counting house",
    "A counter only goes up",
    "When the river rises",
    "The parrot says that",
    "On market day",
];

#[derive(Clone, Copy)]
enum Step {
    Generate,
    Compress,
    Store,
    Retrieve,
    Delete,
    IssueKey,
    OpenSession,
    Health,
    Mistake,
}

/// How often each step is taken, out of their sum.
const MIX: [(Step, u32); 9] = [
    (Step::Generate, 25),
    (Step::Compress, 15),
    (Step::Store, 19),
    (Step::Retrieve, 20),
    (Step::Delete, 1),
    (Step::IssueKey, 3),
    (Step::OpenSession, 7),
    (Step::Health, 7),
    (Step::Mistake, 3),
];

/// What the service gave out and can be given back, oldest first.
#[derive(Default)]
struct Held {
    keys: Vec<String>,
    sessions: Vec<String>,
}

struct Traffic {
    http: Client,
    base: String,
    held: Mutex<Held>,
}

/// Sends `rate` requests a second to the service at `address` until it is dropped.
///
/// # Errors
/// If there is no HTTP client.
pub(crate) async fn send(address: SocketAddr, rate: u32) -> Result<(), reqwest::Error> {
    let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let traffic = Arc::new(Traffic { http, base: base(address), held: Mutex::default() });
    let slots = Arc::new(Semaphore::new(MOST_UNDER_WAY));
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    // Catching up would turn a pause into a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return Ok(());
        };
        let traffic = Arc::clone(&traffic);
        tokio::spawn(async move {
            // What goes wrong is in the metrics, which is what this is for.
            let _ = traffic.take(step()).await;
            drop(slot);
        });
    }
}

/// An address that listens everywhere is not one to send to.
fn base(address: SocketAddr) -> String {
    let port = address.port();
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("http://127.0.0.1:{port}"),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("http://[::1]:{port}"),
        address => format!("http://{address}"),
    }
}

fn step() -> Step {
    MIX.choose_weighted(&mut rand::rng(), |(_, weight)| *weight).map_or(Step::Health, |(step, _)| *step)
}

/// Something that somebody wrote: words in any order, a few or many, and some of it more than once. It shrinks to a
/// third or to a fortieth.
fn text() -> String {
    let mut rng = rand::rng();
    let words = 1 << rng.random_range(5..14);
    let words = (0..words).filter_map(|_| PROMPTS.choose(&mut rng)?.split(' ').choose(&mut rng));
    let text = words.collect::<Vec<_>>().join(" ");
    text.repeat(rng.random_range(1..8))
}

impl Traffic {
    async fn take(&self, step: Step) -> Result<(), reqwest::Error> {
        // Numbers first: a generator of this thread must not be held across an await.
        let [number, length] = {
            let mut rng = rand::rng();
            [rng.random_range(0..20), rng.random_range(5..600)]
        };
        let prompt = PROMPTS[number % PROMPTS.len()];
        let file = format!("/v1/files/traffic/{number}.txt");
        match step {
            Step::Generate => {
                let body = json!({ "prompt": prompt, "max_tokens": length });
                self.post("/v1/generate").json(&body).send().await?;
            }
            Step::Compress => {
                self.post("/v1/compress").body(text()).send().await?;
            }
            Step::Store => {
                self.to(Method::PUT, &file).body(text()).send().await?;
            }
            Step::Retrieve => {
                self.to(Method::GET, &file).send().await?;
            }
            Step::Delete => {
                self.to(Method::DELETE, &file).send().await?;
            }
            Step::IssueKey => self.issue_key(number).await?,
            Step::OpenSession => self.open_session(number).await?,
            Step::Health => {
                self.to(Method::GET, "/health").send().await?;
            }
            Step::Mistake => {
                self.post("/v1/generate").body("{").send().await?;
            }
        }
        Ok(())
    }

    async fn issue_key(&self, number: usize) -> Result<(), reqwest::Error> {
        let body = json!({ "user": format!("traffic-{}", number % 6) });
        let answer = self.post("/v1/keys").json(&body).send().await?;
        let key = field(&answer.json().await?, "key");
        let oldest = self.with_held(|held| hold(&mut held.keys, key));
        if let Some(key) = oldest {
            let path = format!("/v1/keys/{key}");
            self.to(Method::DELETE, &path).send().await?;
        }
        Ok(())
    }

    async fn open_session(&self, number: usize) -> Result<(), reqwest::Error> {
        let key = self.with_held(|held| {
            let keys = held.keys.len().max(1);
            held.keys.get(number % keys).cloned()
        });
        let Some(key) = key else {
            return self.issue_key(number).await;
        };
        let request = self.post("/v1/sessions").bearer_auth(key);
        let session = field(&request.send().await?.json().await?, "session");
        let oldest = self.with_held(|held| hold(&mut held.sessions, session));
        if let Some(session) = oldest {
            let path = format!("/v1/sessions/{session}");
            self.to(Method::DELETE, &path).send().await?;
        }
        Ok(())
    }

    fn with_held<R>(&self, change: impl FnOnce(&mut Held) -> R) -> R {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        let request = self.to(Method::POST, path);
        request.header("content-type", "application/json")
    }

    fn to(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }
}

/// Keeps `new` and returns what there is no more room for.
fn hold(held: &mut Vec<String>, new: Option<String>) -> Option<String> {
    held.extend(new);
    (held.len() > KEPT).then(|| held.remove(0))
}

fn field(answer: &Value, name: &str) -> Option<String> {
    Some(answer.get(name)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everywhere_is_reached_at_home() {
        for (address, expected) in [
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("[::1]:8000", "http://[::1]:8000"),
        ] {
            assert_eq!(base(address.parse().expect("an address")), expected);
        }
    }

    #[test]
    fn the_oldest_is_given_back() {
        let mut held = Vec::new();
        for number in 0..KEPT {
            assert_eq!(hold(&mut held, Some(number.to_string())), None);
        }
        assert_eq!(hold(&mut held, Some("new".to_owned())).as_deref(), Some("0"));
        assert_eq!(hold(&mut held, None), None);
        assert_eq!(held.len(), KEPT);
    }
}
