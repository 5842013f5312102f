//! A real Prometheus that scrapes what a test serves, and is asked over its query API.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io};

use serde_json::{Value, json};

use crate::client::Client;
use crate::page::{Labels, Point};
use crate::process::Process;
use crate::wait;

/// An installed Prometheus; [`tools::prometheus`](crate::tools::prometheus) gives it.
#[derive(Clone, Debug)]
pub struct Prometheus {
    program: PathBuf,
}

/// What a server scrapes.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The value of the label `job`.
    pub job: &'a str,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its metrics are.
    pub path: &'a str,
}

impl<'a> Target<'a> {
    /// A target that serves its metrics on `/metrics`.
    #[must_use]
    pub fn new(job: &'a str, address: SocketAddr) -> Self {
        Self { job, address, path: "/metrics" }
    }
}

/// What a server has learned of a family from its `# TYPE`, `# HELP` and `# UNIT` lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// The name in the `# TYPE` line.
    pub family: String,
    /// Its type, in Prometheus's own word for it.
    pub kind: String,
    /// Unescaped.
    pub help: String,
    /// Empty where there is none.
    pub unit: String,
}

/// A running server with a data folder of its own; both are gone when this is dropped.
pub struct Server {
    // Dropped first: the process writes into the folder.
    _process: Process,
    _folder: Folder,
    client: Client,
}

impl Prometheus {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Starts a server and waits until it has scraped each target with success.
    #[must_use]
    pub fn scrape(&self, targets: &[Target<'_>]) -> Server {
        let server = self.start(targets);
        let up = wait::try_until(|| server.targets_up());
        up.unwrap_or_else(|error| panic!("prometheus does not get the metrics: {error}"));
        server
    }

    fn start(&self, targets: &[Target<'_>]) -> Server {
        // Between finding a free port and listening on it, another process may take it.
        for _ in 0..10 {
            if let Some(server) = self.try_start(targets, free_port()) {
                return server;
            }
        }
        panic!("ten times in a row, prometheus found its port taken");
    }

    fn try_start(&self, targets: &[Target<'_>], port: u16) -> Option<Server> {
        let folder = Folder::create();
        let config = folder.0.join("prometheus.json");
        fs::write(&config, configuration(targets).to_string()).unwrap();
        let mut command = Command::new(&self.program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.0.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=warn");
        let mut process = Process::start(&mut command);
        let client = Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let started = wait::until("prometheus to be ready", || {
            if let Some(status) = process.exited() {
                process.join();
                let log = process.stderr();
                assert!(log.contains("address already in use"), "prometheus ended with {status}:\n{log}");
                return Some(false);
            }
            let ready = client.try_request("GET", "/-/ready", &[], b"");
            ready.is_ok_and(|response| response.status == 200).then_some(true)
        });
        started.then_some(Server { _process: process, _folder: folder, client })
    }
}

impl Server {
    /// The `data` of an API answer, for what has no helper here: `get("/api/v1/metadata")`.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        let mut answer = self.client.get(path).json();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// The result of an instant query: the labels of each series (`__name__` among them) and its value.
    #[must_use]
    pub fn query(&self, expression: &str) -> BTreeMap<Labels, f64> {
        let data = self.get(&format!("/api/v1/query?query={}", percent_encode(expression)));
        let vector = data["result"].as_array().filter(|_| data["resultType"] == "vector");
        let vector = vector.unwrap_or_else(|| panic!("{expression} gives no vector: {data}"));
        vector.iter().map(series).collect()
    }

    /// The value of an expression that gives one series.
    #[must_use]
    pub fn value(&self, expression: &str) -> f64 {
        let found = self.query(expression);
        let mut values = found.values();
        match (values.next(), values.next()) {
            (Some(value), None) => *value,
            _ => panic!("{expression} does not give one series but {found:?}"),
        }
    }

    /// Asks until the result is what a test is after: scrapes come once a second. Fails with the last result.
    pub fn wait_until(&self, expression: &str, condition: impl Fn(&BTreeMap<Labels, f64>) -> bool) {
        let held = wait::try_until(|| {
            let found = self.query(expression);
            if condition(&found) { Ok(()) } else { Err(found) }
        });
        held.unwrap_or_else(|found| panic!("{expression} never gave what was expected; at last {found:?}"));
    }

    /// Every series that a job's pages have at the moment, as the page has it: without the labels `job` and `instance`,
    /// and without what Prometheus itself says of a scrape.
    #[must_use]
    pub fn points(&self, job: &str) -> BTreeSet<Point> {
        let own = "up|scrape_.*";
        let found = self.query(&format!("{{job={job:?}, __name__!~{own:?}}}"));
        let points = found.into_iter().map(|(mut labels, value)| {
            let name = labels.remove("__name__").expect("every series has a name");
            labels.retain(|label, _| label != "job" && label != "instance");
            let labels = labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
            Point::new(&name, labels, value)
        });
        points.collect()
    }

    /// What the job's last pages say of their families.
    #[must_use]
    pub fn metadata(&self, job: &str) -> BTreeSet<Metadata> {
        let target = percent_encode(&format!("{{job={job:?}}}"));
        let data = self.get(&format!("/api/v1/targets/metadata?match_target={target}"));
        let entries = data.as_array().expect("the API has a list").iter();
        let entries = entries.map(|entry| {
            let text = |field: &str| entry[field].as_str().expect("the API has text here").to_owned();
            Metadata { family: text("metric"), kind: text("type"), help: text("help"), unit: text("unit") }
        });
        entries.collect()
    }

    fn targets_up(&self) -> Result<(), String> {
        let targets = self.get("/api/v1/targets?state=active");
        let targets = targets["activeTargets"].as_array().expect("the API has it");
        let down: Vec<&Value> = targets.iter().filter(|target| target["health"] != "up").collect();
        match down.as_slice() {
            [] if !targets.is_empty() => Ok(()),
            [] => Err("no target yet".to_owned()),
            [target, ..] => Err(format!("{} is {}: {}", target["scrapeUrl"], target["health"], target["lastError"])),
        }
    }
}

/// One entry of an instant vector: `{"metric": {..}, "value": [time, "text"]}`.
fn series(entry: &Value) -> (Labels, f64) {
    let text = |value: &Value| value.as_str().expect("the API has text here").to_owned();
    let labels = entry["metric"].as_object().expect("the API has labels");
    let labels = labels.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    (labels, text(&entry["value"][1]).parse().expect("the API has a number"))
}

/// JSON is YAML, and nothing in it has to be escaped by hand.
fn configuration(targets: &[Target<'_>]) -> Value {
    // Several targets of one job are its instances.
    let mut by_job: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for target in targets {
        by_job.entry((target.job, target.path)).or_default().push(target.address.to_string());
    }
    let jobs: Vec<Value> = by_job
        .iter()
        .map(|((job, path), targets)| {
            json!({ "job_name": job, "metrics_path": path, "static_configs": [{ "targets": targets }] })
        })
        .collect();
    json!({ "global": { "scrape_interval": "1s", "scrape_timeout": "1s" }, "scrape_configs": jobs })
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

struct Folder(PathBuf);

impl Folder {
    fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("prometheus-{}-{next}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // Left by a process that had this id before.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{canned, tools};

    #[test]
    fn a_page_is_scraped_and_asked_for() {
        let Some(prometheus) = tools::prometheus() else {
            return;
        };
        let text = canned::Server::start("text/plain; version=0.0.4", include_str!("page/golden.txt"));
        let openmetrics = canned::Server::start(
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            include_str!("page/golden.openmetrics.txt"),
        );
        let server = prometheus.scrape(&[
            Target::new("text", text.address()),
            Target { job: "openmetrics", address: openmetrics.address(), path: "/other" },
        ]);
        assert!(openmetrics.last_request().starts_with("GET /other HTTP/1.1\r\n"));

        server.wait_until("up", |found| found.len() == 2 && found.values().all(|up| *up > 0.0));
        server.wait_until("count(jobs_total)", |found| found.values().eq([&6.0]));
        assert_eq!(server.value(r#"jobs_total{job="text", status="error"}"#).to_string(), "2");
        let nasty = server.query(r#"jobs_total{job="openmetrics", status=~"(?s).*forged.*"}"#);
        let labels = nasty.keys().next().expect("one series");
        assert_eq!(labels["status"], "a\"} 1\nforged 2\\");
        assert_eq!(server.value(r#"histogram_quantile(0.5, wait_seconds_bucket{job="text"})"#).to_string(), "0.1");
        assert_eq!(server.get("/api/v1/metadata?metric=jobs_total")["jobs_total"][0]["type"], "counter");
    }
}
