//! Thousands of simulated instances of Neurectomy, which write into real stores faster than time passes.
//!
//! - `options`: the command line
//! - `pages`: two pages of the real service; `layout`: its series and their behaviour; `message`: their messages
//! - `random`, `life`, `instance`, `fleet`: the state of all instances, and its sums
//! - `machine`: the memory and the disk that are left; `store`: a store that writes and queries go to
//! - `writer`: remote write; `replay`: the recording rules over past data
//! - `sums`: sums in the store and in the fleet; `agree`: panels over raw series and over the rules; `dashboards`: the time
//!   of all queries
//! - `service`: the binary of Neurectomy, which writes the dashboards and the rules
//! - `measure`: one simulation; `fit`: the largest that fits, and what a larger one would need; `report`: the tables
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of scrapes, instances and bytes are far below the ends of their types"
)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::float_cmp, reason = "sums are exact, and a failure fails the test")
)]

mod agree;
mod dashboards;
mod fit;
mod fleet;
mod instance;
mod layout;
mod life;
pub mod machine;
mod measure;
mod message;
pub mod options;
mod pages;
mod random;
mod replay;
mod report;
mod service;
mod store;
mod sums;
mod writer;

use std::env;
use std::time::{Duration, Instant};

use crate::fit::{Fit, Need, PILOT};
use crate::machine::{DISK_LEFT, MEMORY_LEFT};
use crate::measure::{Documents, measure};
use crate::options::Options;
use crate::report::Simulated;
pub use crate::service::Neurectomy;
pub use crate::store::Kind;

/// The window of rates in panels over raw series. That of the fleet rules is the same.
const WINDOW: &str = "5m";

/// The result of all simulations.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The tables.
    pub report: String,
    /// The stores that were measured.
    pub stores: Vec<Kind>,
    /// The sums that are equal in all stores.
    pub equal: u64,
    /// The problems that were found.
    pub problems: Vec<String>,
}

/// Simulates a fleet in each store that is installed.
///
/// # Errors
/// Returns an error if a simulation fails.
pub fn run(options: &Options, service: &Neurectomy) -> Result<Outcome, String> {
    let started = Instant::now();
    let documents = Documents {
        raw: service.panels(false, WINDOW)?,
        fleet: service.panels(true, WINDOW)?,
        rules: service.rules()?,
    };
    let mut outcome = Outcome { report: format!("{}\n\n", machine::description()), ..Outcome::default() };
    let mut all = Vec::new();
    for (i, kind) in options.stores.iter().enumerate() {
        let left = options.within.saturating_sub(started.elapsed()) / (options.stores.len() - i) as u32;
        let simulated = match simulate(*kind, options, &documents, left) {
            Ok(Some(simulated)) => simulated,
            Ok(None) => continue,
            Err(problem) => {
                outcome.problems.push(problem);
                continue;
            }
        };
        outcome.report += &report::figures(options, &simulated);
        outcome.report.push('\n');
        outcome.stores.push(*kind);
        for measured in simulated.pilot.iter().chain([&simulated.measured]) {
            outcome.equal += measured.compared.equal + measured.agreed.equal;
            let different = measured.compared.different.iter().chain(&measured.agreed.different);
            outcome.problems.extend(different.map(|different| format!("{}: {different}", kind.name())));
            let panels = measured.fleet.iter().filter_map(|panel| Some((&panel.title, panel.took.as_ref().err()?)));
            outcome.problems.extend(panels.map(|(title, error)| format!("panel {title}: {error}")));
        }
        all.push(simulated);
    }
    outcome.report += &report::panels(&all);
    Ok(outcome)
}

fn simulate(kind: Kind, options: &Options, documents: &Documents, time: Duration) -> Result<Option<Simulated>, String> {
    let started = Instant::now();
    let small = options.instances.min(PILOT);
    let Some(pilot) = measure(kind, options, small, documents)? else { return Ok(None) };
    if small == options.instances {
        let fit = Fit { instances: small, due_to: None };
        return Ok(Some(Simulated { pilot: None, measured: pilot, fit }));
    }
    let memory = machine::free_memory()?.saturating_sub(MEMORY_LEFT);
    let disk = machine::free_disk(&env::temp_dir())?.saturating_sub(DISK_LEFT);
    let needs = Need::all(&pilot, [memory, disk, options.series_limit], time.saturating_sub(started.elapsed()));
    let fit = fit::largest(small, options.instances, &needs);
    if fit.instances == small {
        return Ok(Some(Simulated { pilot: None, measured: pilot, fit }));
    }
    let measured = measure(kind, options, fit.instances, documents)?;
    Ok(measured.map(|measured| Simulated { pilot: Some(pilot), measured, fit }))
}
