//! An incident from its start to its end: a real Prometheus evaluates the rules of Neurectomy while Ryot is down, and a
//! real Alertmanager sends notifications.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use tests::alertmanager::Notifier;
use tests::canned::{self, COMPLETION};
use tests::prometheus::{Server, Target};
use tests::{tools, wait};

use crate::NEURECTOMY;
use crate::panels::{start, while_repeated};

/// The same rules with shorter times. A late scrape is no incident.
const SETTINGS: &str = "
    [\"*\"]
    window = \"8s\"
    for = \"2s\"
    [\"Target*\"]
    enabled = false
    [InstancesLost]
    enabled = false
";

/// Waits for a notification of the group in which this alert has this status. Returns the notification and the alert.
fn notified(notifier: &Notifier, severity: &str, alert: &str, status: &str) -> (Value, Value) {
    let is = |found: &Value| found["labels"]["alertname"] == alert && found["status"] == status;
    let found = wait::try_until(|| {
        let notifications = notifier.notifications();
        let mut of_group = notifications.iter().filter(|one| one["groupLabels"]["severity"] == severity);
        let found = of_group.find_map(|one| {
            let alerts = one["alerts"].as_array().unwrap();
            Some((one.clone(), alerts.iter().find(|alert| is(alert))?.clone()))
        });
        found.ok_or(notifications)
    });
    found.unwrap_or_else(|all| panic!("no notification has {alert} as {status}: {all:#?}"))
}

fn names(alerts: &Value) -> BTreeSet<&str> {
    alerts.as_array().unwrap().iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap()).collect()
}

/// Asserts that the server evaluates each rule of the file, without an error.
fn assert_evaluated(server: &Server, file: &str) {
    let evaluated = wait::try_until(|| {
        let rules = server.rules();
        let healthy = rules.iter().all(|rule| rule["health"] == "ok" && rule["lastError"].is_null());
        if healthy && !rules.is_empty() { Ok(rules) } else { Err(rules) }
    });
    let rules = evaluated.unwrap_or_else(|rules| panic!("a rule has an error: {rules:#?}"));
    assert_eq!(rules.len(), file.matches("- record: ").count() + file.matches("- alert: ").count());
}

#[test]
fn an_incident_is_notified_with_what_to_do_and_resolved_after_it() {
    let (Some(prometheus), Some(alertmanager)) = (tools::prometheus(), tools::alertmanager()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let [settings, rules] = ["alerts.toml", "rules.yaml"].map(|name| folder.path().join(name));
    fs::write(&settings, SETTINGS).unwrap();
    let written = ["rules", "--alerts", settings.to_str().unwrap(), "--output", rules.to_str().unwrap()];
    let written = NEURECTOMY.metrics(&written);
    assert!(written.status.success(), "{}", written.stderr);

    let mut ryot = canned::Server::start("application/json", COMPLETION);
    let url = format!("http://{}", ryot.address());
    let service = start(&NEURECTOMY, &[], &[("RYOT_URL", &url), ("RYOT_COOLDOWN", "1")]);
    let notifier = alertmanager.start(&["job", "severity"]);
    let target = Target::new("neurectomy", service.address()).with(json!({ "honor_labels": true }));
    let server = prometheus.alert(&[target], &rules, notifier.address());
    let request = || {
        let _ = service.post_json("/v1/generate", &json!({ "prompt": "The harbour", "max_tokens": 5 }));
    };
    while_repeated(request, || {
        server.wait_until("count_over_time(up[1h])", |counts| counts.values().all(|count| *count >= 3.0));
        assert_eq!(notifier.notifications(), [Value::Null; 0], "nothing has happened yet");

        ryot.kill();
        let (page, alert) = notified(&notifier, "page", "NeurectomyBreakerRejecting", "firing");
        // One notification for all that wakes somebody up.
        assert_eq!(page["groupLabels"], json!({ "job": "neurectomy", "severity": "page" }));
        assert_eq!(alert["labels"]["service"], "ryot");
        let text = |name: &str| alert["annotations"][name].as_str().unwrap().to_owned();
        assert_eq!(text("summary"), "the circuit breaker of ryot rejects calls");
        assert!(text("description").starts_with("For 2 seconds calls to ryot have been answered without it, about "));
        let runbook = text("runbook");
        assert!(runbook.contains("Look at that service first") && runbook.contains("examples/neurectomy/main.rs:"));
        assert!(alert["generatorURL"].as_str().unwrap().contains("/graph?g0.expr="), "{alert}");
        let (_, failed) = notified(&notifier, "page", "NeurectomyHttpErrorRatio", "firing");
        assert_eq!(failed["labels"]["endpoint"], "/v1/generate");
        let _ = notified(&notifier, "page", "NeurectomyRyotRequestsSuccessBurn1h", "firing");

        ryot.restart();
        for alert in ["NeurectomyBreakerRejecting", "NeurectomyHttpErrorRatio"] {
            let (_, alert) = notified(&notifier, "page", alert, "resolved");
            assert!(alert["endsAt"].as_str() > alert["startsAt"].as_str(), "{alert}");
        }
    });
    assert_evaluated(&server, &fs::read_to_string(&rules).unwrap());
    // Each group is notified about its changes only.
    let notifications = notifier.notifications();
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for notification in &notifications {
        let severity = notification["groupLabels"]["severity"].as_str().unwrap();
        groups.entry(severity).or_default().extend(names(&notification["alerts"]));
    }
    let tickets = groups.get("ticket").into_iter().flatten();
    let expected = ["Burn", "BreakerFlapping", "UpstreamErrorRatio"];
    assert!(tickets.clone().all(|name| expected.iter().any(|of| name.contains(of))), "{tickets:?}");
    let pages = groups["page"].iter();
    let of_ryot = ["BreakerRejecting", "HttpErrorRatio", "RyotRequestsErrorRatio", "RyotRequestsSuccessBurn"];
    assert!(pages.clone().all(|name| of_ryot.iter().any(|of| name.contains(of))), "{pages:?}");
}
