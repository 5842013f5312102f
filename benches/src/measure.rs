//! Time, measured on a machine with other load: contenders alternate in many short rounds, each round compares them,
//! and the result is the median over the rounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A function that does its work this many times.
pub type Batch = fn(u64);

/// The length of one contender's round: short enough that most rounds are not interrupted.
const ROUND: Duration = Duration::from_micros(200);

const TRIES: usize = 50;

#[derive(Clone, Copy)]
pub struct Contender {
    pub batch: Batch,
    pub threads: usize,
}

/// The rounds of two contenders, in nanoseconds of one thread per operation.
pub struct Pair {
    pub ours: f64,
    pub other: f64,
    /// Median over the rounds of ours divided by the other.
    pub ratio: f64,
}

/// Two threads that live as long as the run, so that no contender pays for starting a thread.
pub struct Crew {
    workers: Vec<Worker>,
    rounds: usize,
}

struct Worker {
    jobs: Sender<Job>,
    spans: Receiver<Span>,
}

struct Job {
    batch: Batch,
    operations: u64,
    gate: Arc<Gate>,
}

struct Span {
    start: Instant,
    end: Instant,
}

impl Crew {
    pub fn new(rounds: usize) -> Self {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        let workers = (0..2)
            .map(|worker| {
                // Each thread has its own core: on a shared one they would alternate and never contend.
                let core = cores.get(worker).copied();
                let (jobs, inbox) = channel::<Job>();
                let (outbox, spans) = channel();
                thread::spawn(move || {
                    core.map(core_affinity::set_for_current);
                    while let Ok(Job { batch, operations, gate }) = inbox.recv() {
                        gate.pass();
                        let start = Instant::now();
                        batch(operations);
                        let span = Span { start, end: Instant::now() };
                        if outbox.send(span).is_err() {
                            return;
                        }
                    }
                });
                Worker { jobs, spans }
            })
            .collect();
        Self { workers, rounds }
    }

    /// Compares two contenders. Returns `None` if the threads rarely ran at the same time.
    pub fn pair(&self, ours: Contender, other: Contender) -> Option<Pair> {
        let rounds = self.rounds([ours, other])?;
        Some(Pair {
            ours: median(rounds.iter().map(|[ours, _]| *ours)),
            other: median(rounds.iter().map(|[_, other]| *other)),
            ratio: median(rounds.iter().map(|[ours, other]| ours / other)),
        })
    }

    /// Returns nanoseconds of a thread per operation, for each contender in each round.
    pub fn rounds<const N: usize>(&self, contenders: [Contender; N]) -> Option<Vec<[f64; N]>> {
        let mut operations = [0; N];
        for (operations, contender) in operations.iter_mut().zip(contenders) {
            *operations = self.operations(contender)?;
        }
        let mut rounds = Vec::with_capacity(self.rounds);
        for round in 0..self.rounds {
            let mut took = [None; N];
            // The order rotates, because the first contender of a round finds other cache contents than the second.
            for i in (0..N).map(|i| (round + i) % N) {
                took[i] = self.round(contenders[i], operations[i]);
            }
            if took.iter().all(Option::is_some) {
                rounds.push(took.map(Option::unwrap_or_default));
            }
        }
        (rounds.len() * 4 >= self.rounds).then_some(rounds)
    }

    /// Returns the number of operations that fill a round. Also warms up.
    fn operations(&self, contender: Contender) -> Option<u64> {
        let mut operations = 64;
        // The first call initializes, for example, a registry. Its time would make a round of a few calls seem full.
        self.round(contender, operations)?;
        loop {
            let nanos = self.round(contender, operations)? * operations as f64;
            if nanos >= ROUND.as_nanos() as f64 / 2.0 {
                return Some(operations);
            }
            operations *= 2;
        }
    }

    /// Returns nanoseconds of a thread per operation. Repeats a round in which the threads did not run at the same
    /// time, for example because another process used one of the cores. Returns `None` if all tries fail.
    fn round(&self, contender: Contender, operations: u64) -> Option<f64> {
        (0..TRIES).find_map(|_| {
            let spans = self.spans(contender, operations);
            let (end, start) = (spans.iter().map(|span| span.end).min()?, spans.iter().map(|span| span.start).max()?);
            let longest = spans.iter().map(Span::length).max()?;
            let total: Duration = spans.iter().map(Span::length).sum();
            let together = end.saturating_duration_since(start) * 2 >= longest;
            together.then(|| total.as_nanos() as f64 / (operations * spans.len() as u64) as f64)
        })
    }

    fn spans(&self, contender: Contender, operations: u64) -> Vec<Span> {
        let workers = &self.workers[..contender.threads];
        let gate = Arc::new(Gate::new(workers.len()));
        for worker in workers {
            let job = Job { batch: contender.batch, operations, gate: Arc::clone(&gate) };
            worker.jobs.send(job).expect("a worker lives as long as the crew");
        }
        workers.iter().map(|worker| worker.spans.recv().expect("a batch does not panic")).collect()
    }
}

impl Span {
    fn length(&self) -> Duration {
        self.end - self.start
    }
}

/// A barrier. Threads spin on it, because a thread that has to be woken starts late.
struct Gate {
    missing: AtomicUsize,
}

impl Gate {
    fn new(threads: usize) -> Self {
        Self { missing: AtomicUsize::new(threads) }
    }

    fn pass(&self) {
        self.missing.fetch_sub(1, Ordering::AcqRel);
        let mut spins = 0u32;
        while self.missing.load(Ordering::Acquire) > 0 {
            std::hint::spin_loop();
            spins += 1;
            if spins.is_multiple_of(10_000) {
                thread::yield_now();
            }
        }
    }
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}
