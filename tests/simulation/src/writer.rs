//! Writes a fleet into a store, as fast as the store accepts it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use snap::raw::Encoder;

use crate::fleet::{Fleet, Part};
use crate::instance::Clock;
use crate::layout::Layout;
use crate::message::Time;
use crate::store::Store;

/// The connections that write at the same time. Each has instances of its own, so the samples of a series are in order.
pub(crate) const CONNECTIONS: usize = 2;

/// The size of a request before it is compressed.
const REQUEST_BYTES: usize = 1 << 20;

/// The work of a writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) samples: u64,
    pub(crate) took: Duration,
    /// The part of the time in which the connections waited for the store, and not the store for them.
    pub(crate) waited: f64,
}

/// Writes all scrapes. Calls `tell` from time to time with the number of scrapes so far.
///
/// # Errors
/// Returns the first error of the store. Nothing is written after it.
pub(crate) fn write(fleet: &mut Fleet, store: &Store, tell: impl Fn(u32) + Sync) -> Result<Written, String> {
    let started = Instant::now();
    let Fleet { layout, clock, scrapes, replicas, parts } = fleet;
    let shared = Shared {
        layout,
        clock: *clock,
        scrapes: *scrapes,
        replicas: *replicas,
        // A store refuses samples that are much older than its newest.
        together: Barrier::new(parts.len()),
        has_failed: AtomicBool::new(false),
        samples: AtomicU64::new(0),
        waited: Mutex::new(Duration::ZERO),
    };
    let connections = parts.len();
    let (this, tell) = (&shared, &tell);
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = parts.iter_mut().map(|part| scope.spawn(move || this.write(part, store, tell))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a writer panicked".to_owned())))
            .collect()
    });
    results.into_iter().collect::<Result<(), _>>()?;
    store.flush()?;
    let took = started.elapsed();
    let waited = shared.waited.into_inner().expect("no writer panicked");
    let waited = waited.as_secs_f64() / took.as_secs_f64() / connections as f64;
    Ok(Written { samples: shared.samples.into_inner(), took, waited })
}

struct Shared<'f> {
    layout: &'f Layout,
    clock: Clock,
    scrapes: u32,
    replicas: u8,
    together: Barrier,
    has_failed: AtomicBool,
    samples: AtomicU64,
    waited: Mutex<Duration>,
}

impl Shared<'_> {
    fn write(&self, part: &mut Part, store: &Store, tell: &(impl Fn(u32) + Sync)) -> Result<(), String> {
        let mut requests = Requests::new(store);
        let mut result = Ok(());
        for scrape in 0..self.scrapes {
            // The others wait for each thread at each scrape, so none leaves before the end.
            if result.is_ok() && !self.has_failed.load(Ordering::Relaxed) {
                result = self.scrape(part, scrape, &mut requests);
                if result.is_err() {
                    self.has_failed.store(true, Ordering::Relaxed);
                }
            }
            if self.together.wait().is_leader() {
                tell(scrape + 1);
            }
        }
        *self.waited.lock().expect("no writer panicked") += requests.waited;
        result
    }

    fn scrape(&self, part: &mut Part, scrape: u32, requests: &mut Requests<'_>) -> Result<(), String> {
        part.advance(self.layout, self.clock, scrape);
        let time = Time::new(self.clock.at(scrape) * 1000);
        let mut written = 0;
        for instance in &part.instances {
            written += instance.write(self.layout, scrape, time, self.replicas, &mut requests.body);
            requests.send_if_full()?;
        }
        self.samples.fetch_add(written, Ordering::Relaxed);
        requests.send()
    }
}

/// Requests of one connection.
pub(crate) struct Requests<'s> {
    store: &'s Store,
    /// The next request.
    pub(crate) body: Vec<u8>,
    compressed: Vec<u8>,
    encoder: Encoder,
    waited: Duration,
}

impl<'s> Requests<'s> {
    pub(crate) fn new(store: &'s Store) -> Self {
        let body = Vec::with_capacity(2 * REQUEST_BYTES);
        Self { store, body, compressed: Vec::new(), encoder: Encoder::new(), waited: Duration::ZERO }
    }

    /// Sends the next request if it is large enough.
    pub(crate) fn send_if_full(&mut self) -> Result<(), String> {
        if self.body.len() < REQUEST_BYTES { Ok(()) } else { self.send() }
    }

    /// Sends the next request if there is anything to send.
    pub(crate) fn send(&mut self) -> Result<(), String> {
        if self.body.is_empty() {
            return Ok(());
        }
        self.compressed.resize(snap::raw::max_compress_len(self.body.len()), 0);
        let length = self.encoder.compress(&self.body, &mut self.compressed).map_err(|error| error.to_string())?;
        self.body.clear();
        let started = Instant::now();
        let sent = self.store.write(&self.compressed[..length]);
        self.waited += started.elapsed();
        sent
    }
}
