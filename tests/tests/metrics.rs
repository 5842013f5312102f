//! `Metrics` and its builder: checks of the settings, names and labels on the page, and the collectors of the toolkit.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

use std::time::Duration;

use metrics_runtime::{BuildInfo, Builder, Descriptor, InstallError, Metrics, Objective, Registry};

fn builder(registry: &Registry) -> Builder {
    Metrics::builder().registry(registry)
}

#[test]
fn invalid_names_are_errors_of_build() {
    assert!(matches!(builder(&Registry::new()).namespace("a-b").build(), Err(InstallError::Namespace(_))));
    assert!(matches!(builder(&Registry::new()).constant_label("le", "x").build(), Err(InstallError::ConstantLabel(_))));
    assert!(matches!(
        builder(&Registry::new()).constant_label("a", "x").constant_label("a", "y").build(),
        Err(InstallError::ConstantLabel(_))
    ));
    assert!(matches!(builder(&Registry::new()).info("a b", [("x", "y")]).build(), Err(InstallError::Declarations(_))));
}

#[test]
fn the_name_of_an_info_may_have_its_suffix() {
    for name in ["system", "system_info"] {
        let metrics = builder(&Registry::new()).info(name, [("os", "linux")]).build().unwrap();
        assert!(metrics.render().contains("\nsystem_info{os=\"linux\"} 1\n"), "{name}");
    }
}

#[test]
fn an_info_has_no_unit() {
    let error = Registry::new().info(Descriptor::info("disk_bytes_info", "D.").unit("bytes_info")).unwrap_err();
    assert!(error.to_string().contains("remove the unit"), "{error}");
}

#[test]
fn a_percentage_is_allowed_if_the_fastest_alert_can_fire() {
    for percent in [93.1, 99.0, 99.99] {
        assert_eq!(Objective::new().success(percent).check(&[]), Ok(()), "{percent}");
    }
    for percent in [0.0, 93.0, 100.0, 101.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Objective::new().success(percent).check(&[]).is_err(), "{percent}");
        assert!(Objective::new().latency(Duration::from_secs(1), percent).check(&[1.0]).is_err(), "{percent}");
    }
}

#[test]
fn every_sample_has_the_namespace_and_each_constant_label_once() {
    let metrics = builder(&Registry::new()).namespace("shop").constant_label("region", "eu").build().unwrap();
    let jobs = metrics.registry().counter(Descriptor::counter("jobs_total", "").labels(["kind"])).unwrap();
    jobs.get_or_create(&["x"]).unwrap().inc();
    let own = metrics.registry().counter(Descriptor::counter("own_total", "").labels(["region"])).unwrap();
    own.get_or_create(&["us"]).unwrap().inc();
    let page = metrics.render();
    assert!(page.contains("shop_jobs_total{region=\"eu\",kind=\"x\"} 1\n"), "{page}");
    assert!(page.contains("shop_own_total{region=\"us\"} 1\n"), "{page}");
    assert!(page.contains("metrics_runtime_rejected_values_total{region=\"eu\"}"), "{page}");
}

#[cfg(target_os = "linux")]
#[test]
fn process_metrics_have_the_constant_labels_and_no_namespace() {
    let page = shop_with_process().render();
    assert!(page.contains("\nprocess_threads{region=\"eu\"} "), "{page}");
    assert!(!page.contains("shop_process"), "{page}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_prometheus_registry_has_process_metrics_with_the_constant_labels_and_no_namespace() {
    let other = prometheus::Registry::new();
    other.register(Box::new(shop_with_process().collector())).unwrap();
    let page = prometheus::TextEncoder::new().encode_to_string(&other.gather()).unwrap();
    assert!(page.contains("\nprocess_threads{region=\"eu\"} "), "{page}");
}

#[cfg(target_os = "linux")]
fn shop_with_process() -> Metrics {
    builder(&Registry::new()).namespace("shop").constant_label("region", "eu").process().build().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_metric_whose_namespace_makes_it_a_process_metric_is_on_the_page_once() {
    let registry = Registry::new();
    let metrics = builder(&registry).namespace("process").process().build().unwrap();
    let own = Descriptor::gauge("threads", "Threads of the service.");
    registry.gauge(own).unwrap().get_or_create(&[]).unwrap().set(-7.0);
    let page = metrics.render();
    assert_eq!(page.lines().filter(|line| line.starts_with("process_threads")).count(), 1, "{page}");
    assert!(page.contains("\nprocess_threads -7\n"), "{page}");
    assert!(page.contains("metrics_runtime_scrape_errors_total{cause=\"duplicate\"} 1\n"), "{page}");
}

#[test]
fn a_second_build_with_the_same_registry_adds_no_lines() {
    let registry = Registry::new();
    let build = || {
        let builder = builder(&registry).build_info(BuildInfo::new("1.2.3").revision("abc"));
        builder.process().build().unwrap().render()
    };
    assert_eq!(build().lines().count(), build().lines().count());
    assert!(build().contains("build_info{version=\"1.2.3\",revision=\"abc\"} 1\n"));
}

mod tokio_runtimes {
    use std::time::Instant;

    use tokio::sync::oneshot;

    use super::*;

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
        let builder = builder(&Registry::new()).namespace("shop");
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
    fn two_runtimes_of_one_name_are_an_error() {
        let (main, other) = (runtime(1), runtime(1));
        let builder = builder(&Registry::new()).tokio_runtime("main", main.handle());
        let error = builder.tokio_runtime("main", other.handle()).build().unwrap_err();
        assert_eq!(error, InstallError::TokioRuntime("main".to_owned()));
        assert!(error.to_string().contains("\"main\""), "{error}");
    }

    #[test]
    fn a_runtime_disappears_when_it_is_shut_down() {
        let registry = Registry::new();
        let (ends, stays) = (runtime(2), tokio::runtime::Builder::new_current_thread().build().unwrap());
        let both = builder(&registry).tokio_runtime("ends", ends.handle()).tokio_runtime("stays", stays.handle());
        let metrics = both.build().unwrap();
        assert_eq!(sample(&metrics.render(), "tokio_workers{runtime=\"ends\"}"), 2.0);
        let handle = ends.handle().clone();
        drop(ends);
        let page = metrics.render();
        assert!(!page.contains("\"ends\""), "{page}");
        assert_eq!(sample(&page, "tokio_alive_tasks{runtime=\"stays\"}"), 0.0);
        // A runtime that has ended before has no series either, and the next one of its name has.
        let ended = builder(&registry).tokio_runtime("ends", &handle).build().unwrap();
        assert!(!ended.render().contains("\"ends\""));
        let next = runtime(3);
        let metrics = builder(&registry).tokio_runtime("ends", next.handle()).build().unwrap();
        assert_eq!(sample(&metrics.render(), "tokio_workers{runtime=\"ends\"}"), 3.0);
    }

    #[test]
    fn busy_time_is_the_time_in_which_tasks_run_in_seconds() {
        let created = Instant::now();
        let busy = runtime(1);
        let metrics = builder(&Registry::new()).tokio_runtime("x", busy.handle()).build().unwrap();
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
}
