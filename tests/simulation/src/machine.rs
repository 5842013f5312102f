//! The memory and the disk of this machine, and of a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The memory that is left to the machine.
pub(crate) const MEMORY_LEFT: u64 = 2 << 30;

/// The disk that is left to the machine.
pub(crate) const DISK_LEFT: u64 = 4 << 30;

const INTERVAL: Duration = Duration::from_millis(100);

/// Returns the bytes of memory that processes can still take.
pub(crate) fn free_memory() -> Result<u64, String> {
    kibibytes("/proc/meminfo", "MemAvailable:")
}

/// Returns the bytes that can still be written into a folder.
pub(crate) fn free_disk(folder: &Path) -> Result<u64, String> {
    let found = rustix::fs::statvfs(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(found.f_bavail * found.f_frsize)
}

/// Returns the resident bytes of a process.
pub(crate) fn resident(process: u32) -> Result<u64, String> {
    kibibytes(&format!("/proc/{process}/status"), "VmRSS:")
}

/// Returns the bytes of all files in a folder.
pub(crate) fn size(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    // Files are replaced while this looks.
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let found = entry.metadata().ok()?;
        // Blocks, because a log is as long as its segment before it is written.
        Some(if found.is_dir() { size(&entry.path()) } else { found.blocks() * 512 })
    });
    sizes.sum()
}

fn kibibytes(file: &str, field: &str) -> Result<u64, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse::<u64>().ok());
    value.map(|kibibytes| kibibytes << 10).ok_or_else(|| format!("{file} has no {field}"))
}

/// Returns the processor, the number of its cores, and the memory.
#[must_use]
pub fn description() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut names =
        info.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let name = names.next().unwrap_or("unknown processor");
    let memory = kibibytes("/proc/meminfo", "MemTotal:").unwrap_or_default() as f64 / f64::from(1 << 30);
    format!("{name}, {} cores, {memory:.0} GiB", 1 + names.count())
}

/// Kills a store before it takes the last memory or disk of the machine, and knows the most memory that it had.
pub(crate) struct Guard {
    stop: Arc<AtomicBool>,
    found: Arc<Mutex<Found>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Found {
    peak: u64,
    reason: Option<String>,
}

impl Guard {
    pub(crate) fn start(process: u32, folder: PathBuf) -> Self {
        let (stop, found) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Found>>::default());
        let (stopped, shared) = (Arc::clone(&stop), Arc::clone(&found));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let memory = resident(process).unwrap_or_default();
                let reason = shortage(&folder);
                let mut found = shared.lock().expect("nobody panics with this lock");
                found.peak = found.peak.max(memory);
                if reason.is_some() {
                    found.reason = reason;
                    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
                        let _ = kill_process(process, Signal::KILL);
                    }
                    return;
                }
                drop(found);
                thread::sleep(INTERVAL);
            }
        });
        Self { stop, found, thread: Some(thread) }
    }

    /// Returns the most bytes of memory that the process has had.
    pub(crate) fn peak(&self) -> u64 {
        self.found.lock().expect("nobody panics with this lock").peak
    }

    /// Returns the reason why the process was killed.
    pub(crate) fn reason(&self) -> Option<String> {
        self.found.lock().expect("nobody panics with this lock").reason.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn shortage(folder: &Path) -> Option<String> {
    let mebibytes = |bytes: u64| bytes >> 20;
    match (free_memory(), free_disk(folder)) {
        (Ok(free), _) if free < MEMORY_LEFT => {
            Some(format!("the store was killed: only {} MiB of memory were left", mebibytes(free)))
        }
        (_, Ok(free)) if free < DISK_LEFT => {
            Some(format!("the store was killed: only {} MiB of disk were left", mebibytes(free)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_disk_are_known() {
        let folder = std::env::temp_dir();
        assert!(free_memory().unwrap() > 0 && free_disk(&folder).unwrap() > 0);
        assert!(resident(std::process::id()).unwrap() > 1 << 20);
        assert!(description().ends_with(" GiB"), "{}", description());
    }
}
