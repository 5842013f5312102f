//! An attribute does not change the order in which a function drops its parameters and locals, for every outcome.
//!
//! Every function here exists twice, without and with an attribute, and both must log the same drops.
#![cfg(not(metrics_off))]
#![allow(unused_variables, clippy::needless_pass_by_value, reason = "unused values are dropped too")]
#![allow(clippy::used_underscore_binding, reason = "names of guards begin with an underscore")]
#![allow(clippy::toplevel_ref_arg, reason = "a binding by reference is dropped with its parameter")]

mod support;

use std::cell::RefCell;
use std::fmt;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use futures::FutureExt as _;
use support::{quiet_panic, ready};

thread_local! {
    static LOG: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn log(what: &'static str) {
    LOG.with_borrow_mut(|log| log.push(what));
}

/// Returns the log of `run`, including panics.
fn logged<R>(run: impl FnOnce() -> R) -> Vec<&'static str> {
    LOG.take();
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(run()))).is_err();
    if panicked {
        log("panicked");
    }
    LOG.take()
}

/// Logs its name when it is dropped.
struct Noisy(&'static str);

impl Noisy {
    fn touch(&self) {
        assert!(!self.0.is_empty());
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        log(self.0);
    }
}

impl fmt::Display for Noisy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

struct Pair {
    first: Noisy,
    second: Noisy,
}

fn pair(first: &'static str, second: &'static str) -> Pair {
    Pair { first: Noisy(first), second: Noisy(second) }
}

const A: fn() -> Noisy = || Noisy("a");
const B: fn() -> Noisy = || Noisy("b");
const C: fn() -> Noisy = || Noisy("c");

/// Compares the logs of an item without and with `#[track]`.
macro_rules! twins {
    ($(#[$test:meta])* $name:ident: { $($item:tt)* } $run:expr) => {
        $(#[$test])*
        #[test]
        fn $name() {
            mod plain {
                use super::*;
                pub(super) $($item)*
            }
            mod tracked {
                use super::*;
                #[metrics_runtime::track]
                pub(super) $($item)*
            }
            let expected = {
                use plain::*;
                logged(|| $run)
            };
            let found = {
                use tracked::*;
                logged(|| $run)
            };
            assert!(!expected.is_empty());
            assert_eq!(found, expected);
        }
    };
}

mod sync {
    use super::*;

    twins!(parameters: {
        fn f(a: Noisy, b: Noisy, c: Noisy) {
            a.touch();
            b.touch();
            c.touch();
        }
    } f(A(), B(), C()));

    twins!(parameters_and_locals: {
        fn f(a: Noisy, b: Noisy) -> usize {
            let first = Noisy("first");
            let second = Noisy("second");
            b.touch();
            a.touch();
            first.0.len() + second.0.len()
        }
    } f(A(), B()));

    twins!(parameters_that_the_body_moves: {
        fn f(a: Noisy, b: Noisy, c: Noisy) -> Noisy {
            drop(b);
            c.touch();
            log("body");
            a
        }
    } f(A(), B(), C()));

    twins!(a_parameter_that_is_moved_on_one_path: {
        fn f(a: Noisy, b: Noisy, moves: bool) {
            b.touch();
            if moves {
                drop(a);
            }
            log("body");
        }
    } { f(A(), B(), true); f(A(), B(), false) });

    twins!(guards_that_the_body_does_not_use: {
        fn f(a: Noisy, _guard: Noisy, c: Noisy) {
            a.touch();
            c.touch();
        }
    } f(A(), B(), C()));

    twins!(one_field_of_a_parameter: {
        fn f(pair: Pair) {
            pair.second.touch();
        }
    } f(pair("first", "second")));

    twins!(a_field_that_is_moved_away: {
        fn f(a: Noisy, pair: Pair, c: Noisy) {
            c.touch();
            drop(pair.second);
            a.touch();
        }
    } f(A(), pair("first", "second"), C()));

    twins!(parameters_named_in_format_strings_only: {
        fn f(a: Noisy, b: Noisy, c: Noisy) -> String {
            format!("{a}{b:>5}{c:?}", c = c.0)
        }
    } f(A(), B(), C()));

    twins!(patterns: {
        fn f(Pair { first, second }: Pair, (b, c): (Noisy, Noisy)) {
            first.touch();
            b.touch();
            second.touch();
            c.touch();
        }
    } f(pair("first", "second"), (B(), C())));

    twins!(mutable_parameters: {
        fn f(mut a: Noisy, mut b: Noisy) {
            a.touch();
            b.touch();
            a = Noisy("new a");
            b = Noisy("new b");
            a.touch();
            b.touch();
        }
    } f(A(), B()));

    twins!(parameters_that_are_configured_away: {
        fn f(a: Noisy, #[cfg(any())] missing: Missing, #[cfg(all())] b: Noisy) {
            a.touch();
            #[cfg(any())]
            missing.touch();
            b.touch();
        }
    } f(A(), B()));

    twins!(an_early_return: {
        fn f(a: Noisy, b: Noisy) -> Option<Noisy> {
            let local = Noisy("local");
            a.touch();
            b.touch();
            None::<u8>?;
            Some(local)
        }
    } f(A(), B()));

    twins!(a_panic: {
        fn f(a: Noisy, b: Noisy) {
            let local = Noisy("local");
            a.touch();
            b.touch();
            quiet_panic()
        }
    } f(A(), B()));

    twins!(a_function_that_never_returns: {
        fn f(a: Noisy, b: Noisy) -> ! {
            let local = Noisy("local");
            a.touch();
            quiet_panic()
        }
    } f(A(), B()));

    twins!(temporaries_of_the_last_expression: {
        fn f(a: Noisy, b: Noisy) -> usize {
            let local = Noisy("local");
            b.touch();
            Noisy("temporary").0.len() + a.0.len()
        }
    } f(A(), B()));

    twins!(statics_and_copies_beside_them: {
        fn f<'a>(number: u8, a: Noisy, text: &'a str, b: Noisy) -> &'a str {
            b.touch();
            a.touch();
            &text[usize::from(number)..]
        }
    } f(1, A(), "text", B()));

    twins!(a_generic_parameter: {
        fn f<T: fmt::Display, const N: usize>(a: [T; N], b: impl fmt::Display) -> String {
            a.iter().map(T::to_string).chain([b.to_string()]).collect()
        }
    } f([A(), C()], B()));

    twins!(unnamed_and_unused_parameters: {
        fn f(a: Noisy, _: Noisy, (c, _): (Noisy, Noisy), ref d: Noisy, unused: Noisy) {
            a.touch();
            c.touch();
            d.touch();
        }
    } f(A(), B(), (C(), Noisy("rest")), Noisy("d"), Noisy("unused")));

    /// The one difference: a label that is evaluated before the body needs the names of a pattern, whose other parts then
    /// stay in the function.
    #[test]
    fn beside_a_label_the_unnamed_part_of_a_pattern_is_dropped_last() {
        fn plain(a: Noisy, (b, _): (Noisy, Noisy)) {
            a.touch();
            b.touch();
        }
        #[metrics_runtime::track(name = "beside_a_label", labels(b = b.0))]
        fn tracked(a: Noisy, (b, _): (Noisy, Noisy)) {
            a.touch();
            b.touch();
        }
        let arguments = || (A(), (B(), Noisy("rest")));
        let (a, b) = arguments();
        assert_eq!(logged(|| plain(a, b)), ["b", "rest", "a"]);
        let (a, b) = arguments();
        assert_eq!(logged(|| tracked(a, b)), ["b", "a", "rest"]);
    }

    /// `self` is dropped like the first parameter.
    #[test]
    fn a_receiver_by_value() {
        struct Plain(Noisy);
        struct Tracked(Noisy);
        impl Plain {
            fn f(self, b: Noisy) {
                b.touch();
                self.0.touch();
            }
        }
        #[metrics_runtime::track]
        impl Tracked {
            fn f(self, b: Noisy) {
                b.touch();
                self.0.touch();
            }
        }
        let expected = logged(|| Plain(A()).f(B()));
        assert_eq!(expected, ["b", "a"]);
        assert_eq!(logged(|| Tracked(A()).f(B())), expected);
    }
}

mod asynchronous {
    use super::*;

    /// Ends an async function in every way: it returns, panics, is dropped after one poll, or before.
    fn every_way<F: Future>(call: impl Fn(End) -> F) {
        for end in [End::Return, End::Panic] {
            let run = || drop(call(end).now_or_never().expect("the future is ready"));
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                log("panicked");
            }
            log("next");
        }
        {
            let mut future = pin!(call(End::Hang));
            assert!(ready(async { futures::poll!(future.as_mut()) }).is_pending());
            log("suspended");
        }
        log("next");
        drop(call(End::Return));
    }

    #[derive(Clone, Copy)]
    enum End {
        Return,
        Panic,
        Hang,
    }

    async fn end(end: End) {
        match end {
            End::Return => {}
            End::Panic => quiet_panic(),
            End::Hang => pending().await,
        }
    }

    twins!(parameters_and_locals: {
        async fn f(a: Noisy, b: Noisy, how: End) -> usize {
            let first = Noisy("first");
            end(how).await;
            let second = Noisy("second");
            a.0.len() + b.0.len()
        }
    } every_way(|how| f(A(), B(), how)));

    twins!(parameters_used_before_the_wait_only: {
        async fn f(a: Noisy, b: Noisy, c: Noisy, how: End) {
            a.touch();
            c.touch();
            b.touch();
            end(how).await;
        }
    } every_way(|how| f(A(), B(), C(), how)));

    twins!(parameters_that_the_body_moves: {
        async fn f(a: Noisy, b: Noisy, how: End) -> Noisy {
            drop(b);
            end(how).await;
            log("body");
            a
        }
    } every_way(|how| f(A(), B(), how)));

    twins!(guards_that_the_body_does_not_use: {
        async fn f(a: Noisy, _guard: Noisy, c: Noisy, how: End) {
            a.touch();
            end(how).await;
            c.touch();
        }
    } every_way(|how| f(A(), B(), C(), how)));

    twins!(unnamed_and_unused_parameters: {
        async fn f(a: Noisy, _: Noisy, (c, _): (Noisy, Noisy), ref d: Noisy, unused: Noisy, how: End) {
            a.touch();
            end(how).await;
            c.touch();
            d.touch();
        }
    } every_way(|how| f(A(), B(), (C(), Noisy("rest")), Noisy("d"), Noisy("unused"), how)));

    twins!(one_field_of_a_parameter: {
        async fn f(pair: Pair, how: End) {
            end(how).await;
            pair.second.touch();
        }
    } every_way(|how| f(pair("first", "second"), how)));

    twins!(patterns: {
        async fn f(Pair { first, second }: Pair, (b, c): (Noisy, Noisy), how: End) {
            first.touch();
            b.touch();
            end(how).await;
            second.touch();
            c.touch();
        }
    } every_way(|how| f(pair("first", "second"), (B(), C()), how)));

    twins!(a_boxed_future_and_parameters_that_it_does_not_capture: {
        fn f(a: Noisy, b: Noisy, c: Noisy, how: End) -> futures::future::LocalBoxFuture<'static, Noisy> {
            a.touch();
            c.touch();
            Box::pin(async move {
                end(how).await;
                b
            })
        }
    } every_way(|how| f(A(), B(), C(), how)));

    twins!(an_opaque_future_and_parameters_that_it_does_not_capture: {
        fn f(a: Noisy, b: Noisy, c: Noisy, how: End) -> impl Future<Output = Noisy> {
            c.touch();
            a.touch();
            async move {
                end(how).await;
                b
            }
        }
    } every_way(|how| f(A(), B(), C(), how)));
}
