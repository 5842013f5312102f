//! Objects of the Prometheus operator: the rules as a `PrometheusRule`, and a `ServiceMonitor` that has the service
//! scraped (<https://prometheus-operator.dev/docs/api-reference/api/>).

use super::model::Model;
use super::node::{Node, list, map};
use super::rules;

/// The label that tells the objects of one application, as Kubernetes recommends it
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>).
const NAME: &str = "app.kubernetes.io/name";

/// Both objects, one document each.
pub(crate) fn yaml(model: &Model, job: &str) -> String {
    let rules = object("PrometheusRule", model, rules::node(&rules::groups(model, job)));
    let endpoint = map([
        ("port", "http".into()),
        ("path", model.path.as_str().into()),
        ("interval", "30s".into()),
        ("scrapeTimeout", "10s".into()),
    ]);
    let monitor = map([
        ("selector", map([("matchLabels", map([(NAME, job.into())]))])),
        // So that the label `job` is the name that the rules ask for.
        ("jobLabel", NAME.into()),
        ("endpoints", list([endpoint])),
    ]);
    format!("{}---\n{}", rules.yaml(), object("ServiceMonitor", model, monitor).yaml())
}

fn object(kind: &str, model: &Model, spec: Node) -> Node {
    let name = object_name(&model.service);
    map([
        ("apiVersion", "monitoring.coreos.com/v1".into()),
        ("kind", kind.into()),
        ("metadata", map([("name", name.as_str().into()), ("labels", map([(NAME, name.as_str().into())]))])),
        ("spec", spec),
    ])
}

/// Names of objects are DNS labels: lower case letters, digits and `-`, at most 63 of them
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>).
fn object_name(service: &str) -> String {
    let name: String = service
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(63)
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "service".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        assert_eq!(object_name("My_Shop"), "my-shop");
        assert_eq!(object_name("__"), "service");
        assert_eq!(object_name(&"a".repeat(90)).len(), 63);
    }
}
