//! One simulation: a fleet of some size in one store.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::agree;
use crate::dashboards::{self, Timed};
use crate::fleet::Fleet;
use crate::message::JOB;
use crate::options::Options;
use crate::replay::{self, Replayed};
use crate::service::{Panel, Rule};
use crate::store::{Kind, Range, Store};
use crate::sums::{self, Compared};
use crate::writer::{self, CONNECTIONS, Written};

/// The documents that all simulations use.
pub(crate) struct Documents {
    pub(crate) raw: Vec<Panel>,
    pub(crate) fleet: Vec<Panel>,
    pub(crate) rules: Vec<Rule>,
}

/// The figures of one simulation.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) kind: Kind,
    pub(crate) version: String,
    pub(crate) instances: u32,
    pub(crate) series: u64,
    pub(crate) written: Written,
    /// The most resident bytes while samples were written, and until the end, without those of the empty store.
    pub(crate) memory: [u64; 2],
    /// The resident bytes of the empty store.
    pub(crate) idle: u64,
    pub(crate) disk: u64,
    /// Sums in the store and in the fleet.
    pub(crate) compared: Compared,
    /// Panels over raw series and over the rules.
    pub(crate) agreed: Compared,
    pub(crate) replayed: Replayed,
    pub(crate) raw: Vec<Timed>,
    pub(crate) fleet: Vec<Timed>,
    /// The time of everything.
    pub(crate) took: Duration,
}

/// The seconds between two evaluations of rules.
const EVALUATION: u64 = 60;

/// The seconds at the end of the time that rules are evaluated for and panels show. More of them would take most of the
/// time of a simulation, and tell nothing else.
const SHOWN: u64 = 15 * 60;

/// Simulates a fleet. Returns `None` if the store is not installed.
///
/// # Errors
/// Returns the first thing that fails, with the reason.
pub(crate) fn measure(
    kind: Kind,
    options: &Options,
    instances: u32,
    documents: &Documents,
) -> Result<Option<Measured>, String> {
    let started = Instant::now();
    let Some(store) = Store::start(kind) else { return Ok(None) };
    let store = store?;
    let mut fleet = Fleet::new(options, instances, end(), CONNECTIONS);
    let title = format!("{}, {instances} instances", kind.name());
    let tenth = (fleet.scrapes / 10).max(1);
    let written = writer::write(&mut fleet, &store, |scrape| {
        if scrape % tenth == 0 {
            eprintln!("{title}: {scrape} scrapes after {:.0} s", started.elapsed().as_secs_f64());
        }
    })?;
    let memory = store.memory();
    let disk = store.disk();
    let mut compared = sums::compare(&fleet, &store)?;
    compared.merge(count(&fleet, &store)?);
    eprintln!("{title}: sums compared after {:.0} s", started.elapsed().as_secs_f64());
    let (first, last) = (fleet.clock.at(0), fleet.clock.at(fleet.last()));
    let from = first.max(last - SHOWN);
    let replayed = replay::replay(&store, &documents.rules, Range { from, to: last, step: EVALUATION })?;
    eprintln!("{title}: rules evaluated after {:.0} s", started.elapsed().as_secs_f64());
    let agreed = agree::compare(&store, &documents.raw, &documents.fleet, last)?;
    let range = Range { from, to: last, step: fleet.clock.interval };
    let raw = dashboards::time(&store, &documents.raw, range, options.repetitions);
    let over_rules = dashboards::time(&store, &documents.fleet, range, options.repetitions);
    eprintln!("{title}: dashboards drawn after {:.0} s", started.elapsed().as_secs_f64());
    Ok(Some(Measured {
        kind,
        version: store.version(),
        instances,
        series: fleet.series(),
        written,
        memory: [memory, store.memory()],
        idle: store.idle(),
        disk,
        compared,
        agreed,
        replayed,
        raw,
        fleet: over_rules,
        took: started.elapsed(),
    }))
}

/// Returns the time of the last scrape. Evaluations are at whole minutes. Nothing is younger than a store's queries see.
fn end() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    (now / EVALUATION - 1) * EVALUATION
}

/// Compares the number of all series after the last scrape.
fn count(fleet: &Fleet, store: &Store) -> Result<Compared, String> {
    let expected: u64 = fleet.totals().iter().map(|total| total.instances).sum::<u64>() * u64::from(fleet.replicas);
    let query = format!("count({{job=\"{JOB}\"}})");
    let found = store.query(&query, Range::instant(fleet.clock.at(fleet.last())))?;
    let found = found.first().and_then(|(_, samples)| Some(samples.first()?.1));
    let mut compared = Compared::default();
    if found == Some(expected as f64) {
        compared.equal = 1;
    } else {
        compared.different.push(format!("{query}: expected {expected}, found {found:?}"));
    }
    Ok(compared)
}
