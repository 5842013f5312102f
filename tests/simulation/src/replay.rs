//! Evaluates the recording rules over past time, as `vmalert -replay` and `promtool tsdb create-blocks-from
//! rules` do: each rule is one query over a range, and its result is written into the store.
//!
//! Those two need a restart of the store between rules that use each other, or write only into one of the stores.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use crate::message;
use crate::service::Rule;
use crate::store::{Range, Store};
use crate::writer::Requests;

/// The result of all rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) series: u64,
    pub(crate) samples: u64,
    /// The time of the replay.
    pub(crate) took: Duration,
    /// The time of one evaluation of all rules, at the end of the range.
    pub(crate) once: Duration,
    /// The rules that took most of it.
    pub(crate) slowest: Vec<(String, Duration)>,
}

/// The rules that are shown.
const SLOWEST: usize = 5;

/// Evaluates the rules in their order, and writes what they record.
///
/// # Errors
/// Returns the first query that fails.
pub(crate) fn replay(store: &Store, rules: &[Rule], range: Range) -> Result<Replayed, String> {
    let started = Instant::now();
    let mut requests = Requests::new(store);
    let mut replayed = Replayed::default();
    let mut unseen: Vec<&str> = Vec::new();
    for rule in rules {
        // Rules read what others have recorded before them.
        if unseen.iter().any(|name| rule.query.contains(name)) {
            store.flush()?;
            unseen.clear();
        }
        for (mut labels, samples) in store.query(&rule.query, range)? {
            labels.insert("__name__".to_owned(), rule.name.clone());
            labels.extend(rule.labels.iter().cloned());
            labels.retain(|_, value| !value.is_empty());
            replayed.series += 1;
            replayed.samples += samples.len() as u64;
            message::write(&mut requests.body, &labels, &samples);
            requests.send_if_full()?;
        }
        requests.send()?;
        unseen.push(&rule.name);
    }
    store.flush()?;
    replayed.took = started.elapsed();
    for rule in rules {
        let (_, took) = store.ask(&rule.query, Range::instant(range.to))?;
        replayed.once += took;
        replayed.slowest.push((rule.name.clone(), took));
    }
    replayed.slowest.sort_by_key(|(_, took)| Reverse(*took));
    replayed.slowest.truncate(SLOWEST);
    Ok(replayed)
}
