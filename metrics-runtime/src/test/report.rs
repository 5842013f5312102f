//! The texts of failures.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::query::{Part, Query};
use super::samples::{Metric, Reading, Sample};
use crate::config::describe::LabelDescription;
use crate::instrument::Declaration;
use crate::schema::Source;

/// The most series, and the most places, that a failure lists.
const MOST: usize = 10;

/// Writes `{a="x",b="y"}`, or nothing without labels.
pub(super) fn write_labels<'l>(
    out: &mut impl fmt::Write,
    labels: impl IntoIterator<Item = (&'l str, &'l str)>,
) -> fmt::Result {
    let mut separator = '{';
    for (name, value) in labels {
        write!(out, "{separator}{name}={value:?}")?;
        separator = ',';
    }
    if separator == ',' { out.write_char('}') } else { Ok(()) }
}

/// Returns `; did you mean ..` with a similar candidate, or an empty text.
fn did_you_mean<'c>(found: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    let distance = |candidate: &str| {
        let is_part = candidate.contains(found) || found.contains(candidate);
        if is_part { 1 } else { strsim::damerau_levenshtein(found, candidate) }
    };
    let candidates = candidates.into_iter().map(|candidate| (distance(candidate), candidate.len(), candidate));
    let close = candidates.filter(|(distance, len, _)| *distance <= 1 + len / 4).min();
    close.map(|(.., candidate)| format!("; did you mean `{candidate}`?")).unwrap_or_default()
}

fn quoted<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn unknown_metric(name: &str, others: &BTreeSet<String>) -> String {
    for (suffix, part) in [("_count", "count"), ("_sum", "sum"), ("_bucket", "count")] {
        if let Some(histogram) = name.strip_suffix(suffix).filter(|stem| others.contains(*stem)) {
            return format!(
                "no metric has the name `{name}`: it is a part of the histogram `{histogram}`; write `{histogram} {{ .. }} \
                 {part} == ..`"
            );
        }
    }
    let hint = did_you_mean(name, others.iter().map(String::as_str));
    format!(
        "no metric has the name `{name}`: neither the program declares it nor was it registered in this scope{hint}"
    )
}

pub(super) fn renamed_metric(earlier: &str, name: &str) -> String {
    format!("no metric has the name `{earlier}`: it is an earlier name of `{name}`; ask for `{name}`")
}

/// Checks that series of the metric can have this label value.
pub(super) fn check_label(metric: &Metric, label: &str, value: &str) -> Result<(), String> {
    let description = &metric.description;
    let name = &description.base_name;
    let own = |sample: &Sample| sample.labels.iter().any(|(own, of)| own == label && of == value);
    if metric.series.iter().any(own) {
        return Ok(());
    }
    let labels = description.labels.iter().map(|label| label.name.as_str());
    match description.labels.iter().find(|own| own.name == label) {
        None if description.labels.is_empty() => Err(format!("`{name}` has no labels, found `{label}`")),
        None => {
            let hint = did_you_mean(label, labels.clone());
            Err(format!("`{name}` has no label `{label}`; it has {}{hint}", quoted(labels)))
        }
        Some(LabelDescription { values: Some(values), .. }) if !values.iter().any(|known| known == value) => {
            let known = || values.iter().map(String::as_str);
            let hint = did_you_mean(value, known());
            Err(format!("the label `{label}` of `{name}` is never `{value}`; it is one of {}{hint}", quoted(known())))
        }
        Some(_) => Ok(()),
    }
}

/// Returns the text for an assertion that the metric does not allow.
pub(super) fn misuse(query: &Query, metric: &Metric, error: &str) -> String {
    let mut out = format!("invalid assertion: {query}\n  {error}\n");
    list_series(&mut out, query, metric.series.iter().collect(), "series");
    list_places(&mut out, query, metric);
    out
}

/// Returns the text for values that differ from the expected ones.
pub(super) fn differs(
    query: &Query,
    metric: &Metric,
    matching: usize,
    found: &[(Part, Option<f64>)],
    outside: Option<f64>,
) -> String {
    let mut out = format!("assertion failed: {query}\n");
    let found = found.iter().map(|(part, value)| {
        let value = value.map_or_else(|| "no value".to_owned(), |value| value.to_string());
        match part {
            Part::Value => value,
            Part::Count => format!("count {value}"),
            Part::Sum => format!("sum {value}"),
        }
    });
    let found = found.collect::<Vec<_>>().join(", ");
    let of = match matching {
        0 => "no series has these labels".to_owned(),
        1 => "one series".to_owned(),
        matching => format!("the sum of {matching} series"),
    };
    let _ = writeln!(out, "  found: {found} ({of})");
    list_series(&mut out, query, metric.series.iter().collect(), "series");
    list_places(&mut out, query, metric);
    if let Some(value) = outside {
        let _ = writeln!(
            out,
            "  the registry of the process has {value}: what other threads and runtimes record is not in the scope; start \
             threads with `Scope::spawn`"
        );
    }
    out
}

/// Returns the text for series that should not exist.
pub(super) fn unexpected(query: &Query, metric: &Metric, found: &[&Sample]) -> String {
    let mut out = format!("assertion failed: no series is {query}\n");
    list_series(&mut out, query, found.to_vec(), "found");
    list_places(&mut out, query, metric);
    out
}

/// Lists series, those first that have most of the labels of the query.
fn list_series(out: &mut String, query: &Query, mut series: Vec<&Sample>, title: &str) {
    if series.is_empty() {
        let _ = writeln!(out, "  {title}: none yet");
        return;
    }
    let asked = |(name, value): &&(String, String)| query.labels.iter().any(|(own, of)| own == name && of == value);
    series.sort_by_cached_key(|sample| {
        let is_zero = matches!(sample.reading, Reading::Number(0.0) | Reading::Observations(0.0, _));
        (usize::MAX - sample.labels.iter().filter(asked).count(), is_zero)
    });
    let _ = writeln!(out, "  {title}:");
    for Sample { labels, reading } in series.iter().take(MOST) {
        let _ = write!(out, "    {}", query.name);
        let _ = write_labels(out, labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let _ = match reading {
            Reading::Number(value) => writeln!(out, " {value}"),
            Reading::Observations(count, sum) => writeln!(out, " count {count}, sum {sum}"),
        };
    }
    list_rest(out, series.len());
}

/// Lists the places that declare the metric, and can record series with the labels of the query.
fn list_places(out: &mut String, query: &Query, metric: &Metric) {
    let can_record = |declaration: &&Declaration| {
        let fixed = declaration.fixed_labels();
        query.labels.iter().all(|(name, value)| fixed.iter().all(|(own, of)| own != name || of == value))
    };
    let description = &metric.description;
    let declared: BTreeSet<Source> =
        description.declarations.iter().filter(can_record).map(|found| found.source).collect();
    let places = if declared.is_empty() { description.places.iter().copied().collect() } else { declared };
    if places.is_empty() {
        return;
    }
    let _ = writeln!(out, "  declared at:");
    for place in places.iter().take(MOST) {
        let _ = writeln!(out, "    {place}");
    }
    list_rest(out, places.len());
}

fn list_rest(out: &mut String, len: usize) {
    if len > MOST {
        let _ = writeln!(out, "    and {} more", len - MOST);
    }
}
