//! The objects of the Prometheus operator: a `PodMonitor` and a `PrometheusAgent` with two replicas, and the rights that it
//! needs (<https://prometheus-operator.dev/docs/api-reference/api/>).

use super::limits::{Limits, interval_comment};
use super::{AgentError, QUEUE, Request};
use crate::document::{Node, list, map};
use crate::histograms::Histograms;
use crate::kubernetes::{endpoint, name_of, object, selector};

/// The number of agents.
const REPLICAS: i64 = 2;

/// Returns the objects, one YAML document each.
pub(super) fn yaml(request: &Request<'_>) -> Result<String, AgentError> {
    let Request { model, job, scrape, .. } = *request;
    let name = name_of(job)?;
    let page = endpoint(model, &name, scrape);
    let limits = request.limits();
    let monitor =
        object("monitoring.coreos.com/v1", "PodMonitor", &name, job).with("spec", monitor(request, page.node));
    // The service itself may have an account of its name.
    let name = format!("{name}-agent");
    let agent =
        object("monitoring.coreos.com/v1alpha1", "PrometheusAgent", &name, job).with("spec", agent(request, &name));
    let of_rbac = |kind: &str| object("rbac.authorization.k8s.io/v1", kind, &name, job);
    let pods =
        map([("apiGroups", list([""])), ("resources", list(["pods"])), ("verbs", list(["get", "list", "watch"]))]);
    let role = map([
        ("apiGroup", "rbac.authorization.k8s.io".into()),
        ("kind", "Role".into()),
        ("name", name.as_str().into()),
    ]);
    // A subject without a namespace is in that of the binding.
    let subject = map([("kind", "ServiceAccount".into()), ("name", name.as_str().into())]);
    let rights = [
        object("v1", "ServiceAccount", &name, job),
        of_rbac("Role").with("rules", list([pods])),
        of_rbac("RoleBinding").with("roleRef", role).with("subjects", list([subject])),
    ];
    let rights: Vec<_> = rights.iter().map(Node::yaml).collect();
    Ok(format!(
        "# Scrapes the port `{}` of every pod in this namespace that has this label, in place of a `ServiceMonitor`.\n\
         {}{}{}{}---\n\
         # Two agents with different names in the label `{}`, which both scrape every pod. Their right is to see the pods.\n\
         {}---\n{}",
        page.port,
        page.comments,
        limits.comment(),
        interval_comment(scrape),
        monitor.yaml(),
        request.replica_label(),
        agent.yaml(),
        rights.join("---\n")
    ))
}

fn monitor(request: &Request<'_>, endpoint: Node) -> Node {
    let limits = request.limits();
    let mut spec = map([
        ("selector", selector(request.job)),
        // Gives the label `job` the value that the rules select.
        ("jobLabel", crate::kubernetes::NAME.into()),
        ("labelLimit", Limits::number(limits.labels).into()),
    ]);
    if let Ok(samples) = limits.samples {
        spec = spec.with("sampleLimit", Limits::number(samples));
    }
    if request.histograms() != Histograms::Classic {
        spec = spec.with("scrapeNativeHistograms", true);
    }
    if request.histograms() == Histograms::Both {
        spec = spec.with("scrapeClassicHistograms", true);
    }
    spec.with("podMetricsEndpoints", list([endpoint]))
}

fn agent(request: &Request<'_>, name: &str) -> Node {
    let Request { options, scrape, job, .. } = *request;
    let cluster = options.cluster.as_deref().unwrap_or_default();
    let external = vec![(scrape.cluster().to_owned().into(), cluster.into())];
    let spread = map([
        ("maxSkew", 1.into()),
        ("topologyKey", "kubernetes.io/hostname".into()),
        // One node may have to do.
        ("whenUnsatisfiable", "ScheduleAnyway".into()),
        ("labelSelector", map([("matchLabels", map([("operator.prometheus.io/name", name.into())]))])),
    ]);
    map([
        ("replicas", REPLICAS.into()),
        ("serviceAccountName", name.into()),
        ("podMonitorSelector", selector(job)),
        ("externalLabels", Node::Map(external)),
        ("replicaExternalLabelName", request.replica_label().into()),
        // Its value is the same for both agents.
        ("prometheusExternalLabelName", "".into()),
        ("topologySpreadConstraints", list([spread])),
        ("remoteWrite", list(options.writes.iter().map(|url| remote_write(request, url)))),
    ])
}

fn remote_write(request: &Request<'_>, url: &str) -> Node {
    let queue = QUEUE.iter().map(|(_, name, value)| ((*name).into(), (*value).into()));
    let queue = Node::Map(queue.collect()).with("retryOnRateLimit", true);
    let write = map([("url", url.into()), ("queueConfig", queue)]);
    if request.histograms() == Histograms::Classic { write } else { write.with("sendNativeHistograms", true) }
}
