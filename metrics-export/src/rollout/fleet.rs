//! The instances of a job, with their versions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use metrics_runtime::description::MetricKind;

use super::Request;
use crate::prometheus::Found;
use crate::promql::{Compare, matcher};

const VERSION: &str = "version";

/// An instance. Several agents that scrape it make one of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instance {
    /// The cluster, which is empty if there is no label of clusters.
    pub(super) cluster: String,
    address: String,
}

pub(super) type Instances = BTreeSet<Instance>;

/// The instances that agents know.
#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    /// Those that are up, with their versions. A version is empty if nothing tells it.
    pub(super) up: BTreeMap<Instance, String>,
    /// Those that no agent can scrape.
    pub(super) down: Instances,
}

impl Instance {
    pub(super) fn of(found: &Found, request: &Request<'_>) -> Self {
        Self { cluster: found.label(request.cluster).to_owned(), address: found.label("instance").to_owned() }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.cluster.is_empty() { "" } else { " " };
        write!(f, "{}{space}{}", self.cluster, self.address)
    }
}

impl Fleet {
    /// Asks the server for the instances.
    pub(super) fn of(request: &Request<'_>) -> Result<Self, String> {
        let (job, cluster) = (request.job, request.cluster);
        let of_job = matcher("job", Compare::Is, job);
        let mut fleet = Self::default();
        // One agent that reaches it is enough.
        for found in request.server.query(&format!("max by ({cluster}, instance) (up{{{of_job}}})"))? {
            let instance = Instance::of(&found, request);
            if found.value == "1" {
                fleet.up.insert(instance, String::new());
            } else {
                fleet.down.insert(instance);
            }
        }
        if fleet.up.is_empty() {
            return Err(match fleet.down.len() {
                0 => format!("no target of the job `{job}` is known; set another one with --job"),
                down => format!("no instance of the job `{job}` is up (down: {down})"),
            });
        }
        let infos =
            request.model.metrics.iter().filter(|metric| metric.kind == MetricKind::Info && metric.has(VERSION));
        // Other infos may have the version of something else.
        let Some(info) = infos.min_by_key(|info| (info.base != "build_info", &info.name)) else { return Ok(fleet) };
        let versions = format!("group by ({cluster}, instance, {VERSION}) ({}{{{of_job}}})", info.name);
        for found in request.server.query(&versions)? {
            if let Some(version) = fleet.up.get_mut(&Instance::of(&found, request)) {
                // For one scrape after an upgrade, one agent has the old version and another one the new.
                let separator = if version.is_empty() { "" } else { " and " };
                version.extend([separator, found.label(VERSION)]);
            }
        }
        Ok(fleet)
    }

    /// Returns the versions of these instances.
    pub(super) fn versions<'a>(&'a self, instances: &'a Instances) -> BTreeSet<&'a str> {
        instances.iter().filter_map(|instance| self.up.get(instance)).map(String::as_str).collect()
    }
}
