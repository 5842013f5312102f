//! The builder methods that add the collectors of [`crate::collectors`].

use super::Builder;
use crate::collectors::BuildInfo;

impl Builder {
    /// The info metric `build_info{version, revision, rustc}`, under the service's namespace. [`build_info!`] fills it
    /// in; facts that are not known have no label.
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
        self.standard.build = Some(build);
        self
    }

    /// What the operating system says of this process, read when the page is written. Names, help texts and units are
    /// those of Prometheus' own client library for Go; they have no namespace.
    ///
    /// | metric | |
    /// |---|---|
    /// | counter `process_cpu_seconds_total` | user and system time of all threads, in seconds with their fraction |
    /// | gauge `process_resident_memory_bytes` | memory that is in RAM |
    /// | gauge `process_virtual_memory_bytes` | memory that is mapped |
    /// | gauge `process_virtual_memory_max_bytes` | how much may be; 2<sup>64</sup> - 1 is no limit |
    /// | gauge `process_open_fds` | open file descriptors |
    /// | gauge `process_max_fds` | how many there may be; 2<sup>64</sup> - 1 is no limit |
    /// | gauge `process_threads` | threads of the operating system |
    /// | gauge `process_start_time_seconds` | when the process started, in seconds since 1970; never changes |
    ///
    /// Linux alone says it: elsewhere the families have no series. What cannot be read (no `/proc`) is left out.
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
        self.standard.process = true;
        self
    }

    /// What a tokio runtime says of itself, read when the page is written: what it tells without `tokio_unstable`. No
    /// namespace. A process may have several, each with a name of its own; a name that comes again, as after a restart,
    /// replaces the runtime that had it.
    ///
    /// | metric | labels | |
    /// |---|---|---|
    /// | gauge `tokio_workers` | `runtime` | worker threads |
    /// | gauge `tokio_alive_tasks` | `runtime` | tasks that were spawned and are not done |
    /// | gauge `tokio_global_queue_depth` | `runtime` | tasks that wait for any worker |
    /// | counter `tokio_worker_busy_seconds_total` | `runtime`, `worker` | time in which a worker ran tasks or polled drivers, in seconds |
    /// | counter `tokio_worker_parks_total` | `runtime`, `worker` | how often a worker had nothing to do and went to sleep |
    ///
    /// The two counters are there where the processor has atomics of 64 bits. They are what
    /// [`RuntimeMetrics`](tokio::runtime::RuntimeMetrics) says.
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
        self.standard.runtimes.push((name.into(), handle.clone()));
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::collectors::BuildInfo;
    use crate::config::Metrics;
    use crate::registry::Registry;

    #[cfg(all(feature = "process", target_os = "linux"))]
    #[test]
    fn what_is_the_same_everywhere_has_the_constant_labels_and_no_namespace() {
        let builder = Metrics::builder().registry(&Registry::new());
        let metrics = builder.namespace("shop").constant_label("region", "eu").process().build().unwrap();
        let page = metrics.render();
        assert!(page.contains("\nprocess_threads{region=\"eu\"} "), "{page}");
        assert!(!page.contains("shop_process"), "{page}");
        let theirs = prometheus::Registry::new();
        theirs.register(Box::new(metrics.collector())).unwrap();
        let page = prometheus::TextEncoder::new().encode_to_string(&theirs.gather()).unwrap();
        assert!(page.contains("\nprocess_threads{region=\"eu\"} "), "{page}");
    }

    #[cfg(all(feature = "process", target_os = "linux"))]
    #[test]
    fn a_namespace_that_makes_the_same_name_wins_and_the_page_stays_one() {
        let registry = Registry::new();
        let metrics = Metrics::builder().registry(&registry).namespace("process").process().build().unwrap();
        let own = crate::Descriptor::gauge("threads", "Of the service.");
        registry.gauge(own).unwrap().get_or_create(&[]).unwrap().set(-7.0);
        let page = metrics.render();
        assert_eq!(page.lines().filter(|line| line.starts_with("process_threads")).count(), 1, "{page}");
        assert!(page.contains("\nprocess_threads -7\n"), "{page}");
        assert!(page.contains("metrics_runtime_scrape_errors_total{cause=\"duplicate\"} 1\n"), "{page}");
    }

    #[test]
    fn a_second_build_of_one_registry_adds_nothing() {
        let registry = Registry::new();
        let build = || {
            let builder = Metrics::builder().registry(&registry).build_info(BuildInfo::new("1.2.3").revision("abc"));
            #[cfg(feature = "process")]
            let builder = builder.process();
            builder.build().unwrap().render()
        };
        assert_eq!(build().lines().count(), build().lines().count());
        assert!(build().contains("build_info{version=\"1.2.3\",revision=\"abc\"} 1\n"));
    }
}
