//! The handles that users of the facade record with.

use std::sync::{Arc, Mutex, PoisonError};

use metrics::{CounterFn, GaugeFn, HistogramFn};

use crate::family::{Family, StoredSeries};
use crate::metric::{Counter, Gauge, Histogram};
use crate::schema::Number;

pub(super) fn counter(
    family: &'static Family<Counter>,
    series: StoredSeries<Counter>,
    absolute: Arc<Mutex<()>>,
) -> metrics::Counter {
    metrics::Counter::from_arc(Arc::new(FacadeCounter { family, series, absolute }))
}

pub(super) fn gauge(series: StoredSeries<Gauge>) -> metrics::Gauge {
    metrics::Gauge::from_arc(Arc::new(FacadeGauge(series)))
}

pub(super) fn histogram(series: StoredSeries<Histogram>) -> metrics::Histogram {
    metrics::Histogram::from_arc(Arc::new(FacadeHistogram(series)))
}

struct FacadeCounter {
    family: &'static Family<Counter>,
    series: StoredSeries<Counter>,
    absolute: Arc<Mutex<()>>,
}

impl CounterFn for FacadeCounter {
    fn increment(&self, value: u64) {
        self.series.inc_by(value);
    }

    fn absolute(&self, value: u64) {
        let _absolute = self.absolute.lock().unwrap_or_else(PoisonError::into_inner);
        // An increment of a removed series goes to its replacement, which has another number.
        let replacement = self.family.replacement(&self.series);
        let series: &Counter = replacement.as_deref().unwrap_or(&self.series);
        // The facade adds whole numbers only.
        if let Number::Whole(now) = series.number()
            && value > now
        {
            series.inc_by(value - now);
        }
    }
}

struct FacadeGauge(StoredSeries<Gauge>);

impl GaugeFn for FacadeGauge {
    fn increment(&self, value: f64) {
        self.0.add(value);
    }

    fn decrement(&self, value: f64) {
        self.0.add(-value);
    }

    fn set(&self, value: f64) {
        self.0.set(value);
    }
}

struct FacadeHistogram(StoredSeries<Histogram>);

impl HistogramFn for FacadeHistogram {
    fn record(&self, value: f64) {
        self.0.observe(value);
    }
}
