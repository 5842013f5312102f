//! The metrics of the process, compared with other reports of the operating system.
//!
//! This file has one test, because files and threads of a concurrent test would be counted too.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

use std::fs::{self, File};
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use metrics_runtime::{Format, Metrics, Registry};
use tests::page::{Kind, Page};
use tests::tools;

#[test]
fn process_metrics_equal_the_reports_of_the_system() {
    check_numbers();
    check_names();
}

fn check_numbers() {
    let started_before = unix_seconds();
    let metrics = Metrics::builder().registry(&Registry::new()).namespace("shop").process().build().unwrap();
    let read = |name: &str| Page::parse_text(&metrics.render()).unwrap().value(name, []);

    let before = read("process_open_fds");
    let files: Vec<File> = (0..10).map(|_| File::open("/dev/null").unwrap()).collect();
    assert_eq!(read("process_open_fds"), before + 10.0);
    drop(files);
    assert_eq!(read("process_open_fds"), before);
    assert_eq!(read("process_open_fds"), fs::read_dir("/proc/self/fd").unwrap().count() as f64 - 1.0);
    assert_eq!(read("process_max_fds"), limit("Max open files"));
    assert_eq!(read("process_virtual_memory_max_bytes"), limit("Max address space"));

    let before = read("process_threads");
    let barrier = Barrier::new(6);
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        assert_eq!(read("process_threads"), before + 5.0);
        assert_eq!(read("process_threads"), status("Threads"));
        barrier.wait();
    });

    // All of the 64 MiB are written; at least half of them stay in memory.
    let (resident, mapped) = (read("process_resident_memory_bytes"), read("process_virtual_memory_bytes"));
    let touched = vec![1_u8; 64 << 20];
    let grown = read("process_resident_memory_bytes") - resident;
    assert!(grown > f64::from(32 << 20), "{grown} of {} bytes", touched.len());
    assert!(read("process_virtual_memory_bytes") - mapped >= f64::from(63 << 20));
    drop(touched);

    // Use the processor for a known time, as measured by the kernel's ticks.
    let (cpu, ticks) = (read("process_cpu_seconds_total"), cpu_by_ticks());
    let wall = Instant::now();
    let mut sum = 0_u64;
    while cpu_by_ticks() - ticks < 0.1 {
        (0..10_000_u64).for_each(|n| sum = std::hint::black_box(sum.wrapping_add(n)));
    }
    let used = read("process_cpu_seconds_total") - cpu;
    let wall = wall.elapsed().as_secs_f64();
    // Both values are cut to ticks, separately for user and system time.
    assert!(used >= 0.1 - 0.04, "{used} s");
    // Only one thread works; the thread of the harness waits.
    assert!(used <= wall + 0.04, "{used} s in {wall} s");
    assert_ne!(read("process_cpu_seconds_total").fract(), 0.0, "fractions of a second are kept");

    // The kernel reports its own start in whole seconds, and the start of this process in ticks after it.
    let start = read("process_start_time_seconds");
    let expected = boot_seconds() + stat(22) / ticks_per_second();
    assert!((start - expected).abs() < 1.1, "expected {expected}, found {start}");
    assert!(start <= started_before, "the process started before the test");
    assert_eq!(read("process_start_time_seconds"), start, "the start time never changes");
}

/// Checks names, kinds and units.
fn check_names() {
    let builder = Metrics::builder().registry(&Registry::new()).namespace("shop").process();
    let metrics = builder.build().unwrap();
    let page = Page::parse_openmetrics(str::from_utf8(&metrics.render_as(Format::OpenMetrics)).unwrap()).unwrap();
    let cpu = page.family("process_cpu_seconds").unwrap();
    assert_eq!((cpu.kind, cpu.unit.as_deref()), (Kind::Counter, Some("seconds")));
    let names: Vec<_> = page.names().into_iter().filter(|name| name.starts_with("process_")).collect();
    assert_eq!(
        names,
        [
            "process_cpu_seconds",
            "process_max_fds",
            "process_open_fds",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
            "process_threads",
            "process_virtual_memory_bytes",
            "process_virtual_memory_max_bytes",
        ]
    );
    let Some(promtool) = tools::promtool() else {
        return;
    };
    assert_eq!(promtool.check_metrics(&metrics.render()), Ok(()));
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Reads a line of `/proc/self/limits`: `Max open files  1024  4096  files`.
fn limit(name: &str) -> f64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let soft = limits.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()).unwrap();
    // The value that client_golang exposes for `unlimited`.
    if soft == "unlimited" { u64::MAX as f64 } else { soft.parse().unwrap() }
}

/// Reads a line of `/proc/self/status`: `Threads:  3`.
fn status(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    value.trim().parse().unwrap()
}

/// Reads a field of `/proc/self/stat`, by its number in the manual page. The name of this program has no blank.
fn stat(field: usize) -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    stat.split_whitespace().nth(field - 1).unwrap().parse().unwrap()
}

fn cpu_by_ticks() -> f64 {
    (stat(14) + stat(15)) / ticks_per_second()
}

fn boot_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap().parse().unwrap()
}

fn ticks_per_second() -> f64 {
    static TICKS: std::sync::OnceLock<f64> = std::sync::OnceLock::new();
    *TICKS.get_or_init(|| {
        let output = Command::new("getconf").arg("CLK_TCK").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    })
}
