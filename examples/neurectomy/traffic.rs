//! `--traffic N`: the service sends N requests a second to itself over HTTP, so that its metrics change.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use examples::traffic::{self, base_url};
use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

/// The maximum number of keys, and of sessions. Beyond it, the oldest is revoked or ended.
const MAX_HELD: usize = 8;

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
    InvalidRequest,
}

/// The weight of each step.
const MIX: [(Step, u32); 9] = [
    (Step::Generate, 25),
    (Step::Compress, 15),
    (Step::Store, 19),
    (Step::Retrieve, 20),
    (Step::Delete, 1),
    (Step::IssueKey, 3),
    (Step::OpenSession, 7),
    (Step::Health, 7),
    (Step::InvalidRequest, 3),
];

/// Keys and sessions that the service has issued, oldest first.
#[derive(Default)]
struct Held {
    keys: Vec<String>,
    sessions: Vec<String>,
}

struct Traffic {
    http: Client,
    base_url: String,
    held: Mutex<Held>,
}

/// Sends `rate` requests a second to the service at `address` until the future is dropped.
///
/// # Errors
/// Returns an error if the HTTP client cannot be built.
pub(crate) async fn send(address: SocketAddr, rate: u32) -> Result<(), reqwest::Error> {
    let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let traffic = Arc::new(Traffic { http, base_url: base_url(address), held: Mutex::default() });
    traffic::send(rate, || {
        let traffic = Arc::clone(&traffic);
        async move {
            // Errors are ignored here: the metrics of the service show them.
            let _ = traffic.perform(random_step()).await;
        }
    })
    .await;
    Ok(())
}

fn random_step() -> Step {
    MIX.choose_weighted(&mut rand::rng(), |(_, weight)| *weight).map_or(Step::Health, |(step, _)| *step)
}

/// Returns a random text of 32 to 8,192 words, repeated up to seven times. Its compression ratio is between about 3 and
/// 40.
fn random_text() -> String {
    let mut rng = rand::rng();
    let words = 1 << rng.random_range(5..14);
    let words = (0..words).filter_map(|_| PROMPTS.choose(&mut rng)?.split(' ').choose(&mut rng));
    let text = words.collect::<Vec<_>>().join(" ");
    text.repeat(rng.random_range(1..8))
}

impl Traffic {
    async fn perform(&self, step: Step) -> Result<(), reqwest::Error> {
        // The generator is not `Send`, so it must not be held across an await.
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
                self.post("/v1/compress").body(random_text()).send().await?;
            }
            Step::Store => {
                self.request(Method::PUT, &file).body(random_text()).send().await?;
            }
            Step::Retrieve => {
                self.request(Method::GET, &file).send().await?;
            }
            Step::Delete => {
                self.request(Method::DELETE, &file).send().await?;
            }
            Step::IssueKey => self.issue_key(number).await?,
            Step::OpenSession => self.open_session(number).await?,
            Step::Health => {
                self.request(Method::GET, "/health").send().await?;
            }
            Step::InvalidRequest => {
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
            self.request(Method::DELETE, &path).send().await?;
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
            self.request(Method::DELETE, &path).send().await?;
        }
        Ok(())
    }

    fn with_held<R>(&self, change: impl FnOnce(&mut Held) -> R) -> R {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        let request = self.request(Method::POST, path);
        request.header("content-type", "application/json")
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base_url))
    }
}

/// Adds `new`, and returns the oldest element if there are too many.
fn hold(held: &mut Vec<String>, new: Option<String>) -> Option<String> {
    held.extend(new);
    (held.len() > MAX_HELD).then(|| held.remove(0))
}

fn field(answer: &Value, name: &str) -> Option<String> {
    Some(answer.get(name)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_returned_beyond_the_limit() {
        let mut held = Vec::new();
        for number in 0..MAX_HELD {
            assert_eq!(hold(&mut held, Some(number.to_string())), None);
        }
        assert_eq!(hold(&mut held, Some("new".to_owned())).as_deref(), Some("0"));
        assert_eq!(hold(&mut held, None), None);
        assert_eq!(held.len(), MAX_HELD);
    }
}
