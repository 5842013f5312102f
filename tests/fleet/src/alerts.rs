//! Alerts that have fired: as both engines recorded them, and as the Alertmanager sent them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use tests::alertmanager::Notifier;

use crate::service::Job;
use crate::store::Store;
use crate::totals::REPLICA;

/// An alert by the labels that tell its subject. A label that it does not have is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alert {
    /// The label `alertname`.
    pub name: String,
    /// The label `cluster`.
    pub cluster: String,
    /// The label `replica`, of an alert on an agent.
    pub replica: String,
}

impl Alert {
    /// Creates the alert of a service about a cluster, or about an agent of it.
    #[must_use]
    pub fn new(job: Job, name: &str, cluster: &str, replica: &str) -> Self {
        let service = match job {
            Job::Neurectomy => "Neurectomy",
            Job::Dynoai => "Dynoai",
        };
        Self { name: format!("{service}{name}"), cluster: cluster.to_owned(), replica: replica.to_owned() }
    }

    fn of_labels(label: impl Fn(&str) -> Option<String>) -> Self {
        let [name, cluster, replica] = ["alertname", "cluster", REPLICA].map(|name| label(name).unwrap_or_default());
        Self { name, cluster, replica }
    }

    /// Returns all alerts that have fired in a store since a time, each with the times of its samples as a firing alert, in
    /// milliseconds since 1970.
    #[must_use]
    pub fn all_fired(store: &Store, since: u64) -> BTreeMap<Self, BTreeSet<u64>> {
        let mut fired: BTreeMap<Self, BTreeSet<u64>> = BTreeMap::new();
        for series in store.samples("ALERTS{alertstate=\"firing\"}") {
            let times: Vec<_> = series.samples.iter().map(|(time, _)| *time).filter(|time| *time >= since).collect();
            if !times.is_empty() {
                fired.entry(Self::of_labels(|name| series.labels.get(name).cloned())).or_default().extend(times);
            }
        }
        fired
    }

    /// Returns `true` if the alert is firing in a store.
    #[must_use]
    pub fn is_firing(&self, store: &Store) -> bool {
        let Self { name, cluster, replica } = self;
        let labels = format!("alertname={name:?}, cluster={cluster:?}, {REPLICA}={replica:?}");
        store.query(&format!("ALERTS{{{labels}, alertstate=\"firing\"}}")).is_ok_and(|found| !found.is_empty())
    }

    /// Returns the last status that the Alertmanager has sent: `firing` or `resolved`.
    #[must_use]
    pub fn notified(&self, notifier: &Notifier) -> Option<String> {
        let notifications = notifier.notifications();
        let alerts = notifications.iter().filter_map(|notification| notification["alerts"].as_array()).flatten();
        let label = |alert: &Value, name: &str| alert["labels"][name].as_str().map(str::to_owned);
        let mut mine = alerts.filter(|alert| Self::of_labels(|name| label(alert, name)) == *self);
        mine.next_back().and_then(|alert| Some(alert["status"].as_str()?.to_owned()))
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, cluster, replica } = self;
        write!(f, "{name}{}", if cluster.is_empty() { String::new() } else { format!(" {cluster}") })?;
        if replica.is_empty() { Ok(()) } else { write!(f, " {replica}") }
    }
}
