//! A real Prometheus, which scrapes the servers of a test and responds to queries over its HTTP API.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use yaml_rust2::{Yaml, YamlLoader};

use crate::client::Client;
use crate::page::{Labels, Point};
use crate::process::Process;
use crate::promtool::Promtool;
use crate::samples::Samples;
use crate::{server, wait};

/// The file of the configuration in the folder of a server.
const CONFIGURATION: &str = "prometheus.json";

/// An installed Prometheus; [`tools::prometheus`](crate::tools::prometheus) finds it.
#[derive(Clone, Debug)]
pub struct Prometheus {
    program: PathBuf,
    features: &'static str,
    options: Vec<String>,
}

/// A target that a server scrapes.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The value of the label `job`.
    pub job: &'a str,
    /// The address of the target.
    pub address: SocketAddr,
    /// The path of its metrics.
    pub path: &'a str,
    /// More settings of the job, as in Prometheus' configuration: `{"sample_limit": 100}`.
    pub settings: Value,
}

impl<'a> Target<'a> {
    /// Creates a target that serves its metrics on `/metrics`.
    #[must_use]
    pub fn new(job: &'a str, address: SocketAddr) -> Self {
        Self { job, address, path: "/metrics", settings: json!({}) }
    }

    /// Replaces the settings.
    #[must_use]
    pub fn with(self, settings: Value) -> Self {
        Self { settings, ..self }
    }

    /// Replaces the settings by those of a document in YAML.
    #[must_use]
    pub fn with_yaml(self, settings: &str) -> Self {
        let documents = YamlLoader::load_from_str(settings).unwrap();
        self.with(json_of(&documents[0]))
    }
}

fn json_of(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Hash(entries) => {
            entries.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), json_of(value))).collect()
        }
        Yaml::Array(items) => items.iter().map(json_of).collect(),
        Yaml::String(text) => text.as_str().into(),
        other => panic!("expected lists, maps and texts, found {other:?}"),
    }
}

/// The metadata of a family, from its `# TYPE`, `# HELP` and `# UNIT` lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// The name in the `# TYPE` line.
    pub family: String,
    /// The type, as Prometheus names it.
    pub kind: String,
    /// The help text, unescaped.
    pub help: String,
    /// The unit; empty if there is none.
    pub unit: String,
}

/// The time range and the step of a range query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first evaluation, in seconds since 1970.
    pub from: u64,
    /// The end of the range, in seconds since 1970.
    pub to: u64,
    /// The time between two evaluations, in seconds.
    pub step: u64,
}

/// A running server with its own data folder. Dropping it kills the server and deletes the folder.
pub struct Server {
    // Dropped before the folder: the process writes into it.
    process: Process,
    folder: TempDir,
    client: Client,
}

/// A server that was killed, with its data and its address.
pub struct Killed {
    folder: TempDir,
    address: SocketAddr,
}

impl Prometheus {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, features: "exemplar-storage", options: Vec::new() }
    }

    /// Stores native histograms too. Such a server asks for pages in protobuf.
    #[must_use]
    pub fn with_native_histograms(self) -> Self {
        Self { features: "exemplar-storage,native-histograms", ..self }
    }

    /// Adds options of the command line.
    #[must_use]
    pub fn with_options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(ToString::to_string));
        self
    }

    /// Starts a server and waits until it has stored the samples of each target.
    #[must_use]
    pub fn scrape(&self, targets: &[Target<'_>]) -> Server {
        let server = self.watch(targets);
        let up = wait::try_until(|| server.targets_up());
        up.unwrap_or_else(|error| panic!("prometheus cannot scrape the metrics: {error}"));
        // A target is up before its samples are stored.
        server.wait_until("up == 1", |found| found.len() == targets.len());
        server
    }

    /// Starts a server and does not wait for its scrapes.
    #[must_use]
    pub fn watch(&self, targets: &[Target<'_>]) -> Server {
        self.start(&configuration(targets), tempfile::tempdir().unwrap())
    }

    /// Starts a server that evaluates a file of rules every second.
    #[must_use]
    pub fn evaluate(&self, targets: &[Target<'_>], rules: &Path) -> Server {
        self.start(&evaluating(targets, rules), tempfile::tempdir().unwrap())
    }

    /// Starts a server that evaluates a file of rules every second, and tells an Alertmanager.
    #[must_use]
    pub fn alert(&self, targets: &[Target<'_>], rules: &Path, alertmanager: SocketAddr) -> Server {
        let mut configuration = evaluating(targets, rules);
        let alertmanager = json!({ "static_configs": [{ "targets": [alertmanager.to_string()] }] });
        configuration["alerting"] = json!({ "alertmanagers": [alertmanager] });
        self.start(&configuration, tempfile::tempdir().unwrap())
    }

    /// Starts a server that has these samples and no targets.
    #[must_use]
    pub fn store(&self, samples: &Samples, promtool: &Promtool) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("samples.txt");
        fs::write(&file, samples.text(1) + "# EOF\n").unwrap();
        promtool.create_blocks(&file, &folder.path().join("data")).unwrap();
        self.start(&configuration(&[]), folder)
    }

    /// Has promtool evaluate the recording rules of a file on this server, and restarts the server with what they record.
    #[must_use]
    pub fn record(&self, server: Server, promtool: &Promtool, rules: &Path, times: [u64; 2]) -> Server {
        let Server { process, folder, client } = server;
        let url = format!("http://{}", client.address());
        promtool.record(&url, rules, times, &folder.path().join("data")).unwrap();
        drop(process);
        self.start(&configuration(&[]), folder)
    }

    /// Starts a server without targets, to which programs write their samples.
    #[must_use]
    pub fn receive(&self) -> Server {
        self.start(&configuration(&[]), tempfile::tempdir().unwrap())
    }

    /// Starts a server again that was killed.
    #[must_use]
    pub fn restart(&self, Killed { folder, address }: Killed) -> Server {
        let (process, client) = server::start_at("/-/ready", address, |address| self.command(folder.path(), address));
        Server { process, folder, client }
    }

    fn start(&self, configuration: &Value, folder: TempDir) -> Server {
        fs::write(folder.path().join(CONFIGURATION), configuration.to_string()).unwrap();
        let (process, client) = server::start("/-/ready", |address| self.command(folder.path(), address));
        Server { process, folder, client }
    }

    fn command(&self, folder: &Path, address: SocketAddr) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(format!("--config.file={}", folder.join(CONFIGURATION).display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--enable-feature={}", self.features))
            .args(["--web.enable-remote-write-receiver", "--log.level=warn"])
            .args(&self.options);
        command
    }
}

impl Server {
    /// Returns the address of the server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// Returns the number of the process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Returns the folder of the configuration and the data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a client of the server.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client
    }

    /// Returns the address to which programs write.
    #[must_use]
    pub fn write_url(&self) -> String {
        format!("http://{}/api/v1/write", self.address())
    }

    /// Kills the server, and keeps its data.
    #[must_use]
    pub fn kill(self) -> Killed {
        Killed { address: self.address(), folder: self.folder }
    }

    /// Returns the `data` of an API answer, for queries that have no helper: `get("/api/v1/metadata")`.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        let mut answer = self.client.get(path).json();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// Runs an instant query. Returns the labels of each series, including `__name__`, with its value.
    #[must_use]
    pub fn query(&self, expression: &str) -> BTreeMap<Labels, f64> {
        self.vector(expression, "")
    }

    /// Runs an instant query at a time in seconds since 1970.
    #[must_use]
    pub fn query_at(&self, expression: &str, time: u64) -> BTreeMap<Labels, f64> {
        self.vector(expression, &format!("&time={time}"))
    }

    fn vector(&self, expression: &str, time: &str) -> BTreeMap<Labels, f64> {
        let data = self.get(&format!("/api/v1/query?query={}{time}", percent_encode(expression)));
        let vector = data["result"].as_array().filter(|_| data["resultType"] == "vector");
        let vector = vector.unwrap_or_else(|| panic!("expected a vector from {expression}, found {data}"));
        vector.iter().map(series).collect()
    }

    /// Runs a range query. Returns the series as in the API: `[{"metric": {..}, "values": [[time, "text"], ..]}, ..]`.
    #[must_use]
    pub fn query_range(&self, expression: &str, range: Range) -> Value {
        let Range { from, to, step } = range;
        let query = percent_encode(expression);
        self.get(&format!("/api/v1/query_range?query={query}&start={from}&end={to}&step={step}"))["result"].take()
    }

    /// Returns the value of an expression whose result is one series. Waits for it: a series ends when a busy machine is
    /// late for a scrape, until the next one.
    #[must_use]
    pub fn value(&self, expression: &str) -> f64 {
        let value = wait::try_until(|| {
            let found = self.query(expression);
            let mut values = found.values();
            match (values.next(), values.next()) {
                (Some(value), None) => Ok(*value),
                _ => Err(found),
            }
        });
        value.unwrap_or_else(|found| panic!("expected one series from {expression}, found {found:?}"))
    }

    /// Repeats a query until its result meets the condition; scrapes happen once a second. At the deadline, fails the
    /// test with the last result.
    pub fn wait_until(&self, expression: &str, condition: impl Fn(&BTreeMap<Labels, f64>) -> bool) {
        let held = wait::try_until(|| {
            let found = self.query(expression);
            if condition(&found) { Ok(()) } else { Err(found) }
        });
        held.unwrap_or_else(|found| panic!("{expression} never met the condition; the last result is {found:?}"));
    }

    /// Returns the exemplars of all series in an expression: the labels of the series, including `__name__`, the labels
    /// of the exemplar, and its value.
    #[must_use]
    pub fn exemplars(&self, expression: &str) -> BTreeSet<(Labels, Labels, String)> {
        // From 1970 until the year 2100.
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

    /// Returns the current series of a job as on its page: without the labels `job` and `instance`, and without
    /// Prometheus' own series about scrapes.
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

    /// Returns the metadata of the families on the job's last pages.
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

    /// Waits until a scrape of this job fails, and returns the error that Prometheus reports.
    #[must_use]
    pub fn failure(&self, job: &str) -> String {
        wait::until("a scrape to fail", || self.error(job))
    }

    /// Returns the error of the last scrape of this job, unless it was only late, as on a busy machine.
    #[must_use]
    pub fn error(&self, job: &str) -> Option<String> {
        let targets = self.get("/api/v1/targets?state=active");
        let targets = targets["activeTargets"].as_array().expect("the API has the targets");
        let target = targets.iter().find(|target| target["labels"]["job"] == job)?;
        let error = target["lastError"].as_str().filter(|error| !error.is_empty())?;
        let is_late = ["deadline exceeded", "i/o timeout"].iter().any(|late| error.contains(late));
        (!is_late).then(|| error.to_owned())
    }

    /// Returns the rules of all groups as in the API: `[{"name": .., "health": "ok", "lastError": ..}, ..]`.
    #[must_use]
    pub fn rules(&self) -> Vec<Value> {
        let groups = self.get("/api/v1/rules")["groups"].take();
        let groups = groups.as_array().expect("the API has groups").iter();
        groups.flat_map(|group| group["rules"].as_array().expect("a group has rules").clone()).collect()
    }

    fn targets_up(&self) -> Result<(), String> {
        let targets = self.get("/api/v1/targets?state=active");
        let targets = targets["activeTargets"].as_array().expect("the API has the targets");
        let down: Vec<&Value> = targets.iter().filter(|target| target["health"] != "up").collect();
        match down.as_slice() {
            [] if !targets.is_empty() => Ok(()),
            [] => Err("no target yet".to_owned()),
            [target, ..] => Err(format!("{} is {}: {}", target["scrapeUrl"], target["health"], target["lastError"])),
        }
    }
}

/// Reads an entry of an instant vector: `{"metric": {..}, "value": [time, "text"]}`.
pub(crate) fn series(entry: &Value) -> (Labels, f64) {
    (labels(&entry["metric"]), text(&entry["value"][1]).parse().expect("the API has a number"))
}

/// Reads an object of label names and values, as in the APIs of Prometheus and the Pushgateway.
pub(crate) fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().expect("the API has labels").iter();
    pairs.map(|(name, value)| (name.clone(), text(value))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("the API has text here").to_owned()
}

/// The configuration as JSON, which is also YAML.
fn configuration(targets: &[Target<'_>]) -> Value {
    // Several targets with the same job name become instances of one job.
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
        let instances = job["static_configs"][0]["targets"].as_array_mut().expect("the list was created above");
        instances.push(target.address.to_string().into());
    }
    let jobs: Vec<Value> = jobs.into_values().collect();
    json!({ "global": { "scrape_interval": "1s", "scrape_timeout": "1s" }, "scrape_configs": jobs })
}

/// The configuration of a server that evaluates a file of rules every second.
fn evaluating(targets: &[Target<'_>], rules: &Path) -> Value {
    let mut configuration = configuration(targets);
    configuration["global"]["evaluation_interval"] = "1s".into();
    configuration["rule_files"] = json!([rules]);
    configuration
}

/// Writes a query as a value of an address.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(3 * text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{canned, tools};

    #[test]
    fn scraped_pages_can_be_queried() {
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
        server.wait_until(r#"jobs_total{job="openmetrics", status=~"(?s).*forged.*"}"#, |found| {
            found.keys().map(|labels| labels["status"].as_str()).eq(["a\"} 1\nforged 2\\"])
        });
        assert_eq!(server.value(r#"histogram_quantile(0.5, wait_seconds_bucket{job="text"})"#).to_string(), "0.1");
        assert_eq!(server.get("/api/v1/metadata?metric=jobs_total")["jobs_total"][0]["type"], "counter");
    }
}
