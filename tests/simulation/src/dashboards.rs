//! The time of all queries of a dashboard.

use std::time::Duration;

use crate::service::Panel;
use crate::store::{Range, Store};

/// A query that takes less than this is repeated, because its time is noisy.
const SHORT: Duration = Duration::from_millis(50);

/// The time of the queries of a panel.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) title: String,
    /// The sum over its queries, or the error of the first that fails.
    pub(crate) took: Result<Duration, String>,
    /// `true` if a query had a result.
    pub(crate) has_data: bool,
}

/// Runs the queries of all panels over a range, one after the other, and short ones so many times.
pub(crate) fn time(store: &Store, panels: &[Panel], range: Range, repetitions: usize) -> Vec<Timed> {
    let timed = panels.iter().map(|panel| {
        let mut has_data = false;
        let took = panel.queries.iter().map(|query| {
            let (took, data) = median(store, query, range, repetitions)?;
            has_data |= data;
            Ok(took)
        });
        let took = took.sum();
        Timed { title: panel.title.clone(), took, has_data }
    });
    timed.collect()
}

/// Returns the sum over all panels, without those that fail.
pub(crate) fn total(panels: &[Timed]) -> Duration {
    panels.iter().filter_map(|panel| panel.took.as_ref().ok()).sum()
}

fn median(store: &Store, query: &str, range: Range, repetitions: usize) -> Result<(Duration, bool), String> {
    let (body, took) = store.ask(query, range)?;
    // An empty answer has no `values`.
    let has_data = body.windows(8).any(|word| word == b"\"values\"");
    let mut all = vec![took];
    while took < SHORT && all.len() < repetitions {
        all.push(store.ask(query, range)?.1);
    }
    all.sort_unstable();
    Ok((all[all.len() / 2], has_data))
}
