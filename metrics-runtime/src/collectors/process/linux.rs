//! Values of `process_*` on Linux, most of them from `/proc/self`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::family::computed::Samples;
use crate::schema::Number;

// Indexes into the descriptors.
const CPU_SECONDS: usize = 0;
const RESIDENT_BYTES: usize = 1;
const VIRTUAL_BYTES: usize = 2;
const VIRTUAL_MAX_BYTES: usize = 3;
const OPEN_FDS: usize = 4;
const MAX_FDS: usize = 5;
const THREADS: usize = 6;
const START_TIME: usize = 7;

const STAT: &str = "/proc/self/stat";

/// More bytes than the file has: 52 numbers, and a program name of 64 bytes.
const STAT_BYTES: usize = 2048;

/// The values that are kept between pages.
#[derive(Debug)]
pub(super) struct Files {
    /// Kept open, so that a process without a free file descriptor still has these values.
    stat: OnceLock<File>,
    /// The start time in seconds since 1970. It is computed once: otherwise a change of the machine's clock would look
    /// like a restart of the process, and alerts would fire.
    start_time: OnceLock<f64>,
}

impl Default for Files {
    fn default() -> Self {
        let files = Self { stat: OnceLock::new(), start_time: OnceLock::new() };
        // Opened, and the start time computed, while there are descriptors.
        if let Some(stat) = files.read_stat().ok().and_then(|text| Stat::parse(&text)) {
            files.start_time(&stat);
        }
        files
    }
}

impl Files {
    /// Adds the current samples.
    pub(super) fn compute(&self, samples: &mut Samples) {
        let mut add = |family, number| samples.add(family, &[], number);
        add(CPU_SECONDS, Number::Float(seconds(clock_gettime(ClockId::ProcessCPUTime))));
        add(VIRTUAL_MAX_BYTES, limit(Resource::As));
        add(MAX_FDS, limit(Resource::Nofile));
        let stat = self.read_stat();
        if let Some(stat) = stat.as_ref().ok().and_then(|text| Stat::parse(text)) {
            add(RESIDENT_BYTES, Number::Whole(stat.resident_pages.saturating_mul(rustix::param::page_size() as u64)));
            add(VIRTUAL_BYTES, Number::Whole(stat.virtual_bytes));
            add(THREADS, Number::Whole(stat.threads));
            add(START_TIME, Number::Float(self.start_time(&stat)));
        } else if let Some(start_time) = self.start_time.get() {
            add(START_TIME, Number::Float(*start_time));
        }
        let open = open_fds();
        if let Ok(open) = open {
            add(OPEN_FDS, Number::Whole(open));
        }
        for (what, error) in [("memory and threads", stat.err()), ("open file descriptors", open.err())] {
            if error.is_some_and(|error| is_exhausted(&error)) {
                samples.unreadable(format!("{what} of the process: no file descriptor is free"));
            }
        }
    }

    fn start_time(&self, stat: &Stat) -> f64 {
        *self.start_time.get_or_init(|| stat.start_time())
    }

    fn read_stat(&self) -> io::Result<String> {
        let file = match self.stat.get() {
            Some(file) => file,
            None => {
                let opened = File::open(STAT)?;
                self.stat.get_or_init(|| opened)
            }
        };
        let mut bytes = vec![0; STAT_BYTES];
        let read = file.read_at(&mut bytes, 0).unwrap_or(0);
        // After a fork the file is that of the parent.
        if !bytes[..read].starts_with(format!("{} ", std::process::id()).as_bytes()) {
            bytes = fs::read(STAT)?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Returns `true` if a file cannot be opened because the process or the machine has too many open ones.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// The fields of `/proc/self/stat` that are read. See `proc_pid_stat(5)`.
#[derive(Debug, PartialEq)]
struct Stat {
    threads: u64,
    /// Ticks from the boot of the machine to the start of the process.
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the name of the program in parentheses. The name can contain any character.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // The first field of `rest` is number 3 in the manual page.
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Self {
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }

    /// Returns the start time of the process in seconds since 1970. It is computed from two clocks, because the boot
    /// time in `/proc/stat` is truncated to whole seconds.
    fn start_time(&self) -> f64 {
        let since_boot = self.start_ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        let age = seconds(clock_gettime(ClockId::Boottime)) - since_boot;
        seconds(clock_gettime(ClockId::Realtime)) - age
    }
}

fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Returns the soft limit, or 2^64 - 1 if there is none, as the kernel and `client_golang` do.
fn limit(resource: Resource) -> Number {
    Number::Whole(getrlimit(resource).current.unwrap_or(u64::MAX))
}

fn open_fds() -> io::Result<u64> {
    // Since Linux 6.2 the size of the directory is the number of its entries. Listing 100,000 entries would be slow.
    let size = fs::metadata("/proc/self/fd")?.len();
    if size > 0 { Ok(size) } else { count_listed_fds() }
}

fn count_listed_fds() -> io::Result<u64> {
    let listed = fs::read_dir("/proc/self/fd")?.count() as u64;
    // Listing the directory opens one descriptor.
    Ok(listed.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_that_looks_like_fields_is_skipped() {
        let text = "7 (a) R 1 (b 2) S 1 7 7 0 -1 4194560 100 0 0 0 14 15 0 0 20 0 9 0 8000 2097152 300 1 2 3";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(stat, Stat { threads: 9, start_ticks: 8000, virtual_bytes: 2_097_152, resident_pages: 300 });
        for broken in ["", "7 (a", "7 (a) S 1 2", "7 (a) S 1 7 7 0 -1 4194560 100 0 0 0 14 15 0 0 20 0 x 0 8000 1 2"] {
            assert_eq!(Stat::parse(broken), None, "{broken:?}");
        }
    }
}
