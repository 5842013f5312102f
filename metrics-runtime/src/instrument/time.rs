//! The macro [`time!`](crate::time): the duration of a block.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::poll::poll_flagged;
use super::switch::enabled;
use crate::contained::contained;
use crate::metric::{Histogram, Moment};
use crate::schema::Outcome;
use crate::scope::Entered;

/// Measures a block: observes its duration in a histogram, in seconds. Returns the value of the block.
///
/// The histogram is a [`Series`](crate::Series), an [`OwnedSeries`](crate::OwnedSeries) or a reference to a [`Histogram`];
/// that of a series in a variable is `&*series`. The expression is evaluated once, before the block.
///
/// The block is like the body of a function: `?` and `return` leave the block, not the function around it, and `break`
/// ends no loop around it. The duration is observed when the block returns or panics. An `async` block is a future,
/// measured from its first poll on; if it is dropped before it completes, nothing is observed, as with
/// [`#[track]`](macro@crate::track).
///
/// ```
/// use metrics_runtime::{metrics, time};
///
/// #[metrics]
/// mod durations {
///     /// Time to parse a request.
///     pub fn parse_duration_seconds() -> Histogram;
///     /// Time of a query, by table.
///     pub fn query_duration_seconds(table: &'static str) -> Histogram;
/// }
///
/// fn numbers(text: &str) -> Result<u32, std::num::ParseIntError> {
///     let parsed = time!(durations::parse_duration_seconds(), { text.trim().parse::<u32>() });
///     parsed.map(|number| number + 1)
/// }
/// assert_eq!(numbers(" 7 "), Ok(8));
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let rows = time!(durations::query_duration_seconds("orders"), async { vec![1, 2, 3] }).await;
/// assert_eq!(rows.len(), 3);
/// # });
/// ```
///
/// A closure of the outcome chooses the histogram at the end. The outcome is that of the value, as with
/// [`#[track]`](macro@crate::track), or a panic:
///
/// ```
/// use metrics_runtime::{Outcome, metrics, time};
///
/// #[metrics]
/// mod durations {
///     /// Time to charge a card.
///     pub fn charge_duration_seconds(status: metrics_runtime::Outcome) -> Histogram;
/// }
///
/// let charged = time!(|status| durations::charge_duration_seconds(status), { Err::<(), _>("card declined") });
/// assert!(charged.is_err());
/// assert_eq!(durations::charge_duration_seconds(Outcome::Error).count_now(), 1);
/// ```
#[macro_export]
macro_rules! time {
    (|$outcome:pat_param| $histogram:expr, async move $block:block) => {
        $crate::__private::timed(async move $block, $crate::__outcome!(), move |$outcome| $histogram)
    };
    (|$outcome:pat_param| $histogram:expr, async $block:block) => {
        $crate::__private::timed(async $block, $crate::__outcome!(), |$outcome| $histogram)
    };
    (|$outcome:pat_param| $histogram:expr, $block:block) => {
        $crate::__private::time(|| $block, $crate::__outcome!(), |$outcome| $histogram)
    };
    ($histogram:expr, async $($block:tt)+) => {
        match $histogram {
            histogram => $crate::__private::timed(async $($block)+, |_| $crate::Outcome::Success, move |_| histogram),
        }
    };
    ($histogram:expr, $block:block) => {
        match $histogram {
            histogram => $crate::__private::time(|| $block, |_| $crate::Outcome::Success, move |_| histogram),
        }
    };
}

/// A closure that returns the outcome of a value.
#[doc(hidden)]
#[macro_export]
macro_rules! __outcome {
    () => {
        |value| {
            use $crate::__private::OutcomeOf as _;
            (&&&&&$crate::__private::Probe(value)).outcome()
        }
    };
}

/// Runs a block, and observes its duration in the histogram of its outcome.
pub fn time<R, H: Deref<Target = Histogram>>(
    block: impl FnOnce() -> R,
    outcome_of: impl FnOnce(&R) -> Outcome,
    histogram: impl FnOnce(Outcome) -> H,
) -> R {
    let mut time = BlockTime::new(histogram, Outcome::Panic);
    time.start();
    let value = block();
    time.end(outcome_of(&value));
    value
}

/// Returns a future that runs a block, and observes its duration in the histogram of its outcome.
pub fn timed<F, O, C, H>(block: F, outcome_of: O, histogram: C) -> Timed<F, O, C, H>
where
    F: Future,
    O: FnOnce(&F::Output) -> Outcome,
    C: FnOnce(Outcome) -> H,
    H: Deref<Target = Histogram>,
{
    let time = BlockTime::new(histogram, Outcome::Cancelled);
    Timed { block, outcome_of: Some(outcome_of), time }
}

pin_project_lite::pin_project! {
    /// A future whose duration is observed.
    #[must_use = "futures do nothing unless polled"]
    pub struct Timed<F, O, C, H>
    where
        C: FnOnce(Outcome) -> H,
        H: Deref<Target = Histogram>,
    {
        #[pin]
        block: F,
        outcome_of: Option<O>,
        time: BlockTime<C, H>,
    }
}

impl<F, O, C, H> fmt::Debug for Timed<F, O, C, H>
where
    C: FnOnce(Outcome) -> H,
    H: Deref<Target = Histogram>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timed").finish_non_exhaustive()
    }
}

impl<F, O, C, H> Future for Timed<F, O, C, H>
where
    F: Future,
    O: FnOnce(&F::Output) -> Outcome,
    C: FnOnce(Outcome) -> H,
    H: Deref<Target = Histogram>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.time.start.is_none() {
            this.time.start();
        }
        let value = ready!(poll_flagged(&mut this.time.outcome, Outcome::Panic, Outcome::Cancelled, this.block, cx));
        if let Some(outcome_of) = this.outcome_of.take() {
            this.time.end(outcome_of(&value));
        }
        Poll::Ready(value)
    }
}

/// The time of a block. Observed when it is dropped, unless the block was cancelled.
struct BlockTime<C, H>
where
    C: FnOnce(Outcome) -> H,
    H: Deref<Target = Histogram>,
{
    /// `None` if nothing more is to be observed.
    histogram: Option<C>,
    start: Option<(Moment, Entered)>,
    /// The outcome of a block that is dropped.
    outcome: Outcome,
}

impl<C, H> BlockTime<C, H>
where
    C: FnOnce(Outcome) -> H,
    H: Deref<Target = Histogram>,
{
    fn new(histogram: C, outcome: Outcome) -> Self {
        Self { histogram: Some(histogram), start: None, outcome }
    }

    fn start(&mut self) {
        self.start = Some((Moment::now(), Entered::now()));
        if !enabled() {
            self.histogram = None;
        }
    }

    fn end(&mut self, outcome: Outcome) {
        let (Some(histogram), Some((start, scope))) = (self.histogram.take(), self.start) else { return };
        let nanos = start.elapsed_nanos();
        if let (true, Some(histogram)) = (outcome != Outcome::Cancelled, contained(|| scope.run(|| histogram(outcome))))
        {
            histogram.observe_nanos(nanos);
        }
    }
}

impl<C, H> Drop for BlockTime<C, H>
where
    C: FnOnce(Outcome) -> H,
    H: Deref<Target = Histogram>,
{
    fn drop(&mut self) {
        self.end(self.outcome);
    }
}
