//! Models of the values that several threads write, in every order of execution: see [`crate::metric::sync`].
//!
//! Many amounts are powers of ten, so that a wrong sum shows the missing additions.
#![allow(clippy::unwrap_used, reason = "the helpers are tests too")]

use std::sync::Arc;

use loom::thread::{JoinHandle, spawn};

use super::native::native_buckets;
/// Call it at the end of a model whose main thread writes, because the slot has to be released before the model ends.
pub(crate) use super::sharded::release_slot;
use super::sync::model;
use super::{Bounds, Counter, Gauge, Histogram, InFlight, Striped};
use crate::schema::{Buckets, Number};

/// Spawns a thread that writes, and releases its slot at the end. Without that, loom would destroy the thread-locals
/// only after the thread was joined.
pub(crate) fn thread<T: 'static, R: 'static>(shared: &Arc<T>, write: impl FnOnce(&T) -> R + 'static) -> JoinHandle<R> {
    let shared = Arc::clone(shared);
    spawn(move || {
        let result = write(&shared);
        release_slot();
        result
    })
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_sum_loses_nothing_when_threads_collide_and_get_shards() {
    model(3, || {
        let sum = Arc::new(Striped::new());
        let threads = [1, 100].map(|n| {
            thread(&sum, move |sum| {
                sum.add(n);
                sum.add(10 * n);
            })
        });
        join(threads);
        assert_eq!(sum.sum(), 1111);
    });
}

#[test]
fn a_thread_without_a_slot_shares_the_base() {
    model(2, || {
        let sum = Arc::new(Striped::new());
        sum.spread();
        join([1, 10, 100, 1000].map(|n| thread(&sum, move |sum| sum.add(n))));
        assert_eq!(sum.sum(), 1111);
    });
}

#[test]
fn a_slot_is_reused_by_a_thread_that_starts_later() {
    model(3, || {
        let sum = Arc::new(Striped::new());
        sum.spread();
        // There are two slots. The third thread reuses the slot of one that has ended, or shares the base.
        let [first, second, third] = [1, 100, 10_000].map(|n| {
            thread(&sum, move |sum| {
                sum.add(n);
                sum.add(10 * n);
            })
        });
        join([first, second, third]);
        assert_eq!(sum.sum(), 111_111);
    });
}

#[test]
fn a_thread_that_has_released_its_slot_shares_the_base() {
    model(3, || {
        let sum = Arc::new(Striped::new());
        sum.spread();
        let threads = [1, 100].map(|n| {
            thread(&sum, move |sum| {
                sum.add(n);
                // As if the destructor of a thread-local records a value.
                release_slot();
                sum.add(10 * n);
            })
        });
        join(threads);
        assert_eq!(sum.sum(), 1111);
    });
}

#[test]
fn a_sum_never_decreases() {
    model(2, || {
        let sum = Arc::new(Striped::new());
        let threads = [1, 100].map(|n| {
            thread(&sum, move |sum| {
                sum.add(n);
                sum.add(10 * n);
            })
        });
        let first = sum.sum();
        let second = sum.sum();
        assert!(first <= second, "{first} <= {second}");
        join(threads);
        assert_eq!(sum.sum(), 1111);
    });
}

#[test]
fn a_counter_and_a_gauge_lose_no_fraction() {
    model(3, || {
        let numbers = Arc::new((Counter::new(), Gauge::new()));
        let threads = [0.5, 0.25].map(|n| {
            thread(&numbers, move |(counter, gauge)| {
                counter.add(n);
                gauge.add(-n);
            })
        });
        join(threads);
        assert_eq!((numbers.0.number(), numbers.1.get()), (Number::Float(0.75), -0.75));
    });
}

#[test]
fn a_counter_loses_no_whole_number_when_threads_collide_and_get_shards() {
    model(3, || {
        let counter = Arc::new(Counter::new());
        let threads = [10, 1_000].map(|n| {
            thread(&counter, move |counter| {
                counter.inc_by(n);
                counter.inc();
            })
        });
        join(threads);
        assert_eq!(counter.number(), Number::Whole(1_012));
    });
}

#[test]
fn threads_without_a_slot_lose_no_fraction() {
    model(3, || {
        let counter = Arc::new(Counter::new());
        let threads = [0.5, 0.25].map(|n| {
            thread(&counter, move |counter| {
                counter.add(n);
                release_slot();
                counter.add(n);
            })
        });
        join(threads);
        assert_eq!(counter.number(), Number::Float(1.5));
    });
}

#[test]
fn operations_in_flight_return_to_zero() {
    model(3, || {
        let calls = Arc::new(InFlight::new());
        let threads = [(); 2].map(|()| {
            thread(&calls, |calls| {
                calls.enter();
                calls.exit();
            })
        });
        assert!(calls.get() <= 2);
        join(threads);
        assert_eq!(calls.get(), 0);
    });
}

fn histogram() -> Arc<Histogram> {
    Arc::new(Histogram::new(Arc::new(Bounds::new(&[1.0]))))
}

#[test]
fn a_histogram_loses_nothing_when_threads_collide_and_get_shards() {
    model(3, || {
        let histogram = histogram();
        let threads = [0.25, 8.0].map(|value| {
            thread(&histogram, move |histogram| {
                histogram.observe(value);
                histogram.observe_nanos(2_000_000_000);
            })
        });
        join(threads);
        assert_eq!(histogram.read(), Buckets { cumulative: vec![1, 4], sum: 12.25, ..Buckets::default() });
    });
}

#[test]
fn a_histogram_loses_nothing_when_slots_are_reused() {
    model(3, || {
        let histogram = histogram();
        histogram.spread();
        join([0.5, 4.0, 16.0].map(|value| thread(&histogram, move |histogram| histogram.observe(value))));
        assert_eq!(histogram.read(), Buckets { cumulative: vec![1, 3], sum: 20.5, ..Buckets::default() });
    });
}

#[test]
fn a_histogram_loses_nothing_on_its_shared_base() {
    model(3, || {
        let histogram = histogram();
        histogram.spread();
        let threads = [0.25, 0.5].map(|value| {
            thread(&histogram, move |histogram| {
                release_slot();
                histogram.observe(value);
                histogram.observe_nanos(1_000_000_000);
            })
        });
        join(threads);
        assert_eq!(histogram.read(), Buckets { cumulative: vec![4, 4], sum: 2.75, ..Buckets::default() });
    });
}

#[test]
fn no_bucket_decreases() {
    model(2, || {
        let histogram = histogram();
        let threads = [
            thread(&histogram, |histogram| histogram.observe(4.0)),
            thread(&histogram, |histogram| histogram.observe_nanos(8_000_000_000)),
        ];
        let [first, second] = [histogram.read(), histogram.read()];
        for (first, second) in first.cumulative.iter().zip(&second.cumulative) {
            assert!(first <= second, "{first} <= {second}");
        }
        assert!(first.sum <= second.sum, "{} <= {}", first.sum, second.sum);
        join(threads);
        assert_eq!(histogram.read(), Buckets { cumulative: vec![0, 2], sum: 12.0, ..Buckets::default() });
    });
}

fn native_histogram() -> Arc<Histogram> {
    Arc::new(Histogram::new(Arc::new(Bounds::new(&[1.0]).native())))
}

/// Returns the number of observations in all native buckets.
fn native_total(buckets: &Buckets) -> u64 {
    let native = native_buckets(&buckets.cells);
    native.zero_count + native.positive.iter().map(|(_, count)| count).sum::<u64>()
}

#[test]
fn a_native_histogram_loses_nothing_when_threads_collide_and_get_shards() {
    model(2, || {
        let histogram = native_histogram();
        join([1, 2].map(|_| thread(&histogram, |histogram| histogram.observe_nanos(1_000))));
        let buckets = histogram.read();
        assert_eq!((&*buckets.cumulative, buckets.sum), (&[2, 2][..], 2e-6));
        assert_eq!(native_buckets(&buckets.cells).positive, [(-159, 2)]);
    });
}

#[test]
fn a_native_histogram_loses_nothing_when_threads_meet_new_octaves() {
    model(2, || {
        let histogram = native_histogram();
        // Both octaves are in one list.
        join([0.25, 8.0].map(|value| thread(&histogram, move |histogram| histogram.observe(value))));
        let buckets = histogram.read();
        assert_eq!((&*buckets.cumulative, buckets.sum), (&[1, 2][..], 8.25));
        assert_eq!(native_buckets(&buckets.cells).positive, [(-16, 1), (24, 1)]);
    });
}

#[test]
fn no_reading_of_a_native_histogram_is_torn_and_no_bucket_decreases() {
    model(2, || {
        let histogram = native_histogram();
        let threads = [
            thread(&histogram, |histogram| histogram.observe(4.0)),
            thread(&histogram, |histogram| histogram.observe_nanos(1_000)),
        ];
        let [first, second] = [histogram.read(), histogram.read()];
        for reading in [&first, &second] {
            assert_eq!(native_total(reading), reading.cumulative[1]);
        }
        for (first, second) in first.cumulative.iter().zip(&second.cumulative) {
            assert!(first <= second, "{first} <= {second}");
        }
        join(threads);
        assert_eq!(native_total(&histogram.read()), 2);
    });
}

#[test]
fn a_native_histogram_loses_no_duration_of_the_shards_of_threads() {
    model(1, || {
        let histogram = native_histogram();
        histogram.spread();
        join([1_000, 1_001].map(|nanos| thread(&histogram, move |histogram| histogram.observe_nanos(nanos))));
        let buckets = histogram.read();
        assert_eq!((&*buckets.cumulative, native_total(&buckets)), (&[2, 2][..], 2));
    });
}
