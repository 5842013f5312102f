//! The requests that a store has, from its raw samples.
//!
//! A counter starts again with each life of an instance. A decrease shows that only if the new count is below the old one
//! at the first scrape, so samples belong to the life that `process_start_time_seconds` of the same scrape tells. Several
//! agents scrape a life: the largest count that one of them has seen is that of the store.

use std::collections::{BTreeMap, BTreeSet};

use tests::page::Labels;

use crate::counts::{Counts, Outcome, whole};
use crate::instance::{Instance, milliseconds};
use crate::service::Job;
use crate::store::{Series, Store};

/// The label that tells agents apart.
pub const REPLICA: &str = "replica";

/// A life of an instance: the value of its label `instance`, and its start in milliseconds since 1970.
pub type LifeId = (String, u64);

/// The largest difference between a start on the page and in a store, in milliseconds: VictoriaMetrics stores 15 digits.
const START_ERROR: u64 = 100;

/// Returns the requests of each life in a store. Starts of lives that nobody knows are lives too.
#[must_use]
pub fn lives(store: &Store, job: Job, known: &[LifeId]) -> BTreeMap<LifeId, Counts> {
    let samples = |metric: &str| store.samples(&format!("{metric}{{job={:?}}}", job.name()));
    of_samples(&samples("process_start_time_seconds"), &samples(job.requests()), known)
}

fn of_samples(starts: &[Series], requests: &[Series], known: &[LifeId]) -> BTreeMap<LifeId, Counts> {
    let scraped = |labels: &Labels, time| (labels["instance"].clone(), labels.get(REPLICA).cloned(), time);
    let mut lives = BTreeMap::new();
    for Series { labels, samples } in starts {
        for (time, start) in samples {
            let start = milliseconds(*start);
            let is_same = |(name, of): &&LifeId| *name == labels["instance"] && of.abs_diff(start) <= START_ERROR;
            let life = known.iter().find(is_same).map_or(start, |(_, start)| *start);
            lives.insert(scraped(labels, *time), life);
        }
    }
    // The largest count of each series of a life, over all replicas.
    let mut largest: BTreeMap<(Labels, u64), f64> = BTreeMap::new();
    for Series { labels, samples } in requests {
        let mut once = labels.clone();
        once.remove(REPLICA);
        for (time, count) in samples {
            if let Some(life) = lives.get(&scraped(labels, *time)) {
                let found = largest.entry((once.clone(), *life)).or_default();
                *found = found.max(*count);
            }
        }
    }
    let ids = lives.into_iter().map(|((instance, _, _), start)| ((instance, start), Counts::default()));
    let mut all: BTreeMap<LifeId, Counts> = ids.collect();
    for ((labels, start), count) in largest {
        let counts = all.get_mut(&(labels["instance"].clone(), start)).expect("the life has a start");
        counts[Outcome::of_series(&labels)] += whole(count);
    }
    all
}

/// Returns the requests of the current life of an instance in a store, by the last scrapes of all agents. Returns `None` if no scrape of
/// it is there.
#[must_use]
pub fn of_current_life(instance: &Instance, store: &Store) -> Option<Counts> {
    let (name, start) = (instance.name(), instance.life().start as f64 / 1000.0 - 0.1);
    let life = format!("process_start_time_seconds{{instance={name:?}}} > {start}");
    store.value(&life)?;
    let requests = instance.job.requests();
    let query = format!("max without (replica) ({requests}{{instance={name:?}}} and on (instance, replica) {life})");
    let mut counts = Counts::default();
    for (labels, value) in store.query(&query).ok()? {
        counts[Outcome::of_series(&labels)] += whole(value);
    }
    Some(counts)
}

/// Returns the scrapes within a time: instance, replica and time of each.
#[must_use]
pub fn scrapes(store: &Store, from: u64, to: u64) -> BTreeSet<(String, String, u64)> {
    let all = store.samples("up").into_iter().flat_map(|series| {
        let label = |name: &str| series.labels.get(name).cloned().unwrap_or_default();
        let (instance, replica) = (label("instance"), label(REPLICA));
        let times = series.samples.into_iter().map(|(time, _)| time).filter(move |time| (from..=to).contains(time));
        times.map(move |time| (instance.clone(), replica.clone(), time)).collect::<Vec<_>>()
    });
    all.collect()
}

#[cfg(test)]
mod test {
    use super::*;

    fn series(labels: &[(&str, &str)], samples: &[(u64, f64)]) -> Series {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Series { labels: labels.collect(), samples: samples.to_vec() }
    }

    #[test]
    fn a_restart_counts_even_if_the_counter_does_not_fall() {
        let (a, b) = ([("instance", "i"), ("replica", "a")], [("instance", "i"), ("replica", "b")]);
        let with = |labels: [(&'static str, &'static str); 2], status| [labels[0], labels[1], ("status", status)];
        let starts =
            [series(&a, &[(10, 1.0), (20, 1.0), (40, 2.000_04)]), series(&b, &[(15, 1.0), (25, 1.0), (45, 2.000_04)])];
        let requests = [
            series(&with(a, "200"), &[(10, 3.0), (20, 5.0), (40, 6.0)]),
            // This agent has seen one more request of the first life.
            series(&with(b, "200"), &[(15, 4.0), (25, 6.0), (45, 7.0)]),
            series(&with(b, "404"), &[(45, 1.0)]),
        ];
        let known = [("i".to_owned(), 1000), ("i".to_owned(), 2000)];
        let lives = of_samples(&starts, &requests, &known);
        let counts = known.map(|life| lives[&life]).map(|counts| (counts[Outcome::Success], counts[Outcome::Refused]));
        assert_eq!((lives.len(), counts), (2, [(6, 0), (7, 1)]));
    }

    #[test]
    fn a_life_that_nobody_knows_is_found() {
        let lives = of_samples(&[series(&[("instance", "i")], &[(10, 5.0)])], &[], &[("i".to_owned(), 1000)]);
        assert_eq!(lives.into_keys().collect::<Vec<_>>(), [("i".to_owned(), 5000)]);
    }
}
