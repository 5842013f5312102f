//! The sample that all viewers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use metrics_export::Export;
use metrics_runtime::Metrics;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot, watch};

use crate::event::event;
use crate::sample::{Reader, Sample, Tick, Walked};

/// The time for which a walk waits for sources at least. Series of a slower source keep their values until a walk has its
/// answer, or until the deadline of the metrics page.
const SOURCES: Duration = Duration::from_millis(250);

/// The time for which a walk waits for sources at most. A viewer with a long interval waits longer, because the answer to
/// its last walk is too old for the next one.
const MOST: Duration = Duration::from_secs(5);

/// The last sample, and the viewers that share it.
#[derive(Debug)]
pub(crate) struct Hub {
    metrics: Metrics,
    state: Arc<Mutex<State>>,
    viewers: AtomicUsize,
    closed: watch::Sender<bool>,
    /// The start of this page, by which viewers know that the process is another one.
    boot: u64,
}

#[derive(Debug, Default)]
struct State {
    sample: Sample,
    /// The last walk.
    walked: Option<Walked>,
    /// The events of the last sample, by the walk since which they have the changes.
    events: Vec<(Tick, Bytes)>,
}

/// The place of a viewer. When the last one leaves, the sample is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Hub>);

impl Hub {
    pub(crate) fn new(metrics: Metrics) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A browser reads whole numbers up to 2^53 exactly: microseconds fit for centuries.
        let boot = u64::try_from(now.as_micros()).unwrap_or_default();
        Self { metrics, state: Arc::default(), viewers: AtomicUsize::new(0), closed: watch::Sender::new(false), boot }
    }

    /// Returns the place of a viewer, or `None` if there are this many already.
    pub(crate) fn sit(self: &Arc<Self>, max: usize) -> Option<Seat> {
        let take = |viewers| (viewers < max).then_some(viewers + 1);
        self.viewers.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).ok()?;
        Some(Seat(Arc::clone(self)))
    }

    /// Ends the streams of all viewers.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Waits until the page is closed.
    pub(crate) async fn closed(&self) {
        // The sender lives as long as the hub.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Returns the number of the walk, and the event with the changes since an earlier one. The walk began at or after
    /// `not_before`; viewers that wait for the same moment share it. Returns `None` if the walk fails, or an earlier one
    /// has failed since. A walk waits for sources for a quarter of the interval.
    pub(crate) async fn event(&self, since: Tick, not_before: Instant, interval: Duration) -> Option<(Tick, Bytes)> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        if state.walked.is_none_or(|walked| walked.started < not_before) {
            state = self.walk(state, (interval / 4).clamp(SOURCES, MOST)).await.ok()?;
        }
        let tick = state.sample.tick;
        if (1..=state.sample.began).contains(&since) {
            return None;
        }
        if let Some((_, text)) = state.events.iter().find(|(known, _)| *known == since) {
            return Some((tick, text.clone()));
        }
        let text = Bytes::from(event(&state.sample, since, self.boot, &state.walked?));
        state.events.push((since, text.clone()));
        Some((tick, text))
    }

    /// Starts a walk. It owns the lock: it goes on if the viewer leaves, and no second one starts beside it.
    fn walk(&self, mut state: OwnedMutexGuard<State>, sources: Duration) -> oneshot::Receiver<OwnedMutexGuard<State>> {
        let (sender, receiver) = oneshot::channel();
        // If the walk panics, its sample is lost.
        let next = State { sample: state.sample.next(), ..State::default() };
        let State { sample, .. } = std::mem::replace(&mut *state, next);
        let then = move |reader: Reader| {
            let (sample, walked) = reader.end();
            *state = State { sample, walked: Some(walked), events: Vec::new() };
            // Sending fails if the viewer has left.
            let _ = sender.send(state);
        };
        // Without a thread, the closure is dropped, and the viewer sees that there is no answer.
        let _ = self.metrics.visit_within(sources, Reader::new(sample), then);
        receiver
    }

    /// Returns the model of the page in JSON. Waits for collectors, so not on a thread of the runtime.
    pub(crate) async fn model(&self) -> Option<String> {
        let metrics = self.metrics.clone();
        tokio::task::spawn_blocking(move || Export::page(metrics.describe_within(SOURCES))).await.ok()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let is_last = self.0.viewers.fetch_sub(1, Ordering::AcqRel) == 1;
        // If it is locked, a new viewer reads it.
        if is_last && let Ok(mut state) = self.0.state.try_lock() {
            *state = State { sample: state.sample.next(), ..State::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_runtime::Registry;

    use super::*;

    #[tokio::test]
    async fn a_viewer_of_a_lost_sample_starts_again() {
        let hub = Hub::new(Metrics::builder().registry(&Registry::new()).build().unwrap());
        let (tick, _) = hub.event(0, Instant::now(), SOURCES).await.unwrap();
        assert_eq!(hub.event(tick, Instant::now(), SOURCES).await.unwrap().0, tick + 1);
        let next = hub.state.lock().await.sample.next();
        hub.state.lock().await.sample = next;
        assert!(hub.event(tick + 1, Instant::now(), SOURCES).await.is_none());
        let (tick, event) = hub.event(0, Instant::now(), SOURCES).await.unwrap();
        assert!(event.starts_with(b"data: {") && hub.event(tick, Instant::now(), SOURCES).await.is_some());
    }
}
