//! The plan of an instance: its upgrade, restarts and faults, in numbers of scrapes.

use crate::layout::Series;
use crate::random::Random;

/// The share of instances that break and stay broken.
const BROKEN: f64 = 0.01;

/// The share of instances that restart once, beside the upgrade.
const RESTARTED: f64 = 0.05;

/// The plan of an instance. A process that is down for a scrape has just started at the next one.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// The scrape that finds the process replaced by one of the new version.
    pub(crate) upgrade: u32,
    /// A scrape that finds the process down.
    pub(crate) restart: Option<u32>,
    /// The first scrape of the broken instance.
    pub(crate) broken: Option<u32>,
}

impl Life {
    /// Plans the life of the instance of this number, over so many scrapes. Instances are upgraded one after the other in
    /// the middle third of the time.
    pub(crate) fn plan(instance: u32, instances: u32, scrapes: u32, random: &mut Random) -> Self {
        let whole = f64::from(scrapes);
        let scrape = |part: f64| (part * whole) as u32;
        let upgrade = scrape((1.0 + f64::from(instance) / f64::from(instances)) / 3.0).max(1);
        let restarts = random.unit() < RESTARTED;
        let restart = scrape(random.between(0.1, 0.9)).max(1);
        let breaks = scrape(random.between(0.1, 0.6)).max(1);
        // Spread evenly, and one of a small fleet.
        let is_broken = instance % (1.0 / BROKEN) as u32 == 7;
        // The scrape after one that found the process down finds it up.
        let is_apart = restart.abs_diff(upgrade) > 1;
        Self { upgrade, restart: (restarts && is_apart).then_some(restart), broken: is_broken.then_some(breaks) }
    }

    /// Returns `true` if this scrape finds the process down.
    pub(crate) fn is_down(&self, scrape: u32) -> bool {
        scrape == self.upgrade || self.restart == Some(scrape)
    }

    /// Returns `true` if this scrape finds a process that has just started.
    pub(crate) fn has_started(&self, scrape: u32) -> bool {
        scrape.checked_sub(1).is_some_and(|before| self.is_down(before))
    }

    /// Returns the index of the version of the process.
    pub(crate) fn version(&self, scrape: u32) -> usize {
        usize::from(scrape > self.upgrade)
    }

    /// Returns `true` if the instance is broken.
    pub(crate) fn is_broken(&self, scrape: u32) -> bool {
        self.broken.is_some_and(|first| first <= scrape)
    }

    /// Returns `true` if the instance has had a series until this scrape.
    pub(crate) fn has(&self, series: &Series, scrape: u32) -> bool {
        series.model(self.is_broken(scrape)).is_some()
    }
}
