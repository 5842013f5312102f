//! The canaries of tokio runtimes.

use std::sync::mpsc;
use std::time::Duration;

use metrics_runtime::{CanaryError, InstallError, Metrics, NativeHistograms, Registry};
use tests::page::Page;
use tests::wait::{DEADLINE, until};
use tokio::runtime::{self, Runtime};

use super::support::page_of;

/// Longer than two periods of a canary.
const BLOCK: Duration = Duration::from_millis(400);

fn current_thread() -> Runtime {
    runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn multi_thread(workers: usize) -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(workers).enable_time().build().unwrap()
}

fn builder(registry: &Registry) -> metrics_runtime::Builder {
    Metrics::builder().registry(registry)
}

fn delay(page: &Page, part: &str, runtime: &str, probe: &str) -> Option<f64> {
    page.sample(&format!("tokio_canary_delay_seconds_{part}"), [("runtime", runtime), ("probe", probe)])
}

/// Waits until the canary has observed this many further delays of each probe.
fn observed(registry: &Registry, runtime: &str, further: f64) {
    let counts = || {
        let page = page_of(registry);
        ["timer", "spawn"].map(|probe| delay(&page, "count", runtime, probe).unwrap())
    };
    let before = counts();
    until("the canary", || counts().iter().zip(before).all(|(now, before)| *now >= before + further).then_some(()));
}

/// Returns the time for which a worker is stuck, at most.
fn stuck(registry: &Registry, runtime: &str) -> f64 {
    let page = page_of(registry);
    let workers = page.series("tokio_worker_stuck_seconds");
    let workers = workers.into_iter().filter(|worker| worker.labels["runtime"] == runtime);
    workers.map(|worker| worker.value).fold(0.0, f64::max)
}

#[test]
fn a_blocked_runtime_delays_its_canary() {
    let registry = Registry::new();
    let runtime = current_thread();
    runtime.block_on(async {
        let _metrics = builder(&registry).namespace("shop").runtime_canary().build().unwrap();
        // The canary starts, and waits for its first timer.
        tokio::task::yield_now().await;
        std::thread::sleep(BLOCK);
        tokio::time::sleep(Duration::from_millis(1)).await;
    });
    let page = page_of(&registry);
    // It has waited for at most 120 ms when the runtime was blocked.
    let least = BLOCK.as_secs_f64() - 0.130;
    assert!(delay(&page, "sum", "main", "timer").unwrap() >= least, "{:?}", page.points());
    assert!(delay(&page, "count", "main", "timer").unwrap() >= 1.0);
}

#[test]
fn a_task_behind_many_others_is_late() {
    let registry = Registry::new();
    let runtime = current_thread();
    runtime.block_on(async {
        let _metrics = builder(&registry).runtime_canary().build().unwrap();
        tokio::task::yield_now().await;
        // Each of them is in the queue whenever the canary spawns a task.
        for _ in 0..10 {
            tokio::spawn(async {
                loop {
                    tests::clock::spin(Duration::from_millis(3));
                    tokio::task::yield_now().await;
                }
            });
        }
        while delay(&page_of(&registry), "count", "main", "spawn") < Some(2.0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let page = page_of(&registry);
    let (sum, count) = (delay(&page, "sum", "main", "spawn").unwrap(), delay(&page, "count", "main", "spawn").unwrap());
    assert!(sum / count >= 0.015, "{sum} s of {count} tasks");
}

#[test]
fn a_worker_that_is_blocked_beside_others_is_stuck() {
    let registry = Registry::new();
    let runtime = multi_thread(2);
    let builder = builder(&registry).tokio_runtime("jobs", runtime.handle());
    let _metrics = builder.runtime_canary_on("jobs", runtime.handle()).build().unwrap();
    observed(&registry, "jobs", 2.0);
    let (release, blocked) = mpsc::channel::<()>();
    let task = runtime.spawn(async move { blocked.recv().is_err() });
    until("a stuck worker", || (stuck(&registry, "jobs") > 0.5).then_some(()));
    // The other one runs the canary.
    observed(&registry, "jobs", 2.0);
    drop(release);
    assert!(runtime.block_on(task).unwrap());
    until("a free worker", || (stuck(&registry, "jobs") == 0.0).then_some(()));
}

#[test]
fn all_workers_can_be_stuck_for_ever() {
    for runtime in [multi_thread(2), multi_thread(1)] {
        let registry = Registry::new();
        let _metrics = builder(&registry).runtime_canary_on("all", runtime.handle()).build().unwrap();
        observed(&registry, "all", 1.0);
        let mut releases = Vec::new();
        let (entered, entering) = mpsc::channel();
        let blocked = (0..runtime.metrics().num_workers()).map(|_| {
            let (release, blocked) = mpsc::channel::<()>();
            releases.push(release);
            let entered = entered.clone();
            runtime.spawn(async move {
                entered.send(()).unwrap();
                blocked.recv().is_err()
            })
        });
        let blocked: Vec<_> = blocked.collect();
        for _ in &blocked {
            entering.recv_timeout(DEADLINE).unwrap();
        }
        until("stuck workers", || (stuck(&registry, "all") > 0.5).then_some(()));
        let before = delay(&page_of(&registry), "count", "all", "timer");
        until("stuck workers", || (stuck(&registry, "all") > 1.0).then_some(()));
        assert_eq!(delay(&page_of(&registry), "count", "all", "timer"), before, "no worker is left for the canary");
        drop(releases);
        for task in blocked {
            assert!(runtime.block_on(task).unwrap());
        }
        observed(&registry, "all", 1.0);
    }
}

#[test]
fn a_busy_worker_that_gives_way_is_not_stuck() {
    let registry = Registry::new();
    let runtime = multi_thread(1);
    let _metrics = builder(&registry).runtime_canary_on("busy", runtime.handle()).build().unwrap();
    let busy = runtime.spawn(async {
        loop {
            std::hint::black_box(0);
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..5 {
        observed(&registry, "busy", 1.0);
        // Unless the system has suspended the thread for that time.
        until("progress", || (stuck(&registry, "busy") == 0.0).then_some(()));
    }
    busy.abort();
}

#[test]
fn a_timer_of_an_idle_runtime_is_not_late() {
    let registry = Registry::new();
    let runtime = current_thread();
    // With the time of tokio paused, timers end early, which is as close to an idle machine as a test can be.
    let paused = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    paused.block_on(async {
        let _metrics = builder(&registry).runtime_canary().build().unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let page = page_of(&registry);
        assert_eq!(delay(&page, "sum", "main", "timer"), Some(0.0));
        assert!(delay(&page, "count", "main", "timer") >= Some(15.0));
    });
    drop(runtime);
}

#[test]
fn a_canary_ends_with_its_runtime_and_with_its_registry() {
    let registry = Registry::new();
    let (ends, stays) = (multi_thread(1), multi_thread(1));
    let both = builder(&registry).runtime_canary_on("ends", ends.handle()).runtime_canary_on("stays", stays.handle());
    let first = both.build().unwrap();
    observed(&registry, "ends", 1.0);
    drop(ends);
    assert!(!first.render().contains("\"ends\""), "{}", first.render());
    observed(&registry, "stays", 1.0);
    // The next one of the name.
    let next = multi_thread(1);
    let second = builder(&registry).runtime_canary_on("ends", next.handle()).build().unwrap();
    observed(&registry, "ends", 2.0);
    assert_eq!(next.metrics().num_alive_tasks(), 1);
    drop((first, second, registry));
    let alive = || next.metrics().num_alive_tasks() + stays.metrics().num_alive_tasks();
    until("the end of the canaries", || (alive() == 0).then_some(()));
}

#[test]
fn a_second_canary_of_a_name_replaces_the_first_one() {
    let registry = Registry::new();
    let runtime = multi_thread(1);
    for _ in 0..3 {
        builder(&registry).runtime_canary_on("one", runtime.handle()).build().unwrap();
    }
    observed(&registry, "one", 2.0);
    until("one task", || (runtime.metrics().num_alive_tasks() <= 1).then_some(()));
}

#[test]
fn a_runtime_that_cannot_have_a_canary_is_an_error() {
    let problem = |builder: metrics_runtime::Builder| match builder.build().map(|_| ()).unwrap_err() {
        InstallError::RuntimeCanary { name, problem, .. } => (name, problem),
        other => panic!("{other}"),
    };
    let registry = Registry::new();
    let main = |problem| ("main".to_owned(), problem);
    assert_eq!(problem(builder(&registry).runtime_canary()), main(CanaryError::NoRuntime));
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let found = problem(builder(&registry).runtime_canary_on("main", runtime.handle()));
    assert_eq!(found, main(CanaryError::NoTimers));
    let runtime = current_thread();
    let twice = builder(&registry).runtime_canary_on("main", runtime.handle()).runtime_canary();
    assert_eq!(problem(twice), main(CanaryError::Repeated));
    assert!(!registry.render().contains("tokio_"), "an error leaves nothing behind");
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    // Switched off, there is nothing to measure.
    let off = builder(&registry).enabled(false).runtime_canary().build().unwrap();
    assert!(!off.render().contains("tokio_"));
}

#[test]
fn delays_are_native_if_durations_are() {
    let registry = Registry::new();
    let runtime = multi_thread(1);
    let builder = builder(&registry).native_histograms(NativeHistograms::Only);
    let metrics = builder.runtime_canary_on("main", runtime.handle()).build().unwrap();
    observed(&registry, "main", 1.0);
    let page = metrics.render();
    assert!(page.contains("tokio_canary_delay_seconds_bucket{runtime=\"main\",probe=\"timer\",le=\"+Inf\"}"), "{page}");
    assert!(!page.contains("probe=\"timer\",le=\"0.005\""), "{page}");
}
