//! Inference: what the compiler knows from a signature, it still knows with an attribute. So the body of a recorded
//! function needs no more annotations than that of the plain one, and its future has the same auto traits.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]
#![allow(clippy::unused_async, clippy::unused_self, clippy::manual_async_fn, reason = "the functions are minimal")]

mod support;

use std::env;
use std::error::Error;
use std::fmt::Debug;
use std::future;
use std::io;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::pin::Pin;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use metrics_runtime::Outcome::{Panic, Success};
use metrics_runtime::circuit_breaker::CircuitOpen;
use metrics_runtime::{circuit_breaker, track, track_counter, track_histogram, track_in_flight};
use support::{assert_recorded, calls, panics, quiet_panic, ready, sample};

mod output_of_a_returned_future {
    use super::*;

    #[test]
    fn the_error_type_of_a_block_comes_from_the_signature() {
        #[track(name = "blocks", in_flight)]
        fn block() -> impl Future<Output = Result<u8, String>> {
            async { Ok(1) }
        }
        #[track_histogram(name = "block_sizes", buckets = [1, 2], value = |n| *n)]
        fn measured() -> impl Future<Output = Result<u8, String>> + Send {
            async { Ok(2) }
        }
        #[track_counter(name = "block_labels_total", labels(a: u8 = 7, b = |r| r.is_ok()))]
        fn labelled() -> impl Future<Output = Result<u8, String>> {
            async { Ok(3) }
        }
        assert_eq!(ready(block()), Ok(1));
        assert_eq!(ready(measured()), Ok(2));
        assert_eq!(ready(labelled()), Ok(3));
        assert_recorded("blocks", &[Success]);
        assert_eq!(sample("block_sizes_sum", []), 2.0);
    }

    #[test]
    fn conversions_find_their_target() {
        #[track]
        fn converted() -> impl Future<Output = String> {
            async { "a".into() }
        }
        #[track]
        fn collected() -> impl Future<Output = Vec<u8>> {
            async { (0..3).collect() }
        }
        #[track(name = "questions", ok_if = |r| r.is_ok())]
        fn question_mark(text: &str) -> impl Future<Output = Result<u8, Box<dyn Error>>> {
            async move {
                let number: u8 = text.parse()?;
                Ok(number)
            }
        }
        #[track(name = "unfinished", in_flight)]
        fn unfinished() -> impl Future<Output = Result<u8, String>> {
            async { quiet_panic() }
        }
        #[track]
        fn at_once() -> impl Future<Output = Result<u8, String>> {
            future::ready(Ok(1))
        }
        assert_eq!(ready(converted()), "a");
        assert_eq!(ready(collected()), [0, 1, 2]);
        assert_eq!(ready(question_mark("7")).unwrap(), 7);
        ready(question_mark("x")).unwrap_err();
        panics(|| ready(unfinished()));
        assert_recorded("unfinished", &[Panic]);
        assert_eq!(ready(at_once()), Ok(1));
    }

    #[test]
    fn boxed_futures_and_methods_of_traits_too() {
        trait Load {
            fn load(&self) -> impl Future<Output = Result<u8, String>> + Send;
            fn boxed(&self) -> BoxFuture<'_, Result<u8, String>>;
            fn by_default(&self) -> impl Future<Output = Result<Vec<u8>, String>> {
                async { Ok([].into()) }
            }
        }
        struct Store;
        #[track]
        impl Load for Store {
            fn load(&self) -> impl Future<Output = Result<u8, String>> + Send {
                async { Ok(1) }
            }
            fn boxed(&self) -> BoxFuture<'_, Result<u8, String>> {
                async { Ok(2) }.boxed()
            }
        }
        #[track]
        fn pinned() -> Pin<Box<dyn Future<Output = Result<u8, String>> + Send>> {
            Box::pin(async { Ok(3) })
        }
        assert_eq!(ready(Store.load()), Ok(1));
        assert_eq!(ready(Store.boxed()), Ok(2));
        assert_eq!(ready(Store.by_default()), Ok(vec![]));
        assert_eq!(ready(pinned()), Ok(3));
        assert_eq!(calls("inference::output_of_a_returned_future", "Store::load"), [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_hidden_type_in_the_output_leaves_the_rest_known() {
        #[track]
        fn part() -> impl Future<Output = Result<impl Debug, String>> {
            async { Ok(7_u8) }
        }
        assert_eq!(format!("{:?}", ready(part())), "Ok(7)");
    }
}

mod closures {
    use super::*;

    #[test]
    fn a_returned_closure_has_its_types_from_the_signature() {
        #[track(name = "closures", in_flight)]
        fn length() -> impl Fn(&str) -> usize {
            |text| text.len()
        }
        #[track(name = "counters", in_flight)]
        fn counter(step: u8) -> (impl FnMut(&mut Vec<u8>) -> bool, u8) {
            if step == 0 {
                quiet_panic();
            }
            (
                move |list| {
                    list.push(step);
                    list.len() > 1
                },
                step,
            )
        }
        #[track]
        fn later() -> impl AsyncFn(&str) -> usize {
            async |text| text.len()
        }
        struct Scale(usize);
        #[track]
        impl Scale {
            fn scaled(&self) -> impl Fn(&str) -> usize {
                |text| text.len() * self.0
            }
        }
        assert_eq!(length()("abc"), 3);
        assert_recorded("closures", &[Success]);
        let (mut push, step) = counter(3);
        let mut list = Vec::new();
        assert_eq!((push(&mut list), push(&mut list), step), (false, true, 3));
        panics(|| counter(0).1);
        assert_recorded("counters", &[Success, Panic]);
        assert_eq!(ready(later()("ab")), 2);
        assert_eq!(Scale(2).scaled()("abc"), 6);
    }

    /// A drop while the thread panics is no panic of the function.
    #[test]
    fn a_closure_made_while_the_thread_panics_is_a_success() {
        #[track(name = "made_in_drop", in_flight)]
        fn made() -> impl Fn(&str) -> usize {
            |text| text.len()
        }
        struct Guard;
        impl Drop for Guard {
            fn drop(&mut self) {
                made()("a");
            }
        }
        panics(|| {
            let _guard = Guard;
            quiet_panic();
        });
        assert_recorded("made_in_drop", &[Success]);
    }
}

mod borrows {
    use super::*;

    #[test]
    fn a_borrowed_parameter_of_an_async_function_can_be_assigned_from_the_body() {
        #[track(name = "loads", labels(relative = path.is_relative()))]
        #[track_in_flight(name = "loads_in_flight")]
        async fn load(mut path: &Path) -> io::Result<bool> {
            let full;
            if path.is_relative() {
                full = env::current_dir()?.join(path);
                path = &full;
            }
            Ok(path.exists())
        }
        #[circuit_breaker(service = "loads", failures = 5)]
        async fn behind(mut text: &str) -> Result<usize, Box<dyn Error>> {
            let owned = text.to_uppercase();
            if text.len() < 3 {
                text = &owned;
            }
            Ok(text.len())
        }
        struct Store;
        impl Store {
            #[track]
            async fn longest(&self, mut texts: Vec<&str>) -> usize {
                let own = "own".repeat(2);
                texts.push(&own);
                texts.into_iter().map(str::len).max().unwrap_or(0)
            }
        }
        assert!(ready(load(Path::new("."))).unwrap());
        assert!(ready(load(Path::new("/"))).unwrap());
        assert_eq!(ready(behind("ab")).unwrap(), 2);
        assert_eq!(ready(Store.longest(vec!["a"])), 6);
    }

    #[test]
    fn a_part_of_a_pattern_can_be_assigned_from_the_body() {
        #[track]
        fn first((mut text, _): (&str, u8)) -> usize {
            let owned = text.repeat(2);
            text = &owned;
            text.len()
        }
        #[track(name = "with_a_label", labels(rest = rest))]
        fn labelled((mut text, rest): (&str, u8)) -> usize {
            let owned = text.repeat(2);
            text = &owned;
            text.len() + usize::from(rest)
        }
        assert_eq!(first(("ab", 1)), 4);
        assert_eq!(labelled(("ab", 1)), 5);
    }
}

mod auto_traits {
    use super::*;

    fn all<F: Future + Send + Sync + UnwindSafe + RefUnwindSafe>(future: F) -> F::Output {
        ready(future)
    }

    struct Failed;

    impl From<CircuitOpen> for Failed {
        fn from(_: CircuitOpen) -> Self {
            Self
        }
    }

    #[test]
    fn a_recorded_future_is_as_unwind_safe_and_shareable_as_its_body() {
        #[track]
        async fn plain(x: u8) -> u8 {
            x
        }
        #[track(name = "auto_labels", labels(x: u8 = x))]
        async fn labelled(x: u8) -> u8 {
            x
        }
        #[track]
        #[track_counter(name = "auto_total")]
        async fn twice(x: u8) -> u8 {
            x
        }
        #[track(name = "auto_opaque", labels(x: u8 = x))]
        fn opaque(x: u8) -> impl Future<Output = u8> {
            async move { x }
        }
        #[circuit_breaker(service = "auto", failures = 1)]
        #[track]
        async fn behind(x: u8) -> Result<u8, Failed> {
            Ok(x)
        }
        assert_eq!(all(plain(1)) + all(labelled(1)) + all(twice(1)) + all(opaque(1)), 4);
        assert!(all(behind(1)).is_ok());
        assert_eq!(ready(plain(1).catch_unwind()).unwrap(), 1);
    }

    #[test]
    fn a_panic_that_is_caught_is_recorded() {
        #[track(name = "caught", in_flight)]
        async fn caught() {
            quiet_panic()
        }
        ready(caught().catch_unwind()).unwrap_err();
        assert_recorded("caught", &[Panic]);
        // The future of a panic can be polled again, like that of an `async fn`: it panics.
        let mut future = Box::pin(caught());
        for _ in 0..2 {
            ready(AssertUnwindSafe(future.as_mut()).catch_unwind()).unwrap_err();
        }
        drop(future);
        assert_eq!(sample("caught_total", [("status", Panic.as_str())]), 2.0);
    }
}

mod lifetimes {
    use super::*;

    /// The trait has an `async fn`, and so has the implementation.
    #[test]
    fn methods_of_async_traits_keep_their_signature() {
        #[allow(async_fn_in_trait, reason = "the trait is local")]
        trait Service {
            async fn call<'a>(&self, text: &'a str) -> &'a str;
            #[track]
            async fn by_default(&mut self, text: &str) -> usize {
                text.len()
            }
        }
        struct Echo;
        impl Service for Echo {
            #[track(name = "echoes", labels(text = text))]
            async fn call<'a>(&self, text: &'a str) -> &'a str {
                text
            }
        }
        assert_eq!(ready(Echo.call("a")), "a");
        assert_eq!(ready(Echo.by_default("ab")), 2);
        assert_eq!(sample("echoes_total", [("text", "a"), ("status", "success")]), 1.0);
    }

    #[test]
    fn a_recorded_function_is_an_async_fn_for_any_lifetime() {
        async fn twice(f: impl AsyncFn(&str) -> usize) -> usize {
            let text = String::from("ab");
            f(&text).await + f("c").await
        }
        #[track]
        async fn length(text: &str) -> usize {
            text.len()
        }
        assert_eq!(ready(twice(length)), 3);
    }

    #[test]
    fn a_recursive_call_is_boxed_as_usual() {
        #[track]
        async fn depth(n: u8) -> u8 {
            if n == 0 { 0 } else { 1 + Box::pin(depth(n - 1)).await }
        }
        assert_eq!(ready(depth(5)), 5);
    }
}

/// Nested futures reach the compiler's limit of nested types.
mod nesting {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Failed;

    impl From<CircuitOpen> for Failed {
        fn from(_: CircuitOpen) -> Self {
            Self
        }
    }

    macro_rules! twenty {
        ($(#[$attribute:meta])*) => {{
            twenty!(@ [$(#[$attribute])*] x f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20);
            fn send<F: Future<Output = Result<u64, Failed>> + Send>(future: F) -> F {
                future
            }
            futures::executor::block_on(send(f1(1)))
        }};
        (@ $attributes:tt $x:ident $name:ident $next:ident $($rest:ident)*) => {
            twenty!(@function $attributes $x $name { $next($x + 1).await });
            twenty!(@ $attributes $x $next $($rest)*);
        };
        (@ $attributes:tt $x:ident $last:ident) => {
            twenty!(@function $attributes $x $last {
                tokio::task::yield_now().await;
                Ok($x)
            });
        };
        (@function [$(#[$attribute:meta])*] $x:ident $name:ident $body:block) => {
            $(#[$attribute])*
            async fn $name($x: u64) -> Result<u64, Failed> $body
        };
    }

    /// `tracing::instrument` reaches 12.
    #[test]
    fn twenty_recorded_calls_nest_at_the_default_limit_of_the_compiler() {
        assert_eq!(twenty!(#[track]), Ok(20));
        assert_eq!(twenty!(#[track(name = "nested", help = "Nested calls", labels(x: u64 = 1))]), Ok(20));
        assert_eq!(twenty!(#[circuit_breaker(service = "nested", failures = 1)]), Ok(20));
        assert_eq!(twenty!(#[track] #[circuit_breaker(service = "nested", failures = 1)]), Ok(20));
        assert_eq!(twenty!(#[track] #[track_in_flight(name = "nested_in_flight", help = "Nested calls")]), Ok(20));
    }
}

#[test]
fn a_future_that_awaits_a_recorded_one_has_the_same_auto_traits() {
    fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe>(future: T) -> T {
        future
    }
    // Beside `must_use`, the function stays an `async fn`, whose body awaits the recorded future.
    #[track(name = "awaited_within")]
    #[must_use]
    async fn plain() -> u8 {
        1
    }
    #[track(name = "awaited_with_labels", labels(tenant = tenant.len()), in_flight)]
    #[must_use]
    async fn labelled(tenant: &str) -> usize {
        tenant.len()
    }
    let future = check(async { usize::from(check(plain()).await) + check(labelled("acme")).await });
    assert_eq!(ready(future), 5);
    assert_eq!(sample("awaited_within_total", [("status", "success")]), 1.0);
    assert_eq!(sample("awaited_with_labels_total", [("tenant", "4"), ("status", "success")]), 1.0);
}
