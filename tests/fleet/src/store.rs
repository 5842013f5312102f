//! The central stores, to which all agents write: VictoriaMetrics and Prometheus.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tests::page::Labels;
use tests::program::Program;
use tests::prometheus::percent_encode;
use tests::server::Daemon;

use crate::instance::milliseconds;
use crate::rules::LOOKBACK;

/// A store with the API of Prometheus.
pub struct Store {
    /// The name in the table.
    pub name: &'static str,
    daemon: Daemon,
    /// `true` if the store may have an old list of the series of a selector that it knows.
    caches_selectors: bool,
}

/// A series with its samples: times in milliseconds since 1970, and values.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels, without the name.
    pub labels: Labels,
    /// The samples, in the order of their times.
    pub samples: Vec<(u64, f64)>,
}

impl Store {
    /// Starts VictoriaMetrics.
    #[must_use]
    pub fn victoria(program: Program, folder: PathBuf) -> Self {
        let daemon = Daemon::start("/health", move |address| {
            let mut command = program.command();
            command
                .arg(format!("-storageDataPath={}", folder.display()))
                .arg(format!("-httpListenAddr={address}"))
                // Queries see samples at once, which are 30 seconds old by default.
                .arg(format!("-search.maxStalenessInterval={LOOKBACK}"))
                .args(["-search.latencyOffset=0s", "-memory.allowedBytes=128MB", "-loggerLevel=WARN"]);
            command
        });
        Self { name: "VictoriaMetrics", daemon, caches_selectors: true }
    }

    /// Starts a Prometheus that receives remote write, evaluates rules and tells an Alertmanager.
    #[must_use]
    pub fn prometheus(program: Program, folder: &Path, rules: &[PathBuf], alertmanager: SocketAddr) -> Self {
        let configuration = json!({
            "rule_files": rules,
            "alerting": {
                "alertmanagers": [{ "static_configs": [{ "targets": [alertmanager.to_string()] }] }],
            },
        });
        fs::create_dir_all(folder).unwrap();
        // JSON is also YAML.
        let file = folder.join("prometheus.json");
        fs::write(&file, configuration.to_string()).unwrap();
        let data = folder.join("data");
        let daemon = Daemon::start("/-/ready", move |address| {
            let mut command = program.command();
            command
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", data.display()))
                .arg(format!("--web.listen-address={address}"))
                .arg(format!("--query.lookback-delta={LOOKBACK}"))
                .args(["--web.enable-remote-write-receiver", "--log.level=warn"]);
            command
        });
        Self { name: "Prometheus", daemon, caches_selectors: false }
    }

    /// Returns the address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.daemon.address())
    }

    /// Returns the address for remote write.
    #[must_use]
    pub fn write_url(&self) -> String {
        format!("{}/api/v1/write", self.url())
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Starts it again, with its data and its address.
    pub fn restart(&mut self) {
        self.daemon.restart();
    }

    /// Runs an instant query.
    ///
    /// # Errors
    /// Returns an error if the store cannot be reached.
    pub fn query(&self, expression: &str) -> io::Result<BTreeMap<Labels, f64>> {
        let found = self.ask(expression)?;
        Ok(found.iter().map(|entry| (labels(&entry["metric"]), number(&entry["value"][1]))).collect())
    }

    /// Returns the value of an expression with one series, or `None` if there is none or the store cannot be reached.
    #[must_use]
    pub fn value(&self, expression: &str) -> Option<f64> {
        self.query(expression).ok()?.into_values().next()
    }

    /// Returns all samples of the last hour, without markers of staleness.
    #[must_use]
    pub fn samples(&self, selector: &str) -> Vec<Series> {
        let found = self.ask(&format!("{selector}[1h]")).unwrap_or_default();
        let series = found.iter().map(|entry| {
            let samples = entry["values"].as_array().expect("the API has samples").iter();
            let samples = samples
                .map(|sample| (milliseconds(sample[0].as_f64().expect("the API has a time")), number(&sample[1])));
            Series { labels: labels(&entry["metric"]), samples: samples.filter(|(_, value)| !value.is_nan()).collect() }
        });
        series.collect()
    }

    fn ask(&self, expression: &str) -> io::Result<Vec<Value>> {
        let expression = &if self.caches_selectors { unknown(expression) } else { expression.to_owned() };
        let path = format!("/api/v1/query?query={}&nocache=1", percent_encode(expression));
        let mut answer = self.daemon.client().try_request("GET", &path, &[], b"")?.json();
        assert_eq!(answer["status"], "success", "{}: {expression}: {answer}", self.name);
        let Value::Array(found) = answer["data"]["result"].take() else {
            panic!("{}: expected series from {expression}", self.name);
        };
        Ok(found)
    }
}

/// Adds a matcher to all selectors, which changes no result. VictoriaMetrics finds new series by a selector that it knows
/// only after ten seconds.
fn unknown(expression: &str) -> String {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    expression.replace('{', &format!("{{asked!=\"{}\", ", ASKED.fetch_add(1, Ordering::Relaxed)))
}

fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().expect("the API has labels").iter().filter(|(name, _)| *name != "__name__");
    pairs.map(|(name, value)| (name.clone(), value.as_str().expect("a label is text").to_owned())).collect()
}

fn number(text: &Value) -> f64 {
    text.as_str().and_then(|text| text.parse().ok()).expect("the API has a number as text")
}
