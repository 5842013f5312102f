//! Native histograms in a real Prometheus: quantiles, fractions, counts and sums against the recorded values, coarser
//! schemas between scrapes, restarts, and exemplars.
#![cfg(not(metrics_off))]

use std::f64::consts::TAU;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use metrics_runtime::exemplars::{self, Exemplar};
use metrics_runtime::{Descriptor, Family, Histogram, Metrics, Registry, track};
use tests::page::Labels;
use tests::prometheus::{Server, Target};
use tests::{tools, wait};
use tokio::runtime::Runtime;

/// A service on an address, whose end closes its connections, like that of a process.
struct Service {
    runtime: Option<Runtime>,
    address: SocketAddr,
}

impl Service {
    fn start(registry: &Registry, port: u16) -> Self {
        let metrics = Metrics::builder().registry(registry).build().expect("valid settings");
        let app = metrics.instrument(Router::new()).expect("a free path");
        let runtime = Runtime::new().expect("threads");
        // The service before may still be closing its listener.
        let listener = wait::until("a free port", || {
            runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))).ok()
        });
        let address = listener.local_addr().expect("a bound listener");
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { runtime: Some(runtime), address }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn histograms(registry: &Registry, name: &'static str) -> Family<Histogram> {
    let descriptor = Descriptor::native_histogram(name, "A native histogram.").labels(["case"]);
    registry.histogram(descriptor).expect("a valid definition")
}

/// Numbers in 0..1 that look random and are always the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.next()).ln()).sqrt() * (TAU * self.next()).cos()
    }
}

type Draw = fn(&mut Random) -> f64;

const DISTRIBUTIONS: [(&str, Draw); 5] = [
    ("uniform", |random| 0.1 + 1.9 * random.next()),
    ("exponential", |random| -0.2 * (1.0 - random.next()).ln()),
    ("lognormal", |random| (random.normal() - 3.0).exp()),
    (
        "bimodal",
        |random| if random.next() < 0.7 { 0.05 + 0.005 * random.normal() } else { 1.0 + 0.1 * random.normal() },
    ),
    ("pareto", |random| 0.01 / (1.0 - random.next()).powf(1.0 / 1.5)),
];

const VALUES: usize = 20_000;

fn wait_for_count(server: &Server, series: &str, count: f64) {
    server.wait_until(&format!("histogram_count({series})"), |found| found.values().eq([&count]));
}

#[test]
fn quantiles_fractions_counts_and_sums_are_those_of_the_recorded_values() {
    let Some(prometheus) = tools::prometheus() else { return };
    let registry = Registry::new();
    let waits = histograms(&registry, "wait_seconds");
    let mut recorded = Vec::new();
    for (case, draw) in DISTRIBUTIONS {
        let mut random = Random(7);
        let mut values: Vec<f64> = (0..VALUES).map(|_| draw(&mut random)).collect();
        let series = waits.get_or_create(&[case]).expect("one label");
        for value in &values {
            series.observe(*value);
        }
        let sum: f64 = values.iter().sum();
        values.sort_by(f64::total_cmp);
        recorded.push((case, values, sum));
    }
    let service = Service::start(&registry, 0);
    let server = prometheus.with_native_histograms().scrape(&[Target::new("waits", service.address)]);
    for (case, values, sum) in recorded {
        let series = format!("wait_seconds{{case=\"{case}\"}}");
        wait_for_count(&server, &series, VALUES as f64);
        let found = server.value(&format!("histogram_sum({series})"));
        assert!((found / sum - 1.0).abs() < 1e-12, "{case}: the sum is {found}, expected {sum}");
        for percent in [10, 50, 90, 99] {
            let exact = values[VALUES * percent / 100 - 1];
            let quantile = percent as f64 / 100.0;
            let found = server.value(&format!("histogram_quantile({quantile}, {series})"));
            assert!((found / exact - 1.0).abs() <= 0.05, "{case}: quantile {quantile} is {found}, expected {exact}");
        }
        let fraction = |limit: f64| values.partition_point(|value| *value <= limit) as f64 / VALUES as f64;
        // At a bound of a bucket, the fraction is exact; elsewhere it is interpolated.
        for (limit, error) in [(0.0625, 1e-9), (0.25, 1e-9), (1.0, 1e-9), (0.3, 0.02), (0.07, 0.02)] {
            let found = server.value(&format!("histogram_fraction(0, {limit}, {series})"));
            let exact = fraction(limit);
            assert!(
                (found - exact).abs() <= error,
                "{case}: {found} of the values are up to {limit}, expected {exact}"
            );
        }
    }
    // With this feature, Prometheus 2.42 keeps no classic buckets.
    assert!(server.query("wait_seconds_bucket").is_empty());
}

#[test]
fn a_coarser_schema_between_two_scrapes_is_no_reset_and_loses_nothing() {
    let Some(prometheus) = tools::prometheus() else { return };
    let registry = Registry::new();
    let sizes = histograms(&registry, "sizes");
    let series = sizes.get_or_create(&["wide"]).expect("one label");
    let mut random = Random(1);
    let mut count = 0;
    let mut sum = 0.0;
    let mut observe = |exponents: std::ops::Range<f64>, values: u32| {
        for _ in 0..values {
            let value = (exponents.start + (exponents.end - exponents.start) * random.next()).exp2();
            series.observe(value);
            sum += value;
            count += 1;
        }
        (f64::from(count), sum)
    };
    observe(0.0..8.0, 1_000);
    let service = Service::start(&registry, 0);
    let server = prometheus.with_native_histograms().scrape(&[Target::new("sizes", service.address)]);
    wait_for_count(&server, "sizes", 1_000.0);
    // Schema 3 has room for 20 octaves, schema 0 for 160.
    for exponents in [-20.0..20.0, -60.0..60.0, -120.0..120.0] {
        let (count, sum) = observe(exponents.clone(), 4_000);
        wait_for_count(&server, "sizes", count);
        let found = server.value("histogram_sum(sizes)");
        assert!((found / sum - 1.0).abs() < 1e-12, "{exponents:?}: the sum is {found}, expected {sum}");
        let up_to_one = server.value("histogram_fraction(0, 1, sizes) * histogram_count(sizes)");
        assert!(up_to_one < count && up_to_one > 0.0);
    }
    // Without a reset, the increase is at most the last count. A reset would add a count again.
    server.wait_until("histogram_count(increase(sizes[5m]))", |found| {
        found.values().all(|increase| (12_000.0 - 1.0..2.0 * 12_000.0).contains(increase)) && found.len() == 1
    });
}

#[test]
fn a_restart_is_a_reset() {
    let Some(prometheus) = tools::prometheus() else { return };
    let observed = |registry: &Registry, values: usize| {
        let waits = histograms(registry, "wait_seconds");
        let series = waits.get_or_create(&["restart"]).expect("one label");
        (0..values).for_each(|i| series.observe(0.001 * (i % 100) as f64));
    };
    let first = Registry::new();
    observed(&first, 1_000);
    let service = Service::start(&first, 0);
    let server = prometheus.with_native_histograms().scrape(&[Target::new("waits", service.address)]);
    wait_for_count(&server, "wait_seconds", 1_000.0);
    observed(&first, 500);
    wait_for_count(&server, "wait_seconds", 1_500.0);
    let port = service.address.port();
    drop(service);
    let second = Registry::new();
    observed(&second, 300);
    let _service = Service::start(&second, port);
    wait_for_count(&server, "wait_seconds", 300.0);
    // 500 before the restart and 300 after it, extrapolated to the ends of the range.
    server.wait_until("histogram_count(increase(wait_seconds[5m]))", |found| {
        found.values().all(|increase| (800.0 - 1.0..1_600.0).contains(increase)) && found.len() == 1
    });
}

#[track(name = "checkout", buckets = [0.5, 1], native)]
fn checkout() {}

#[test]
fn exemplars_of_native_histograms_are_in_prometheus() {
    exemplars::install(|| Some(Exemplar::trace(0xab, 0x0f))).expect("the only source");
    checkout();
    let Some(prometheus) = tools::prometheus() else { return };
    let service = Service::start(Registry::global(), 0);
    let server = prometheus.with_native_histograms().scrape(&[Target::new("checkout", service.address)]);
    wait_for_count(&server, "checkout_duration_seconds", 1.0);
    wait::until("the exemplar to be stored", || {
        let found = server.exemplars("checkout_duration_seconds");
        let is_ours = |labels: &Labels| labels.get("trace_id").is_some_and(|trace| trace.ends_with("ab"));
        found.iter().any(|(_, labels, _)| is_ours(labels)).then_some(())
    });
}
