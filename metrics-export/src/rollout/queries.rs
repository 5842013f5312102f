//! The queries that ask for names that not all instances have.

use super::Request;
use super::fleet::Instances;
use super::names::Renamed;
use crate::contract::Contract;
use crate::usages::{MetricPattern, ObjectivePattern, QueryFile};

/// A query that asks for some of the names of a renamed metric, and not for all.
pub(super) struct Query {
    /// The file or the server, with the panel or the rule.
    pub(super) place: String,
    /// The names.
    pub(super) names: Vec<String>,
    /// `true` if it needs the rules that record the new name under an earlier one.
    pub(super) needs_rules: bool,
    /// The instances with other names, which it does not see.
    pub(super) misses: Instances,
}

/// Finds the queries in all files.
pub(super) fn find(request: &Request<'_>, renamed: &[Renamed<'_>]) -> Vec<Query> {
    // Earlier names have the recordings and the objectives of earlier rules.
    let mut earlier = Contract::of(request.model);
    for renamed in renamed {
        let entry = earlier.metrics.get(&renamed.metric.name).cloned();
        for name in renamed.names().skip(1) {
            earlier.metrics.extend(entry.clone().map(|entry| (name.to_owned(), entry)));
        }
    }
    let service = &request.model.service;
    let objectives = ObjectivePattern::all(&earlier, service);
    // Series that rules record of a new name have the samples of all names.
    let none = Contract::default();
    let mut queries = Vec::new();
    for renamed in renamed {
        let patterns = renamed.names().enumerate().map(|(i, name)| match i {
            0 => MetricPattern::new(&none, name, service, &[]),
            _ => MetricPattern::new(&earlier, name, service, &objectives),
        });
        let patterns: Vec<_> = patterns.collect();
        for (place, asked) in request.files.iter().flat_map(|file| file.usages_of_any(&patterns)) {
            let names: Vec<_> = asked.iter().filter_map(|i| renamed.names().nth(*i)).map(str::to_owned).collect();
            if names.len() == patterns.len() || keeps_alive(&place, renamed) {
                continue;
            }
            let misses: Instances = misses(request, renamed, &asked.into_iter().collect::<Vec<_>>());
            let needs_rules = !names.contains(&renamed.metric.name);
            if needs_rules || !misses.is_empty() {
                queries.push(Query { place, names, needs_rules, misses });
            }
        }
    }
    queries
}

/// Returns `true` for the rules that record a metric under its earlier names.
fn keeps_alive(place: &str, renamed: &Renamed<'_>) -> bool {
    let recorded =
        |name: &str| renamed.metric.samples().iter().any(|end| place.ends_with(&format!(": record `{name}{end}`")));
    renamed.names().skip(1).any(recorded)
}

/// Returns the instances that have none of these names.
fn misses(request: &Request<'_>, renamed: &Renamed<'_>, asked: &[usize]) -> Instances {
    let sees = |i: &usize, instance| {
        // A rule that is known may not have been evaluated yet for a new instance.
        let will_be_recorded = || {
            let sample = renamed.names().nth(*i).unwrap_or_default();
            let samples = renamed.metric.samples();
            let is_recorded = |file: &QueryFile| samples.iter().any(|end| file.records(&format!("{sample}{end}")));
            renamed.new.contains(instance) && request.files.iter().any(is_recorded)
        };
        renamed.has.get(*i).is_some_and(|has| has.contains(instance)) || *i > 0 && will_be_recorded()
    };
    let all = renamed.new.iter().chain(&renamed.old);
    all.filter(|instance| !asked.iter().any(|i| sees(i, instance))).cloned().collect()
}
