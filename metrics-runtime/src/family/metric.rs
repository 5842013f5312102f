//! The types that one series of a family can have.

use std::sync::Arc;

use super::Family;
use super::any::AnyFamilyRef;
use crate::metric::{Bounds, Counter, Gauge, Histogram, InFlight};
use crate::schema::{Buckets, Kind, NativeBuckets, Number};
use crate::visit::{HistogramRef, Value};

/// The type of one series: [`Counter`], [`Gauge`], [`InFlight`], [`Histogram`] or [`Info`]. It is sealed.
pub trait Metric: sealed::Metric {}

pub(crate) mod sealed {
    use super::{AnyFamilyRef, Arc, Bounds, Family, Kind, Reading, Sample, Value};

    pub trait Metric: Send + Sync + 'static {
        const KIND: Kind;
        /// `true` if the operations of several series can be recorded in one. The value that was last set for one of
        /// them says nothing about the others.
        const MERGES: bool;
        /// `true` if operations of a removed series are added to the next one with the same labels.
        const CARRIES: bool;
        fn new(bounds: &Arc<Bounds>) -> Self;
        /// Returns the family with its type.
        fn typed(family: &Family<Self>) -> AnyFamilyRef<'_>
        where
            Self: Sized;
        fn sample(&self) -> Sample;
        /// Returns the current value, whose buckets are in `reading`.
        fn read<'r>(&'r self, reading: &'r mut Reading) -> Value<'r>;
        /// Adds the operations that a removed series of the same labels has recorded since its sample `before`.
        fn absorb(&self, before: &Sample, now: &Sample);
        /// Gives each thread its own shard from now on.
        fn spread(&self);
    }
}

/// The buckets of a histogram while it is read. Their memory is reused.
#[derive(Debug, Default)]
pub struct Reading {
    pub(crate) buckets: Buckets,
    /// The native buckets, if the histogram has some.
    pub(crate) native: Option<NativeBuckets>,
    /// `true` if native buckets are read.
    pub(crate) takes_native: bool,
}

/// The value of one series at one moment.
#[derive(Debug, Clone)]
pub enum Sample {
    Counter(Number),
    Gauge(f64),
    Histogram(Buckets),
    Info,
}

/// Gauges are compared by their bits, so that `NaN` equals itself.
impl PartialEq for Sample {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Counter(a), Self::Counter(b)) => a == b,
            (Self::Gauge(a), Self::Gauge(b)) => a.to_bits() == b.to_bits(),
            (Self::Histogram(a), Self::Histogram(b)) => a == b,
            (Self::Info, Self::Info) => true,
            _ => false,
        }
    }
}

/// The series of an info family. Its labels are facts. Its value is always 1.
#[derive(Debug)]
pub struct Info(());

macro_rules! metrics {
    ($($ty:ident: $kind:ident {
        merges: $merges:expr, carries: $carries:expr, new: $new:expr, sample: $sample:expr, read: $read:expr, absorb: $absorb:expr, spread: $spread:expr $(,)?
    })*) => {$(
        impl Metric for $ty {}
        impl sealed::Metric for $ty {
            const KIND: Kind = Kind::$kind;
            const MERGES: bool = $merges;
            const CARRIES: bool = $carries;

            fn new(bounds: &Arc<Bounds>) -> Self {
                let new: fn(&Arc<Bounds>) -> Self = $new;
                new(bounds)
            }

            fn sample(&self) -> Sample {
                let sample: fn(&Self) -> Sample = $sample;
                sample(self)
            }

            fn absorb(&self, before: &Sample, now: &Sample) {
                let absorb: fn(&Self, &Sample, &Sample) = $absorb;
                absorb(self, before, now);
            }

            fn typed(family: &Family<Self>) -> AnyFamilyRef<'_> {
                AnyFamilyRef::$ty(family)
            }

            #[inline]
            fn read<'r>(&'r self, reading: &'r mut Reading) -> Value<'r> {
                let read: for<'s> fn(&'s Self, &'s mut Reading) -> Value<'s> = $read;
                read(self, reading)
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
        merges: true,
        carries: true,
        new: |_| Counter::new(),
        sample: |counter| Sample::Counter(counter.number()),
        read: |counter, _| Value::Counter(counter.number()),
        absorb: |counter, before, now| if let (Sample::Counter(before), Sample::Counter(now)) = (before, now) {
            counter.absorb(*before, *now);
        },
        spread: Counter::spread,
    }
    Gauge: Gauge {
        merges: false,
        carries: false,
        new: |_| Gauge::new(),
        sample: |gauge| Sample::Gauge(gauge.value()),
        read: |gauge, _| Value::Gauge(gauge.get().into()),
        absorb: |_, _, _| (),
        spread: |_| (),
    }
    InFlight: Gauge {
        merges: true,
        carries: false,
        new: |_| InFlight::new(),
        sample: |calls| Sample::Gauge(calls.get() as f64),
        read: |calls, _| Value::Gauge(Number::Whole(calls.get())),
        // A call that has entered one gauge leaves the same.
        absorb: |_, _, _| (),
        spread: InFlight::spread,
    }
    Histogram: Histogram {
        merges: true,
        carries: true,
        new: |bounds| Histogram::new(Arc::clone(bounds)),
        sample: |histogram| Sample::Histogram(histogram.read()),
        read: |histogram, reading| {
            histogram.read_into(&mut reading.buckets);
            let Reading { buckets, native, takes_native } = reading;
            *native = if *takes_native { histogram.native_of(buckets) } else { None };
            let (bounds, Buckets { cumulative, sum, .. }) = (histogram.bounds_of(buckets), &*buckets);
            Value::Histogram(HistogramRef { bounds, cumulative, sum: *sum, native: native.as_ref() })
        },
        absorb: |histogram, before, now| if let (Sample::Histogram(before), Sample::Histogram(now)) = (before, now) {
            histogram.absorb(before, now);
        },
        spread: Histogram::spread,
    }
    Info: Info {
        merges: false,
        carries: false,
        new: |_| Info(()),
        sample: |_| Sample::Info,
        read: |_, _| Value::Info,
        absorb: |_, _, _| (),
        spread: |_| (),
    }
}
