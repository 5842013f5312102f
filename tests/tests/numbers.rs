//! Numbers for all inputs: counters never go back, sums are always finite, and an operation that does not fit is counted
//! as rejected.
//!
//! The count of rejected values belongs to the process, so these tests have their own process and run one at a time.
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics_runtime::{Counter, Descriptor, Family, Histogram, Registry};
use proptest::prelude::*;
use tests::page::Page;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Numbers {
    registry: Registry,
    counter: Family<Counter>,
    histogram: Family<Histogram>,
}

impl Numbers {
    fn new() -> Self {
        let registry = Registry::new();
        let counter = registry.counter(Descriptor::counter("c_total", "C.")).expect("valid");
        // A negative bound, so that negative values are observed.
        let histogram = registry.histogram(Descriptor::histogram("h", "H.", vec![-1.0, 0.0, 1.0])).expect("valid");
        let _ = (counter.get_or_create(&[]).expect("valid"), histogram.get_or_create(&[]).expect("valid"));
        Self { registry, counter, histogram }
    }

    fn page(&self) -> Page {
        Page::parse_text(&self.registry.render()).expect("a valid page")
    }

    fn counted(&self) -> f64 {
        self.page().value("c_total", [])
    }

    fn run(&self, operation: Operation) {
        let counter = self.counter.get_or_create(&[]).expect("valid");
        match operation {
            Operation::Inc => counter.inc(),
            Operation::IncBy(n) => counter.inc_by(n),
            Operation::Add(amount) => counter.add(amount),
            Operation::Observe(value) => self.histogram.get_or_create(&[]).expect("valid").observe(value),
        }
    }
}

fn rejected(page: &Page) -> f64 {
    page.value("metrics_runtime_rejected_values_total", [])
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Inc,
    IncBy(u64),
    Add(f64),
    Observe(f64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let whole = prop_oneof![any::<u64>(), Just(u64::MAX), Just(1 << 63), Just(1 << 53), 0..100_u64];
    let float = any::<f64>().prop_filter("finite", |value| value.is_finite());
    let float = prop_oneof![float, Just(f64::MAX), Just(-f64::MAX), Just(0.5), Just(1e300), Just(-1e300)];
    let amount = float.clone().prop_map(f64::abs);
    prop_oneof![
        Just(Operation::Inc),
        whole.prop_map(Operation::IncBy),
        amount.prop_map(Operation::Add),
        float.prop_map(Operation::Observe)
    ]
}

proptest! {
    #[test]
    fn counters_never_go_back_and_sums_are_finite_for_all_finite_inputs(
        operations in proptest::collection::vec(operation(), 0..40),
    ) {
        let _alone = alone();
        let numbers = Numbers::new();
        let before = rejected(&numbers.page());
        let (mut last, mut observed) = (0.0, 0_u32);
        for &operation in &operations {
            numbers.run(operation);
            observed += u32::from(matches!(operation, Operation::Observe(_)));
            let now = numbers.counted();
            prop_assert!(now >= last && now.is_finite(), "{last} -> {now}");
            last = now;
        }
        let page = numbers.page();
        prop_assert!(page.value("h_sum", []).is_finite());
        let (kept, rejected) = (page.value("h_count", []), rejected(&page) - before);
        prop_assert!(kept <= f64::from(observed) && f64::from(observed) - kept <= rejected);
    }

    #[test]
    fn four_threads_lose_no_observation_and_keep_the_sum_finite(
        operations in proptest::collection::vec(operation(), 4..40),
    ) {
        let _alone = alone();
        let numbers = Numbers::new();
        let before = rejected(&numbers.page());
        let observations = operations.iter().filter(|operation| matches!(operation, Operation::Observe(_))).count();
        let (mut last, mut grows) = (0.0, true);
        std::thread::scope(|scope| {
            for part in operations.chunks(operations.len().div_ceil(4)) {
                scope.spawn(|| part.iter().for_each(|&operation| numbers.run(operation)));
            }
            for _ in 0..5 {
                let now = numbers.counted();
                grows &= now >= last && now.is_finite();
                last = now;
            }
        });
        prop_assert!(grows && numbers.counted() >= last);
        let page = numbers.page();
        prop_assert!(page.value("h_sum", []).is_finite());
        let missing = observations as f64 - page.value("h_count", []);
        prop_assert!((0.0..=rejected(&page) - before).contains(&missing), "{missing}");
    }
}

#[test]
fn a_counter_at_its_end_keeps_its_value_and_counts_what_it_rejects() {
    let _alone = alone();
    let numbers = Numbers::new();
    let before = rejected(&numbers.page());
    numbers.run(Operation::IncBy(u64::MAX));
    numbers.run(Operation::Inc);
    numbers.run(Operation::IncBy(7));
    assert!(numbers.registry.render().contains("c_total 18446744073709551615\n"));
    assert_eq!(rejected(&numbers.page()) - before, 2.0);
}

#[test]
fn observations_whose_sum_is_not_finite_are_rejected_and_counted() {
    let _alone = alone();
    let numbers = Numbers::new();
    let before = rejected(&numbers.page());
    for value in [f64::MAX, f64::MAX, 0.5, -f64::MAX, -f64::MAX, -f64::MAX] {
        numbers.run(Operation::Observe(value));
    }
    let page = numbers.page();
    assert_eq!((page.value("h_count", []), page.value("h_sum", [])), (4.0, -f64::MAX));
    assert_eq!(rejected(&page) - before, 2.0);
}

#[test]
fn plus_and_minus_on_two_threads_are_not_nan() {
    let _alone = alone();
    let numbers = Numbers::new();
    std::thread::scope(|scope| {
        for value in [f64::MAX, -f64::MAX] {
            let numbers = &numbers;
            scope.spawn(move || (0..1_000).for_each(|_| numbers.run(Operation::Observe(value))));
        }
    });
    assert!(numbers.page().value("h_sum", []).is_finite());
}
