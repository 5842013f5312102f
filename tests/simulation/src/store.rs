//! A store under test: it accepts remote write, and answers queries.

use std::any::Any;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::client::{Client, Response};
use tests::page::Labels;
use tests::prometheus::percent_encode;
use tests::tools;

use crate::machine::{self, Guard};

/// The kind of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `VictoriaMetrics`.
    Victoria,
    /// A Prometheus.
    Prometheus,
}

impl Kind {
    /// Returns the name of the product.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Victoria => "VictoriaMetrics",
            Self::Prometheus => "Prometheus",
        }
    }
}

/// The samples of a series: milliseconds since 1970 and the value.
pub(crate) type Matrix = Vec<(Labels, Vec<(u64, f64)>)>;

/// A range of evaluations, in seconds since 1970, or one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) step: u64,
}

impl Range {
    pub(crate) fn instant(time: u64) -> Self {
        Self { from: time, to: time, step: 60 }
    }
}

/// A running store. Dropping it kills the process and deletes its data.
pub(crate) struct Store {
    pub(crate) kind: Kind,
    client: Client,
    folder: PathBuf,
    guard: Guard,
    /// The resident bytes of the empty store.
    idle: u64,
    // Dropped after the guard, which may kill the process.
    _server: Box<dyn Any + Send + Sync>,
}

impl Store {
    /// Starts an empty store, or returns `None` if it is not installed.
    pub(crate) fn start(kind: Kind) -> Option<Result<Self, String>> {
        let (client, process, folder, server): (_, _, _, Box<dyn Any + Send + Sync>) = match kind {
            Kind::Victoria => {
                // Without the limits that protect a store from queries of whole fleets. The memory is the default of 60 %.
                let options = [
                    "-memory.allowedBytes=0",
                    "-search.maxUniqueTimeseries=100000000",
                    "-search.maxSamplesPerQuery=10000000000",
                    "-search.maxQueryDuration=2m",
                    "-search.maxQueryLen=1MB",
                ];
                let server = tools::victoria()?.start_with(&options);
                (server.client(), server.process(), server.folder().to_owned(), Box::new(server))
            }
            Kind::Prometheus => {
                let server = tools::prometheus()?.with_options(&["--query.max-samples=2000000000"]).receive();
                (server.client(), server.process(), server.folder().to_owned(), Box::new(server))
            }
        };
        let guard = Guard::start(process, folder.clone());
        let idle = machine::resident(process);
        Some(idle.map(|idle| Self { kind, client, folder, guard, idle, _server: server }))
    }

    /// Sends a request of remote write. All samples are accepted, or this fails.
    pub(crate) fn write(&self, body: &[u8]) -> Result<(), String> {
        let headers = [
            ("content-type", "application/x-protobuf"),
            ("content-encoding", "snappy"),
            ("x-prometheus-remote-write-version", "0.1.0"),
        ];
        self.request("/api/v1/write", &headers, body).map(drop)
    }

    /// Makes everything that was written visible to queries.
    pub(crate) fn flush(&self) -> Result<(), String> {
        match self.kind {
            Kind::Victoria => self.request("/internal/force_flush", &[], b"").map(drop),
            Kind::Prometheus => Ok(()),
        }
    }

    /// Runs a query, and returns its answer as text with the time that it took.
    pub(crate) fn ask(&self, query: &str, Range { from, to, step }: Range) -> Result<(Vec<u8>, Duration), String> {
        let query = percent_encode(query);
        let body = format!("query={query}&start={from}&end={to}&step={step}&nocache=1");
        let started = Instant::now();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.request("/api/v1/query_range", &headers, body.as_bytes())?;
        Ok((answer.body, started.elapsed()))
    }

    /// Runs a query, and returns its series.
    pub(crate) fn query(&self, query: &str, range: Range) -> Result<Matrix, String> {
        let (body, _) = self.ask(query, range)?;
        let answer: Value = serde_json::from_slice(&body).map_err(|error| format!("{query}: {error}"))?;
        let series = answer["data"]["result"].as_array().ok_or_else(|| format!("{query}: {answer}"))?;
        Ok(series.iter().map(|series| (labels(&series["metric"]), samples(&series["values"]))).collect())
    }

    fn request(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response, String> {
        let answer = self.client.try_request("POST", path, headers, body);
        match answer {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(answer),
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                Err(format!("{} answers {}: {}", self.kind.name(), answer.status, text.trim()))
            }
            Err(error) => Err(self.guard.reason().unwrap_or_else(|| format!("{}: {error}", self.kind.name()))),
        }
    }

    /// Returns the most resident bytes until now, without those of the empty store.
    pub(crate) fn memory(&self) -> u64 {
        self.guard.peak().saturating_sub(self.idle)
    }

    /// Returns the resident bytes of the empty store.
    pub(crate) fn idle(&self) -> u64 {
        self.idle
    }

    /// Returns the bytes of the data.
    pub(crate) fn disk(&self) -> u64 {
        machine::size(&self.folder)
    }

    /// Returns the version of the store, or nothing if it does not tell.
    pub(crate) fn version(&self) -> String {
        let page = self.client.get("/metrics");
        let text = String::from_utf8_lossy(&page.body).into_owned();
        let (name, label) = match self.kind {
            Kind::Victoria => ("vm_app_version{", "short_version=\""),
            Kind::Prometheus => ("prometheus_build_info{", ",version=\""),
        };
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let version = line.split(label).nth(1).and_then(|rest| rest.split('"').next());
        // Some packages do not say it.
        version.unwrap_or_default().to_owned()
    }
}

fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn samples(values: &Value) -> Vec<(u64, f64)> {
    let samples = values.as_array().into_iter().flatten().map(|sample| {
        // All evaluations are at whole seconds.
        let seconds = sample[0].as_f64().unwrap_or_default() as u64;
        (seconds * 1000, sample[1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN))
    });
    samples.collect()
}
