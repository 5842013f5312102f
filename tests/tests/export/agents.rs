//! The configurations of agents, checked by the agents, and started.

use std::collections::BTreeMap;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use metrics_export::Command;
use metrics_runtime::http::{Endpoint, Http};
use metrics_runtime::{Descriptor, Metrics, Registry};
use tests::agent::Agent;
use tests::page::Labels;
use tests::{canned, tools, wait};

/// A shop that has done this many jobs.
fn shop(jobs: u64, endpoint: Endpoint) -> Metrics {
    let registry = Registry::new();
    registry.counter(Descriptor::counter("jobs_total", "Jobs.")).unwrap().get_or_create(&[]).unwrap().inc_by(jobs);
    let wait = Descriptor::histogram("wait_seconds", "Waiting.", vec![0.1, 1.0]).unit("seconds").native();
    registry.histogram(wait).unwrap();
    let builder = Metrics::builder().namespace("shop").registry(&registry).http(Http::none()).endpoint(endpoint);
    builder.build().unwrap()
}

fn agent(metrics: &Metrics, args: &[&str]) -> String {
    let mut out = Vec::new();
    Command::parse([&["agent"], args].concat()).unwrap().run(metrics, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn agents_accept_every_form_of_their_configuration() {
    let (Some(promtool), Some(vmagent)) = (tools::promtool(), tools::vmagent()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.yml");
    fs::create_dir(folder.path().join("shop-metrics")).unwrap();
    for secret in ["token", "password", "targets.json"] {
        fs::write(folder.path().join("shop-metrics").join(secret), "[]").unwrap();
    }
    let stores = ["--remote-write", "http://a/api/v1/write", "--remote-write", "https://b/write?c=d&e"];
    let token = || shop(0, Endpoint::new().token("hush"));
    for (metrics, more) in [
        (shop(0, Endpoint::new()), &[][..]),
        (token(), &["--cluster", "eu-1", "--replica", "a", "--target", "[::1]:80", "--target", "a.b:80"]),
        (shop(0, Endpoint::new()), &["--job", "prod/shop", "--scrape-interval", "1s", "--cluster-label", "region"]),
    ] {
        for form in ["prometheus", "vmagent"] {
            let text = agent(&metrics, &[&["--form", form], &stores[..], more].concat());
            fs::write(&file, &text).unwrap();
            if form == "prometheus" {
                promtool.check_agent_config(&file).unwrap_or_else(|error| panic!("{error}\n{text}"));
            } else {
                let config = format!("-promscrape.config={}", file.display());
                let checked = vmagent.run(&["-dryRun", "-remoteWrite.url=http://a/", &config]);
                // It exits with 0 when a file is wrong.
                assert!(checked.stderr.contains("all the configs are ok"), "{}\n{text}", checked.stderr);
            }
        }
    }
    let native = ["--form", "prometheus", "--histograms", "native"];
    fs::write(&file, agent(&token(), &[&native, &stores[..]].concat())).unwrap();
    promtool.check_agent_config(&file).unwrap();
}

/// Returns the values by cluster, replica and instance.
fn values(found: BTreeMap<Labels, f64>) -> BTreeMap<[String; 3], f64> {
    let labels = |labels: Labels| ["cluster", "replica", "instance"].map(|label| labels[label].clone());
    found.into_iter().map(|(series, value)| (labels(series), value)).collect()
}

#[test]
fn two_agents_scrape_all_instances_and_write_to_all_stores() {
    let (Some(prometheus), Some(victoria), Some(_)) = (tools::prometheus(), tools::victoria(), tools::vmagent()) else {
        return;
    };
    let endpoint = || Endpoint::new().token("hush");
    let pages = [3, 4].map(|jobs| shop(jobs, endpoint()).render());
    let instances = pages.map(|page| canned::Server::start("text/plain; version=0.0.4", page.leak()));
    let addresses = [0, 1].map(|i| instances[i].address().to_string());
    let stores = (prometheus.receive(), victoria.start_with(&["-search.latencyOffset=0s"]));
    let writes = [stores.0.write_url(), format!("http://{}/api/v1/write", stores.1.client().address())];
    let form = |form, more: &[&str]| {
        let common =
            ["--form", form, "--scrape-interval", "1s", "--remote-write", &writes[0], "--remote-write", &writes[1]];
        agent(&shop(0, endpoint()), &[&common, more].concat())
    };
    let listed = serde_json::json!([{ "targets": addresses }]).to_string();
    let token = ("shop-metrics/token", "hush\n");
    // Names and targets from outside of the file, and from within it.
    let env = [("CLUSTER", "eu-1"), ("REPLICA", "a")];
    let _one = Agent::start(&form("prometheus", &[]), &[("shop-metrics/targets.json", &listed), token], &env);
    let within = ["--cluster", "eu-1", "--replica", "b", "--target", &addresses[0], "--target", &addresses[1]];
    let _two = Agent::start(&form("vmagent", &within), &[token], &[]);
    let all = ["a", "b"].into_iter().flat_map(|replica| {
        let key = |i: usize| ["eu-1", replica, &addresses[i]].map(str::to_owned);
        [(key(0), 3.0), (key(1), 4.0)]
    });
    let expected: BTreeMap<_, _> = all.collect();
    let query = "shop_jobs_total{job=\"shop\"}";
    stores.0.wait_until(query, |found| values(found.clone()) == expected);
    let written = wait::try_until(|| {
        stores.1.flush();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let found = values(stores.1.query_at(query, now));
        if found == expected { Ok(()) } else { Err(found) }
    });
    written.unwrap_or_else(|found| panic!("expected {expected:?}, found {found:?}"));
    for request in instances.iter().flat_map(canned::Server::requests) {
        assert!(request.to_ascii_lowercase().contains("\r\nauthorization: bearer hush\r\n"), "{request}");
    }
}
