//! The polls of a mixed load, compared with `tokio-metrics` in the same run.

use std::time::Duration;

use metrics_runtime::track;
use tests::clock::spin;
use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio_metrics::TaskMonitor;

use super::Numbers;

const MICRO: Duration = Duration::from_micros(1);

/// The number of attempts, because the system may suspend a thread between the two measurements of one poll.
const ATTEMPTS: u32 = 20;

#[track(polls)]
async fn request(n: u32, shared: &'static Mutex<u32>) {
    spin(200 * MICRO);
    decode(n).await;
    let ((), ()) = tokio::join!(query(n, shared), query(n + 1, shared));
    tokio::time::sleep(Duration::from_millis(u64::from(n % 3))).await;
    if n.is_multiple_of(7) {
        std::thread::sleep(Duration::from_millis(3));
    }
    yield_now().await;
    let _ = tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
    spin(100 * MICRO);
}

#[track(polls)]
async fn decode(n: u32) {
    spin(n % 5 * 100 * MICRO);
}

#[track(polls)]
async fn query(n: u32, shared: &'static Mutex<u32>) {
    let mut locked = shared.lock().await;
    *locked = locked.wrapping_add(n);
    yield_now().await;
    spin(150 * MICRO);
}

#[test]
fn busy_time_and_polls_are_those_of_the_monitor_of_tokio_metrics() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let shared: &'static Mutex<u32> = Box::leak(Box::default());
    let functions = || ["request", "decode", "query"].map(|function| Numbers::of(module_path!(), function));
    let mut differences = Vec::new();
    for _ in 0..ATTEMPTS {
        let before = functions();
        let monitor = TaskMonitor::new();
        runtime.block_on(async {
            let tasks = (0..100).map(|n| tokio::spawn(monitor.instrument(request(n, shared))));
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
        let theirs = monitor.cumulative();
        let [request, decode, query] = functions();
        let [request, decode, query] = [request.since(before[0]), decode.since(before[1]), query.since(before[2])];
        assert_eq!(request.polls, theirs.total_poll_count as f64);
        assert_eq!((request.first_polls, decode.first_polls, query.first_polls), (100.0, 100.0, 200.0));
        let busy = request.busy + decode.busy + query.busy;
        let differs = |ours: f64, theirs: Duration| (ours / theirs.as_secs_f64() - 1.0).abs();
        let difference =
            (differs(busy, theirs.total_poll_duration), differs(request.delay, theirs.total_first_poll_delay));
        if difference.0 < 0.01 && difference.1 < 0.01 {
            return;
        }
        differences.push(difference);
    }
    panic!("busy time and delay always differ: {differences:?}");
}
