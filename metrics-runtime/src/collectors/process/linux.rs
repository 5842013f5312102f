//! What Linux says, most of it in `/proc/self`.

use std::fs;
use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::family::computed::Samples;
use crate::schema::Number;

const CPU: usize = 0;
const RESIDENT: usize = 1;
const VIRTUAL: usize = 2;
const VIRTUAL_MAX: usize = 3;
const OPEN_FDS: usize = 4;
const MAX_FDS: usize = 5;
const THREADS: usize = 6;
const START: usize = 7;

/// `begun` is worked out once: the clock of the machine may be set, and a process that seems to have started again is an
/// alert.
pub(super) fn compute(begun: &OnceLock<f64>, samples: &mut Samples) {
    let mut add = |family, number| samples.add(family, &[], number);
    add(CPU, Number::Float(seconds(clock_gettime(ClockId::ProcessCPUTime))));
    add(VIRTUAL_MAX, limit(Resource::As));
    add(MAX_FDS, limit(Resource::Nofile));
    if let Some(open) = open_fds() {
        add(OPEN_FDS, Number::Whole(open));
    }
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text)) {
        add(RESIDENT, Number::Whole(stat.resident_pages.saturating_mul(rustix::param::page_size() as u64)));
        add(VIRTUAL, Number::Whole(stat.virtual_bytes));
        add(THREADS, Number::Whole(stat.threads));
        add(START, Number::Float(*begun.get_or_init(|| stat.start())));
    }
}

/// What is asked of `/proc/self/stat`; see `proc_pid_stat(5)`.
#[derive(Debug, PartialEq)]
struct Stat {
    threads: u64,
    /// In ticks since the machine started.
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the name of the program in parentheses, with any character in it.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // The first of these is the third of the manual page.
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Self {
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }

    /// In seconds since 1970. Both clocks are read now: the time of boot in `/proc/stat` is cut to whole seconds.
    fn start(&self) -> f64 {
        let since_boot = self.start_ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        let age = seconds(clock_gettime(ClockId::Boottime)) - since_boot;
        seconds(clock_gettime(ClockId::Realtime)) - age
    }
}

fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// No limit is the largest number, which is what the kernel says and `client_golang` shows.
fn limit(resource: Resource) -> Number {
    Number::Whole(getrlimit(resource).current.unwrap_or(u64::MAX))
}

fn open_fds() -> Option<u64> {
    // Since Linux 6.2 the size of the folder is their number; a list of a hundred thousand takes its time.
    let size = fs::metadata("/proc/self/fd").ok()?.len();
    if size > 0 { Some(size) } else { listed_fds() }
}

fn listed_fds() -> Option<u64> {
    let listed = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    // The list is read through one of them.
    Some(listed.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_may_look_like_fields() {
        let text = "7 (a) R 1 (b 2) S 1 7 7 0 -1 4194560 100 0 0 0 14 15 0 0 20 0 9 0 8000 2097152 300 1 2 3";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(stat, Stat { threads: 9, start_ticks: 8000, virtual_bytes: 2_097_152, resident_pages: 300 });
        for broken in ["", "7 (a", "7 (a) S 1 2", "7 (a) S 1 7 7 0 -1 4194560 100 0 0 0 14 15 0 0 20 0 x 0 8000 1 2"] {
            assert_eq!(Stat::parse(broken), None, "{broken:?}");
        }
    }
}
