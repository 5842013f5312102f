//! The state of one instance.

use crate::layout::{Layout, Model};
use crate::life::Life;
use crate::message::{Identity, STALE, Time};
use crate::random::Random;

/// The longest time that a process has run before the first scrape, in seconds.
const UPTIME: f64 = 86_400.0;

/// The clock of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// The time of the first scrape, in seconds since 1970.
    pub(crate) start: u64,
    /// The time between two scrapes, in seconds.
    pub(crate) interval: u64,
}

impl Clock {
    /// Returns the time of a scrape in seconds since 1970.
    pub(crate) fn at(&self, scrape: u32) -> u64 {
        self.start + u64::from(scrape) * self.interval
    }
}

/// One instance.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) life: Life,
    pub(crate) identity: Identity,
    random: Random,
    /// The requests in relation to those of other instances.
    load: f64,
    /// The value of each series of the layout.
    pub(crate) values: Vec<f64>,
    started: f64,
    broke: f64,
}

impl Instance {
    pub(crate) fn new(number: u32, layout: &Layout, life: impl FnOnce(&mut Random) -> Life, seed: u64) -> Self {
        let mut random = Random::of(seed, u64::from(number));
        let life = life(&mut random);
        let load = random.between(0.5, 1.5);
        let values = vec![0.0; layout.series.len()];
        Self { life, identity: Identity::of(number), random, load, values, started: 0.0, broke: 0.0 }
    }

    /// Moves the instance to a scrape, which follows the last one. Adds to `events` by how much the counters of each series
    /// have grown within the process that the scrape finds.
    pub(crate) fn advance(&mut self, layout: &Layout, clock: Clock, scrape: u32, events: &mut [f64]) {
        let now = clock.at(scrape) as f64;
        if self.life.broken == Some(scrape) {
            self.broke = now;
        }
        if scrape == 0 {
            let uptime = self.random.between(0.0, UPTIME).floor();
            self.started = now - uptime;
            self.grow(layout, scrape, uptime, None);
        } else if self.life.is_down(scrape) {
            // Events after the last scrape of a process are lost, so it has none.
        } else if self.life.has_started(scrape) {
            self.values.fill(0.0);
            self.started = now;
            self.grow(layout, scrape, 0.0, None);
        } else {
            self.grow(layout, scrape, clock.interval as f64, Some(events));
        }
    }

    fn grow(&mut self, layout: &Layout, scrape: u32, seconds: f64, mut events: Option<&mut [f64]>) {
        let is_broken = self.life.is_broken(scrape);
        let seconds = seconds * self.load * self.random.between(0.8, 1.2);
        let [mut count, mut sum] = [0.0; 2];
        for (i, series) in layout.series.iter().enumerate() {
            let Some(model) = series.model(is_broken) else { continue };
            let grown = match model {
                Model::Counter { a_second, unit } => self.random.events(a_second * seconds) * unit,
                Model::Bucket { a_second, value, first } => {
                    if first {
                        [count, sum] = [0.0; 2];
                    }
                    let own = self.random.events(a_second * seconds);
                    count += own;
                    sum += own * value;
                    count
                }
                Model::Sum => sum,
                Model::Count => count,
                other => {
                    self.values[i] = self.gauge(other);
                    continue;
                }
            };
            self.values[i] += grown;
            if let Some(events) = &mut events {
                events[i] += grown;
            }
        }
    }

    fn gauge(&mut self, model: Model) -> f64 {
        match model {
            Model::Constant(value) => value,
            Model::Gauge(mean) => (mean * self.random.between(0.75, 1.25)).round(),
            Model::Started => self.started,
            Model::Broke => self.broke,
            _ => 0.0,
        }
    }

    /// Returns the value of a series as an agent writes it after a scrape: `None` if there is no such series, and a stale
    /// marker if the last page had it and this scrape finds no page.
    pub(crate) fn sample(&self, layout: &Layout, i: usize, scrape: u32) -> Option<f64> {
        let is_down = self.life.is_down(scrape);
        let is_broken = self.life.is_broken(scrape);
        let on_page = |is_broken| layout.on_page(is_broken) as f64;
        let series = &layout.series[i];
        match series.broken {
            Model::Up => Some(f64::from(u8::from(!is_down))),
            Model::Scraped => Some(if is_down { 0.0 } else { on_page(is_broken) }),
            Model::Added if is_down => Some(0.0),
            Model::Added if scrape == 0 || self.life.has_started(scrape) => Some(on_page(is_broken)),
            Model::Added if self.life.broken == Some(scrape) => Some(on_page(true) - on_page(false)),
            Model::Added => Some(0.0),
            Model::Took(seconds) => Some(seconds),
            _ if is_down => {
                let was_broken = scrape > 0 && self.life.is_broken(scrape - 1);
                series.model(was_broken).map(|_| STALE)
            }
            _ => series.model(is_broken).map(|_| self.values[i]),
        }
    }

    /// Appends the messages of a scrape, as all agents send them. Returns their number.
    pub(crate) fn write(&self, layout: &Layout, scrape: u32, time: Time, replicas: u8, out: &mut Vec<u8>) -> u64 {
        let version = self.life.version(scrape);
        let mut written = 0;
        for (i, series) in layout.series.iter().enumerate() {
            let Some(value) = self.sample(layout, i, scrape) else { continue };
            for replica in 0..usize::from(replicas) {
                series.template.write(out, &self.identity.with(version, replica), value, time);
                written += 1;
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock { start: 1_800_000_000, interval: 30 };

    /// Returns the values of a series after each scrape.
    fn samples(life: &Life, name: &str, scrapes: u32) -> Vec<Option<f64>> {
        let layout = Layout::new();
        let mut instance = Instance::new(1, &layout, |_| life.clone(), 1);
        let mut events = vec![0.0; layout.series.len()];
        let i = layout.series.iter().position(|series| series.name == name).unwrap();
        let samples = (0..scrapes).map(|scrape| {
            instance.advance(&layout, CLOCK, scrape, &mut events);
            instance.sample(&layout, i, scrape)
        });
        samples.collect()
    }

    const TOKENS: &str = "neurectomy_tokens_generated_total";

    #[test]
    fn a_restart_ends_all_series_and_begins_them_at_zero() {
        let life = Life { upgrade: 5, restart: Some(2), broken: None };
        let found = samples(&life, TOKENS, 8);
        let stale = |sample: &Option<f64>| sample.is_some_and(|value| value.to_bits() == STALE.to_bits());
        let is_stale: Vec<bool> = found.iter().map(stale).collect();
        assert_eq!(is_stale, [false, false, true, false, false, true, false, false], "{found:?}");
        assert!(found[0] < found[1] && found[3] < found[4], "{found:?}");
        assert_eq!((found[3], found[6]), (Some(0.0), Some(0.0)));
        assert_eq!(samples(&life, "up", 8), [1, 1, 0, 1, 1, 0, 1, 1].map(|up| Some(f64::from(up))));
        assert_eq!(samples(&life, "process_start_time_seconds", 8)[6], Some(CLOCK.at(6) as f64));
    }

    #[test]
    fn events_are_what_counters_have_grown_by_in_all_processes() {
        let life = Life { upgrade: 5, restart: Some(2), broken: Some(1) };
        let layout = Layout::new();
        let mut instance = Instance::new(1, &layout, |_| life, 1);
        let mut events = vec![0.0; layout.series.len()];
        let mut seen = events.clone();
        let mut last: Vec<Option<f64>> = vec![None; events.len()];
        for scrape in 0..9 {
            instance.advance(&layout, CLOCK, scrape, &mut events);
            for (i, series) in layout.series.iter().enumerate().filter(|(_, series)| series.counts) {
                let sample = instance.sample(&layout, i, scrape).filter(|value| !value.is_nan());
                let Some(value) = sample else { continue };
                // A counter that goes back began again at zero. One that no page has had began at zero too.
                let before = last[i].filter(|before| *before <= value).unwrap_or(0.0);
                if scrape > 0 {
                    seen[i] += value - before;
                }
                assert!(value >= before, "{}", series.name);
                last[i] = Some(value);
            }
        }
        assert_eq!(events, seen);
        assert!(events.iter().sum::<f64>() > 1000.0);
    }

    #[test]
    fn a_broken_instance_has_series_and_errors_that_others_do_not_have() {
        let state = "neurectomy_circuit_breaker_state";
        let life = Life { upgrade: 9, restart: None, broken: Some(2) };
        assert_eq!(samples(&life, state, 4), [0, 0, 1, 1].map(|state| Some(f64::from(state))));
        let added = samples(&life, "scrape_series_added", 4);
        assert!(added[1] == Some(0.0) && added[2] > Some(0.0) && added[3] == Some(0.0), "{added:?}");
        let broke = samples(&life, "neurectomy_circuit_breaker_last_transition_timestamp_seconds", 4);
        assert_eq!(broke[3], Some(CLOCK.at(2) as f64));
    }
}
