//! Guards of code that is not a function of its own: a timer, and an operation in flight.

use std::ops::Deref;
use std::time::Duration;

use super::{Histogram, InFlight, Moment};

/// A timer, started by [`Histogram::start_timer`] or [`Timer::start`]. Observes the time since then, in seconds, when it
/// is dropped.
///
/// ```
/// use metrics_runtime::{Descriptor, Registry};
///
/// let registry = Registry::new();
/// let descriptor = Descriptor::histogram("lookup_duration_seconds", "Look-ups.", vec![0.01, 0.1]);
/// let lookups = registry.histogram(descriptor)?;
/// let lookup = lookups.get_or_create(&[])?.start_timer();
/// let found = [1, 2, 3].contains(&2);
/// if found {
///     lookup.stop();
/// } else {
///     lookup.discard();
/// }
/// assert!(registry.render().contains("lookup_duration_seconds_count 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a timer that is not bound to a variable is dropped at once, and observes no time"]
pub struct Timer<H: Deref<Target = Histogram>> {
    /// `None` once the time was observed or discarded.
    histogram: Option<H>,
    start: Moment,
}

impl<H: Deref<Target = Histogram>> Timer<H> {
    /// Starts a timer. `histogram` is a reference to a histogram, or a [`Series`](crate::Series) or an
    /// [`OwnedSeries`](crate::OwnedSeries) of one.
    pub fn start(histogram: H) -> Self {
        Self { histogram: Some(histogram), start: Moment::now() }
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.start.elapsed_nanos())
    }

    /// Observes the time since the start, and returns it.
    pub fn stop(mut self) -> Duration {
        self.observe()
    }

    /// Observes nothing, and returns the time since the start.
    pub fn discard(mut self) -> Duration {
        self.histogram = None;
        self.elapsed()
    }

    fn observe(&mut self) -> Duration {
        let nanos = self.start.elapsed_nanos();
        if let Some(histogram) = self.histogram.take() {
            histogram.observe_nanos(nanos);
        }
        Duration::from_nanos(nanos)
    }
}

impl<H: Deref<Target = Histogram>> Drop for Timer<H> {
    fn drop(&mut self) {
        if self.histogram.is_some() {
            self.observe();
        }
    }
}

impl Histogram {
    /// Starts a timer, which observes the time in seconds when it is dropped or stopped.
    pub fn start_timer(&self) -> Timer<&Self> {
        Timer::start(self)
    }
}

/// An operation in flight, entered by [`InFlight::guard`] or [`InFlightGuard::enter`]. Leaves the gauge when it is
/// dropped.
///
/// ```
/// use metrics_runtime::metrics;
///
/// #[metrics]
/// mod gauges {
///     /// Connections that are open.
///     pub fn connections(protocol: &str) -> InFlight;
/// }
///
/// let connection = gauges::connections("http").guard();
/// assert_eq!(gauges::connections("http").get(), 1);
/// drop(connection);
/// assert_eq!(gauges::connections("http").get(), 0);
/// ```
#[derive(Debug)]
#[must_use = "a guard that is not bound to a variable leaves the gauge at once"]
pub struct InFlightGuard<H: Deref<Target = InFlight>> {
    gauge: H,
}

impl<H: Deref<Target = InFlight>> InFlightGuard<H> {
    /// Enters the gauge. `gauge` is a reference to one, or a [`Series`](crate::Series) or an
    /// [`OwnedSeries`](crate::OwnedSeries) of one.
    pub fn enter(gauge: H) -> Self {
        gauge.enter();
        Self { gauge }
    }
}

impl<H: Deref<Target = InFlight>> Drop for InFlightGuard<H> {
    fn drop(&mut self) {
        self.gauge.exit();
    }
}

impl InFlight {
    /// Enters the gauge, and leaves it when the guard is dropped.
    pub fn guard(&self) -> InFlightGuard<&Self> {
        InFlightGuard::enter(self)
    }
}
