//! All instances, and what they have counted.

use crate::instance::{Clock, Instance};
use crate::layout::Layout;
use crate::life::Life;
use crate::options::Options;

/// The fleet of a simulation.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) layout: Layout,
    pub(crate) clock: Clock,
    pub(crate) scrapes: u32,
    pub(crate) replicas: u8,
    /// The instances of each of the threads that write them.
    pub(crate) parts: Vec<Part>,
}

/// Some of the instances.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) instances: Vec<Instance>,
    /// The growth of the counters of each series of the layout since the first scrape.
    pub(crate) events: Vec<f64>,
}

/// The fleet's own numbers of a series of the layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Total {
    /// The instances that have the series.
    pub(crate) instances: u64,
    /// The sum of its values.
    pub(crate) sum: f64,
    /// The growth of its counters since the first scrape, in all processes.
    pub(crate) events: f64,
}

impl Fleet {
    /// Creates the fleet before its first scrape. The last scrape is at `end`, in seconds since 1970.
    pub(crate) fn new(options: &Options, instances: u32, end: u64, parts: usize) -> Self {
        let layout = Layout::new();
        let scrapes = options.scrapes();
        let interval = options.interval.as_secs();
        let clock = Clock { start: end - u64::from(scrapes - 1) * interval, interval };
        let mut fleet = Self { layout, clock, scrapes, replicas: options.replicas, parts: Vec::new() };
        let first = u32::try_from(parts).unwrap_or(u32::MAX);
        for part in 0..first {
            let numbers = (part..instances).step_by(parts);
            let instances = numbers.map(|number| {
                let plan = |random: &mut _| Life::plan(number, instances, scrapes, random);
                Instance::new(number, &fleet.layout, plan, options.seed)
            });
            let (instances, events) = (instances.collect(), vec![0.0; fleet.layout.series.len()]);
            fleet.parts.push(Part { instances, events });
        }
        fleet
    }

    /// Returns the index of the last scrape.
    pub(crate) fn last(&self) -> u32 {
        self.scrapes - 1
    }

    /// Returns the numbers of each series of the layout after the last scrape.
    pub(crate) fn totals(&self) -> Vec<Total> {
        let totals = (0..self.layout.series.len()).map(|i| {
            let all = self.parts.iter().flat_map(|part| &part.instances);
            let present = all.filter_map(|instance| instance.sample(&self.layout, i, self.last()));
            let present: Vec<f64> = present.filter(|value| !value.is_nan()).collect();
            let events = self.parts.iter().map(|part| part.events[i]).sum();
            Total { instances: present.len() as u64, sum: present.iter().sum(), events }
        });
        totals.collect()
    }

    /// Returns the number of series that were written until the last scrape: a new version has a series of its own.
    pub(crate) fn series(&self) -> u64 {
        let series = self.parts.iter().flat_map(|part| &part.instances).map(|instance| {
            let written = self.layout.series.iter().filter(|series| instance.life.has(series, self.last()));
            written.map(|series| 1 + u64::from(series.template.has_version())).sum::<u64>()
        });
        series.sum::<u64>() * u64::from(self.replicas)
    }
}

impl Part {
    /// Moves the instances to a scrape, which follows the last one.
    pub(crate) fn advance(&mut self, layout: &Layout, clock: Clock, scrape: u32) {
        for instance in &mut self.instances {
            instance.advance(layout, clock, scrape, &mut self.events);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(seed: u64, parts: usize) -> Vec<Total> {
        let options = Options { seed, ..Options::new(40) };
        let mut fleet = Fleet::new(&options, options.instances, 1_800_000_000, parts);
        for scrape in 0..fleet.scrapes {
            let Fleet { parts, layout, clock, .. } = &mut fleet;
            for part in parts {
                part.advance(layout, *clock, scrape);
            }
        }
        fleet.totals()
    }

    #[test]
    fn a_fleet_depends_on_its_seed_only() {
        let one = fleet(1, 1);
        assert_eq!(one, fleet(1, 2));
        assert_ne!(one, fleet(2, 1));
    }

    #[test]
    fn the_sums_of_a_fleet_are_those_of_its_instances() {
        let layout = Layout::new();
        let totals = fleet(1, 2);
        let of = |name: &str| {
            let found = layout.series.iter().zip(&totals).filter(|(series, _)| series.name == name);
            found.map(|(_, total)| *total).collect::<Vec<_>>()
        };
        assert_eq!(of("up"), [Total { instances: 40, sum: 40.0, events: 0.0 }]);
        // The buckets of a histogram include those before them, and its count is its last bucket.
        let buckets = of("neurectomy_sigmalang_compression_ratio_bucket");
        assert!(buckets.is_sorted_by(|a, b| a.sum <= b.sum && a.events <= b.events), "{buckets:?}");
        let count = of("neurectomy_sigmalang_compression_ratio_count");
        assert_eq!(buckets.last(), count.first());
        assert!(count[0].sum > 0.0 && count[0].events > 0.0);
        // An upgrade makes the counters begin again.
        assert!(count[0].sum < count[0].events + 1.5 * 86_400.0 * 40.0 * 20.0);
        // One instance is broken.
        let open = of("neurectomy_circuit_breaker_state");
        assert_eq!(open.iter().map(|total| total.sum).sum::<f64>(), 1.0);
    }
}
