//! `tokio_*`: metrics of tokio runtimes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::task::AbortHandle;

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

/// The tasks of this module on each runtime.
const OWN_TASKS: usize = 1;

/// The runtimes, by the value of the label `runtime`.
#[derive(Debug, Default)]
pub(super) struct Runtimes(Mutex<BTreeMap<String, Runtime>>);

/// A runtime, until it is shut down.
#[derive(Debug)]
struct Runtime {
    metrics: RuntimeMetrics,
    /// Held by a task that never ends. The runtime drops it when it shuts down, which a handle does not show.
    running: Weak<()>,
    task: AbortHandle,
}

impl Runtime {
    fn new(handle: &Handle) -> Self {
        let running = Arc::new(());
        let held = Arc::downgrade(&running);
        let task = handle.spawn(async move {
            std::future::pending::<()>().await;
            drop(running);
        });
        Self { metrics: handle.metrics(), running: held, task: task.abort_handle() }
    }

    fn is_running(&self) -> bool {
        self.running.strong_count() > 0
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Runtimes {
    pub(super) fn insert(&self, name: &str, handle: &Handle) {
        self.runtimes().insert(name.to_owned(), Runtime::new(handle));
    }

    fn runtimes(&self) -> MutexGuard<'_, BTreeMap<String, Runtime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut runtimes = self.runtimes();
        runtimes.retain(|_, runtime| runtime.is_running());
        for (name, Runtime { metrics: runtime, .. }) in &*runtimes {
            let whole = |n: usize| Number::Whole(n as u64);
            samples.add(WORKERS, &[name], whole(runtime.num_workers()));
            samples.add(ALIVE_TASKS, &[name], whole(runtime.num_alive_tasks().saturating_sub(OWN_TASKS)));
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
