//! The polls of annotated functions. A busy machine makes each time longer, so that bounds are those of the same run.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{join_all, select};
use metrics_runtime::{Metrics, track, track_counter, track_ryot, track_storage};
use tests::clock::{self, Stopwatch, spin};
use tests::wait::undisturbed;
use tokio::runtime;
use tokio::task::yield_now;

use super::Numbers;
use super::support::{abandon, page, panics_async, quiet_panic, ready};

const MODULE: &str = module_path!();

const MILLI: Duration = Duration::from_millis(1);

/// Longer than the system suspends a thread, mostly.
const LONG: Duration = Duration::from_millis(300);

#[track_caller]
fn polls(function: &str) -> Numbers {
    Numbers::of(MODULE, function)
}

/// Declares functions of which each calls the next one.
macro_rules! chain {
    ($($name:ident $next:ident $(, $before:expr)?;)*) => {
        $(
            #[track(polls, slow_poll = LONG)]
            async fn $name() {
                yield_now().await;
                $($before;)?
                $next().await;
                yield_now().await;
            }
        )*
        const CHAIN: &[&str] = &[$(stringify!($name)),*];
    };
}
chain! {
    f1 f2; f2 f3; f3 f4; f4 f5; f5 f6; f6 f7; f7 f8; f8 f9; f9 f10; f10 f11;
    f11 f12; f12 f13; f13 f14, clock::sleep(LONG); f14 f15; f15 f16; f16 f17; f17 f18;
    f18 f19; f19 f20; f20 yield_now;
}

#[test]
fn the_one_of_twenty_functions_that_sleeps_is_named_and_no_other() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let numbers = || {
        let page = page();
        CHAIN.iter().map(|name| (*name, Numbers::on(&page, MODULE, name))).collect::<Vec<_>>()
    };
    assert_eq!(CHAIN.len(), 20);
    undisturbed(|| {
        let before = numbers();
        runtime.block_on(async {
            let others = ["f1", "f14", "f20"].map(|_| tokio::spawn(f14()));
            tokio::spawn(f1()).await.unwrap();
            for other in others {
                other.await.unwrap();
            }
        });
        let numbers = numbers().into_iter().zip(before);
        let found: Vec<_> = numbers.map(|((name, now), (_, before))| (name, now.since(before))).collect();
        let slow = found.iter().filter(|(_, found)| found.slow > 0.0);
        assert_eq!(slow.map(|(name, found)| (*name, found.slow)).collect::<Vec<_>>(), [("f13", 1.0)]);
        assert!(found[12].1.busy >= LONG.as_secs_f64());
        let around: f64 = found[..12].iter().map(|(_, found)| found.busy).sum();
        assert!(around < LONG.as_secs_f64(), "the twelve functions around it were busy for {around} s");
    });
}

#[track(polls)]
async fn yields(times: u32) {
    for _ in 0..times {
        yield_now().await;
    }
}

#[test]
fn polls_are_counted_whatever_thread_they_are_on() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    let watch = Stopwatch::start();
    runtime.block_on(async {
        for task in (0..40).map(|_| tokio::spawn(yields(99))).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    drop(runtime);
    let found = polls("yields");
    assert_eq!((found.polls, found.first_polls), (4_000.0, 40.0));
    assert!(found.busy > 0.0 && found.busy <= 3.0 * watch.at_most(), "{found:?}");
}

#[track(polls)]
async fn never_polled() {}

#[track(polls)]
async fn waits() {
    pending::<()>().await;
}

#[test]
fn a_call_that_never_starts_has_no_poll_and_a_cancelled_one_those_that_it_had() {
    drop(never_polled());
    assert_eq!(polls("never_polled"), Numbers::default());
    let mut call = Box::pin(waits());
    assert!(call.as_mut().now_or_never().is_none());
    assert!(call.as_mut().now_or_never().is_none());
    drop(call);
    abandon(waits());
    let found = polls("waits");
    assert_eq!((found.polls, found.first_polls, found.slow), (3.0, 2.0, 0.0));
}

#[track(polls, slow_poll = "2ms")]
async fn panics() {
    yield_now().await;
    spin(3 * MILLI);
    quiet_panic();
}

#[test]
fn a_poll_that_panics_is_a_poll() {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    undisturbed(|| {
        let before = polls("panics");
        runtime.block_on(panics_async(panics()));
        let found = polls("panics").since(before);
        assert_eq!((found.polls, found.slow), (2.0, 1.0));
        assert!(found.busy >= 0.003, "{found:?}");
    });
    // The next poll of the thread starts anew.
    ready(after_a_panic());
    assert!(polls("after_a_panic").busy >= 0.001);
}

#[track(polls)]
async fn after_a_panic() {
    spin(MILLI);
}

#[track(polls)]
async fn outer() {
    spin(5 * MILLI);
    let mut inner = pin!(panics_async(inner_panics()));
    select(&mut inner, pending::<()>()).await;
    spin(5 * MILLI);
}

#[track(polls)]
async fn inner_panics() {
    spin(80 * MILLI);
    quiet_panic();
}

#[test]
fn the_time_of_a_child_is_not_that_of_the_parent_also_if_it_panics() {
    let watch = Stopwatch::start();
    ready(outer());
    let all = watch.at_most();
    let (outer, inner) = (polls("outer"), polls("inner_panics"));
    assert!(outer.busy >= 0.010 && inner.busy >= 0.080, "{outer:?} {inner:?}");
    assert!(outer.busy + inner.busy <= all, "{outer:?} {inner:?} within {all} s");
}

fn synchronous() {
    spin(4 * MILLI);
}

/// An async function without `polls`.
#[track]
async fn unmeasured() {
    spin(4 * MILLI);
}

#[track(polls)]
async fn child() {
    spin(6 * MILLI);
    yield_now().await;
    spin(6 * MILLI);
}

#[track(polls)]
async fn parent() {
    synchronous();
    unmeasured().await;
    tokio::join!(child(), child());
    tokio::select! {
        biased;
        () = child() => {}
        () = pending() => {}
    }
    join_all([child().boxed(), async { synchronous() }.boxed()]).await;
}

#[tokio::test]
async fn children_in_joins_and_selects_are_not_in_the_time_of_the_parent() {
    let watch = Stopwatch::start();
    parent().await;
    let all = watch.at_most();
    let (parent, child) = (polls("parent"), polls("child"));
    assert!(parent.busy >= 0.012, "a function, an async one and a block in it: {parent:?}");
    assert!(child.busy >= 4.0 * 0.012, "{child:?}");
    assert!(parent.busy + child.busy <= all, "{parent:?} {child:?} within {all} s");
    assert_eq!((child.polls, child.first_polls), (8.0, 4.0));
    // Two children and a block in one poll, three times a pending child.
    assert_eq!(parent.polls, 4.0);
}

#[track(polls, slow_poll = "40ms")]
async fn never_gives_way() {
    for _ in 0..10 {
        short().await;
    }
}

#[track(polls, slow_poll = "1h")]
async fn short() {
    spin(5 * MILLI);
}

#[test]
fn a_poll_of_many_short_children_is_slow_itself() {
    ready(never_gives_way());
    assert_eq!((polls("never_gives_way").slow, polls("short").slow), (1.0, 0.0));
    assert!(polls("never_gives_way").busy < polls("short").busy);
}

#[track(polls, slow_poll = "0s")]
async fn always_slow() {
    yields_twice().await;
}

#[track_counter(name = "yields_twice_total", polls, slow_poll = "1h")]
async fn yields_twice() {
    yield_now().await;
    yield_now().await;
}

#[tokio::test]
async fn a_limit_of_nothing_counts_each_poll() {
    always_slow().await;
    assert_eq!((polls("always_slow").slow, polls("always_slow").polls), (3.0, 3.0));
    assert_eq!((polls("yields_twice").slow, polls("yields_twice").polls), (0.0, 3.0));
}

#[metrics_runtime::test]
fn the_builder_sets_the_limit_of_functions_without_one() {
    ready(after_a_panic());
    let slow = || page().value("function_slow_polls_total", [("function", "after_a_panic"), ("module", MODULE)]);
    let before = slow();
    let metrics = Metrics::builder().slow_poll(Duration::ZERO).install().unwrap();
    ready(after_a_panic());
    assert_eq!(slow(), before + 1.0);
    assert!(metrics.is_enabled());
}

#[metrics_runtime::test]
fn nothing_is_measured_while_metrics_are_switched_off() {
    let _metrics = Metrics::builder().enabled(false).install().unwrap();
    ready(after_a_panic());
    assert_eq!(polls("after_a_panic"), Numbers::default());
}

#[track(polls)]
async fn spawned() {}

#[test]
fn the_delay_of_the_first_poll_is_the_time_that_a_task_has_waited() {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let task = runtime.spawn(spawned());
    clock::sleep(30 * MILLI);
    runtime.block_on(task).unwrap();
    let found = polls("spawned");
    assert_eq!((found.first_polls, found.polls), (1.0, 1.0));
    assert!(found.delay >= 0.030 && found.busy < found.delay, "{found:?}");
}

struct Store {
    size: usize,
    first: u8,
}

#[track(polls)]
impl Store {
    async fn get(&self, key: &str) -> usize {
        self.size().max(key.len())
    }

    fn size(&self) -> usize {
        spin(MILLI);
        self.size
    }

    fn later(&self) -> Pin<Box<dyn Future<Output = u8> + Send>> {
        let first = self.first;
        Box::pin(async move { first })
    }
}

#[async_trait::async_trait]
trait Load {
    async fn load(&self) -> u8;
}

#[async_trait::async_trait]
impl Load for Store {
    #[track(polls)]
    async fn load(&self) -> u8 {
        yield_now().await;
        self.first
    }
}

#[track_ryot(polls)]
async fn ask(prompt: &str) -> Result<usize, String> {
    Ok(prompt.len())
}

#[track_storage("load", polls, slow_poll = "1s")]
fn loads() -> impl Future<Output = u8> {
    async { 7 }
}

#[track(name = "by_label", labels(tenant = tenant), polls)]
async fn by_label(tenant: &str) -> usize {
    yield_now().await;
    tenant.len()
}

#[tokio::test]
async fn all_attributes_and_kinds_of_functions_can_be_measured() {
    let store = Store { size: 7, first: 7 };
    assert_eq!(store.get("key").await, 7);
    assert_eq!(store.later().await + store.load().await + loads().await, 21);
    assert_eq!((ask("Why?").await, by_label("acme").await), (Ok(4), 4));
    for (function, expected) in
        [("Store::get", 1.0), ("Store::later", 1.0), ("load", 2.0), ("ask", 1.0), ("loads", 1.0)]
    {
        let found = polls(function);
        assert_eq!((found.polls, found.first_polls), (expected, 1.0), "{function}");
    }
    assert_eq!(polls("by_label").polls, 2.0, "the labels are those of all functions");
    assert!(polls("Store::get").busy >= 0.001, "a synchronous method is a part of its caller");
    let synchronous = [("function", "Store::size"), ("module", MODULE)];
    assert_eq!(page().sample("function_polls_total", synchronous), None);
}

/// Beside an attribute of another crate.
#[track(polls)]
#[tracing::instrument]
async fn instrumented() {
    yield_now().await;
}

#[tokio::test]
async fn a_function_that_stays_async_has_no_delay_of_its_first_poll() {
    instrumented().await;
    let labels = [("function", "instrumented"), ("module", MODULE)];
    assert_eq!(page().value("function_polls_total", labels), 2.0);
    assert_eq!(page().sample("function_first_poll_delay_seconds_count", labels), None);
}

#[track(polls)]
async fn generic<T: Default>() -> T {
    T::default()
}

#[test]
fn a_measured_future_is_as_large_as_before_but_for_two_words_and_keeps_its_traits() {
    #[track]
    async fn plain() {}
    #[track(polls)]
    async fn measured() {}
    fn is_send<T: Send + Sync + std::panic::UnwindSafe>(_: &T) {}
    let (plain, measured) = (plain(), measured());
    is_send(&plain);
    is_send(&measured);
    assert!(size_of_val(&measured) <= size_of_val(&plain) + 24);
    assert_eq!(ready(generic::<u8>()), 0);
}

#[test]
fn the_future_of_a_poll_can_be_polled_within_another_runtime() {
    #[track(polls)]
    async fn blocks() {
        let inner = runtime::Builder::new_current_thread().build().unwrap();
        std::thread::spawn(move || inner.block_on(yields_here())).join().unwrap();
    }
    #[track(polls)]
    async fn yields_here() {
        poll_fn(|_| Poll::Ready(())).await;
        spin(2 * MILLI);
    }
    ready(blocks());
    // Another thread is another poll.
    assert!(polls("blocks").busy >= polls("yields_here").busy);
}
