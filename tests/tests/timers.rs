//! Timers, measured blocks, guards of operations in flight, and labels that are optional.
#![cfg(not(metrics_off))]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures::FutureExt as _;
use metrics_runtime::{Descriptor, InFlightGuard, LabelValue, Outcome, Registry, Timer, metrics, time};
use support::{page, quiet_panic, sample};

#[metrics]
mod declared {
    /// Time of a block.
    pub fn block_seconds() -> Histogram;
    /// Time of a query, by table.
    pub fn query_seconds(table: &str) -> Histogram;
    /// Time of a payment, by its outcome.
    pub fn payment_seconds(status: metrics_runtime::Outcome) -> Histogram;
    /// Uploads that run, by tenant.
    pub fn uploads(tenant: &str) -> InFlight;
    /// Workers that run.
    pub fn workers() -> InFlight;
    /// Jobs by region, which not every job has, and by urgency.
    pub fn jobs_total(region: Option<&str>, urgent: Option<bool>) -> Counter;
}

fn count(histogram: &str) -> f64 {
    page().series(&format!("{histogram}_count")).into_iter().map(|series| series.value).sum()
}

mod timers {
    use super::*;

    #[test]
    fn observe_when_they_are_stopped_or_dropped_and_not_when_they_are_discarded() {
        let registry = Registry::new();
        let family = registry.histogram(Descriptor::histogram("wait_seconds", "Waits.", vec![10.0])).unwrap();
        let series = || family.get_or_create(&[]).unwrap();
        let stopped = series().start_timer().stop();
        drop(series().start_timer());
        series().start_timer().discard();
        let by_reference = series();
        let running = by_reference.start_timer();
        assert_eq!(series().count_now(), 2);
        drop(running);
        assert_eq!(series().count_now(), 3);
        assert!(stopped < tests::wait::DEADLINE);
        let owner = family.owned(&[]).unwrap();
        drop(Timer::start(&*owner));
        assert_eq!(series().count_now(), 4);
    }

    #[test]
    fn observe_when_the_code_around_them_panics() {
        let panicked = catch_unwind(|| {
            let _timer = declared::query_seconds("panics").start_timer();
            quiet_panic()
        });
        assert!(panicked.is_err());
        assert_eq!(sample("query_seconds_count", [("table", "panics")]), 1.0);
    }

    #[test]
    fn observe_the_time_that_they_return() {
        let timer = declared::query_seconds("slow").start_timer();
        tests::clock::sleep(Duration::from_millis(20));
        let running = timer.elapsed();
        let stopped = timer.stop();
        assert!(Duration::from_millis(20) <= running && running <= stopped);
        assert_eq!(sample("query_seconds_sum", [("table", "slow")]), stopped.as_nanos() as f64 / 1e9);
    }
}

mod blocks {
    use super::*;

    #[test]
    fn are_like_the_body_of_a_function() {
        fn half(number: u32) -> Result<u32, String> {
            let table = String::from("halves");
            let halved: Result<u32, String> = time!(declared::query_seconds(&table), {
                if number == 0 {
                    return Ok(0);
                }
                let even = number.is_multiple_of(2).then_some(number).ok_or("odd")?;
                Ok(even / 2)
            });
            halved.map(|half| half + 100)
        }
        assert_eq!((half(0), half(4), half(5)), (Ok(100), Ok(102), Err("odd".to_owned())));
        assert_eq!(sample("query_seconds_count", [("table", "halves")]), 3.0);
    }

    #[test]
    fn may_move_what_they_use_and_may_panic() {
        let text = String::from("moved");
        assert_eq!(time!(declared::query_seconds("moves"), { text }), "moved");
        assert!(catch_unwind(|| time!(declared::query_seconds("moves"), { quiet_panic() })).is_err());
        assert_eq!(sample("query_seconds_count", [("table", "moves")]), 2.0);
    }

    #[tokio::test]
    async fn of_async_code_are_observed_when_they_complete_and_not_when_they_are_dropped() {
        let name = String::from("async");
        let spawned = tokio::spawn(time!(declared::query_seconds("async"), async move { name.len() }));
        assert_eq!(spawned.await.unwrap(), 5);
        let mut waits = Box::pin(time!(declared::query_seconds("async"), async { pending::<()>().await }));
        assert!(waits.as_mut().now_or_never().is_none());
        drop(waits);
        drop(time!(declared::query_seconds("async"), async {}));
        let panics = AssertUnwindSafe(time!(declared::query_seconds("async"), async { quiet_panic() }));
        assert!(panics.catch_unwind().await.is_err());
        assert_eq!(sample("query_seconds_count", [("table", "async")]), 2.0);
    }

    #[tokio::test]
    async fn record_into_the_histogram_of_their_outcome() {
        let paid = |ok: bool| if ok { Ok(()) } else { Err("declined") };
        for ok in [true, false, false] {
            assert_eq!(time!(|status| declared::payment_seconds(status), { paid(ok) }), paid(ok));
        }
        time!(|status| declared::payment_seconds(status), async { paid(true) }).await.unwrap();
        let cancelled = time!(|status| declared::payment_seconds(status), async move { pending::<()>().await });
        assert!(cancelled.now_or_never().is_none());
        let pay = |sum: f64| {
            if sum.is_nan() {
                quiet_panic()
            }
        };
        let panicked = catch_unwind(|| time!(|status| declared::payment_seconds(status), { pay(f64::NAN) }));
        assert!(panicked.is_err());
        let counts = Outcome::ALL.map(|outcome| sample("payment_seconds_count", [("status", outcome.as_str())]));
        assert_eq!(counts, [2.0, 2.0, 1.0, 0.0]);
    }

    #[test]
    fn are_observed_at_their_end_in_a_histogram_without_labels() {
        time!(declared::block_seconds(), {
            assert_eq!(count("block_seconds"), 0.0);
        });
        assert_eq!(count("block_seconds"), 1.0);
    }
}

mod guards {
    use super::*;

    #[test]
    fn leave_the_gauge_when_they_are_dropped() {
        let uploads = || sample("uploads", [("tenant", "acme")]);
        let first = declared::uploads("acme").guard();
        let second = declared::uploads("acme").guard();
        assert_eq!(uploads(), 2.0);
        drop(first);
        assert_eq!(uploads(), 1.0);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _second = second;
            quiet_panic()
        }));
        assert!(panicked.is_err());
        assert_eq!(uploads(), 0.0);
    }

    #[test]
    fn of_a_gauge_without_labels_move_to_other_threads() {
        let workers: Vec<_> = (0..4).map(|_| declared::workers().guard()).collect();
        assert_eq!(sample("workers", []), 4.0);
        std::thread::spawn(move || drop(workers)).join().unwrap();
        assert_eq!(sample("workers", []), 0.0);
        let guard = InFlightGuard::enter(declared::workers());
        assert_eq!(declared::workers().get(), 1);
        drop(guard);
    }
}

mod optional_labels {
    use super::*;

    #[test]
    fn are_empty_without_a_value() {
        declared::jobs_total(None, Some(true)).inc();
        declared::jobs_total(Some("eu"), None).inc_by(2);
        assert_eq!(sample("jobs_total", [("region", ""), ("urgent", "true")]), 1.0);
        assert_eq!(sample("jobs_total", [("region", "eu"), ("urgent", "")]), 2.0);
    }

    #[test]
    fn have_the_known_values_of_their_type_and_the_empty_one() {
        assert_eq!(<Option<bool>>::VALUES, ["", "false", "true"]);
        assert_eq!(<Option<&str>>::VALUES, [""; 0]);
        for value in [None, Some(false), Some(true)] {
            assert_eq!(<Option<bool>>::VALUES[value.ordinal().unwrap()], value.label().as_str());
        }
        assert_eq!(Some("eu").ordinal(), None);
        assert_eq!(<Option<Outcome>>::VALUES.len(), 5);
    }
}
