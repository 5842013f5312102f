//! The size that an attribute adds to a future: the bytes of the guard, for any size of the function's state.
#![allow(clippy::large_types_passed_by_value, reason = "the tests measure it")]
#![cfg(not(metrics_off))]

use std::hint::black_box;

use metrics_runtime::circuit_breaker::CircuitOpen;
use metrics_runtime::{circuit_breaker, track, track_counter};
use tokio::task::yield_now;

/// The bytes that an attribute adds to the future of a function.
macro_rules! growth {
    ($call:expr; $($item:tt)*) => {{
        let plain = {
            $($item)*
            size_of_val(&$call)
        };
        let tracked = {
            #[track]
            $($item)*
            size_of_val(&$call)
        };
        tracked.saturating_sub(plain)
    }};
}

/// The limit: the guard and the state that the compiler adds for it.
const GUARD: usize = 48;

const KIB: [u8; 1024] = [0; 1024];

#[test]
fn a_large_local_is_stored_once() {
    let growth = growth!(f(); async fn f() -> u8 {
        let buffer = black_box([1; 8192]);
        yield_now().await;
        buffer[0]
    });
    assert!(growth <= GUARD, "{growth} bytes");
}

#[test]
fn a_large_argument_is_stored_once() {
    let borrowed = growth!(f(KIB); async fn f(buffer: [u8; 1024]) {
        yield_now().await;
        black_box(&buffer);
    });
    let moved = growth!(f(KIB); async fn f(buffer: [u8; 1024]) {
        yield_now().await;
        black_box(buffer);
    });
    let used_early = growth!(f(KIB); async fn f(buffer: [u8; 1024]) {
        black_box(&buffer);
        yield_now().await;
    });
    let beside_others = growth!(f(Vec::new(), KIB, 1); async fn f(list: Vec<u8>, buffer: [u8; 1024], number: u8) {
        yield_now().await;
        black_box((&list, &buffer, number));
    });
    let in_a_pattern = growth!(f((KIB, 1)); async fn f((buffer, _): ([u8; 1024], u8)) {
        yield_now().await;
        black_box(&buffer);
    });
    let moved_early = growth!(f(KIB); async fn f(buffer: [u8; 1024]) {
        black_box(buffer);
        yield_now().await;
    });
    let moved_into_a_call = growth!(f(KIB); async fn f(buffer: [u8; 1024]) {
        async fn inner(buffer: [u8; 1024]) {
            yield_now().await;
            black_box(&buffer);
        }
        inner(buffer).await;
    });
    for growth in [borrowed, moved, used_early, beside_others, in_a_pattern, moved_early, moved_into_a_call] {
        assert!(growth <= GUARD, "{growth} bytes");
    }
}

struct Buffer([u8; 1024]);

impl Buffer {
    async fn plain(self) {
        yield_now().await;
        black_box(&self.0);
    }

    #[track]
    async fn tracked(self) {
        yield_now().await;
        black_box(&self.0);
    }
}

#[test]
fn a_large_receiver_is_stored_once() {
    let growth = size_of_val(&Buffer(KIB).tracked()).saturating_sub(size_of_val(&Buffer(KIB).plain()));
    assert!(growth <= GUARD, "{growth} bytes");
}

/// Labels, several attributes and circuit breakers do not store an argument twice either.
#[test]
fn a_large_argument_is_stored_once_by_every_attribute() {
    /// A few words for the states, beside the guards.
    const STATES: usize = 32;
    macro_rules! growth_of {
        ($buffer:ident, $($attribute:tt)*) => {{
            async fn plain(buffer: [u8; 1024]) -> Result<u8, Failed> {
                black_box(buffer);
                yield_now().await;
                Ok(1)
            }
            $($attribute)*
            async fn tracked($buffer: [u8; 1024]) -> Result<u8, Failed> {
                black_box($buffer);
                yield_now().await;
                Ok(1)
            }
            size_of_val(&tracked(KIB)).saturating_sub(size_of_val(&plain(KIB)))
        }};
    }
    let label = growth_of!(buffer, #[track(name = "sizes", labels(first: u8 = buffer[0]))]);
    assert!(label <= GUARD + STATES, "{label} bytes");
    let two = growth_of!(buffer, #[track] #[track_counter(name = "sizes_total")]);
    assert!(two <= 2 * GUARD, "{two} bytes");
    let breaker = growth_of!(buffer, #[circuit_breaker(service = "sizes", failures = 1)]);
    assert!(breaker <= 2 * GUARD, "{breaker} bytes");
    let both = growth_of!(buffer, #[track] #[circuit_breaker(service = "sizes", failures = 1)]);
    assert!(both <= 3 * GUARD, "{both} bytes");
}

struct Failed;

impl From<CircuitOpen> for Failed {
    fn from(_: CircuitOpen) -> Self {
        Self
    }
}

/// An attribute that stores the arguments twice would double the size at each level.
#[test]
fn six_nested_calls_add_six_guards() {
    macro_rules! layers {
        ($(#[$attribute:meta])?) => {{
            $(#[$attribute])?
            async fn one() -> u8 {
                let buffer = black_box([1; 8192]);
                yield_now().await;
                buffer[0]
            }
            layers!($(#[$attribute])? two one);
            layers!($(#[$attribute])? three two);
            layers!($(#[$attribute])? four three);
            layers!($(#[$attribute])? five four);
            layers!($(#[$attribute])? six five);
            size_of_val(&six())
        }};
        ($(#[$attribute:meta])? $name:ident $inner:ident) => {
            $(#[$attribute])?
            async fn $name() -> u8 {
                let buffer = black_box([1; 8192]);
                $inner().await + buffer[0]
            }
        };
    }
    let plain = layers!();
    let tracked = layers!(#[track]);
    assert!(tracked - plain <= 6 * GUARD, "{} bytes", tracked - plain);
}

#[test]
fn six_nested_calls_that_return_futures_add_six_guards() {
    macro_rules! layers {
        ($(#[$attribute:meta])?) => {{
            $(#[$attribute])?
            fn one() -> impl Future<Output = u8> {
                async {
                    let buffer = black_box([1; 8192]);
                    yield_now().await;
                    buffer[0]
                }
            }
            layers!($(#[$attribute])? two one);
            layers!($(#[$attribute])? three two);
            layers!($(#[$attribute])? four three);
            layers!($(#[$attribute])? five four);
            layers!($(#[$attribute])? six five);
            size_of_val(&six())
        }};
        ($(#[$attribute:meta])? $name:ident $inner:ident) => {
            $(#[$attribute])?
            fn $name() -> impl Future<Output = u8> {
                $inner()
            }
        };
    }
    let plain = layers!();
    let tracked = layers!(#[track]);
    assert!(tracked - plain <= 6 * GUARD, "{} bytes", tracked - plain);
}
