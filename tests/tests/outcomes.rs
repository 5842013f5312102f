//! Outcomes: every call that starts is recorded once as `success`, `error`, `panic` or `cancelled`, for every kind of
//! function.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::convert::Infallible;
use std::fmt::Display;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, LocalBoxFuture};
use metrics_runtime::Outcome::{self, Cancelled, Error, Panic, Success};
use metrics_runtime::{track, track_counter, track_histogram, track_in_flight, track_ryot, track_storage};
use support::{
    Payload, abandon, assert_in_flight, assert_recorded, page, panics, panics_async, quiet_panic, ready, sample,
};

/// The behavior of a call.
#[derive(Clone, Copy)]
enum Act {
    Succeed,
    Fail,
    Panic,
    /// Wait forever.
    Hang,
}

type Answer = Result<u8, String>;

fn act(act: Act) -> Answer {
    match act {
        Act::Succeed => Ok(1),
        Act::Fail => Err("failed".to_owned()),
        Act::Panic => quiet_panic(),
        Act::Hang => unreachable!("only a future can hang"),
    }
}

async fn act_async(what: Act) -> Answer {
    // Always pending once, so that the rest runs in another poll.
    tokio::task::yield_now().await;
    match what {
        Act::Hang => pending().await,
        what => act(what),
    }
}

/// Asserts that a synchronous function with the metric `name` records each outcome once and returns its own result.
fn each_outcome(name: &str, call: impl Fn(Act) -> Answer) {
    assert_recorded(name, &[]);
    assert_eq!(call(Act::Succeed), Ok(1));
    assert_recorded(name, &[Success]);
    assert_eq!(call(Act::Fail), Err("failed".to_owned()));
    assert_recorded(name, &[Success, Error]);
    assert_eq!(panics(|| call(Act::Panic)), Payload(7));
    assert_recorded(name, &[Success, Error, Panic]);
}

/// As above for an asynchronous function, which can also be cancelled.
async fn each_outcome_async<F: Future<Output = Answer>>(name: &str, call: impl Fn(Act) -> F) {
    assert_recorded(name, &[]);
    assert_eq!(call(Act::Succeed).await, Ok(1));
    assert_recorded(name, &[Success]);
    assert_eq!(call(Act::Fail).await, Err("failed".to_owned()));
    assert_recorded(name, &[Success, Error]);
    assert_eq!(panics_async(call(Act::Panic)).await, Payload(7));
    assert_recorded(name, &[Success, Error, Panic]);
    abandon(call(Act::Hang));
    assert_recorded(name, &[Success, Error, Panic, Cancelled]);
    // Never polled, so the call never started.
    drop(call(Act::Succeed));
    assert_recorded(name, &[Success, Error, Panic, Cancelled]);
}

mod sync {
    use super::*;

    #[test]
    fn a_function() {
        #[track(name = "function", in_flight)]
        fn function(what: Act) -> Answer {
            let answer = act(what)?;
            Ok(answer)
        }
        each_outcome("function", function);
    }

    #[test]
    fn methods_by_reference_by_value_and_without_self() {
        struct Service(u8);
        impl Service {
            #[track(name = "by_reference", in_flight)]
            fn by_reference(&self, what: Act) -> Answer {
                act(what).map(|answer| answer * self.0)
            }
            #[track(name = "by_mutable_reference", in_flight)]
            fn by_mutable_reference(&mut self, what: Act) -> Answer {
                self.0 += 1;
                self.0 -= 1;
                act(what).map(|answer| answer * self.0)
            }
            #[track(name = "by_value", in_flight)]
            fn by_value(self, what: Act) -> Answer {
                act(what).map(|answer| answer * self.0)
            }
            #[track(name = "boxed_self", in_flight)]
            fn boxed_self(self: Box<Self>, what: Act) -> Answer {
                act(what).map(|answer| answer * self.0)
            }
            #[track(name = "associated", in_flight)]
            fn associated(what: Act) -> Answer {
                act(what)
            }
        }
        each_outcome("by_reference", |what| Service(1).by_reference(what));
        each_outcome("by_mutable_reference", |what| Service(1).by_mutable_reference(what));
        each_outcome("by_value", |what| Service(1).by_value(what));
        each_outcome("boxed_self", |what| Box::new(Service(1)).boxed_self(what));
        each_outcome("associated", Service::associated);
    }

    #[test]
    fn generic_functions_and_impl_trait_on_both_sides() {
        #[track(name = "generic", in_flight)]
        fn generic<T: Into<u8>, const N: usize>(what: Act, values: [T; N]) -> Answer {
            act(what).map(|answer| answer + values.into_iter().map(Into::into).sum::<u8>())
        }
        #[track(name = "impl_trait", in_flight)]
        fn impl_trait(what: impl FnOnce() -> Act) -> Result<impl Into<u8>, impl Display> {
            act(what())
        }
        each_outcome("generic", |what| generic(what, [false, false, false]));
        each_outcome("impl_trait", |what| impl_trait(|| what).map(Into::into).map_err(|error| error.to_string()));
    }

    #[test]
    fn methods_of_traits_required_and_provided() {
        trait Works {
            fn required(&self, what: Act) -> Answer;
            #[track(name = "provided", in_flight)]
            fn provided(&self, what: Act) -> Answer {
                act(what)
            }
        }
        impl Works for () {
            #[track(name = "required", in_flight)]
            fn required(&self, what: Act) -> Answer {
                act(what)
            }
        }
        each_outcome("required", |what| ().required(what));
        each_outcome("provided", |what| ().provided(what));
    }

    #[test]
    #[expect(unsafe_code, reason = "the test is about it")]
    fn unsafe_functions() {
        #[track(name = "unsafe_function", in_flight)]
        unsafe fn unsafe_function(what: Act) -> Answer {
            act(what)
        }
        // SAFETY: the function does nothing unsafe.
        each_outcome("unsafe_function", |what| unsafe { unsafe_function(what) });
    }

    #[test]
    fn a_function_that_never_returns_records_its_panic() {
        #[track(name = "never_returns", in_flight)]
        fn never_returns() -> ! {
            quiet_panic()
        }
        assert_eq!(panics(|| never_returns()), Payload(7));
        assert_recorded("never_returns", &[Panic]);
    }

    #[test]
    fn recursion_counts_every_level() {
        #[track(name = "countdown", in_flight)]
        fn countdown(from: usize) -> usize {
            assert_in_flight("countdown", 4 - u32::try_from(from).unwrap(), &[]);
            if from == 0 { 0 } else { 1 + countdown(from - 1) }
        }
        assert_eq!(countdown(3), 3);
        assert_recorded("countdown", &[Success; 4]);
    }

    /// At the end of a thread, the thread-local values of the toolkit may be dropped before or after those of the user.
    #[test]
    fn a_call_while_its_thread_ends_is_recorded() {
        struct CallsWhenDropped;
        impl Drop for CallsWhenDropped {
            fn drop(&mut self) {
                torn_down(Act::Succeed).unwrap();
            }
        }
        thread_local!(static LOCAL: CallsWhenDropped = const { CallsWhenDropped });
        #[track(name = "torn_down", in_flight)]
        fn torn_down(what: Act) -> Answer {
            act(what)
        }
        let ours_first = || {
            torn_down(Act::Fail).unwrap_err();
            LOCAL.with(|_| ());
        };
        let theirs_first = || {
            LOCAL.with(|_| ());
            torn_down(Act::Fail).unwrap_err();
        };
        std::thread::spawn(ours_first).join().unwrap();
        std::thread::spawn(theirs_first).join().unwrap();
        assert_recorded("torn_down", &[Error, Success, Error, Success]);
    }

    #[test]
    fn values_other_than_results_are_successes() {
        #[track(name = "optional", in_flight)]
        fn optional() -> Option<u8> {
            None
        }
        #[track(name = "unit", in_flight)]
        fn unit() {}
        assert_eq!(optional(), None);
        unit();
        assert_recorded("optional", &[Success]);
        assert_recorded("unit", &[Success]);
    }
}

mod asynchronous {
    use super::*;

    #[tokio::test]
    async fn an_async_function() {
        #[track(name = "async_function", in_flight)]
        async fn function(what: Act) -> Answer {
            let answer = act_async(what).await?;
            Ok(answer)
        }
        each_outcome_async("async_function", function).await;
    }

    #[tokio::test]
    async fn methods_by_reference_by_value_and_without_self() {
        struct Service(u8);
        impl Service {
            #[track(name = "async_by_reference", in_flight)]
            async fn by_reference(&self, what: Act) -> Answer {
                act_async(what).await.map(|answer| answer * self.0)
            }
            #[track(name = "async_by_mutable_reference", in_flight)]
            async fn by_mutable_reference(&mut self, what: Act) -> Answer {
                self.0 = 1;
                act_async(what).await.map(|answer| answer * self.0)
            }
            #[track(name = "async_by_value", in_flight)]
            async fn by_value(self, what: Act) -> Answer {
                act_async(what).await.map(|answer| answer * self.0)
            }
            #[track(name = "async_pinned", in_flight)]
            async fn pinned(self: Pin<&Self>, what: Act) -> Answer {
                act_async(what).await.map(|answer| answer * self.0)
            }
            #[track(name = "async_associated", in_flight)]
            async fn associated(what: Act) -> Answer {
                act_async(what).await
            }
        }
        let service = Service(1);
        each_outcome_async("async_by_reference", |what| service.by_reference(what)).await;
        each_outcome_async(
            "async_by_mutable_reference",
            |what| async move { Service(0).by_mutable_reference(what).await },
        )
        .await;
        each_outcome_async("async_by_value", |what| Service(1).by_value(what)).await;
        each_outcome_async("async_pinned", |what| Pin::new(&service).pinned(what)).await;
        each_outcome_async("async_associated", Service::associated).await;
    }

    #[tokio::test]
    async fn generic_functions_and_impl_trait_on_both_sides() {
        #[track(name = "async_generic", in_flight)]
        async fn generic<T: Into<u8>, const N: usize>(what: Act, values: [T; N]) -> Answer {
            act_async(what).await.map(|answer| answer + values.into_iter().map(Into::into).sum::<u8>())
        }
        #[track(name = "async_impl_trait", in_flight)]
        async fn impl_trait(what: impl FnOnce() -> Act) -> Result<impl Into<u8>, impl Display> {
            act_async(what()).await
        }
        each_outcome_async("async_generic", |what| generic(what, [false, false])).await;
        each_outcome_async("async_impl_trait", |what| async move {
            impl_trait(|| what).await.map(Into::into).map_err(|error| error.to_string())
        })
        .await;
    }

    #[tokio::test]
    async fn a_function_that_returns_impl_future() {
        #[track(name = "impl_future", in_flight)]
        fn impl_future(what: Act) -> impl Future<Output = Answer> {
            act_async(what)
        }
        #[track(name = "impl_future_borrowed", in_flight)]
        fn borrowed(what: &Act) -> impl Future<Output = Answer> + Send + use<'_> {
            async move { act_async(*what).await }
        }
        each_outcome_async("impl_future", impl_future).await;
        each_outcome_async("impl_future_borrowed", |what| async move { borrowed(&what).await }).await;
    }

    #[tokio::test]
    async fn a_function_that_returns_a_boxed_future() {
        #[track(name = "boxed", in_flight)]
        fn boxed(what: Act) -> BoxFuture<'static, Answer> {
            let copied = what;
            Box::pin(async move { act_async(copied).await })
        }
        #[track(name = "boxed_locally", in_flight)]
        fn boxed_locally(what: Act) -> LocalBoxFuture<'static, Answer> {
            act_async(what).boxed_local()
        }
        #[track(name = "pinned_box", in_flight)]
        fn pinned_box(what: Act) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
            Box::pin(act_async(what))
        }
        type Answering<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
        #[track(name = "aliased_box", in_flight, returns = future)]
        fn aliased_box(what: &Act) -> Answering<'_> {
            Box::pin(act_async(*what))
        }
        each_outcome_async("boxed", boxed).await;
        each_outcome_async("boxed_locally", boxed_locally).await;
        each_outcome_async("pinned_box", pinned_box).await;
        each_outcome_async("aliased_box", |what| async move { aliased_box(&what).await }).await;
    }

    #[tokio::test]
    async fn methods_of_traits_native_and_of_the_crate_async_trait() {
        trait Native {
            async fn native(&self, what: Act) -> Answer;
            #[track(name = "native_provided", in_flight)]
            async fn native_provided(&self, what: Act) -> Answer {
                act_async(what).await
            }
            fn native_future(&self, what: Act) -> impl Future<Output = Answer> + Send;
        }
        impl Native for () {
            #[track(name = "native", in_flight)]
            async fn native(&self, what: Act) -> Answer {
                act_async(what).await
            }
            #[track(name = "native_future", in_flight)]
            fn native_future(&self, what: Act) -> impl Future<Output = Answer> + Send {
                act_async(what)
            }
        }
        #[async_trait::async_trait]
        trait Boxed: Sync {
            async fn boxed(&self, what: Act) -> Answer;
            #[track(name = "boxed_provided", in_flight)]
            async fn boxed_provided(&self, what: Act) -> Answer {
                act_async(what).await
            }
        }
        #[async_trait::async_trait]
        impl Boxed for () {
            #[track(name = "boxed_required", in_flight)]
            async fn boxed(&self, what: Act) -> Answer {
                act_async(what).await
            }
        }
        each_outcome_async("native", |what| ().native(what)).await;
        each_outcome_async("native_provided", |what| ().native_provided(what)).await;
        each_outcome_async("native_future", |what| ().native_future(what)).await;
        let object: &dyn Boxed = &();
        each_outcome_async("boxed_required", |what| object.boxed(what)).await;
        each_outcome_async("boxed_provided", |what| object.boxed_provided(what)).await;
    }

    #[tokio::test]
    #[expect(unsafe_code, reason = "the test is about it")]
    async fn unsafe_functions() {
        #[track(name = "async_unsafe_function", in_flight)]
        async unsafe fn unsafe_function(what: Act) -> Answer {
            act_async(what).await
        }
        // SAFETY: the function does nothing unsafe.
        each_outcome_async("async_unsafe_function", |what| unsafe { unsafe_function(what) }).await;
    }

    #[test]
    fn a_future_that_is_never_polled_or_polled_after_its_end_adds_no_call() {
        #[track(name = "polled_again", in_flight)]
        async fn polled_again(what: Act) -> Answer {
            act_async(what).await
        }
        drop(polled_again(Act::Succeed));
        assert_recorded("polled_again", &[]);
        for what in [Act::Panic, Act::Fail] {
            let mut call = Box::pin(polled_again(what));
            let mut poll = || catch_unwind(AssertUnwindSafe(|| call.as_mut().now_or_never()));
            assert!(poll().unwrap().is_none());
            let end = poll();
            assert_eq!(end.is_err(), matches!(what, Act::Panic));
            assert!(poll().is_err(), "as every async function");
        }
        assert_recorded("polled_again", &[Panic, Error]);
    }

    #[tokio::test]
    async fn a_function_that_never_returns_panics_or_is_cancelled() {
        #[track(name = "async_never_returns", in_flight)]
        async fn never_returns(what: Act) -> ! {
            let _ = act_async(what).await;
            quiet_panic()
        }
        #[track(name = "uninhabited", in_flight)]
        async fn uninhabited(what: Act) -> Infallible {
            never_returns(what).await
        }
        assert_eq!(panics_async(async { never_returns(Act::Succeed).await }).await, Payload(7));
        abandon(never_returns(Act::Hang));
        assert_recorded("async_never_returns", &[Panic, Cancelled]);
        abandon(uninhabited(Act::Hang));
        assert_recorded("uninhabited", &[Cancelled]);
    }

    #[tokio::test]
    async fn recursion_through_a_box_counts_every_level() {
        #[track(name = "async_countdown", in_flight)]
        async fn countdown(from: u32, last: Act) -> Answer {
            if from == 0 {
                assert_in_flight("async_countdown", 4, &[]);
                return act_async(last).await;
            }
            Box::pin(countdown(from - 1, last)).await
        }
        #[track(name = "boxed_countdown", in_flight)]
        fn boxed_countdown(from: u32, last: Act) -> BoxFuture<'static, Answer> {
            Box::pin(
                async move { if from == 0 { act_async(last).await } else { boxed_countdown(from - 1, last).await } },
            )
        }
        assert_eq!(countdown(3, Act::Fail).await, Err("failed".to_owned()));
        assert_recorded("async_countdown", &[Error; 4]);

        abandon(boxed_countdown(2, Act::Hang));
        assert_recorded("boxed_countdown", &[Cancelled; 3]);
    }
}

mod stacked {
    use super::*;

    /// One function for both presets, because their metric names are fixed.
    #[tokio::test]
    async fn every_attribute_of_a_stack_records_every_call_once() {
        #[track(name = "stacked", in_flight)]
        #[track_ryot]
        #[track_storage("stack", timed)]
        #[track_counter(name = "stacked_calls_total")]
        #[track_histogram(name = "stacked_seconds")]
        #[track_in_flight(name = "stacked_now")]
        async fn stacked(what: Act) -> Answer {
            act_async(what).await
        }
        let in_all = |outcomes: [f64; 4], timed: f64| {
            let page = page();
            for (outcome, calls) in Outcome::ALL.into_iter().zip(outcomes) {
                let status = ("status", outcome.as_str());
                assert_eq!(page.value("ryot_requests_total", [status]), calls);
                assert_eq!(page.value("sigmavault_operations_total", [("operation", "stack"), status]), calls);
                assert_eq!(page.value("stacked_calls_total", [status]), calls);
            }
            assert_eq!(page.value("ryot_request_duration_seconds_count", []), timed);
            let operation = [("operation", "stack")];
            assert_eq!(page.value("sigmavault_operation_duration_seconds_count", operation), timed);
            assert_eq!(page.value("stacked_seconds_count", []), timed);
            assert_eq!(page.value("stacked_now", []), 0.0);
        };
        in_all([0.0; 4], 0.0);
        each_outcome_async("stacked", stacked).await;
        in_all([1.0; 4], 3.0);
    }

    #[test]
    fn every_attribute_of_a_stack_on_a_synchronous_function() {
        #[track_storage("sync_stack")]
        #[track_counter(name = "sync_stacked_calls_total")]
        #[track(name = "sync_stacked", in_flight)]
        fn stacked(what: Act) -> Answer {
            act(what)
        }
        each_outcome("sync_stacked", stacked);
        for outcome in [Success, Error, Panic] {
            let status = ("status", outcome.as_str());
            assert_eq!(sample("sync_stacked_calls_total", [status]), 1.0);
            assert_eq!(sample("sigmavault_operations_total", [("operation", "sync_stack"), status]), 1.0);
        }
    }

    #[tokio::test]
    async fn the_same_attribute_twice_records_two_metrics() {
        #[track(name = "outer", in_flight)]
        #[track(name = "inner", in_flight)]
        fn twice(what: Act) -> BoxFuture<'static, Answer> {
            Box::pin(act_async(what))
        }
        each_outcome_async("outer", twice).await;
        assert_recorded("inner", &[Success, Error, Panic, Cancelled]);
    }
}

mod cancelled {
    use super::*;
    use tokio::sync::oneshot;
    use tokio::task::JoinSet;

    #[tokio::test]
    async fn a_future_that_is_never_polled_is_not_counted() {
        #[track(name = "never_polled", in_flight)]
        async fn never_polled() {}
        #[track(name = "never_polled_future", in_flight)]
        fn never_polled_future() -> impl Future<Output = ()> {
            async {}
        }
        drop(never_polled());
        drop(never_polled_future());
        assert_recorded("never_polled", &[]);
        assert_recorded("never_polled_future", &[]);
    }

    #[tokio::test]
    async fn a_started_call_is_in_flight_until_it_is_dropped() {
        #[track(name = "begun", in_flight)]
        async fn begun() {
            pending::<()>().await;
        }
        let mut future = Box::pin(begun());
        assert_recorded("begun", &[]);
        assert!(futures::poll!(&mut future).is_pending());
        assert!(futures::poll!(&mut future).is_pending());
        assert_in_flight("begun", 1, &[]);
        drop(future);
        assert_recorded("begun", &[Cancelled]);
    }

    #[tokio::test]
    async fn the_loser_of_a_select_is_cancelled() {
        #[track(name = "loser", in_flight)]
        async fn loser() {
            pending::<()>().await;
        }
        tokio::select! {
            biased;
            () = loser() => unreachable!(),
            () = std::future::ready(()) => {}
        }
        assert_recorded("loser", &[Cancelled]);
    }

    #[tokio::test]
    async fn a_timeout_cancels() {
        #[track(name = "timed_out", in_flight)]
        async fn timed_out() {
            pending::<()>().await;
        }
        assert!(tokio::time::timeout(Duration::ZERO, timed_out()).await.is_err());
        assert_recorded("timed_out", &[Cancelled]);
    }

    #[tokio::test]
    async fn an_aborted_task_is_cancelled() {
        #[track(name = "aborted", in_flight)]
        async fn aborted(started: oneshot::Sender<()>) {
            started.send(()).unwrap();
            pending::<()>().await;
        }
        let (started, has_started) = oneshot::channel();
        let task = tokio::spawn(aborted(started));
        has_started.await.unwrap();
        assert_in_flight("aborted", 1, &[]);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_recorded("aborted", &[Cancelled]);
    }

    #[tokio::test]
    async fn tasks_of_a_dropped_join_set_are_cancelled() {
        #[track(name = "in_a_set", in_flight)]
        async fn in_a_set(started: oneshot::Sender<()>) {
            started.send(()).unwrap();
            pending::<()>().await;
        }
        let mut tasks = JoinSet::new();
        for _ in 0..3 {
            let (started, has_started) = oneshot::channel();
            tasks.spawn(in_a_set(started));
            has_started.await.unwrap();
        }
        assert_in_flight("in_a_set", 3, &[]);
        tasks.shutdown().await;
        assert_recorded("in_a_set", &[Cancelled; 3]);
    }

    #[test]
    fn tasks_of_a_runtime_that_shuts_down_are_cancelled() {
        #[track(name = "in_a_runtime", in_flight)]
        async fn in_a_runtime(started: oneshot::Sender<()>) {
            started.send(()).unwrap();
            pending::<()>().await;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (started, has_started) = oneshot::channel();
        runtime.spawn(in_a_runtime(started));
        runtime.block_on(has_started).unwrap();
        drop(runtime);
        assert_recorded("in_a_runtime", &[Cancelled]);
    }

    #[tokio::test]
    async fn a_future_dropped_at_any_await_is_cancelled_once() {
        #[track(name = "many_awaits", in_flight)]
        async fn many_awaits() {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
        }
        for polls in 1..=5 {
            let mut future = Box::pin(many_awaits());
            for _ in 0..polls {
                assert!(futures::poll!(&mut future).is_pending());
            }
            drop(future);
            assert_recorded("many_awaits", &vec![Cancelled; polls]);
        }
    }

    /// A panic of another future in the same task drops this one during unwinding. It has not panicked itself.
    #[tokio::test]
    async fn a_future_whose_sibling_panics_is_cancelled() {
        #[track(name = "sibling", in_flight)]
        async fn sibling() {
            pending::<()>().await;
        }
        #[track(name = "panicking", in_flight)]
        async fn panicking() {
            tokio::task::yield_now().await;
            quiet_panic()
        }
        panics_async(async { tokio::join!(sibling(), panicking()) }).await;
        assert_recorded("sibling", &[Cancelled]);
        assert_recorded("panicking", &[Panic]);
    }

    /// A call that a panic unwinds through has panicked too.
    #[tokio::test]
    async fn a_panic_passes_through_every_caller() {
        #[track(name = "callee", in_flight)]
        async fn callee() {
            tokio::task::yield_now().await;
            quiet_panic()
        }
        #[track(name = "caller", in_flight)]
        async fn caller() {
            callee().await;
        }
        panics_async(caller()).await;
        assert_recorded("callee", &[Panic]);
        assert_recorded("caller", &[Panic]);
    }

    #[test]
    fn a_caught_panic_is_recorded_as_a_panic_even_if_the_future_is_dropped_later() {
        #[track(name = "caught", in_flight)]
        async fn caught(what: Act) -> Answer {
            act_async(what).await
        }
        let mut future = Box::pin(caught(Act::Panic));
        let poll =
            |future: &mut Pin<Box<_>>| catch_unwind(AssertUnwindSafe(|| ready(async { futures::poll!(future) })));
        assert!(poll(&mut future).is_ok_and(|polled| polled.is_pending()));
        assert!(poll(&mut future).is_err());
        drop(future);
        assert_recorded("caught", &[Panic]);
    }

    #[test]
    fn a_future_dropped_during_an_unrelated_panic_is_cancelled() {
        #[track(name = "bystander", in_flight)]
        async fn bystander() {
            pending::<()>().await;
        }
        panics(|| {
            let mut future = Box::pin(bystander());
            assert!(ready(async { futures::poll!(&mut future) }).is_pending());
            quiet_panic()
        });
        assert_recorded("bystander", &[Cancelled]);
    }

    #[tokio::test]
    async fn a_future_may_move_between_threads() {
        #[track(name = "moving", in_flight)]
        async fn moving(what: Act) -> Answer {
            act_async(what).await
        }
        let mut future = Box::pin(moving(Act::Succeed));
        assert!(futures::poll!(&mut future).is_pending());
        let answer = std::thread::spawn(|| ready(future)).join().unwrap();
        assert_eq!(answer, Ok(1));
        assert_recorded("moving", &[Success]);
        let mut future = Box::pin(moving(Act::Hang));
        assert!(futures::poll!(&mut future).is_pending());
        std::thread::spawn(|| drop(future)).join().unwrap();
        assert_recorded("moving", &[Success, Cancelled]);
    }
}

mod counts {
    use super::*;

    const THREADS: usize = 8;
    const TASKS: usize = 2_000;

    static ENDED: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];
    static STARTED: AtomicUsize = AtomicUsize::new(0);

    fn note(outcome: Outcome) {
        ENDED[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Behaves as its number determines: waits some times, then ends with one of the outcomes.
    #[track(name = "worker", in_flight)]
    async fn worker(number: usize) -> Answer {
        STARTED.fetch_add(1, Ordering::Relaxed);
        for _ in 0..number % 5 {
            tokio::task::yield_now().await;
        }
        match number % 7 {
            0..=2 => note(Success),
            3 | 4 => {
                note(Error);
                return Err("failed".to_owned());
            }
            5 => {
                note(Panic);
                quiet_panic()
            }
            _ => pending().await,
        }
        Ok(1)
    }

    /// Pseudo-random numbers, the same in every run.
    fn shuffled(seed: usize) -> impl Iterator<Item = usize> {
        let mut state = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).expect("31 bits")
        })
    }

    #[test]
    fn every_call_that_started_ends_once_however_tasks_are_cancelled() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).build().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let handle = runtime.handle();
                scope.spawn(move || {
                    handle.block_on(async {
                        let mut random = shuffled(thread);
                        let mut number = || random.next().unwrap();
                        let mut tasks = Vec::new();
                        for _ in 0..TASKS {
                            tasks.push(tokio::spawn(worker(number())));
                            let any = number() % tasks.len();
                            match number() % 3 {
                                // The abort races with the task: every outcome is valid, but exactly one must be
                                // recorded.
                                0 => tasks[any].abort(),
                                1 => drop(tasks.swap_remove(any).now_or_never()),
                                _ => tokio::task::yield_now().await,
                            }
                        }
                        for task in tasks {
                            task.abort();
                            let _ = task.await;
                        }
                    });
                });
            }
        });
        // Ends every detached task.
        drop(runtime);
        let started = STARTED.load(Ordering::Relaxed);
        let noted = |outcome: Outcome| ENDED[outcome as usize].load(Ordering::Relaxed);
        let cancelled = started - noted(Success) - noted(Error) - noted(Panic);
        assert!(cancelled > 0 && noted(Success) > 0 && noted(Error) > 0 && noted(Panic) > 0);
        let page = page();
        let expected = [noted(Success), noted(Error), noted(Panic), cancelled];
        for (outcome, expected) in Outcome::ALL.into_iter().zip(expected) {
            assert_eq!(page.value("worker_total", [("status", outcome.as_str())]), expected as f64, "{outcome}");
        }
        assert_eq!(page.value("worker_duration_seconds_count", []), (started - cancelled) as f64);
        assert_eq!(page.value("worker_in_flight", []), 0.0);
    }
}
