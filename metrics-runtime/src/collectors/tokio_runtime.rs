//! `tokio_*`: metrics of tokio runtimes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Handle, RuntimeMetrics};

use crate::family::Owner;
use crate::family::computed::{Computed, Samples};
use crate::schema::Descriptor;
use crate::schema::Number;

// Indexes into the descriptors.
const WORKERS: usize = 0;
const ALIVE_TASKS: usize = 1;
const GLOBAL_QUEUE_DEPTH: usize = 2;
#[cfg(target_has_atomic = "64")]
const BUSY_SECONDS: usize = 3;
#[cfg(target_has_atomic = "64")]
const PARKS: usize = 4;

/// The runtimes, by the value of the label `runtime`.
#[derive(Debug, Default)]
pub(super) struct Runtimes(Mutex<BTreeMap<String, RuntimeMetrics>>);

impl Runtimes {
    pub(super) fn insert(&self, name: &str, handle: &Handle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), handle.metrics());
    }
}

impl Computed for Runtimes {
    fn descriptors(&self) -> Vec<Descriptor> {
        let gauge = |name, help| Descriptor::gauge(name, help).labels(["runtime"]);
        // In the order of the indexes above.
        let mut descriptors = vec![
            gauge("tokio_workers", "Worker threads of a tokio runtime."),
            gauge("tokio_alive_tasks", "Tasks that were spawned on a tokio runtime and have not finished."),
            gauge("tokio_global_queue_depth", "Tasks in the global queue of a tokio runtime."),
        ];
        if cfg!(target_has_atomic = "64") {
            let counter = |name, help| Descriptor::counter(name, help).labels(["runtime", "worker"]);
            descriptors.extend([
                counter(
                    "tokio_worker_busy_seconds_total",
                    "Time in which a worker of a tokio runtime was busy, in seconds.",
                )
                .unit("seconds"),
                counter(
                    "tokio_worker_parks_total",
                    "Times that a worker of a tokio runtime went to sleep for lack of work.",
                ),
            ]);
        }
        descriptors
    }

    fn owner(&self) -> Owner {
        Owner::Library
    }

    fn compute(&self, samples: &mut Samples) {
        let runtimes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (name, runtime) in &runtimes {
            let whole = |n: usize| Number::Whole(n as u64);
            samples.add(WORKERS, &[name], whole(runtime.num_workers()));
            samples.add(ALIVE_TASKS, &[name], whole(runtime.num_alive_tasks()));
            samples.add(GLOBAL_QUEUE_DEPTH, &[name], whole(runtime.global_queue_depth()));
            #[cfg(target_has_atomic = "64")]
            for worker in 0..runtime.num_workers() {
                let labels = [name, &*worker.to_string()];
                let busy = runtime.worker_total_busy_duration(worker).as_secs_f64();
                samples.add(BUSY_SECONDS, &labels, Number::Float(busy));
                samples.add(PARKS, &labels, Number::Whole(runtime.worker_park_count(worker)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Metrics, Registry};
    use std::time::Instant;
    use tokio::sync::oneshot;

    fn runtime(workers: usize) -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build().unwrap()
    }

    fn sample(page: &str, series: &str) -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{page}")).parse().unwrap()
    }

    #[test]
    fn each_runtime_has_its_own_workers_and_tasks() {
        let (main, other) = (runtime(3), runtime(1));
        let builder = Metrics::builder().registry(&Registry::new()).namespace("shop");
        let metrics =
            builder.tokio_runtime("main", main.handle()).tokio_runtime("other", other.handle()).build().unwrap();
        let (release, released) = oneshot::channel::<()>();
        let task = main.spawn(released);
        let page = metrics.render();
        assert_eq!(sample(&page, "tokio_workers{runtime=\"main\"}"), 3.0);
        assert_eq!(sample(&page, "tokio_workers{runtime=\"other\"}"), 1.0);
        assert_eq!(sample(&page, "tokio_alive_tasks{runtime=\"main\"}"), 1.0);
        assert_eq!(sample(&page, "tokio_alive_tasks{runtime=\"other\"}"), 0.0);
        for worker in ["0", "1", "2"] {
            let busy = format!("tokio_worker_busy_seconds_total{{runtime=\"main\",worker=\"{worker}\"}}");
            assert!(sample(&page, &busy) >= 0.0);
        }
        release.send(()).unwrap();
        main.block_on(task).unwrap().unwrap();
        // The runtime removes a task from its list just after it has woken the join handle.
        while sample(&metrics.render(), "tokio_alive_tasks{runtime=\"main\"}") > 0.0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn busy_time_is_the_time_in_which_tasks_run_in_seconds() {
        let created = Instant::now();
        let busy = runtime(1);
        let metrics = Metrics::builder().registry(&Registry::new()).tokio_runtime("x", busy.handle()).build().unwrap();
        let worked = busy.block_on(busy.spawn(async {
            let start = Instant::now();
            while start.elapsed().as_millis() < 50 {}
            start.elapsed().as_secs_f64()
        }));
        let worked = worked.unwrap();
        let read = || sample(&metrics.render(), "tokio_worker_busy_seconds_total{runtime=\"x\",worker=\"0\"}");
        // A worker adds its busy time when it goes to sleep.
        while read() < worked {
            std::thread::yield_now();
        }
        let busy = read();
        let wall = created.elapsed().as_secs_f64();
        assert!(busy <= wall, "busy for {busy} s of {wall} s");
    }

    #[test]
    fn a_runtime_that_ended_keeps_its_last_values_until_its_name_is_used_again() {
        let registry = Registry::new();
        let build = |runtime: &tokio::runtime::Runtime| {
            Metrics::builder().registry(&registry).tokio_runtime("main", runtime.handle()).build().unwrap()
        };
        let first = runtime(2);
        let metrics = build(&first);
        drop(first);
        assert_eq!(sample(&metrics.render(), "tokio_workers{runtime=\"main\"}"), 2.0);
        let second = runtime(4);
        let _ = build(&second);
        assert_eq!(sample(&metrics.render(), "tokio_workers{runtime=\"main\"}"), 4.0);
    }
}
