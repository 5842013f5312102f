//! The same query on Prometheus and on VictoriaMetrics, with the same samples.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::page::Labels;
use crate::prometheus::{Prometheus, Server, labels, percent_encode};
use crate::promtool::Promtool;
use crate::samples::Samples;
use crate::victoria::{Store, Victoria};
use crate::{tools, wait};

/// The largest difference between two values that count as the same: a ratio of the larger one.
///
/// The engines see the ends of a window differently: Prometheus extrapolates to them, and VictoriaMetrics does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// The ratio.
    pub ratio: f64,
    /// The number that the difference is at least compared with, for differences of large numbers.
    pub scale: f64,
}

impl Tolerance {
    /// For samples without gaps and at equal distances.
    pub const REGULAR: Self = Self { ratio: 0.01, scale: 0.0 };

    /// Returns `true` for equal series with values that are the same.
    fn alike(self, one: &BTreeMap<Labels, f64>, other: &BTreeMap<Labels, f64>) -> bool {
        let has = |labels, value: &f64| other.get(labels).is_some_and(|other| self.close(*value, *other));
        one.len() == other.len() && one.iter().all(|(labels, value)| has(labels, value))
    }

    fn close(self, one: f64, other: f64) -> bool {
        (one - other).abs() <= self.ratio * one.abs().max(other.abs()).max(self.scale) + 1e-9
    }
}

/// Returns the results of a query at a time in seconds since 1970, if they are not the same.
#[must_use]
pub fn difference(one: &Server, other: &Store, query: &str, time: u64, tolerance: Tolerance) -> Option<String> {
    let (ours, theirs) = (unnamed(one.query_at(query, time)), unnamed(other.query_at(query, time)));
    let same = if query.starts_with("topk") {
        // Of equal series, any may be among the largest.
        let [ours, theirs] = [&ours, &theirs].map(|found| {
            let mut values: Vec<_> = found.values().copied().collect();
            values.sort_by(f64::total_cmp);
            values
        });
        ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| tolerance.close(*a, *b))
    } else {
        tolerance.alike(&ours, &theirs)
    };
    (!same).then(|| format!("{query}\n  {ours:?}\n  {theirs:?}"))
}

/// The engines that compare queries on the samples of a server that scrapes.
#[derive(Clone, Debug)]
pub struct Engines {
    prometheus: Prometheus,
    promtool: Promtool,
    victoria: Victoria,
}

impl Engines {
    /// Finds all of them.
    #[must_use]
    pub fn find() -> Option<Self> {
        Some(Self { prometheus: tools::prometheus()?, promtool: tools::promtool()?, victoria: tools::victoria()? })
    }

    /// Copies the scrapes of the last ten minutes of a server into both engines. Returns the differences between the
    /// results of these queries that are there again and again: a series that was just born is a difference too.
    #[must_use]
    pub fn differences(&self, scraping: &Server, queries: &[String]) -> Vec<String> {
        // A whole hour in the past, so that all samples are old enough for both engines.
        let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600 * 3600 - 12 * 3600;
        let mut left: Vec<_> = queries.iter().collect();
        let compared = wait::try_until(|| {
            let samples = scrapes(scraping, end);
            let (one, other) = (self.prometheus.store(&samples, &self.promtool), self.victoria.start());
            other.import(&samples);
            let mut differences = Vec::new();
            left.retain(|query| {
                let found = difference(&one, &other, query, end, Tolerance::REGULAR);
                differences.extend(found.clone());
                found.is_some()
            });
            if left.is_empty() { Ok(()) } else { Err(differences) }
        });
        compared.err().unwrap_or_default()
    }
}

/// Returns the samples of the successful scrapes within the last ten minutes, as if there had been one each second: a
/// busy machine scrapes late, and the engines fill gaps differently.
fn scrapes(server: &Server, end: u64) -> Samples {
    let query = percent_encode("{__name__=~\".+\"}[10m]");
    let found = server.get(&format!("/api/v1/query?query={query}"));
    let series = found["result"].as_array().expect("the API has a matrix");
    let of = |series: &Value| (series["metric"]["job"].to_string(), series["metric"]["instance"].to_string());
    let samples = |series: &Value| -> Vec<(String, f64)> {
        let samples = series["values"].as_array().expect("the API has samples").iter();
        samples.map(|sample| (sample[0].to_string(), sample[1].as_str().unwrap().parse().unwrap())).collect()
    };
    let up = series.iter().filter(|series| series["metric"]["__name__"] == "up");
    // All samples of a scrape have its time.
    let times = up.map(|series| {
        let scrapes: Vec<_> = samples(series).into_iter().filter(|(_, up)| *up > 0.0).map(|(time, _)| time).collect();
        let count = scrapes.len() as u64;
        let times = (1..).zip(scrapes).map(move |(nth, time)| (time, end - count + nth));
        (of(series), times.collect::<BTreeMap<_, _>>())
    });
    let times: BTreeMap<_, _> = times.collect();
    let mut all = Samples::default();
    for series in series {
        let mut labels = labels(&series["metric"]);
        let name = labels.remove("__name__").expect("every series has a name");
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
        let times = &times[&of(series)];
        let samples = samples(series).into_iter().filter_map(|(time, value)| Some((*times.get(&time)?, value)));
        all.add(&format!("{name}{{{}}}", labels.join(",")), samples.collect());
    }
    all
}

/// Removes the name, which VictoriaMetrics keeps in some functions.
fn unnamed(vector: BTreeMap<Labels, f64>) -> BTreeMap<Labels, f64> {
    let unnamed = vector.into_iter().map(|(mut labels, value)| {
        labels.remove("__name__");
        (labels, value)
    });
    unnamed.collect()
}
