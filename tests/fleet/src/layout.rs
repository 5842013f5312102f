//! Clusters with instances and agents; the central stores with rules and alerts.

use std::path::Path;

use tests::alertmanager::{Alertmanager, Notifier};
use tests::program::Program;
use tests::server::Daemon;
use tests::{tools, wait};

use crate::agent::{Agent, Kind, Settings};
use crate::counts::whole;
use crate::instance::Instance;
use crate::rules;
use crate::service::{Binaries, Job};
use crate::store::Store;

/// The version of the first instances.
pub const OLD: &str = "1.0.0";
/// The version of an upgrade.
pub const NEW: &str = "1.1.0";

/// A cluster: its name, and the number of instances of each service.
struct Cluster {
    name: &'static str,
    instances: [(Job, usize); 2],
}

const CLUSTERS: [Cluster; 2] = [
    Cluster { name: "eu-1", instances: [(Job::Neurectomy, 4), (Job::Dynoai, 2)] },
    Cluster { name: "us-1", instances: [(Job::Neurectomy, 2), (Job::Dynoai, 1)] },
];

const SMALL_CLUSTERS: [Cluster; 2] = [
    Cluster { name: "eu-1", instances: [(Job::Neurectomy, 1), (Job::Dynoai, 1)] },
    Cluster { name: "us-1", instances: [(Job::Neurectomy, 2), (Job::Dynoai, 0)] },
];

/// The programs that the fleet is made of.
pub struct Programs {
    prometheus: Program,
    victoria: Program,
    vmalert: Program,
    alertmanager: Alertmanager,
}

impl Programs {
    /// Finds them.
    #[must_use]
    pub fn find() -> Option<Self> {
        // Agents are started by the commands in their configurations.
        let _ = tools::vmagent()?;
        Some(Self {
            prometheus: tools::program("prometheus")?,
            victoria: tools::program("victoria-metrics")?,
            vmalert: tools::vmalert()?,
            alertmanager: tools::alertmanager()?,
        })
    }
}

/// Everything that runs.
pub struct Fleet {
    /// The binaries of the services.
    pub binaries: Binaries,
    /// The instances of all clusters.
    pub instances: Vec<Instance>,
    /// The agents of all clusters: each instance is scraped by two.
    pub agents: Vec<Agent>,
    /// VictoriaMetrics and Prometheus.
    pub stores: [Store; 2],
    /// The Alertmanager.
    pub notifier: Notifier,
    /// The evaluation of rules on VictoriaMetrics.
    pub vmalert: Daemon,
}

impl Fleet {
    /// Starts everything, without traffic.
    #[must_use]
    pub fn start(programs: Programs, folder: &Path, is_small: bool) -> Self {
        let Programs { prometheus, victoria, vmalert, alertmanager } = programs;
        let binaries = Binaries::find();
        let clusters = if is_small { SMALL_CLUSTERS } else { CLUSTERS };
        let instances = clusters.iter().flat_map(|cluster| {
            let jobs = cluster.instances.into_iter().flat_map(|(job, count)| std::iter::repeat_n(job, count));
            jobs.map(|job| Instance::start(&binaries, job, cluster.name, OLD))
        });
        let instances: Vec<_> = instances.collect();

        let rules = rules::write(&binaries, folder);
        let notifier = alertmanager.start(&["alertname"]);
        let stores = [
            Store::victoria(victoria, folder.join("victoria-metrics")),
            Store::prometheus(prometheus, &folder.join("prometheus"), &rules, notifier.address()),
        ];
        let agents = clusters.iter().flat_map(|cluster| {
            let of_cluster = instances.iter().filter(|instance| instance.cluster == cluster.name);
            let targets: Vec<_> = of_cluster.map(|instance| (instance.job, instance.name())).collect();
            let stores = [&stores[0], &stores[1]];
            [Kind::Prometheus, Kind::Vmagent].map(|kind| {
                let settings = Settings { kind, cluster: cluster.name, targets: &targets, stores: &stores };
                Agent::start(&binaries, settings)
            })
        });
        let agents = agents.collect();
        // Rules that ask for series before they exist find them ten seconds later.
        wait::until("scrapes of all instances", || {
            let found = stores[0].value("count(group by (instance) (up{}))")?;
            (whole(found) == instances.len() as u64).then_some(())
        });
        let vmalert = rules::vmalert(vmalert, &rules, &stores[0], notifier.address());
        Self { binaries, instances, agents, stores, notifier, vmalert }
    }

    /// Returns the addresses, for people.
    #[must_use]
    pub fn addresses(&self) -> String {
        let instances = self.instances.iter().map(|instance| {
            format!("{} in {}: http://{}/metrics", instance.job.name(), instance.cluster, instance.name())
        });
        let agents = self.agents.iter().map(|agent| format!("agent {}: {}", agent.name, agent.url()));
        let stores = self.stores.iter().map(|store| format!("{}: {}", store.name, store.url()));
        let others = [
            format!("vmalert: http://{}", self.vmalert.address()),
            format!("Alertmanager: http://{}", self.notifier.address()),
        ];
        instances.chain(agents).chain(stores).chain(others).collect::<Vec<_>>().join("\n")
    }
}
