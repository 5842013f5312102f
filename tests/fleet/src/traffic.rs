//! Clients, which count the answers that they get.

use std::io::{ErrorKind, Result, Write as _};
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tests::client::Client;

use crate::counts::{Counts, Outcome};
use crate::service::Job;

/// The pause between two requests of a client.
const PAUSE: Duration = Duration::from_millis(40);

/// Requests as clients have counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests with an answer, and requests whose clients have left.
    pub known: Counts,
    /// Requests whose connection broke: the service may have counted them.
    pub broken: u64,
    /// Requests whose connection was refused: the service has not seen them.
    pub unconnected: u64,
}

/// A client of one instance, which sends one request after the other.
#[derive(Debug)]
pub struct Traffic {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    counted: Mutex<Counted>,
    is_stopped: AtomicBool,
}

impl Traffic {
    /// Starts to send all kinds of requests of a service.
    #[must_use]
    pub fn start(job: Job, client: Client) -> Self {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for send in requests(job).iter().cycle() {
                if of_thread.is_stopped.load(Ordering::Relaxed) {
                    return;
                }
                let outcome = send(&client);
                of_thread.counted.lock().unwrap().add(outcome);
                thread::sleep(PAUSE);
            }
        });
        Self { shared, thread }
    }

    /// Returns the requests so far.
    #[must_use]
    pub fn counted(&self) -> Counted {
        *self.shared.counted.lock().unwrap()
    }

    /// Completes the request in progress and stops.
    #[must_use]
    pub fn stop(self) -> Counted {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        *self.shared.counted.lock().unwrap()
    }
}

impl AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.known += other.known;
        self.broken += other.broken;
        self.unconnected += other.unconnected;
    }
}

impl Counted {
    fn add(&mut self, outcome: Result<Outcome>) {
        match outcome {
            Ok(outcome) => self.known[outcome] += 1,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => self.unconnected += 1,
            Err(_) => self.broken += 1,
        }
    }
}

type Send = fn(&Client) -> Result<Outcome>;

/// Returns the requests that a client sends again and again.
fn requests(job: Job) -> &'static [Send] {
    match job {
        Job::Neurectomy => &[
            |client| answered(client, "GET", "/health", ""),
            |client| answered(client, "POST", "/v1/compress", "the harbour and the harbour and the harbour"),
            |client| answered(client, "POST", "/v1/generate", r#"{"prompt": "The harbour", "max_tokens": 4}"#),
            |client| answered(client, "POST", "/v1/generate", "{"),
            |client| answered(client, "GET", "/v1/files/not/there", ""),
            |client| answered(client, "POST", "/v1/compress", "the parrot says that the parrot says that"),
            |client| left(client, "/v1/compress"),
        ],
        Job::Dynoai => &[
            |client| answered(client, "GET", "/api/health", ""),
            |client| answered(client, "POST", "/api/jetstream/run", SAMPLES),
            |client| answered(client, "POST", "/api/jetstream/run", r#"{"run_id": "none"}"#),
            |client| left(client, "/api/jetstream/run"),
        ],
    }
}

const SAMPLES: &str = r#"{"samples": [{"rpm": 3000, "load": 80, "measured_afr": 12.6, "target_afr": 12}]}"#;

fn answered(client: &Client, method: &str, path: &str, body: &str) -> Result<Outcome> {
    let headers: &[_] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
    let answer = client.try_request(method, path, headers, body.as_bytes())?;
    Ok(Outcome::of_status(answer.status))
}

/// Leaves in the middle of an upload.
fn left(client: &Client, path: &str) -> Result<Outcome> {
    let mut stream = client.open("POST", path, &[("content-type", "application/json")], 1000)?;
    stream.write_all(b"{\"samples\": [")?;
    Ok(Outcome::Left)
}

#[cfg(test)]
mod test {
    use tests::{canned, wait};

    use super::*;

    #[test]
    fn clients_count_what_they_get() {
        let mut server = canned::Server::start("text/plain", "ok");
        let traffic = Traffic::start(Job::Dynoai, Client::new(server.address()));
        let counted = wait::until("a round of requests", || {
            Some(traffic.counted()).filter(|counted| counted.known[Outcome::Left] > 0)
        });
        assert!(counted.known[Outcome::Success] >= 3 && counted.unconnected == 0, "{counted:?}");
        server.kill();
        wait::until("a refused connection", || (traffic.counted().unconnected > 0).then_some(()));
        let counted = traffic.stop();
        assert_eq!(counted.known.total(), counted.known[Outcome::Success] + counted.known[Outcome::Left]);
    }
}
