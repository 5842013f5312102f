//! A real Prometheus that scrapes what a test serves, and is asked over its query API.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::page::{Labels, Point};
use crate::process::Process;
use crate::{server, wait};

/// An installed Prometheus; [`tools::prometheus`](crate::tools::prometheus) gives it.
#[derive(Clone, Debug)]
pub struct Prometheus {
    program: PathBuf,
}

/// What a server scrapes.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The value of the label `job`.
    pub job: &'a str,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its metrics are.
    pub path: &'a str,
    /// More of the job's configuration, as it stands in Prometheus' own: `{"sample_limit": 100}`.
    pub settings: Value,
}

impl<'a> Target<'a> {
    /// A target that serves its metrics on `/metrics`.
    #[must_use]
    pub fn new(job: &'a str, address: SocketAddr) -> Self {
        Self { job, address, path: "/metrics", settings: json!({}) }
    }

    /// The same, configured like this.
    #[must_use]
    pub fn with(self, settings: Value) -> Self {
        Self { settings, ..self }
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

/// From when to when a query is evaluated, and how often: seconds since 1970, and seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// From one to the next.
    pub step: u64,
}

/// A running server with a data folder of its own; both are gone when this is dropped.
pub struct Server {
    // Dropped first: the process writes into the folder.
    _process: Process,
    _folder: TempDir,
    client: Client,
}

impl Prometheus {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Starts a server and waits until it has scraped each target with success.
    #[must_use]
    pub fn scrape(&self, targets: &[Target<'_>]) -> Server {
        let server = self.watch(targets);
        let up = wait::try_until(|| server.targets_up());
        up.unwrap_or_else(|error| panic!("prometheus does not get the metrics: {error}"));
        server
    }

    /// Starts a server, whatever comes of its scrapes.
    #[must_use]
    pub fn watch(&self, targets: &[Target<'_>]) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.json");
        fs::write(&config, configuration(targets).to_string()).unwrap();
        let (process, client) = server::start("/-/ready", |address| {
            let mut command = Command::new(&self.program);
            command
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address={address}"))
                .arg("--enable-feature=exemplar-storage")
                .arg("--log.level=warn");
            command
        });
        Server { _process: process, _folder: folder, client }
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

    /// The series of a range query as the API has them: `[{"metric": {..}, "values": [[time, "text"], ..]}, ..]`.
    #[must_use]
    pub fn query_range(&self, expression: &str, range: Range) -> Value {
        let Range { from, to, step } = range;
        let query = percent_encode(expression);
        self.get(&format!("/api/v1/query_range?query={query}&start={from}&end={to}&step={step}"))["result"].take()
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

    /// The exemplars of all series that an expression names: the labels of a series (`__name__` among them), and those of
    /// the exemplar with its value.
    #[must_use]
    pub fn exemplars(&self, expression: &str) -> BTreeSet<(Labels, Labels, String)> {
        // From ever until the year 2100.
        let data =
            self.get(&format!("/api/v1/query_exemplars?query={}&start=0&end=4102444800", percent_encode(expression)));
        let all = data.as_array().expect("the API has a list").iter().flat_map(|series| {
            let exemplars = series["exemplars"].as_array().expect("the API has a list").iter();
            exemplars.map(|exemplar| {
                (labels(&series["seriesLabels"]), labels(&exemplar["labels"]), text(&exemplar["value"]))
            })
        });
        all.collect()
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
            let text = |field: &str| text(&entry[field]);
            Metadata { family: text("metric"), kind: text("type"), help: text("help"), unit: text("unit") }
        });
        entries.collect()
    }

    /// Waits until a scrape of this job has failed, and says what Prometheus says of it.
    #[must_use]
    pub fn failure(&self, job: &str) -> String {
        wait::until("a scrape to fail", || {
            let targets = self.get("/api/v1/targets?state=active");
            let targets = targets["activeTargets"].as_array().expect("the API has it");
            let target = targets.iter().find(|target| target["labels"]["job"] == job)?;
            let error = target["lastError"].as_str().filter(|error| !error.is_empty());
            error.map(str::to_owned)
        })
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
    (labels(&entry["metric"]), text(&entry["value"][1]).parse().expect("the API has a number"))
}

/// An object of names and texts, as the APIs of Prometheus and the Pushgateway have it.
pub(crate) fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().expect("the API has labels").iter();
    pairs.map(|(name, value)| (name.clone(), text(value))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("the API has text here").to_owned()
}

/// JSON is YAML, and nothing in it has to be escaped by hand.
fn configuration(targets: &[Target<'_>]) -> Value {
    // Several targets of one job are its instances.
    let mut jobs: BTreeMap<&str, Value> = BTreeMap::new();
    for target in targets {
        let job = jobs.entry(target.job).or_insert_with(|| {
            let mut job = json!({
                "job_name": target.job,
                "metrics_path": target.path,
                "static_configs": [{ "targets": [] }],
            });
            for (name, value) in target.settings.as_object().expect("settings have names") {
                job[name] = value.clone();
            }
            job
        });
        let instances = job["static_configs"][0]["targets"].as_array_mut().expect("it was made so");
        instances.push(target.address.to_string().into());
    }
    let jobs: Vec<Value> = jobs.into_values().collect();
    json!({ "global": { "scrape_interval": "1s", "scrape_timeout": "1s" }, "scrape_configs": jobs })
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
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
            Target { path: "/other", ..Target::new("openmetrics", openmetrics.address()) },
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
