//! A real VictoriaMetrics, which stores the samples of a test and responds to queries over its HTTP API.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::client::Client;
use crate::page::Labels;
use crate::process::Process;
use crate::prometheus::{percent_encode, series};
use crate::samples::Samples;
use crate::server;

/// An installed VictoriaMetrics; [`tools::victoria`](crate::tools::victoria) finds it.
#[derive(Clone, Debug)]
pub struct Victoria {
    program: PathBuf,
}

/// A running server with its own data folder. Dropping it kills the server and deletes the folder.
pub struct Store {
    // Dropped before the folder: the process writes into it.
    process: Process,
    folder: TempDir,
    client: Client,
}

impl Victoria {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Starts an empty server.
    #[must_use]
    pub fn start(&self) -> Store {
        self.start_with(&[])
    }

    /// Starts an empty server with more options.
    #[must_use]
    pub fn start_with(&self, options: &[&str]) -> Store {
        let folder = tempfile::tempdir().unwrap();
        let (process, client) = server::start("/health", |address| {
            let mut command = Command::new(&self.program);
            command
                .arg(format!("-storageDataPath={}", folder.path().display()))
                .arg(format!("-httpListenAddr={address}"))
                .args(["-memory.allowedBytes=256MB", "-loggerLevel=ERROR", "-retentionPeriod=1y"])
                .args(options);
            command
        });
        Store { process, folder, client }
    }
}

impl Store {
    /// Returns the address of the server.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client
    }

    /// Returns the number of the process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Returns the folder of the data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stores samples. Queries see them afterwards.
    pub fn import(&self, samples: &Samples) {
        let _ = self.client.post("/api/v1/import/prometheus", "text/plain", samples.text(1000)).expect(204);
        self.flush();
    }

    /// Makes everything that was written visible to queries.
    pub fn flush(&self) {
        let _ = self.client.get("/internal/force_flush").expect(200);
    }

    /// Runs an instant query at a time in seconds since 1970.
    #[must_use]
    pub fn query_at(&self, expression: &str, time: u64) -> BTreeMap<Labels, f64> {
        let query = percent_encode(expression);
        let answer = self.client.get(&format!("/api/v1/query?query={query}&time={time}&step=1m&nocache=1")).json();
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().expect("a vector").iter().map(series).collect()
    }

    /// Runs a range query with a step of one minute. Returns the samples of each series, which have no name.
    #[must_use]
    pub fn query_range(&self, expression: &str, from: u64, to: u64) -> Vec<(Labels, Vec<(u64, f64)>)> {
        let query = percent_encode(expression);
        let path = format!("/api/v1/query_range?query={query}&start={from}&end={to}&step=1m&nocache=1");
        let answer = self.client.get(&path).json();
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let found = answer["data"]["result"].as_array().expect("a matrix").iter().map(|found| {
            let samples = found["values"].as_array().expect("samples").iter();
            let samples = samples.map(|sample| {
                (sample[0].as_u64().unwrap(), sample[1].as_str().unwrap().parse().expect("the API has a number"))
            });
            (crate::prometheus::labels(&found["metric"]), samples.collect())
        });
        found.collect()
    }
}
