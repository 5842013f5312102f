//! The threads and the memory of a process, from `/proc`.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The interval of samples. Threads that live for a shorter time may be missed, but not many at a time.
const INTERVAL: Duration = Duration::from_millis(20);

/// The size of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    pub(crate) threads: u64,
    /// The threads that gather and write a page.
    pub(crate) writers: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) open_files: u64,
}

impl Size {
    fn max(self, other: Self) -> Self {
        Self {
            threads: self.threads.max(other.threads),
            writers: self.writers.max(other.writers),
            resident_bytes: self.resident_bytes.max(other.resident_bytes),
            open_files: self.open_files.max(other.open_files),
        }
    }
}

/// Returns the size at this time.
pub(crate) fn sample(process: u32) -> Result<Size, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
        value.ok_or_else(|| format!("/proc has no {name}"))
    };
    let resident: u64 = field("VmRSS:")?;
    // A thread may end before its name is read.
    let tasks = fs::read_dir(format!("/proc/{process}/task"))?.flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    Ok(Size {
        threads: field("Threads:")?,
        writers: names.filter(|name| name.trim() == "metrics-scrape").count() as u64,
        resident_bytes: resident * 1024,
        open_files: fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64,
    })
}

/// Returns the size when all scrapes have ended: no thread writes a page, and no connection is open.
pub(crate) async fn settled(process: u32) -> Result<Size, Box<dyn Error>> {
    let mut files = sample(process)?.open_files;
    loop {
        sleep(Duration::from_millis(500)).await;
        let size = sample(process)?;
        if size.writers == 0 && size.open_files >= files {
            return Ok(size);
        }
        files = size.open_files;
    }
}

/// Waits until the condition holds, and returns the size and the time it took.
pub(crate) async fn until(
    process: u32,
    longest: Duration,
    holds: impl Fn(&Size) -> bool,
) -> Result<(Size, Duration), Box<dyn Error>> {
    let started = Instant::now();
    loop {
        let size = sample(process)?;
        if holds(&size) || started.elapsed() > longest {
            return Ok((size, started.elapsed()));
        }
        sleep(INTERVAL).await;
    }
}

/// A task that keeps the maxima.
pub(crate) struct Watcher {
    task: JoinHandle<Result<Size, String>>,
    stop: Arc<AtomicBool>,
}

impl Watcher {
    pub(crate) fn start(process: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut peak = Size::default();
            while !stopped.load(Ordering::Relaxed) {
                peak = peak.max(sample(process).map_err(|error| error.to_string())?);
                sleep(INTERVAL).await;
            }
            Ok(peak)
        });
        Self { task, stop }
    }

    pub(crate) async fn stop(self) -> Result<Size, Box<dyn Error>> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.task.await??)
    }
}
