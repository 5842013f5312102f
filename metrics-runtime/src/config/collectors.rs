//! The builder methods that add the collectors of [`crate::collectors`].

use super::Builder;
use crate::collectors::BuildInfo;

impl Builder {
    /// Adds the info metric `build_info{version, revision, rustc}`, under the service's namespace. [`build_info!`]
    /// creates the value. An unknown fact has no label.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry, build_info};
    ///
    /// let registry = Registry::new();
    /// let metrics = Metrics::builder().registry(&registry).namespace("shop").build_info(build_info!()).build()?;
    /// assert!(metrics.render().contains("shop_build_info{version=\"0.1.0\"} 1\n"));
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    ///
    /// [`build_info!`]: crate::build_info!
    pub fn build_info(mut self, build: BuildInfo) -> Self {
        self.collectors.build_info = Some(build);
        self
    }

    /// Adds metrics of this process, read from the operating system when the page is written. Names, help texts and
    /// units are those of Prometheus' client library for Go, except `process_threads`, which is that of the `prometheus`
    /// crate. They have no namespace.
    ///
    /// | metric | kind | meaning |
    /// |---|---|---|
    /// | `process_cpu_seconds_total` | counter | user and system time of all threads, in seconds with fractions |
    /// | `process_resident_memory_bytes` | gauge | memory in RAM |
    /// | `process_virtual_memory_bytes` | gauge | mapped memory |
    /// | `process_virtual_memory_max_bytes` | gauge | limit of mapped memory; 2<sup>64</sup> - 1 if there is no limit |
    /// | `process_open_fds` | gauge | open file descriptors |
    /// | `process_max_fds` | gauge | limit of open file descriptors; 2<sup>64</sup> - 1 if there is no limit |
    /// | `process_threads` | gauge | threads of the operating system |
    /// | `process_start_time_seconds` | gauge | time at which the process started, in seconds since 1970; constant |
    ///
    /// Only Linux is supported: on other systems the families have no series. Values that cannot be read, for example
    /// because `/proc` is not mounted, are omitted. Values that are missing because no file descriptor is free are counted
    /// in `metrics_runtime_scrape_errors_total`.
    ///
    /// If a collector or an included registry of the `prometheus` crate has the same metrics, those are left out. A warning
    /// says so, once.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let metrics = Metrics::builder().registry(&Registry::new()).namespace("shop").process().build()?;
    /// # #[cfg(target_os = "linux")]
    /// assert!(metrics.render().contains("\nprocess_cpu_seconds_total "));
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    #[cfg(feature = "process")]
    pub fn process(mut self) -> Self {
        self.collectors.process = true;
        self
    }

    /// Adds the metrics of a tokio runtime that are available without `tokio_unstable`, read from
    /// [`RuntimeMetrics`](tokio::runtime::RuntimeMetrics) when the page is written. They have no namespace.
    ///
    /// | metric | kind | labels | meaning |
    /// |---|---|---|---|
    /// | `tokio_workers` | gauge | `runtime` | worker threads |
    /// | `tokio_alive_tasks` | gauge | `runtime` | tasks that were spawned and have not finished |
    /// | `tokio_global_queue_depth` | gauge | `runtime` | tasks in the global queue, waiting for any worker |
    /// | `tokio_worker_busy_seconds_total` | counter | `runtime`, `worker` | time in which a worker ran tasks or polled drivers, in seconds |
    /// | `tokio_worker_parks_total` | counter | `runtime`, `worker` | times that a worker went to sleep for lack of work |
    ///
    /// `name` is the value of the label `runtime`. A process can have several runtimes, each under its own name: two of one
    /// name are an error at [`build`](Self::build). The series of a runtime disappear when it is shut down. Another
    /// [`Metrics`](crate::Metrics) of the same registry can then, or before, give its name to a new runtime. The two
    /// counters exist on targets with 64-bit atomics.
    ///
    /// Each runtime gets one task, which never runs and is not counted; it notices the shutdown. The task of a
    /// [canary](Self::runtime_canary_on) is counted.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    /// let metrics = Metrics::builder().registry(&Registry::new()).tokio_runtime("main", runtime.handle()).build()?;
    /// assert!(metrics.render().contains("tokio_workers{runtime=\"main\"} 2\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tokio-runtime")]
    pub fn tokio_runtime(mut self, name: impl Into<String>, handle: &tokio::runtime::Handle) -> Self {
        self.collectors.tokio_runtimes.push((name.into(), handle.clone()));
        self
    }

    /// Adds a canary to the tokio runtime in which [`install`](Self::install) or [`build`](Self::build) is called, under the
    /// name `main`. See [`runtime_canary_on`](Self::runtime_canary_on).
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// # let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    /// # runtime.block_on(async {
    /// let metrics = Metrics::builder().registry(&Registry::new()).runtime_canary().build()?;
    /// assert!(metrics.render().contains("tokio_canary_delay_seconds_count{runtime=\"main\",probe=\"timer\"}"));
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tokio-runtime")]
    pub fn runtime_canary(mut self) -> Self {
        self.collectors.canaries.push(("main".to_owned(), None));
        self
    }

    /// Adds a canary to a tokio runtime: a task that measures the delay between the time at which a task should have run
    /// and the time at which it did. It works without `tokio_unstable`. The metrics have no namespace.
    ///
    /// | metric | kind | labels | meaning |
    /// |---|---|---|---|
    /// | `tokio_canary_delay_seconds` | histogram | `runtime`, `probe` | delay of the canary, in seconds |
    /// | `tokio_worker_stuck_seconds` | gauge | `runtime`, `worker` | time since a worker that is not asleep has come back to the scheduler, in seconds; 0 if that is less than about 0.2 s |
    ///
    /// | `probe` | measures | grows if |
    /// |---|---|---|
    /// | `timer` | the delay of a timer, without the 2 ms by which timers of an idle runtime are late | all workers are blocked, or the one that waits for timers and sockets for all others |
    /// | `spawn` | the time from the spawn of a task, at the end of the queue of a worker, to its first poll | workers have more tasks than they can run |
    /// | both | | the machine has no processor for the workers |
    ///
    /// The sum of a delay in a time is about the share of that time in which a task that became ready would have waited:
    /// `rate(tokio_canary_delay_seconds_sum[5m])`. A worker that is blocked while others run does not delay the canary.
    /// `tokio_worker_stuck_seconds` shows it, also if it is blocked for ever, and `function_slow_polls_total`
    /// ([`polls`](macro@crate::track#polls)) names the function.
    ///
    /// `name` is the value of the label `runtime`; give it the name that [`tokio_runtime`](Self::tokio_runtime) has. The
    /// canary ends with its runtime, and its series then disappear. Another [`Metrics`](crate::Metrics) of the same registry
    /// that gives the name to a runtime ends the earlier canary.
    ///
    /// The canary runs ten times a second, at intervals that differ. Each time it wakes a worker, spawns two tasks that do
    /// nothing, and reads two numbers of each worker. If the runtime is dropped or nothing drives it, it costs nothing. The gauge exists on
    /// targets with 64-bit atomics.
    ///
    /// A runtime without timers, a second canary of one name, and [`runtime_canary`](Self::runtime_canary) outside of a runtime
    /// are errors at [`build`](Self::build). If metrics are switched off, there is no canary.
    ///
    /// ```
    /// use metrics_runtime::{Metrics, Registry};
    ///
    /// let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    /// let builder = Metrics::builder().registry(&Registry::new()).tokio_runtime("jobs", runtime.handle());
    /// let metrics = builder.runtime_canary_on("jobs", runtime.handle()).build()?;
    /// assert!(metrics.render().contains("tokio_canary_delay_seconds_count{runtime=\"jobs\",probe=\"spawn\"}"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tokio-runtime")]
    pub fn runtime_canary_on(mut self, name: impl Into<String>, handle: &tokio::runtime::Handle) -> Self {
        self.collectors.canaries.push((name.into(), Some(handle.clone())));
        self
    }
}
