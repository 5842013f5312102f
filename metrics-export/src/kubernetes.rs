//! Objects of the Prometheus operator: a `PrometheusRule` with the rules, and a `ServiceMonitor` that scrapes the
//! service (<https://prometheus-operator.dev/docs/api-reference/api/>).

use std::net::SocketAddr;

use crate::document::{Node, list, map};
use crate::error::debug_as_display;
use crate::hash::hash;
use crate::model::Model;
use crate::rules::{self, AlertSettings, Target};
use crate::scrape::Scrape;

/// The recommended label for the name of an application
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>).
pub(crate) const NAME: &str = "app.kubernetes.io/name";

/// The error of a job that is not a valid Kubernetes label value.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the job `{job}` is not a valid Kubernetes label value; expected 1 to 63 letters, digits, `-`, `_` and `.` that start \
     and end with a letter or a digit"
)]
#[non_exhaustive]
pub struct JobError {
    /// The job.
    pub job: String,
}

debug_as_display!(JobError);

/// Returns both objects, one YAML document each.
pub(crate) fn yaml(model: &Model, job: &str, scrape: &Scrape, alerts: &AlertSettings) -> Result<String, JobError> {
    let name = name_of(job)?;
    let target = Target::in_namespaces(job).scraped(scrape);
    let rules = rules::node(&rules::groups(model, target, alerts));
    let Endpoint { port, node, comments } = endpoint(model, &name, scrape);
    let monitor = map([
        ("selector", selector(job)),
        // Gives the label `job` the value that the rules select.
        ("jobLabel", NAME.into()),
        ("endpoints", list([node])),
    ]);
    let [rules, monitor] = [("PrometheusRule", rules), ("ServiceMonitor", monitor)]
        .map(|(kind, spec)| object("monitoring.coreos.com/v1", kind, &name, job).with("spec", spec).yaml());
    let of = format!("# Scrapes the port `{port}` of every Service in this namespace that has this label.\n");
    Ok(format!("{rules}---\n{of}{comments}{monitor}"))
}

/// The part of a monitor that says where the page is, and what it asks of scrapers.
pub(crate) struct Endpoint {
    /// The name of the port.
    pub(crate) port: &'static str,
    pub(crate) node: Node,
    /// The requirements on its reader, as lines of YAML comments.
    pub(crate) comments: String,
}

/// Returns the endpoint of a `ServiceMonitor` or a `PodMonitor`. `name` is the name of the objects.
pub(crate) fn endpoint(model: &Model, name: &str, scrape: &Scrape) -> Endpoint {
    let port = if model.listen.is_some() { "metrics" } else { "http" };
    let mut endpoint = map([
        ("port", port.into()),
        ("path", model.path.as_str().into()),
        ("interval", scrape.interval().into()),
        ("scrapeTimeout", scrape.timeout().into()),
        // The operator adds the labels `endpoint` (the port) and `service` (the Service) to every target. If a metric
        // has such a label itself, rules and dashboard use the label of the metric.
        ("honorLabels", true.into()),
    ]);
    let mut comments = Vec::new();
    if let Some(address) = model.listen.filter(|address| address.ip().is_loopback()) {
        let open = SocketAddr::new([0, 0, 0, 0].into(), address.port());
        comments.push(format!(
            "# The page is on {address}, which no other pod can reach: set METRICS_LISTEN={open} in the pod."
        ));
        if !model.is_protected() {
            comments.push("# It then needs METRICS_TOKEN, METRICS_BASIC_AUTH or METRICS_ALLOW.".to_owned());
        }
    }
    let secret = format!("{name}-metrics");
    let key = |key: &str| map([("name", secret.as_str().into()), ("key", key.into())]);
    // The operator accepts one of both, and the page as well.
    if model.token {
        comments
            .push(format!("# The page asks for a token: it is taken from the key `token` of the Secret `{secret}`."));
        endpoint = endpoint.with("authorization", map([("type", "Bearer".into()), ("credentials", key("token"))]));
    } else if model.user {
        comments.push(format!(
            "# The page asks for a user: it is taken from the keys `username` and `password` of the Secret `{secret}`."
        ));
        endpoint = endpoint.with("basicAuth", map([("username", key("username")), ("password", key("password"))]));
    }
    if let Some(page) = model.tls {
        comments.push(format!(
            "# The page is served over TLS: its certificate has to be valid for the name `{name}`, and signed by the\n\
             # authority in the key `ca.crt` of the Secret `{secret}`."
        ));
        let mut tls = map([("ca", map([("secret", key("ca.crt"))])), ("serverName", name.into())]);
        if page.requires_client_certificate {
            comments.push(format!(
                "# Prometheus shows the certificate in the keys `tls.crt` and `tls.key` of the Secret `{secret}`."
            ));
            tls = tls.with("cert", map([("secret", key("tls.crt"))])).with("keySecret", key("tls.key"));
        }
        endpoint = endpoint.with("scheme", "https").with("tlsConfig", tls);
    }
    let comments = comments.into_iter().map(|comment| comment + "\n").collect();
    Endpoint { port, node: endpoint, comments }
}

/// Returns an object without its `spec`.
pub(crate) fn object(api: &str, kind: &str, name: &str, job: &str) -> Node {
    let metadata = map([("name", name.into()), ("labels", map([(NAME, job.into())]))]);
    map([("apiVersion", api.into()), ("kind", kind.into()), ("metadata", metadata)])
}

/// Returns the selector of objects that have the label of this job.
pub(crate) fn selector(job: &str) -> Node {
    map([("matchLabels", map([(NAME, job.into())]))])
}

/// Returns the name of the objects of a job.
///
/// # Errors
/// Returns an error if the job is not a valid value of their label.
pub(crate) fn name_of(job: &str) -> Result<String, JobError> {
    if is_label_value(job) { Ok(object_name(job)) } else { Err(JobError { job: job.to_owned() }) }
}

/// Returns `true` for a valid label value
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>).
fn is_label_value(text: &str) -> bool {
    let ends = |end: Option<&u8>| end.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = text.as_bytes();
    bytes.len() <= 63 && ends(bytes.first()) && ends(bytes.last()) && text.bytes().all(inner)
}

/// Returns the name of an object, which has to be a DNS label: at most 63 lower case letters, digits and `-`
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>).
///
/// No other job has it: a job that is not such a name itself gets a hash.
pub(crate) fn object_name(job: &str) -> String {
    let name: String =
        job.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    // The name of the Secret is longer by `-metrics`.
    if name == job && name.len() <= 54 {
        return name;
    }
    format!("{}-{:08x}", name.chars().take(45).collect::<String>(), hash(job) >> 32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use metrics_runtime::{Builder, Metrics, Registry, http};

    use super::*;
    use crate::export::Export;

    fn yaml_of(builder: Builder) -> Result<String, JobError> {
        Export::new(&builder.registry(&Registry::new()).build().unwrap()).kubernetes()
    }

    #[test]
    fn object_names_are_dns_labels() {
        assert_eq!(object_name("my-shop"), "my-shop");
        let names = ["my_shop", "My-shop", "my.shop", &"a".repeat(63), &format!("{}b", "a".repeat(62)), "my-shop"];
        let names: BTreeSet<_> = names.map(object_name).into_iter().collect();
        assert_eq!(names.len(), 6, "every job has a name of its own: {names:?}");
        for name in names {
            let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            assert!(is_name && name.len() <= 54 && !name.starts_with('-') && !name.ends_with('-'), "{name}");
        }
    }

    #[test]
    fn the_monitor_selects_by_the_label_of_all_objects() {
        let yaml = yaml_of(Metrics::builder().namespace("My_shop")).unwrap();
        assert_eq!(yaml.matches("app.kubernetes.io/name: My_shop\n").count(), 3, "{yaml}");
        assert_eq!(yaml.matches("  name: my-shop-").count(), 2, "{yaml}");
    }

    #[test]
    fn a_job_has_to_be_a_valid_label_value() {
        for job in ["shop", "My_shop", "a.b-c", "7", &"a".repeat(63)] {
            assert!(is_label_value(job), "{job}");
        }
        for job in ["", "prod/shop", "_shop", "shop-", "Käse", "a b", &"a".repeat(64)] {
            assert!(!is_label_value(job), "{job}");
        }
        let error = yaml_of(Metrics::builder().namespace("_shop")).unwrap_err();
        assert!(error.to_string().starts_with("the job `_shop` is not a valid Kubernetes label value; expected"));
    }

    #[test]
    fn rules_are_evaluated_for_each_namespace() {
        let yaml = yaml_of(Metrics::builder().namespace("shop")).unwrap();
        assert!(yaml.contains("by (namespace, job, ") && !yaml.contains("by (job"), "{yaml}");
    }

    #[test]
    fn a_page_that_no_pod_can_reach_is_said() {
        let comment = |address: SocketAddr| {
            let yaml =
                yaml_of(Metrics::builder().endpoint(http::Endpoint::new().open_to_everyone()).listen_on(address));
            let yaml = yaml.unwrap();
            yaml.lines().find(|line| line.contains("METRICS_LISTEN")).map(str::to_owned)
        };
        for address in ["127.0.0.1:9464", "[::1]:9464"] {
            let expected = format!(
                "# The page is on {address}, which no other pod can reach: set METRICS_LISTEN=0.0.0.0:9464 in the pod."
            );
            assert_eq!(comment(address.parse().unwrap()), Some(expected));
        }
        assert_eq!(comment(([0, 0, 0, 0], 9464).into()), None);
    }

    #[test]
    fn the_monitor_has_the_port_and_the_token_of_the_page() {
        let plain = yaml_of(Metrics::builder()).unwrap();
        assert!(plain.contains("port: http\n") && !plain.contains("authorization"), "{plain}");
        let token = http::Endpoint::new().token("hush");
        let guarded = yaml_of(Metrics::builder().namespace("shop").endpoint(token).listen_on(([0, 0, 0, 0], 9464)));
        let guarded = guarded.unwrap();
        let authorization = "      authorization:
        type: Bearer
        credentials:
          name: shop-metrics
          key: token\n";
        assert!(guarded.contains("port: metrics\n") && guarded.ends_with(authorization), "{guarded}");
        for comment in ["# Scrapes the port `metrics` of every Service", "`shop-metrics`"] {
            assert!(guarded.contains(comment), "{comment}:\n{guarded}");
        }
        assert!(!guarded.contains("hush"), "{guarded}");
    }
}
