//! The bounds of a flood, and its row in the table.

use std::fmt;
use std::fs;
use std::time::Duration;

use crate::Scenario;
use crate::scraper::{Scraped, Scrapes};
use crate::service::{COLLECTORS, Place};
use crate::watch::Size;

/// The pages in memory: eight that are read, one that is written, and its encoding.
const PAGES: u64 = 10;

/// The connections of the server on a separate address.
const CONNECTIONS: u64 = 512;

/// The memory of a connection, with the part of a page that waits for its client: 64 KiB at most.
const CONNECTION_BYTES: u64 = 128 << 10;

/// The memory of the rest of the process.
const SLACK_BYTES: u64 = 64 << 20;

/// The freed memory that the allocator keeps for each connection, which differs from flood to flood. It also keeps that
/// of pages, because glibc does not return memory below another allocation.
const KEPT_BYTES: u64 = 16 << 10;

pub(crate) const HEADER: &str = "\
| page | series | page size | connections | honest scrapes | median / longest | threads, idle / peak | pages in writing | \
memory at start / idle / peak / after | idle after |\n|---|---|---|---|---|---|---|---|---|---|";

pub(crate) struct Figures {
    /// The size of the page in bytes.
    pub(crate) page: u64,
    /// The size before all floods, and that after a flood of another route.
    pub(crate) start: Size,
    pub(crate) idle: Size,
    pub(crate) peak: Size,
    /// The size after the flood, and the time after which it was reached.
    pub(crate) recovered: (Size, Duration),
    pub(crate) honest: Scrapes,
    /// A scrape after the flood.
    pub(crate) after: Scraped,
}

pub(crate) struct Report {
    pub(crate) scenario: Scenario,
    pub(crate) figures: Figures,
}

impl Scenario {
    /// Returns `true` if the process has its idle size again.
    pub(crate) fn is_idle(&self, now: &Size, idle: &Size, page: u64) -> bool {
        let kept = PAGES * page + self.open_connections() * KEPT_BYTES + SLACK_BYTES;
        now.threads <= idle.threads && now.resident_bytes <= idle.resident_bytes + kept
    }

    /// Returns the largest number of connections that the server keeps open.
    fn open_connections(&self) -> u64 {
        let connections = self.connections as u64;
        match self.place {
            Place::Router => connections,
            Place::Separate => connections.min(CONNECTIONS),
        }
    }
}

impl Report {
    /// Returns the bounds that do not hold.
    pub(crate) fn problems(&self) -> Vec<String> {
        let Figures { page, start, idle, peak, recovered, honest, .. } = &self.figures;
        let connections = self.scenario.open_connections();
        let mut problems = Vec::new();
        let mut check = |what: &str, found: u64, bound: u64| {
            if found > bound {
                problems.push(format!("{what}: {found}, more than {bound}"));
            }
        };
        // A thread that ends may overlap with the next one.
        check("threads", peak.threads, idle.threads + 2 * (1 + COLLECTORS));
        // A thread that has just been started for a collector still has the name of the one that starts it.
        check("pages in writing", peak.writers, 1 + COLLECTORS);
        // The server of the application keeps those that clients have closed until it notices.
        if self.scenario.place == Place::Separate {
            // Connections that are being closed, and the one that was accepted last.
            check("open files", peak.open_files, idle.open_files + connections + 64);
        }
        let memory = PAGES * page + connections * CONNECTION_BYTES + SLACK_BYTES;
        check("bytes of memory", peak.resident_bytes, start.resident_bytes + memory);
        if !self.scenario.is_idle(&recovered.0, idle, *page) {
            problems.push(format!("not back to its idle size: {:?}, which was {idle:?}", recovered.0));
        }
        // Others may fail for lack of processor time, which must not fail the run.
        if honest.took.is_empty() {
            problems.extend(honest.problems.iter().map(|problem| format!("no honest scrape has a page: {problem}")));
        }
        let Scenario { place, series, .. } = self.scenario;
        problems.into_iter().map(|problem| format!("{place}, {series} series: {problem}")).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scenario { place, series, connections, .. } = self.scenario;
        let Figures { page, start, idle, peak, recovered, honest, after } = &self.figures;
        let mut took = honest.took.clone();
        took.sort_unstable();
        let millis = |took: Option<&Duration>| took.map_or(0, Duration::as_millis);
        let (median, longest) = (millis(took.get(took.len() / 2)), millis(took.last()));
        let (answered, all) = (took.len(), took.len() + honest.problems.len());
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let size = if *page < 1 << 20 {
            format!("{} KiB", page >> 10)
        } else {
            format!("{:.1} MiB", *page as f64 / 1_048_576.0)
        };
        write!(
            f,
            "| {place} | {series} | {size} | {connections} | {answered} of {all} | {median} / {longest} ms (quiet: {} ms) \
             | {} / {} | {} | {} / {} / {} / {} MiB | {:.1} s |",
            after.took.as_millis(),
            idle.threads,
            peak.threads,
            peak.writers,
            mib(start.resident_bytes),
            mib(idle.resident_bytes),
            mib(peak.resident_bytes),
            mib(recovered.0.resident_bytes),
            recovered.1.as_secs_f64(),
        )?;
        write!(f, "\nlongest: {}", honest.longest)?;
        honest.problems.iter().try_for_each(|problem| write!(f, "\nwithout a page: {problem}"))
    }
}

/// Returns the processor's name, family and model, and the number of cores.
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let lines = info.lines().filter_map(|line| line.split_once(':'));
        lines
            .map(|(key, value)| (key.trim(), value.trim()))
            .find(|(key, _)| *key == name)
            .map_or("?", |(_, value)| value)
    };
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("{} (family {}, model {}), {cores} cores", field("model name"), field("cpu family"), field("model"))
}
