//! Documents for fleets: two agents scrape the same instances.

use serde_json::json;
use tests::prometheus::Target;
use tests::tools;

use crate::alerts::{Rules, scenario, test};
use crate::panels::{panels, start};
use crate::{NEURECTOMY, WITH_ROUTES};

#[test]
fn failures_that_two_agents_see_are_not_twice_as_many() {
    for example in WITH_ROUTES {
        let written = |arguments: &[&str]| example.metrics(&[&["rules"], arguments].concat()).stdout;
        let plain = Rules { service: example.name, text: written(&[]) };
        let once = Rules { service: example.name, text: written(&["--replica-label", "agent"]) };
        // Enough failures for an alert only if both copies count.
        let series = [
            ("SERVICE_requests_total{status=\"500\", agent=\"a\"}", "0+1x60"),
            ("SERVICE_requests_total{status=\"500\", agent=\"b\"}", "0+1x60"),
            ("SERVICE_requests_total{status=\"200\", agent=\"a\"}", "0+2x60"),
            ("SERVICE_requests_total{status=\"200\", agent=\"b\"}", "0+2x60"),
        ];
        let firing = |samples: &[f64]| {
            let samples = samples.iter().map(|value| json!({ "labels": "{}", "value": value }));
            json!({
                "expr": "count(ALERTS{alertname=~\".*HttpErrorRatio\", alertstate=\"firing\"})",
                "eval_time": "30m",
                "exp_samples": samples.collect::<Vec<_>>(),
            })
        };
        test(&plain, &[scenario(&plain, &series, &[firing(&[1.0])])]);
        test(&once, &[scenario(&once, &series, &[firing(&[])])]);
    }
}

#[test]
fn the_dashboard_counts_instances_once_that_two_agents_scrape() {
    let Some(prometheus) = tools::prometheus() else {
        return;
    };
    let service = start(&NEURECTOMY, &[], &[]);
    let _ = service.post_json("/v1/keys", &json!({ "user": "ada" })).expect(201);
    let labels = |agent: &str| {
        let given = [("job", "neurectomy"), ("agent", agent)];
        let given = given.map(|(label, value)| json!({ "target_label": label, "replacement": value }));
        json!({ "relabel_configs": given })
    };
    let [a, b] = ["a", "b"].map(|agent| Target::new(agent, service.address()).with(labels(agent)));
    let server = prometheus.scrape(&[a, b]);
    for (arguments, instances) in [(&["--replica-label", "agent"][..], 1.0), (&[], 2.0)] {
        let written = NEURECTOMY.metrics(&[&["dashboard", "--scrape-interval", "1s"], arguments].concat()).stdout;
        let dashboard = serde_json::from_str(&written).unwrap();
        for (panel, queries) in panels(&dashboard, &NEURECTOMY, &[&service]) {
            if panel["title"] == "Instances" || panel["title"] == "Api keys active" {
                server.wait_until(&queries[0], |found| found.values().eq([&instances]));
            }
        }
    }
}
