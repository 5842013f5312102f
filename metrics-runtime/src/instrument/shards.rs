//! The shards of one thread, resolved for the calls of one series.

use crate::metric::{CounterShard, DurationShard, Observed, Ticks};

/// The shards that the calls of one thread with one outcome record into. So a call finds all of them by one look-up.
#[derive(Debug)]
pub(super) struct CallShards {
    /// `None` if the call site records no durations.
    pub(super) duration: Option<DurationShard<'static>>,
    /// `None` if the call site counts no calls.
    pub(super) calls: Option<CounterShard<'static>>,
}

impl CallShards {
    /// Records a duration, as [`DurationShard::observe`] does.
    #[expect(clippy::inline_always, reason = "as for the duration")]
    #[inline(always)]
    pub(super) fn observe(&self, ticks: Ticks) -> Observed {
        self.duration.as_ref().map_or(Observed::Whole, |duration| duration.observe(ticks))
    }

    #[cold]
    pub(super) fn observe_slowly(&self, ticks: Ticks) {
        self.duration.iter().for_each(|duration| duration.observe_slowly(ticks));
    }

    #[cold]
    pub(super) fn carry(&self) {
        self.duration.iter().for_each(DurationShard::carry);
    }

    /// Counts a call. Comes after its duration, so that a scrape that includes the call also includes that.
    #[inline]
    pub(super) fn count(&self) {
        if let Some(calls) = self.calls {
            calls.inc();
        }
    }
}
