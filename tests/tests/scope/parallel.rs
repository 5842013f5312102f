//! Many tests at the same time.

use std::sync::Barrier;
use std::{env, thread};

use metrics_runtime::circuit_breaker::CircuitOpen;
use metrics_runtime::test::Scope;
use metrics_runtime::{assert_metric, assert_no_metric, circuit_breaker, track};

use crate::{Size, order, things};

#[track(name = "parallel_call")]
async fn call(fails: bool) -> Result<(), &'static str> {
    tokio::task::yield_now().await;
    if fails { Err("it fails") } else { Ok(()) }
}

#[circuit_breaker(service = "parallel", failures = 100, open = "1s")]
async fn protected() -> Result<(), CircuitOpen> {
    Ok(())
}

/// The number of repetitions. `SCOPE_REPETITIONS=1000` repeats it as often as the promise says.
fn repetitions() -> usize {
    env::var("SCOPE_REPETITIONS").map_or(1, |text| text.parse().unwrap())
}

#[test]
fn sixty_four_tests_at_once_see_only_their_own_calls() {
    for _ in 0..repetitions() {
        let barrier = Barrier::new(64);
        thread::scope(|threads| {
            for number in 0..64 {
                let barrier = &barrier;
                threads.spawn(move || {
                    barrier.wait();
                    one_test(number);
                });
            }
        });
    }
}

/// A test with `number` calls of each kind.
fn one_test(number: usize) {
    let scope = Scope::new();
    let shop = format!("shop {}", number % 4);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    scope.enter(|| {
        for i in 0..number {
            order(&shop, i % 2 == 0).ok();
            things::boxes_total(Size::Large).inc();
            things::stock(&shop).set(i as f64);
            things::pack_duration_seconds(Size::Small).observe(0.25);
            runtime.block_on(async {
                tokio::spawn(call(i % 2 == 1)).await.unwrap().ok();
                protected().await.unwrap();
            });
        }
        let open = things::orders_open().guard();
        assert_metric!(scope, orders_open == 1);
        drop(open);
    });
    let failed = number / 2;
    assert_metric!(scope, order_total { shop = shop, status = "error" } == failed);
    assert_metric!(scope, order_total == number);
    assert_metric!(scope, order_duration_seconds { shop = shop } count == number);
    assert_metric!(scope, boxes_total { size = Size::Large } == number);
    assert_metric!(scope, boxes_total { size = Size::Small } == 0);
    assert_metric!(scope, pack_duration_seconds count == number, sum == number as f64 / 4.0);
    assert_metric!(scope, parallel_call_total { status = "error" } == failed);
    assert_metric!(scope, parallel_call_total { status = "success" } == number - failed);
    assert_metric!(scope, circuit_breaker_calls_total { service = "parallel", result = "success" } == number);
    assert_metric!(scope, orders_open == 0);
    assert_no_metric!(scope, order_total { shop = "shop 4" });
    let last = number.checked_sub(1).map(|last| last as f64);
    assert_eq!(scope.value("stock", &[("shop", &shop)]), last);
}
