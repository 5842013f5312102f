//! The rules in a Kubernetes cluster: with several namespaces, and targets with the labels of the Prometheus operator.

use serde_json::json;
use tests::prometheus::Target;
use tests::tools;

use crate::alerts::{Rules, scenario, test};
use crate::panels::start;
use crate::{EXAMPLES, NEURECTOMY, WITH_ROUTES};

/// Returns the rules of the `PrometheusRule` as a rules file.
fn rules(objects: &str) -> String {
    let (rule, _) = objects.split_once("\n---\n").unwrap();
    let (_, spec) = rule.split_once("\nspec:\n").unwrap();
    spec.lines().map(|line| line.strip_prefix("  ").unwrap().to_owned() + "\n").collect()
}

#[test]
fn each_namespace_has_its_own_error_ratio() {
    for example in WITH_ROUTES {
        let rules = Rules { service: example.name, text: rules(&example.document("kubernetes")) };
        let alert =
            rules.text.lines().find_map(|line| line.trim().strip_prefix("- alert: ")?.strip_suffix("HttpErrorRatio"));
        let series = [
            ("SERVICE_requests_total{status=\"500\", namespace=\"staging\"}", "0+60x60"),
            ("SERVICE_requests_total{status=\"200\", namespace=\"production\"}", "0+60000x60"),
        ];
        let alerts = format!("ALERTS{{alertname=\"{}HttpErrorRatio\", alertstate=\"firing\"}}", alert.unwrap());
        let fires = json!({
            "expr": format!("count by (namespace) ({alerts})"),
            "eval_time": "20m",
            "exp_samples": [{ "labels": "{namespace=\"staging\"}", "value": 1 }],
        });
        test(&rules, &[scenario(&rules, &series, &[fires])]);
    }
}

#[test]
fn a_missing_namespace_is_reported_while_another_has_targets() {
    for example in EXAMPLES {
        let rules = Rules { service: example.name, text: rules(&example.document("kubernetes")) };
        let alert =
            rules.text.lines().find_map(|line| line.trim().strip_prefix("- alert: ")?.strip_suffix("TargetAbsent"));
        let absent = |at: &str, namespaces: &[&str]| {
            let name = format!("{}TargetAbsent", alert.unwrap());
            let of = |namespace: &&str| json!({ "labels": format!("{{{namespace}}}"), "value": 1 });
            json!({
                "expr": format!("count by (namespace) (ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}})"),
                "eval_time": at,
                "exp_samples": namespaces.iter().map(of).collect::<Vec<_>>(),
            })
        };
        let production = "namespace=\"production\"";
        // The series of a removed target are stale at once.
        let one = [("up{namespace=\"staging\"}", "1x120"), ("up{namespace=\"production\"}", "1x20 stale")];
        let one_gone = [absent("19m", &[]), absent("30m", &[production]), absent("70m", &[production])];
        let forgotten = absent("100m", &[]);
        let all = [("up{namespace=\"staging\"}", "1x20 stale")];
        let all_gone = [absent("19m", &[]), absent("30m", &["", "namespace=\"staging\""]), absent("100m", &[""])];
        let one_gone = one_gone.into_iter().chain([forgotten]).collect::<Vec<_>>();
        test(&rules, &[scenario(&rules, &one, &one_gone), scenario(&rules, &all, &all_gone)]);
    }
}

#[test]
fn labels_of_the_operator_do_not_replace_labels_of_metrics() {
    let Some(prometheus) = tools::prometheus() else {
        return;
    };
    let objects = NEURECTOMY.document("kubernetes");
    let service = start(&NEURECTOMY, &["--traffic", "20"], &[]);
    let given = [("namespace", "staging"), ("pod", "web-0"), ("endpoint", "http"), ("service", "web")];
    let given = given.map(|(label, value)| json!({ "target_label": label, "replacement": value }));
    let honor = objects.contains("honorLabels: true");
    let target = Target::new("neurectomy", service.address());
    let server = prometheus.scrape(&[target.with(json!({ "honor_labels": honor, "relabel_configs": given }))]);

    let rules = rules(&objects);
    let lines: Vec<_> = rules.lines().map(str::trim).collect();
    let records = lines.windows(2).filter_map(|pair| {
        let name = pair[0].strip_prefix("- record: '")?.strip_suffix('\'')?;
        Some((name, pair[1].strip_prefix("expr: '")?.strip_suffix('\'')?))
    });
    let is_rate = |name: &str| name.starts_with("namespace_job_endpoint:") && name.ends_with("rate5m");
    let by_endpoint: Vec<_> = records.filter(|(name, _)| is_rate(name)).collect();
    assert_eq!(by_endpoint.len(), 5, "{rules}");
    for (_, query) in by_endpoint {
        server.wait_until(query, |found| {
            let kept = found.keys().all(|labels| labels["namespace"] == "staging" && labels["endpoint"] != "http");
            kept && !found.is_empty()
        });
    }
    server.wait_until("neurectomy_circuit_breaker_state", |found| {
        found.keys().any(|labels| labels["service"] == "ryot" && labels["pod"] == "web-0")
    });
}

#[test]
fn objects_follow_the_configuration_of_the_page() {
    let run = |arguments: &[&str]| {
        let env = [("METRICS_TOKEN", "hush"), ("METRICS_LISTEN", "9464"), ("METRICS_PATH", "/inner")];
        tests::service::Service::run(NEURECTOMY.binary, &[&["metrics", "kubernetes"], arguments].concat(), &env)
    };
    let written = run(&[]).stdout;
    for text in ["port: metrics\n", "path: /inner\n", "name: neurectomy-metrics\n", "type: Bearer\n"] {
        assert!(written.contains(text), "{text}:\n{written}");
    }
    assert!(!written.contains("hush"), "{written}");
    let rejected = run(&["--job", "prod/neurectomy"]);
    assert!(!rejected.status.success() && rejected.stdout.is_empty());
    let problem = "the job `prod/neurectomy` is not a valid Kubernetes label value; expected 1 to 63 letters";
    assert!(rejected.stderr.contains(problem), "{}", rejected.stderr);
}
