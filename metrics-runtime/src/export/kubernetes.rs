//! Objects of the Prometheus operator: the rules as a `PrometheusRule`, and a `ServiceMonitor` that has the service
//! scraped (<https://prometheus-operator.dev/docs/api-reference/api/>).

use super::model::Model;
use super::node::{list, map};
use super::rules::{self, Target};
use crate::error::debug_as_display;

/// The label that tells the objects of one application, as Kubernetes recommends it
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>).
const NAME: &str = "app.kubernetes.io/name";

/// A job that no object of Kubernetes can be labelled with.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the job `{job}` is no value that a label of Kubernetes can have; allowed are up to 63 letters, digits, `-`, `_` and \
     `.`, of which the first and the last are letters or digits"
)]
#[non_exhaustive]
pub struct JobError {
    /// The job.
    pub job: String,
}

debug_as_display!(JobError);

/// Both objects, one document each.
pub(crate) fn yaml(model: &Model, job: &str) -> Result<String, JobError> {
    if !is_label_value(job) {
        return Err(JobError { job: job.to_owned() });
    }
    let name = object_name(&model.service);
    let rules = rules::node(&rules::groups(model, Target::in_namespaces(job)));
    let port = if model.apart { "metrics" } else { "http" };
    let mut endpoint = map([
        ("port", port.into()),
        ("path", model.path.as_str().into()),
        ("interval", "30s".into()),
        ("scrapeTimeout", "10s".into()),
        // The operator gives every target the labels `endpoint` and `service`, the names of its port and its Service.
        // Where a metric has such a label itself, it is the metric's that rules and dashboard are about.
        ("honorLabels", true.into()),
    ]);
    let mut comments =
        vec![format!("# Scrapes the port `{port}` of every Service in this namespace that has this label.")];
    if model.token {
        let secret = format!("{name}-metrics");
        comments
            .push(format!("# The page asks for a token: it is taken from the key `token` of the Secret `{secret}`."));
        let credentials = map([("name", secret.into()), ("key", "token".into())]);
        endpoint = endpoint.with("authorization", map([("type", "Bearer".into()), ("credentials", credentials)]));
    }
    let monitor = map([
        ("selector", map([("matchLabels", map([(NAME, job.into())]))])),
        // So that the label `job` is the name that the rules ask for.
        ("jobLabel", NAME.into()),
        ("endpoints", list([endpoint])),
    ]);
    let [rules, monitor] = [("PrometheusRule", rules), ("ServiceMonitor", monitor)].map(|(kind, spec)| {
        let metadata = map([("name", name.as_str().into()), ("labels", map([(NAME, job.into())]))]);
        let object = [("apiVersion", "monitoring.coreos.com/v1".into()), ("kind", kind.into()), ("metadata", metadata)];
        map(object).with("spec", spec).yaml()
    });
    Ok(format!("{rules}---\n{}\n{monitor}", comments.join("\n")))
}

/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>
fn is_label_value(text: &str) -> bool {
    let ends = |end: Option<&u8>| end.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = text.as_bytes();
    bytes.len() <= 63 && ends(bytes.first()) && ends(bytes.last()) && text.bytes().all(inner)
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
    use super::super::Export;
    use super::*;
    use crate::config::Builder;
    use crate::{Metrics, Registry};

    fn yaml_of(builder: Builder) -> Result<String, JobError> {
        Export::new(&builder.registry(&Registry::new()).build().unwrap()).kubernetes()
    }

    #[test]
    fn names_are_dns_labels() {
        assert_eq!(object_name("My_Shop"), "my-shop");
        assert_eq!(object_name("__"), "service");
        assert_eq!(object_name(&"a".repeat(90)).len(), 63);
    }

    #[test]
    fn the_monitor_selects_by_the_label_that_all_objects_have() {
        let yaml = yaml_of(Metrics::builder().namespace("My_shop")).unwrap();
        assert_eq!(yaml.matches("app.kubernetes.io/name: My_shop\n").count(), 3, "{yaml}");
        assert_eq!(yaml.matches("  name: my-shop\n").count(), 2, "{yaml}");
    }

    #[test]
    fn a_job_is_one_that_objects_can_be_labelled_with() {
        for job in ["shop", "My_shop", "a.b-c", "7", &"a".repeat(63)] {
            assert!(is_label_value(job), "{job}");
        }
        for job in ["", "prod/shop", "_shop", "shop-", "Käse", "a b", &"a".repeat(64)] {
            assert!(!is_label_value(job), "{job}");
        }
        let error = yaml_of(Metrics::builder().namespace("_shop")).unwrap_err();
        assert!(
            error.to_string().starts_with("the job `_shop` is no value that a label of Kubernetes can have; allowed")
        );
    }

    #[test]
    fn services_of_two_namespaces_are_two() {
        let yaml = yaml_of(Metrics::builder().namespace("shop")).unwrap();
        assert!(yaml.contains("by (namespace, job, ") && !yaml.contains("by (job"), "{yaml}");
    }

    #[cfg(feature = "serve")]
    #[test]
    fn the_page_is_scraped_where_it_is_and_with_what_it_asks_for() {
        let plain = yaml_of(Metrics::builder()).unwrap();
        assert!(plain.contains("port: http\n") && !plain.contains("authorization"), "{plain}");
        let token = crate::http::Endpoint::new().token("hush");
        let guarded = yaml_of(Metrics::builder().namespace("My_shop").endpoint(token).listen_on(([0, 0, 0, 0], 9464)));
        let guarded = guarded.unwrap();
        let authorization = "      authorization:
        type: Bearer
        credentials:
          name: my-shop-metrics
          key: token\n";
        assert!(guarded.contains("port: metrics\n") && guarded.ends_with(authorization), "{guarded}");
        for said in ["# Scrapes the port `metrics` of every Service", "`my-shop-metrics`"] {
            assert!(guarded.contains(said), "{said}:\n{guarded}");
        }
        assert!(!guarded.contains("hush"), "{guarded}");
    }
}
