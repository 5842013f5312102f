//! The shards of one thread, resolved for the calls of one series.

#[cfg(feature = "http")]
use super::{Counter, Histogram, Sharded, Thread};
use super::{CounterShard, DurationShard, Observed, Ticks};

/// The shards that the calls of one thread with one outcome record into. So a call finds all of them by one look-up.
#[derive(Debug)]
pub(crate) struct CallShards {
    /// `None` if no durations are recorded.
    pub(crate) duration: Option<DurationShard<'static>>,
    /// `None` if no calls are counted.
    pub(crate) calls: Option<CounterShard<'static>>,
}

impl CallShards {
    /// Records a duration, as [`DurationShard::observe`] does.
    #[expect(clippy::inline_always, reason = "as for the duration")]
    #[inline(always)]
    pub(crate) fn observe(&self, ticks: Ticks) -> Observed {
        // A closure is not always inlined.
        match &self.duration {
            Some(duration) => duration.observe(ticks),
            None => Observed::Whole,
        }
    }

    /// Records a duration and counts its call.
    #[cfg(feature = "http")]
    #[inline]
    pub(crate) fn record(&self, ticks: Ticks) {
        if let Some(duration) = &self.duration {
            duration.record(ticks);
        }
        self.count();
    }

    #[cold]
    pub(crate) fn observe_slowly(&self, ticks: Ticks) {
        self.duration.iter().for_each(|duration| duration.observe_slowly(ticks));
    }

    #[cold]
    pub(crate) fn carry(&self) {
        self.duration.iter().for_each(DurationShard::carry);
    }

    /// Counts a call. Comes after its duration, so that a scrape that includes the call also includes that.
    #[inline]
    pub(crate) fn count(&self) {
        if let Some(calls) = self.calls {
            calls.inc();
        }
    }
}

/// The shards of all threads for the requests with one ending, once their series have shards.
#[cfg(feature = "http")]
#[derive(Debug)]
pub(crate) struct RequestShards(Sharded<CallShards>);

#[cfg(feature = "http")]
impl RequestShards {
    pub(crate) fn new() -> Self {
        Self(Sharded::new())
    }

    /// Returns the shards that a thread has created.
    #[inline]
    pub(crate) fn existing(&self, thread: Thread) -> Option<&CallShards> {
        self.0.existing(thread)
    }

    /// Creates the shards of a thread, unless one of the series has none.
    #[cold]
    pub(crate) fn create(&self, thread: Thread, duration: Option<&'static Histogram>, calls: Option<&'static Counter>) {
        if !self.0.is_spread() {
            if !calls.is_none_or(Counter::is_spread) || !duration.is_none_or(Histogram::has_duration_shards) {
                return;
            }
            self.0.spread();
        }
        self.0.of(thread, || CallShards {
            duration: duration.and_then(|duration| duration.duration_shard(thread)),
            calls: calls.and_then(|calls| calls.shard(thread)),
        });
    }
}
