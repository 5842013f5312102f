//! The command `check --fleet`: the versions of a service that are out, and what still needs the earlier names of its
//! metrics.
//!
//! `fleet` asks a server for the instances, `names` for the names of metrics that each of them has, `queries` finds what
//! asks for these names, and `report` writes what was found.

mod fleet;
mod names;
mod queries;
mod report;
#[cfg(test)]
mod tests;

use self::fleet::Fleet;
use self::names::{Lack, Renamed};
use self::queries::Query;
use crate::contract::Contract;
use crate::model::Model;
use crate::prometheus::Prometheus;
use crate::usages::QueryFile;

/// The longest time that rules look back over a renamed metric.
const LOOK_BACK: &str = "1h";

/// The settings of a check.
pub(crate) struct Request<'a> {
    pub(crate) model: &'a Model,
    pub(crate) job: &'a str,
    /// The label that tells clusters apart.
    pub(crate) cluster: &'a str,
    pub(crate) server: Prometheus<'a>,
    /// The dashboards and rules to search, those of the server among them.
    pub(crate) files: &'a [QueryFile],
    /// A contract that instances may keep or not, with the name of its file.
    pub(crate) lock: Option<(String, Contract)>,
}

/// The result of a check.
struct Findings<'a> {
    request: &'a Request<'a>,
    fleet: Fleet,
    renamed: Vec<Renamed<'a>>,
    queries: Vec<Query>,
    lacks: Vec<Lack>,
}

/// Returns the report, and the queries that miss instances now if there are some.
///
/// # Errors
/// Returns the problem if the server does not answer, or does not know the job.
pub(crate) fn run(request: &Request<'_>) -> Result<(String, Option<String>), String> {
    let fleet = Fleet::of(request)?;
    let renamed = names::renamed(request, &fleet)?;
    let queries = queries::find(request, &renamed);
    let lacks = names::lacks(request, &fleet)?;
    let findings = Findings { request, fleet, renamed, queries, lacks };
    Ok((findings.text(), findings.breaks()))
}
