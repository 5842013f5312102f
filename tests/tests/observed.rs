//! Metrics whose values are asked for on each page, and functions that are called before it.
#![cfg(not(metrics_off))]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use metrics_runtime::{Descriptor, Metrics, Observed, Observer, Registry, RegistryError, catalog, metrics};
use support::{openmetrics_of, page, page_of, quiet_panic, sample, scrape};
use tests::log::Log;
use tests::page::Page;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

#[metrics(prefix = "app_")]
mod declared {
    /// Entries of a cache.
    pub fn cache_entries(cache: &str) -> ObservedGauge;
    /// Bytes that were read.
    pub fn read_bytes_total() -> ObservedCounter;
    /// A name that the next function has too.
    pub fn twice() -> Gauge;
}

#[metrics(prefix = "app_")]
mod elsewhere {
    /// Sockets by direction and protocol.
    pub fn sockets(protocol: &str, direction: &str) -> ObservedGauge;
}

#[metrics(prefix = "app_")]
mod in_another_order {
    /// Sockets by direction and protocol.
    pub fn sockets(direction: &str, protocol: &str) -> ObservedGauge;
}

fn errors(page: &Page, cause: &str) -> f64 {
    page.value("metrics_runtime_scrape_errors_total", [("cause", cause)])
}

fn gauge(name: &'static str) -> Descriptor {
    Descriptor::gauge(name, "A gauge.")
}

mod functions {
    use super::*;

    #[test]
    fn are_called_for_each_page_until_their_handle_is_dropped() {
        let registry = Registry::new();
        let size = Arc::new(AtomicU64::new(3));
        let (of_gauge, of_counter) = (Arc::clone(&size), Arc::clone(&size));
        let gauge = registry.gauge_fn(gauge("size"), move || of_gauge.load(Ordering::Relaxed) as f64).unwrap();
        let counter = Descriptor::counter("reads_total", "Reads.");
        let counter = registry.counter_fn(counter, move || of_counter.load(Ordering::Relaxed)).unwrap();
        for value in [3, u64::MAX] {
            size.store(value, Ordering::Relaxed);
            assert_eq!(page_of(&registry).value("size", []), value as f64);
            assert!(registry.render().contains(&format!("\nreads_total {value}\n")), "not rounded");
            assert_eq!(openmetrics_of(&registry).value("reads_total", []), value as f64);
        }
        drop(gauge);
        assert!(page_of(&registry).series("size").is_empty());
        assert!(page_of(&registry).family("size").is_some());
        assert_eq!(Arc::strong_count(&size), 2, "the registry keeps nothing alive");
        drop(counter);
        assert_eq!(Arc::strong_count(&size), 1);
    }

    #[test]
    fn can_be_kept_for_ever_and_registered_again() {
        let registry = Registry::new();
        drop(registry.gauge_fn(gauge("size"), || 1.0).unwrap());
        registry.gauge_fn(gauge("size"), || 2.0).unwrap().forever();
        assert_eq!(page_of(&registry).value("size", []), 2.0);
    }

    #[test]
    fn give_a_value_for_each_tuple_of_labels() {
        let registry = Registry::new();
        let pool = |states: &'static [(&'static str, f64)]| {
            let observe = move |observer: &mut Observer<'_>| {
                for (state, value) in states {
                    observer.observe(&[state], *value).unwrap();
                }
                let wrong = observer.observe(&["a", "b"], 1.0).unwrap_err();
                assert_eq!((wrong.metric.as_str(), wrong.given), ("pool", 2));
            };
            registry.observe(gauge("pool").labels(["state"]), observe).unwrap()
        };
        let first = pool(&[("idle", 1.0), ("used", f64::NAN)]);
        let second = pool(&[("closed", -2.0)]);
        let page = page_of(&registry);
        assert_eq!((page.value("pool", [("state", "idle")]), page.value("pool", [("state", "closed")])), (1.0, -2.0));
        assert!(page.value("pool", [("state", "used")]).is_nan());
        drop(second);
        assert_eq!(page_of(&registry).series("pool").len(), 2);
        drop(first);
    }

    #[test]
    fn that_give_one_series_two_values_are_counted_and_the_first_one_is_on_the_page() {
        let registry = Registry::new();
        let one = registry.gauge_fn(gauge("size"), || 1.0).unwrap();
        let two = registry.gauge_fn(gauge("size"), || 2.0).unwrap();
        let page = page_of(&registry);
        assert_eq!((page.value("size", []), page.series("size").len()), (1.0, 1));
        assert_eq!(errors(&page_of(&registry), "duplicate"), 2.0);
        drop(one);
        assert_eq!(page_of(&registry).value("size", []), 2.0);
        drop(two);
    }

    #[test]
    fn have_at_most_as_many_series_as_the_limit() {
        let registry = Registry::new();
        registry.set_series_limit(3);
        let many = |observer: &mut Observer<'_>| {
            (0..10).for_each(|i| observer.observe(&[&i.to_string()], f64::from(i)).unwrap());
        };
        let own_limit = gauge("own").labels(["i"]).series_limit(5);
        let observed: [Observed; 2] =
            [gauge("common").labels(["i"]), own_limit].map(|descriptor| registry.observe(descriptor, many).unwrap());
        let page = page_of(&registry);
        assert_eq!((page.series("common").len(), page.series("own").len()), (3, 5));
        let overflowed =
            ["common", "own"].map(|metric| page.value("metrics_runtime_label_overflow_total", [("metric", metric)]));
        assert_eq!(overflowed, [7.0, 5.0]);
        drop(observed);
    }

    #[test]
    fn of_counters_give_no_negative_and_no_infinite_value() {
        let registry = Registry::new();
        let descriptor = Descriptor::counter("reads_total", "Reads.").labels(["kind"]);
        let observed = registry.observe(descriptor, |observer| {
            for (kind, value) in [("a", 1.5), ("b", -1.0), ("c", f64::NAN), ("d", f64::INFINITY)] {
                observer.observe(&[kind], value).unwrap();
            }
        });
        assert_eq!(page_of(&registry).series("reads_total").len(), 1);
        drop(observed);
    }

    #[test]
    fn that_panic_lose_only_their_own_values() {
        let registry = Registry::new();
        let healthy = registry.gauge_fn(gauge("healthy"), || 1.0).unwrap();
        let broken = registry.gauge_fn(gauge("broken"), || quiet_panic()).unwrap();
        let page = page_of(&registry);
        assert_eq!((page.value("healthy", []), page.series("broken").len()), (1.0, 0));
        assert_eq!(errors(&page, "panic"), 1.0);
        drop((healthy, broken));
    }

    #[test]
    fn whose_definition_is_wrong_or_taken_are_an_error() {
        let registry = Registry::new();
        let labelled = registry.gauge_fn(gauge("size").labels(["a"]), || 1.0).unwrap_err();
        assert!(
            labelled
                .to_string()
                .ends_with("`size` has labels, and a function of one value has none: use `Registry::observe`"),
            "{labelled}"
        );
        let kind = registry.counter_fn(gauge("size"), || 1).unwrap_err();
        assert!(kind.to_string().contains("has the kind `gauge`, expected `counter`"), "{kind}");
        let histogram = registry.observe(Descriptor::histogram("sizes", "Sizes.", vec![1.0]), |_| ()).unwrap_err();
        assert!(histogram.to_string().contains("expected `gauge`"), "{histogram}");
        let reserved = registry.gauge_fn(gauge("metrics_runtime_size"), || 1.0).unwrap_err();
        assert!(matches!(reserved, RegistryError::Reserved { .. }), "{reserved}");
        let taken = registry.gauge(gauge("set")).unwrap();
        let conflict = registry.gauge_fn(gauge("set"), || 1.0).unwrap_err();
        assert!(conflict.to_string().contains("different kind of family"), "{conflict}");
        drop(taken);
        let observed = registry.observe(gauge("pair").labels(["a", "b"]), |_| ()).unwrap();
        let order = registry.observe(gauge("pair").labels(["b", "a"]), |_| ()).unwrap_err();
        assert!(order.to_string().contains("different order of labels"), "{order}");
        let set = registry.gauge(gauge("pair").labels(["a", "b"])).unwrap_err();
        assert!(matches!(set, RegistryError::Conflict { .. }), "{set}");
        drop(observed);
    }

    #[test]
    fn have_the_namespace_and_are_described() {
        let registry = Registry::new();
        let observed = registry.observe(gauge("pool").labels(["state"]).series_limit(7), |observer| {
            observer.observe(&["idle"], 1.0).unwrap();
        });
        let metrics = Metrics::builder().registry(&registry).namespace("shop").build().unwrap();
        assert!(metrics.render().contains("shop_pool{state=\"idle\"} 1\n"));
        let description = metrics.describe();
        assert!(description.metrics.iter().any(|metric| metric.name == "shop_pool"));
        drop(observed);
    }
}

mod declared_functions {
    use super::*;

    #[test]
    fn are_in_the_catalog_and_on_the_page_without_a_value() {
        let names: Vec<_> = catalog().into_iter().map(|declaration| declaration.descriptor.name.into_owned()).collect();
        for name in ["app_cache_entries", "app_read_bytes_total", "app_sockets"] {
            assert!(names.iter().any(|other| other == name), "{names:?}");
            assert!(page().family(name).is_some(), "{name}");
        }
    }

    #[test]
    fn have_a_value_while_they_are_observed() {
        let users = declared::cache_entries("users").observe(|| 5.0);
        let read = declared::read_bytes_total().observe(|| 1 << 60);
        assert_eq!(sample("app_cache_entries", [("cache", "users")]), 5.0);
        assert_eq!(sample("app_read_bytes_total", []), (1_u64 << 60) as f64);
        drop((users, read));
        assert!(page().series("app_read_bytes_total").is_empty());
        declared::twice().set(1.0);
    }

    #[test]
    fn take_label_values_in_the_order_of_their_parameters() {
        let one = elsewhere::sockets("tcp", "in").observe(|| 1.0);
        let two = in_another_order::sockets("out", "udp").observe(|| 2.0);
        assert_eq!(sample("app_sockets", [("protocol", "tcp"), ("direction", "in")]), 1.0);
        assert_eq!(sample("app_sockets", [("protocol", "udp"), ("direction", "out")]), 2.0);
        drop((one, two));
    }
}

mod functions_of_several_metrics {
    use super::*;

    fn reads() -> Descriptor {
        Descriptor::counter("reads_total", "Reads.").labels(["disk"])
    }

    #[test]
    fn are_called_once_for_a_page() {
        let registry = Registry::new();
        let calls = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&calls);
        let observed = registry.observe_all([reads(), gauge("size")], move |[reads, size]| {
            let call = count.fetch_add(1, Ordering::Relaxed) + 1;
            reads.observe(&["a"], 10 * call)?;
            reads.observe(&["b"], 0.5)?;
            size.observe(&[], 2.0)?;
            Ok(())
        });
        for call in [1.0, 2.0] {
            let page = page_of(&registry);
            assert_eq!(page.value("reads_total", [("disk", "a")]), 10.0 * call);
            assert_eq!((page.value("reads_total", [("disk", "b")]), page.value("size", [])), (0.5, 2.0));
        }
        drop(observed);
        assert!(page_of(&registry).series("reads_total").is_empty());
        assert_eq!(Arc::strong_count(&calls), 1);
    }

    #[test]
    fn that_return_an_error_have_no_values_and_are_counted_and_logged() {
        let registry = Registry::new();
        registry.gauge_fn(gauge("healthy"), || 1.0).unwrap().forever();
        let observed = registry.observe_all([reads(), gauge("size")], |[reads, size]| {
            size.observe(&[], 2.0)?;
            reads.observe(&["a", "one label too many"], 1.0)?;
            Ok(())
        });
        let (log, _logging) = Log::start();
        let page = page_of(&registry);
        assert_eq!((page.value("healthy", []), page.sample("size", [])), (1.0, None));
        assert_eq!((errors(&page, "unreadable"), errors(&page, "panic")), (1.0, 0.0));
        let lines = log.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("cannot read `reads_total`, `size`: ") && lines[0].contains("1 label"), "{lines:?}");
        drop(observed);
    }

    #[test]
    fn have_a_limit_for_each_metric() {
        let registry = Registry::new();
        let few = gauge("few").labels(["i"]).series_limit(2);
        let many = gauge("many").labels(["i"]).series_limit(5);
        let observed = registry.observe_all([few, many, gauge("none").labels(["i"])], |[few, many, _]| {
            for i in 0..10 {
                few.observe(&[&i.to_string()], i)?;
                many.observe(&[&i.to_string()], i)?;
            }
            many.observe(&["0"], 7)?;
            Ok(())
        });
        let page = page_of(&registry);
        assert_eq!((page.series("few").len(), page.series("many").len()), (2, 5));
        let overflowed = ["few", "many", "none"]
            .map(|metric| page.value("metrics_runtime_label_overflow_total", [("metric", metric)]));
        assert_eq!((overflowed, errors(&page, "duplicate")), ([8.0, 5.0, 0.0], 1.0));
        drop(observed);
    }

    #[test]
    fn are_registered_as_a_whole() {
        let registry = Registry::new();
        let nothing = |descriptors| registry.observe_all::<2>(descriptors, |_| Ok(()));
        let again = nothing([gauge("a"), gauge("a")]).unwrap_err();
        assert!(matches!(again, RegistryError::Conflict { .. }), "{again}");
        let taken = nothing([gauge("a"), gauge("metrics_runtime_b")]).unwrap_err();
        assert!(matches!(taken, RegistryError::Reserved { .. }), "{taken}");
        let histogram = nothing([gauge("a"), Descriptor::histogram("sizes", "Sizes.", vec![1.0])]).unwrap_err();
        assert!(histogram.to_string().contains("expected `gauge`"), "{histogram}");
        assert!(page_of(&registry).family("a").is_none());
        let first = nothing([gauge("a"), reads()]).unwrap();
        let second = nothing([gauge("a"), reads()]).unwrap();
        let part = nothing([gauge("a"), gauge("b")]).unwrap_err();
        assert!(matches!(part, RegistryError::Conflict { .. }), "{part}");
        assert!(page_of(&registry).family("b").is_none());
        drop((first, second));
    }
}

mod before_a_scrape {
    use super::*;

    #[test]
    fn a_function_sets_what_the_page_has() {
        let registry = Registry::new();
        let locks = registry.gauge(gauge("locks").labels(["mode"])).unwrap();
        let calls = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&calls);
        let hook = registry.before_scrape(move |deadline| {
            assert_eq!(deadline, None, "rendering has no deadline");
            let call = count.fetch_add(1, Ordering::Relaxed) + 1;
            locks.clear();
            locks.get_or_create(&[&format!("mode_{call}")]).unwrap().set(call as f64);
        });
        for call in [1.0, 2.0] {
            let page = page_of(&registry);
            assert_eq!(
                (page.value("locks", [("mode", &*format!("mode_{call}"))]), page.series("locks").len()),
                (call, 1)
            );
        }
        drop(hook);
        page_of(&registry);
        assert_eq!((calls.load(Ordering::Relaxed), Arc::strong_count(&calls)), (2, 1));
    }

    #[test]
    fn a_function_that_panics_leaves_the_previous_values() {
        let registry = Registry::new();
        registry.gauge(gauge("locks")).unwrap().get_or_create(&[]).unwrap().set(4.0);
        registry.before_scrape(|_| quiet_panic()).forever();
        let page = page_of(&registry);
        assert_eq!((page.value("locks", []), errors(&page, "panic")), (4.0, 1.0));
    }

    #[tokio::test]
    async fn a_future_runs_until_the_deadline_of_the_scrape() {
        let registry = Registry::new();
        let asked = registry.gauge(gauge("asked")).unwrap();
        let hook = registry.before_scrape_on(&Handle::current(), move |deadline| {
            let asked = asked.clone();
            async move {
                tokio::task::yield_now().await;
                let left = deadline.saturating_duration_since(Instant::now());
                asked.get_or_create(&[]).unwrap().set(left.as_secs_f64());
            }
        });
        let page = scrape(&registry, Duration::from_secs(3600)).await;
        let left = page.value("asked", []);
        assert!(3000.0 < left && left <= 3600.0, "{left}");
        assert!(page_of(&registry).value("asked", []).to_bits() == left.to_bits(), "rendering does not run it");
        drop(hook);
    }

    #[tokio::test]
    async fn a_future_that_takes_too_long_is_dropped_and_counted() {
        struct Dropped(Option<oneshot::Sender<()>>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.take().unwrap().send(()).unwrap();
            }
        }
        let registry = Registry::new();
        registry.gauge(gauge("asked")).unwrap().get_or_create(&[]).unwrap().set(1.0);
        let (sender, dropped) = oneshot::channel();
        let sender = Mutex::new(Some(sender));
        let hook = registry.before_scrape_on(&Handle::current(), move |_| {
            let guard = Dropped(sender.lock().unwrap().take());
            async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }
        });
        let page = scrape(&registry, Duration::from_millis(50)).await;
        assert_eq!((page.value("asked", []), errors(&page, "timeout")), (1.0, 1.0));
        dropped.await.unwrap();
        drop(hook);
    }

    #[tokio::test]
    async fn a_future_that_panics_is_counted() {
        let registry = Registry::new();
        let hook = registry.before_scrape_on(&Handle::current(), |_| async { quiet_panic() });
        let page = scrape(&registry, Duration::from_secs(60)).await;
        assert_eq!(errors(&page, "panic"), 1.0);
        drop(hook);
    }

    #[tokio::test]
    async fn an_observed_function_that_blocks_loses_only_its_own_values() {
        let registry = Registry::new();
        let (open, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let blocked = registry.gauge_fn(gauge("blocked"), move || {
            let _ = gate.lock().unwrap().recv();
            1.0
        });
        let healthy = registry.gauge_fn(gauge("healthy"), || 2.0).unwrap();
        // Long enough for the other one on a busy machine.
        let page = scrape(&registry, Duration::from_secs(5)).await;
        assert_eq!((page.value("healthy", []), page.series("blocked").len(), errors(&page, "timeout")), (2.0, 0, 1.0));
        drop(open);
        drop((blocked, healthy));
    }
}
