//! The task that reads and sends the samples.

use std::future::pending;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use metrics_runtime::__shared::deadline;
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep, timeout, timeout_at};

use crate::backoff::{Backoff, random};
use crate::error::FinishError;
use crate::outcome::Outcome;
use crate::own_metrics::{OwnMetrics, Reason};
use crate::queue::Queue;
use crate::receiver::Receiver;
use crate::sample::{Millis, millis};
use crate::source::Source;
use crate::walk::{Protocol, Reading, Walk};
use crate::warnings::{Kind, Warnings};

/// The time that sources have to answer, as for a scrape.
const SOURCES: Duration = Duration::from_secs(10);

/// A duration that can be added to every time.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// The number of samples that the receiver has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The samples since the start, with native histograms and stale markers.
    pub samples: u64,
}

/// The settings of the task.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    pub(crate) interval: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) queue_bytes: usize,
    pub(crate) shutdown_timeout: Duration,
}

/// The state of the task. All futures are in it, so that waiting for one event does not lose the others.
pub(crate) struct Task<P: Protocol> {
    source: Source,
    receiver: Receiver,
    protocol: P,
    reading: Reading,
    pace: Pace,
    own: OwnMetrics,
    /// The first walk follows at once, the others at a random time of the interval, so that the processes of a deploy do
    /// not write at the same time.
    ticks: Interval,
    /// `None` while a thread walks.
    walk: Option<Walk<P>>,
    walking: Option<oneshot::Receiver<Walk<P>>>,
    time: Millis,
    queue: Queue,
    transfer: Transfer,
    backoff: Backoff,
    warnings: Warnings,
    totals: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    sent: u64,
    failed: u64,
    dropped: u64,
    cause: Option<String>,
}

/// The state of the first batch of the queue.
enum Transfer {
    Idle,
    Sending {
        since: Instant,
        answer: Pin<Box<dyn Future<Output = Outcome> + Send>>,
    },
    /// Waits for the next attempt.
    Waiting(Pin<Box<Sleep>>),
}

enum Event<P: Protocol> {
    Tick,
    Walked(Option<Box<Walk<P>>>),
    Answered(Outcome, Duration),
    Waited,
}

impl<P: Protocol> Task<P> {
    pub(crate) fn new(
        source: Source,
        receiver: Receiver,
        protocol: P,
        reading: Reading,
        pace: Pace,
        own: OwnMetrics,
    ) -> Self {
        let first = Instant::now() + pace.interval.min(YEAR).mul_f64(random());
        let mut ticks = interval_at(first, pace.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            walk: Some(Walk::new(protocol.clone(), reading.clone())),
            walking: None,
            time: 0,
            queue: Queue::new(pace.queue_bytes),
            transfer: Transfer::Idle,
            backoff: pace.backoff.clone(),
            warnings: Warnings::default(),
            totals: Totals::default(),
            source,
            receiver,
            protocol,
            reading,
            pace,
            own,
            ticks,
        }
    }

    /// Sends until `stop` is sent or dropped, and then a last time.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) -> Result<Sent, FinishError> {
        self.start_walk(SOURCES);
        let is_finished = loop {
            tokio::select! {
                stopped = &mut stop => break stopped.is_ok(),
                event = self.event(true) => self.handle(event),
            }
        };
        let end = deadline(self.pace.shutdown_timeout);
        let _ = timeout_at(end, self.finish(end)).await;
        self.drop_rest();
        let result = self.result();
        if let (Err(error), false) = (&result, is_finished) {
            // The handle was dropped, so no caller receives the error.
            tracing::warn!(%error, "failed to send metrics");
        }
        result
    }

    /// Sends everything until now, and then stale markers.
    async fn finish(&mut self, end: Instant) {
        let quarter = self.pace.shutdown_timeout / 4;
        if timeout(quarter, self.end_walk()).await.is_err() {
            // It waits for slow sources. Its samples are older than those of the last walk.
            self.walking = None;
            self.walk = Some(self.new_walk());
        }
        self.start_walk(SOURCES.min(quarter));
        self.end_walk().await;
        let time = self.next_time();
        if let Some(mut walk) = self.walk.take() {
            walk.mark_all(time);
            self.enqueue(&mut walk);
        }
        while self.queue.first().is_some() {
            // An attempt after the deadline is none.
            if matches!(&self.transfer, Transfer::Waiting(sleep) if sleep.deadline() >= end) {
                return;
            }
            let event = self.event(false).await;
            self.handle(event);
        }
    }

    /// Waits for the end of a walk, and sends meanwhile.
    async fn end_walk(&mut self) {
        while self.walking.is_some() {
            let event = self.event(false).await;
            self.handle(event);
        }
    }

    /// Waits for the next event. Dropping the future loses no event.
    async fn event(&mut self, ticks: bool) -> Event<P> {
        if let (Transfer::Idle, Some(batch)) = (&self.transfer, self.queue.first()) {
            let (receiver, batch, protocol) = (self.receiver.clone(), batch.clone(), self.protocol.clone());
            let answer = Box::pin(async move { receiver.send(batch, &protocol).await });
            self.transfer = Transfer::Sending { since: Instant::now(), answer };
        }
        tokio::select! {
            _ = self.ticks.tick(), if ticks && self.walking.is_none() => Event::Tick,
            walk = walked(&mut self.walking) => Event::Walked(walk.map(Box::new)),
            event = self.transfer.event() => event,
        }
    }

    fn handle(&mut self, event: Event<P>) {
        match event {
            Event::Tick => self.start_walk(SOURCES),
            Event::Walked(walk) => {
                self.walking = None;
                let mut walk = match walk {
                    Some(walk) => *walk,
                    None => self.without_walk(),
                };
                self.enqueue(&mut walk);
                self.walk = Some(walk);
            }
            Event::Answered(outcome, duration) => {
                self.transfer = Transfer::Idle;
                self.answered(outcome, duration);
            }
            Event::Waited => self.transfer = Transfer::Idle,
        }
        self.own.pending(self.queue.samples());
    }

    /// Returns a new walk after one that has failed.
    fn without_walk(&mut self) -> Walk<P> {
        if self.warnings.is_due(Kind::NotRead) {
            tracing::warn!("the metrics could not be read, and are not sent this time");
        }
        self.new_walk()
    }

    fn new_walk(&self) -> Walk<P> {
        Walk::new(self.protocol.clone(), self.reading.clone())
    }

    /// Returns the time of the next samples: now, but always later than before.
    fn next_time(&mut self) -> Millis {
        self.time = millis(SystemTime::now()).max(self.time + 1);
        self.time
    }

    /// Starts a walk on another thread, because sources can block.
    fn start_walk(&mut self, deadline: Duration) {
        let time = self.next_time();
        let Some(mut walk) = self.walk.take() else { return };
        walk.start(time);
        self.own.walked(time);
        let (sender, receiver) = oneshot::channel();
        let then = move |mut walk: Walk<P>| {
            walk.end();
            // Sending fails if the task has ended.
            let _ = sender.send(walk);
        };
        // Without a thread, the closure is dropped, and the task sees that there is no answer.
        let _ = self.source.visit_within(deadline, walk, then);
        self.walking = Some(receiver);
    }

    fn enqueue(&mut self, walk: &mut Walk<P>) {
        let is_sending = matches!(self.transfer, Transfer::Sending { .. });
        let dropped = walk.take_batches().into_iter().map(|batch| self.queue.push(batch, is_sending)).sum();
        if dropped > 0 {
            self.dropped(Reason::QueueFull, dropped);
            if self.warnings.is_due(Kind::QueueFull) {
                let url = self.receiver.url();
                tracing::warn!(
                    url,
                    samples = dropped,
                    "the queue of metrics is full, and its oldest samples are dropped"
                );
            }
        }
    }

    fn dropped(&mut self, reason: Reason, samples: u64) {
        self.totals.dropped += samples;
        self.own.dropped(reason, samples);
    }

    /// Handles the answer to the first batch.
    fn answered(&mut self, outcome: Outcome, duration: Duration) {
        let Some(batch) = self.queue.first() else { return };
        let (samples, newest, bytes) = (batch.samples, batch.newest, batch.body.len());
        let (accepted, problem) = match outcome {
            Outcome::Retry { after, problem } => {
                let next = self.backoff.next(after);
                if self.warnings.is_due(Kind::Unavailable) {
                    let url = self.receiver.url();
                    tracing::warn!(url, problem, "the receiver takes no metrics; they are kept and sent again");
                }
                self.own.retried(samples);
                self.totals.cause = Some(problem);
                self.transfer = Transfer::Waiting(Box::pin(sleep(next)));
                return;
            }
            Outcome::Answered { accepted, problem } => (accepted, problem),
        };
        self.backoff.reset();
        self.queue.pop();
        self.own.answered(bytes, duration);
        self.totals.sent += accepted;
        if accepted > 0 {
            self.own.accepted(accepted, newest);
        }
        let failed = samples - accepted;
        if failed > 0 {
            self.totals.failed += failed;
            self.own.failed(failed);
            let problem = problem.unwrap_or_else(|| format!("accepted {accepted} of {samples} samples"));
            if self.warnings.is_due(Kind::Refused) {
                let url = self.receiver.url();
                tracing::warn!(url, problem, samples = failed, "the receiver refuses metrics, and they are dropped");
            }
            self.totals.cause = Some(problem);
        } else if let Some(problem) = problem
            && self.warnings.is_due(Kind::Advice)
        {
            let url = self.receiver.url();
            tracing::warn!(url, problem, "the receiver has accepted metrics, and warns about them");
        }
    }

    fn drop_rest(&mut self) {
        let rest = self.queue.samples();
        self.dropped(Reason::Shutdown, rest);
        self.own.pending(0);
    }

    fn result(&mut self) -> Result<Sent, FinishError> {
        let Totals { sent, failed, dropped, cause } = std::mem::take(&mut self.totals);
        if failed + dropped == 0 {
            return Ok(Sent { samples: sent });
        }
        Err(FinishError::Lost { url: self.receiver.url(), sent, failed, dropped, cause })
    }
}

impl Transfer {
    async fn event<P: Protocol>(&mut self) -> Event<P> {
        match self {
            Self::Idle => pending().await,
            Self::Sending { since, answer } => {
                let outcome = answer.await;
                Event::Answered(outcome, since.elapsed())
            }
            Self::Waiting(sleep) => {
                sleep.as_mut().await;
                Event::Waited
            }
        }
    }
}

/// Returns the walk at its end, or `None` if it failed.
async fn walked<P: Protocol>(walking: &mut Option<oneshot::Receiver<Walk<P>>>) -> Option<Walk<P>> {
    match walking {
        Some(walking) => walking.await.ok(),
        None => pending().await,
    }
}
