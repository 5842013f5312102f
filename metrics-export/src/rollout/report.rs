//! The report: tables of versions and of names, the queries that ask for earlier names, and the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::fleet::{Instance, Instances};
use super::names::Lack;
use super::queries::Query;
use super::{Findings, LOOK_BACK};
use crate::fetch::without_user;
use crate::table::{Table, grouped};
use crate::usages::QueryFile;

/// The most instances that are listed.
const LISTED: usize = 10;

impl Findings<'_> {
    pub(super) fn text(&self) -> String {
        let (job, url) = (self.request.job, without_user(self.request.server.url));
        let mut text = format!("The job `{job}` at `{url}`: {} up", are(self.fleet.up.len()));
        if !self.fleet.down.is_empty() {
            let _ = write!(text, ", {} down", are(self.fleet.down.len()));
        }
        text.push_str("\n\n");
        text.push_str(&self.versions());
        if !self.renamed.is_empty() {
            text.push_str(&self.names());
        }
        text.push_str(&section("lack metrics of the contract", self.lacks()));
        text.push_str(&section("queries that ask for earlier names", self.queries(|query| query.needs_rules)));
        let _ = writeln!(text, "\n{}", self.verdict());
        text
    }

    /// Returns the queries that miss instances now.
    pub(super) fn breaks(&self) -> Option<String> {
        let missing = self.queries.iter().filter(|query| !query.misses.is_empty());
        let lines = missing.map(|query| {
            let names = query.names.join("`, `");
            let instances = listed(&query.misses);
            format!(
                "  {}\n    asks for `{names}`, which {} not have: {instances}\n",
                query.place,
                do_not(query.misses.len())
            )
        });
        let lines: String = lines.collect();
        let advice = "load the rules of `metrics rules`, which record earlier names for new instances; a query that asks for new \
                      names alone sees old instances once it asks for `new or old`, or once they are upgraded";
        (!lines.is_empty()).then(|| format!("queries miss instances now:\n{lines}{advice}"))
    }

    fn versions(&self) -> String {
        let mut versions: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for (instance, version) in &self.fleet.up {
            *versions.entry(version).or_default().entry(&instance.cluster).or_default() += 1;
        }
        let clusters: BTreeSet<_> = self.fleet.up.keys().map(|instance| instance.cluster.as_str()).collect();
        let shown: Vec<_> = clusters.into_iter().filter(|cluster| !cluster.is_empty()).collect();
        let mut table = Table::default();
        let heads = ["instances".to_owned()].into_iter().chain(shown.iter().map(|cluster| (*cluster).to_owned()));
        table.row("version", heads.collect());
        for (version, clusters) in versions {
            let of = |cluster: &&str| number(clusters.get(*cluster).copied().unwrap_or_default());
            let cells = [number(clusters.values().sum())].into_iter().chain(shown.iter().map(of));
            table.row(if version.is_empty() { "not known" } else { version }, cells.collect());
        }
        table.text()
    }

    fn names(&self) -> String {
        let mut table = Table::default();
        table.row("", Vec::new());
        table.row("renamed", ["new name", "earlier only", "neither"].map(str::to_owned).to_vec());
        for renamed in &self.renamed {
            let numbers = [&renamed.new, &renamed.old, &renamed.neither].map(|instances| number(instances.len()));
            table.row(&*renamed.metric.name, numbers.to_vec());
            for earlier in &renamed.metric.replaces {
                table.row(format!("  before {earlier}"), Vec::new());
            }
        }
        table.text() + &section("have earlier names only", self.instances(&self.old()))
    }

    /// Returns these instances with their versions, one line each.
    fn instances(&self, instances: &Instances) -> Vec<String> {
        let line = |instance: &Instance| match self.fleet.up.get(instance).map(String::as_str) {
            None | Some("") => instance.to_string(),
            Some(version) => format!("{instance}, version {version}"),
        };
        let rest = instances.len().saturating_sub(LISTED);
        let rest = (rest > 0).then(|| format!("and {} more", number(rest)));
        instances.iter().take(LISTED).map(line).chain(rest).collect()
    }

    fn lacks(&self) -> Vec<String> {
        let all = self.fleet.up.len();
        let line = |lack: &Lack| {
            let versions = self.fleet.versions(&lack.instances).into_iter().filter(|version| !version.is_empty());
            let versions = versions.collect::<Vec<_>>().join(", ");
            let versions = if versions.is_empty() { String::new() } else { format!(", version {versions}") };
            format!("{}: {} of {}{versions}", lack.name, number(lack.instances.len()), instances(all))
        };
        self.lacks.iter().map(line).collect()
    }

    fn queries(&self, is_listed: impl Fn(&&Query) -> bool) -> Vec<String> {
        let all = self.queries.iter().filter(is_listed);
        all.map(|query| format!("{} asks for `{}`", query.place, query.names.join("`, `"))).collect()
    }

    /// Returns the instances that have an earlier name without the new one.
    fn old(&self) -> Instances {
        self.renamed.iter().flat_map(|renamed| &renamed.old).cloned().collect()
    }

    /// Returns the sentence that says if earlier names are still needed.
    fn verdict(&self) -> String {
        if self.renamed.is_empty() {
            return "no metric of this program replaces an earlier name".to_owned();
        }
        let recent: Instances = self.renamed.iter().flat_map(|renamed| &renamed.recent).cloned().collect();
        let unknown: BTreeSet<_> = self.renamed.iter().flat_map(|renamed| renamed.unknown(&self.fleet)).collect();
        let places: BTreeSet<_> =
            self.queries.iter().filter(|query| query.needs_rules).map(|query| &query.place).collect();
        let reasons = [
            (self.old().len(), "{} earlier names only", "have", "has"),
            (recent.len(), "{} earlier names only an hour ago, and rules look back that far", "had", "had"),
            (unknown.len(), "{} neither name of a metric, and a version without the new one", "have", "has"),
            (self.fleet.down.len(), "{} down, with names that are not known", "are", "is"),
        ];
        let reasons = reasons.into_iter().filter(|(number, ..)| *number > 0).map(|(count, text, many, one)| {
            let verb = if count == 1 { one } else { many };
            text.replace("{}", &format!("{} {verb}", instances(count)))
        });
        let queries = match places.len() {
            0 => None,
            1 => Some("1 query asks for earlier names".to_owned()),
            many => Some(format!("{} queries ask for earlier names", number(many))),
        };
        let unsearched = self.request.files.iter().all(QueryFile::is_empty).then(|| {
            "the server has no rules, and no files are given: pass dashboards, rules and the address of vmalert"
                .to_owned()
        });
        let reasons: Vec<_> = reasons.chain(queries).chain(unsearched).collect();
        if reasons.is_empty() {
            return format!(
                "`replaces` can go: nothing had an earlier name within {LOOK_BACK}, and no query that was searched asks for one"
            );
        }
        format!("`replaces` is still needed: {}", reasons.join("; "))
    }
}

/// Returns lines below a title, or nothing if there are none.
fn section(title: &str, lines: Vec<String>) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.into_iter().flat_map(|line| ["  ".to_owned(), line, "\n".to_owned()]).collect();
    format!("\n{title}:\n{lines}")
}

fn listed(instances: &Instances) -> String {
    let rest = instances.len().saturating_sub(LISTED);
    let shown = instances.iter().take(LISTED).map(ToString::to_string);
    let rest = (rest > 0).then(|| format!("and {} more", number(rest)));
    shown.chain(rest).collect::<Vec<_>>().join(", ")
}

fn number(number: usize) -> String {
    grouped(number as u128)
}

fn instances(count: usize) -> String {
    format!("{} instance{}", number(count), if count == 1 { "" } else { "s" })
}

fn are(count: usize) -> String {
    format!("{} {}", instances(count), if count == 1 { "is" } else { "are" })
}

fn do_not(count: usize) -> String {
    format!("{} {}", instances(count), if count == 1 { "does" } else { "do" })
}
