//! The same query on Prometheus and on VictoriaMetrics, with the same samples.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::page::Labels;
use crate::prometheus::{Server, labels, percent_encode};
use crate::victoria::Store;

/// Copies all samples of the last seconds before a time, in seconds since 1970, with their exact times.
pub fn copy(from: &Server, to: &Store, seconds: u64, time: u64) {
    let query = percent_encode(&format!("{{__name__=~\".+\"}}[{seconds}s]"));
    let found = from.get(&format!("/api/v1/query?query={query}&time={time}"));
    let mut text = String::new();
    for series in found["result"].as_array().expect("the API has a matrix") {
        let mut labels = labels(&series["metric"]);
        let name = labels.remove("__name__").expect("every series has a name");
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
        for sample in series["values"].as_array().expect("the API has samples") {
            let (seconds, value) = (sample[0].as_f64().unwrap(), sample[1].as_str().unwrap());
            writeln!(text, "{name}{{{}}} {value} {:.0}", labels.join(","), seconds * 1000.0).unwrap();
        }
    }
    let _ = to.client().post("/api/v1/import/prometheus", "text/plain", text).expect(204);
    let _ = to.client().get("/internal/force_flush").expect(200);
}

/// Returns the difference between the results of a query, or `None` if they are the same up to the samples at the ends of
/// a window: VictoriaMetrics does not extrapolate.
#[must_use]
pub fn difference(one: &Server, other: &Store, query: &str, time: u64) -> Option<String> {
    let (ours, theirs) = (one.query_at(query, time), other.query_at(query, time));
    // One observation more moves a quantile to the next bucket.
    let most = if query.contains("histogram_quantile") { 0.6 } else { 0.15 };
    let close = |a: f64, b: f64| (a - b).abs() <= most * a.abs().max(b.abs()) + 1e-9;
    let same = if query.starts_with("topk") {
        // Of equal series, any may be among the largest.
        let sorted = |found: &BTreeMap<Labels, f64>| {
            let mut values: Vec<_> = found.values().copied().collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (ours, theirs) = (sorted(&ours), sorted(&theirs));
        ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| close(*a, *b))
    } else {
        let theirs = |labels| theirs.get(labels);
        ours.iter().all(|(labels, value)| theirs(labels).is_some_and(|other| close(*value, *other)))
    };
    (!same || ours.len() != theirs.len()).then(|| format!("{query}\n  {ours:?}\n  {theirs:?}"))
}
