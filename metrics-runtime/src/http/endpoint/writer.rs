//! The thread that gathers and writes the pages of one endpoint.
//!
//! It is a separate thread, because collectors can block. A worker of the runtime must not block. A runtime waits for
//! its blocking threads before it shuts down, so a blocked collector on one of them would keep the process from
//! exiting. The thread starts with the first request, and ends after a second without one.
//!
//! It is one thread, whatever clients send: requests that arrive while it is busy wait for its next round, all of them
//! for the same pages. A page that was requested with a short timeout is written earlier, by the same thread.

use std::iter;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::compression::Coding;
use super::filter::Index;
use super::pages::{Page, Pages, Reader};
use crate::encode::Format;
use crate::metric::First;
use crate::registry::{Gathering, Page as WrittenPage, Registry};
use crate::schema::Naming;
use crate::scope;

/// The interval of looking for new requests while the answers of collectors are awaited.
const PAUSE: Duration = Duration::from_millis(20);

/// The time without a request after which the thread ends. Threads that end at once would be many under load.
const LINGER: Duration = Duration::from_secs(1);

/// The number of waiting requests from which on those of disconnected clients are removed.
const SWEEP: usize = 256;

/// The error of a page that could not be written.
#[derive(Debug)]
pub(super) struct Failed;

/// The properties of a page. Requests of the same kind share a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageKind {
    pub(super) format: Format,
    pub(super) coding: Coding,
    /// `true` if the page needs the place of each family.
    pub(super) indexed: bool,
}

/// The writer of the pages of one endpoint.
pub(super) struct Writer {
    registry: Registry,
    naming: Naming,
    /// The time limit for collectors.
    deadline: Duration,
    state: Mutex<State>,
    /// Signals a new request to the thread.
    requested: Condvar,
    pages: Arc<Pages>,
    unanswered_warning: First,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    is_running: bool,
    /// The number of waiting requests at which closed ones are removed.
    sweep_at: usize,
}

/// A request that waits for its page.
struct Waiting {
    kind: PageKind,
    /// The time at which it gets a page without the collectors that have not answered, if that is before their
    /// deadline.
    due: Option<Instant>,
    page: oneshot::Sender<Reader>,
}

impl Writer {
    pub(super) fn new(registry: Registry, naming: Naming, deadline: Duration) -> Arc<Self> {
        let (state, requested, pages) = (Mutex::default(), Condvar::new(), Arc::default());
        Arc::new(Self { registry, naming, deadline, state, requested, pages, unanswered_warning: First::new() })
    }

    /// Requests a page with everything that was recorded before this call. After the time limit, it is written without
    /// the collectors that have not answered.
    pub(super) fn request(
        self: &Arc<Self>,
        kind: PageKind,
        limit: Duration,
    ) -> impl Future<Output = Result<Reader, Failed>> + Send + use<> {
        let due = if limit < self.deadline { Instant::now().checked_add(limit) } else { None };
        let (page, receiver) = oneshot::channel();
        let starts = self.state().add(Waiting { kind, due, page });
        if starts {
            let rounds = Rounds { writer: Arc::clone(self), ended: false };
            // If no thread starts, the closure is dropped, and the waiting requests fail.
            if let Err(error) = scope::spawn("metrics-scrape", || rounds.run()) {
                tracing::warn!(%error, "a scrape failed, because no thread could be started");
            }
        } else {
            self.requested.notify_one();
        }
        async { receiver.await.map_err(|_| Failed) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a request. Returns `false`, and marks the thread as ended, if there is none for a second.
    fn next_round(&self) -> bool {
        let is_idle = |state: &mut State| state.waiting.is_empty();
        let waited = self.requested.wait_timeout_while(self.state(), LINGER, is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_running = !state.waiting.is_empty();
        state.is_running
    }

    /// Gathers the collectors, and writes the pages of all requests that arrive until the families are read.
    fn round(&self) {
        let gathering = self.registry.start_gathering(self.deadline, false);
        loop {
            let Some(until) = self.state().first_due(Instant::now() + PAUSE) else { return };
            if gathering.wait(until) {
                break;
            }
            let requests = self.state().take_due(Instant::now());
            if !requests.is_empty() {
                self.write(requests, gathering.clone());
            }
        }
        // From here on, requests wait for the next round, so that no page has values older than its request.
        let requests = self.state().take_all();
        self.write(requests, gathering);
    }

    /// Writes the pages of these requests.
    fn write(&self, mut requests: Vec<Waiting>, gathering: Gathering) {
        requests.retain(Waiting::is_open);
        let due = requests.iter().filter_map(|request| request.due).min();
        let is_wanted = |format: &Format| requests.iter().any(|request| request.kind.format == *format);
        let formats: Vec<_> = Format::ALL.iter().copied().filter(is_wanted).collect();
        // The last format takes the answers, so that those of most rounds are not copied.
        for (gathering, format) in iter::repeat_n(gathering, formats.len()).zip(formats) {
            let answers = gathering.answers();
            let is_early = !answers.unanswered.is_empty();
            if is_early && self.unanswered_warning.is_now() {
                tracing::warn!(
                    "a page lacks families of {}, which had not answered at the end of the scraper's timeout; further \
                     ones are not logged",
                    answers.unanswered.join(", ")
                );
            }
            let page = self.registry.page_with(format, &self.naming, answers);
            if !is_early {
                self.registry.scrapes().written(page.layout.samples);
            }
            let requests = requests.extract_if(.., |request| request.kind.format == format).collect();
            self.send(page, requests, due);
        }
    }

    /// Sends a page to the requests that wait for it, in the codings that they want. The first request of this round is
    /// due at `due`; others arrive while there is no room for the page.
    fn send(&self, page: WrittenPage, requests: Vec<Waiting>, due: Option<Instant>) {
        let WrittenPage { bytes, layout, is_complete } = page;
        let due = || self.state().earliest_due().into_iter().chain(due).min();
        let (mut plain, mut encoded): (Vec<_>, Vec<_>) =
            requests.into_iter().partition(|request| request.kind.coding == Coding::Identity);
        for coding in [Coding::Gzip, Coding::Zstd] {
            let requests: Vec<_> =
                encoded.extract_if(.., |request| request.kind.coding == coding && request.is_open()).collect();
            if requests.is_empty() {
                continue;
            }
            match coding.encode(&bytes) {
                Some(encoded) => deliver(&self.pages.add(&due, coding, encoded, None, is_complete), requests),
                None => plain.extend(requests),
            }
        }
        if plain.iter().any(Waiting::is_open) {
            let index = plain.iter().any(|request| request.kind.indexed).then(|| Index::new(&layout, bytes.len()));
            deliver(&self.pages.add(&due, Coding::Identity, bytes, index, is_complete), plain);
        }
    }
}

fn deliver(page: &Arc<Page>, requests: Vec<Waiting>) {
    for request in requests {
        // Sending fails if the client has disconnected.
        let _ = request.page.send(Reader::new(page));
    }
}

impl State {
    /// Adds a request. Returns `true` if the thread has to be started for it.
    fn add(&mut self, request: Waiting) -> bool {
        if self.waiting.len() >= self.sweep_at {
            self.waiting.retain(Waiting::is_open);
            self.sweep_at = SWEEP.max(2 * self.waiting.len());
        }
        self.waiting.push(request);
        !mem::replace(&mut self.is_running, true)
    }

    /// Returns the time at which the first request is due, but not one after `latest`. Returns `None` if no client waits
    /// any more.
    fn first_due(&mut self, latest: Instant) -> Option<Instant> {
        self.waiting.retain(Waiting::is_open);
        self.waiting.iter().map(|request| request.due.map_or(latest, |due| due.min(latest))).min()
    }

    /// Returns the time at which the first of the requests with a timeout of their own is due.
    fn earliest_due(&mut self) -> Option<Instant> {
        self.waiting.retain(Waiting::is_open);
        self.waiting.iter().filter_map(|request| request.due).min()
    }

    fn take_due(&mut self, now: Instant) -> Vec<Waiting> {
        self.waiting.extract_if(.., |request| request.due.is_some_and(|due| due <= now)).collect()
    }

    fn take_all(&mut self) -> Vec<Waiting> {
        mem::take(&mut self.waiting)
    }
}

impl Waiting {
    /// Returns `true` if the client still waits.
    fn is_open(&self) -> bool {
        !self.page.is_closed()
    }
}

/// The rounds of the thread.
struct Rounds {
    writer: Arc<Writer>,
    ended: bool,
}

impl Rounds {
    fn run(mut self) {
        while self.writer.next_round() {
            self.writer.round();
        }
        self.ended = true;
    }
}

impl Drop for Rounds {
    /// After a panic, or if the thread did not start, the waiting requests fail, and the next one starts a new thread.
    fn drop(&mut self) {
        if !self.ended {
            *self.writer.state() = State::default();
        }
    }
}
