//! The types that one series of a family can have.

use std::sync::Arc;

use crate::encode::Page;
use crate::metric::{Bounds, Counter, Gauge, Histogram, InFlight};
use crate::schema::{Buckets, Kind, Number};

/// The type of one series: [`Counter`], [`Gauge`], [`InFlight`], [`Histogram`] or [`Info`]. It is sealed.
pub trait Metric: sealed::Metric {}

pub(crate) mod sealed {
    use super::{Arc, Bounds, Kind, Page, Sample};

    pub trait Metric: Send + Sync + 'static {
        const KIND: Kind;
        fn new(bounds: &Arc<Bounds>) -> Self;
        fn sample(&self) -> Sample;
        fn write(&self, labels: &str, page: &mut Page);
        /// Gives each thread its own shard from now on.
        fn spread(&self);
    }
}

/// The value of one series at one moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    Counter(Number),
    Gauge(f64),
    Histogram(Buckets),
    Info,
}

/// The series of an info family. Its labels are facts. Its value is always 1.
#[derive(Debug)]
pub struct Info(());

macro_rules! metrics {
    ($($ty:ident: $kind:ident {
        new: $new:expr, sample: $sample:expr, write: $write:expr, spread: $spread:expr $(,)?
    })*) => {$(
        impl Metric for $ty {}
        impl sealed::Metric for $ty {
            const KIND: Kind = Kind::$kind;

            fn new(bounds: &Arc<Bounds>) -> Self {
                let new: fn(&Arc<Bounds>) -> Self = $new;
                new(bounds)
            }

            fn sample(&self) -> Sample {
                let sample: fn(&Self) -> Sample = $sample;
                sample(self)
            }

            #[inline]
            fn write(&self, labels: &str, page: &mut Page) {
                let write: fn(&Self, &str, &mut Page) = $write;
                write(self, labels, page);
            }

            fn spread(&self) {
                let spread: fn(&Self) = $spread;
                spread(self);
            }
        }
    )*};
}
metrics! {
    Counter: Counter {
        new: |_| Counter::new(),
        sample: |counter| Sample::Counter(counter.number()),
        write: |counter, labels, page| page.sample(labels, counter.number()),
        spread: Counter::spread,
    }
    Gauge: Gauge {
        new: |_| Gauge::new(),
        sample: |gauge| Sample::Gauge(gauge.get()),
        write: |gauge, labels, page| page.sample(labels, gauge.get().into()),
        spread: |_| (),
    }
    InFlight: Gauge {
        new: |_| InFlight::new(),
        sample: |calls| Sample::Gauge(calls.get() as f64),
        write: |calls, labels, page| page.sample(labels, Number::Whole(calls.get())),
        spread: InFlight::spread,
    }
    Histogram: Histogram {
        new: |bounds| Histogram::new(Arc::clone(bounds)),
        sample: |histogram| Sample::Histogram(histogram.read()),
        write: |histogram, labels, page| page.histogram(labels, |buckets| histogram.read_into(buckets)),
        spread: Histogram::spread,
    }
    Info: Info {
        new: |_| Info(()),
        sample: |_| Sample::Info,
        write: |_, labels, page| page.sample(labels, Number::Whole(1)),
        spread: |_| (),
    }
}
