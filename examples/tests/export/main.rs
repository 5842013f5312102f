//! Tests of the services' documents: the committed files are up to date, Grafana and Prometheus accept them, every
//! panel has data and is drawn, and every alert fires exactly when it should.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "the compared values are whole numbers, which an f64 represents exactly")]

mod alerts;
mod budget;
mod documents;
mod engines;
mod fleet;
mod kubernetes;
mod live;
mod native_histograms;
mod notifications;
mod panels;
mod picture;
mod rehearsal;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::service::{Service, Stopped};

/// A service of this workspace.
struct Example {
    name: &'static str,
    binary: &'static str,
}

const NEURECTOMY: Example = Example { name: "neurectomy", binary: env!("CARGO_BIN_EXE_neurectomy") };
const DYNOAI: Example = Example { name: "dynoai", binary: env!("CARGO_BIN_EXE_dynoai") };
const GATEWAY: Example = Example { name: "gateway", binary: env!("CARGO_BIN_EXE_gateway") };
const EXAMPLES: [Example; 3] = [NEURECTOMY, DYNOAI, GATEWAY];
/// The services with metrics of HTTP routes.
const WITH_ROUTES: [Example; 2] = [NEURECTOMY, DYNOAI];

impl Example {
    /// Runs `service metrics ..`.
    fn metrics(&self, arguments: &[&str]) -> Stopped {
        Service::run(self.binary, &[&["metrics"], arguments].concat(), &[])
    }

    /// Returns the address of the metrics page of a running instance.
    fn page(&self, instance: &Service) -> SocketAddr {
        if self.name == GATEWAY.name { instance.metrics_address() } else { instance.address() }
    }

    /// Returns the document that the service writes. `fleet-rules` and `fleet-dashboard` are those of a fleet.
    fn document(&self, command: &str) -> String {
        let written = match command.strip_prefix("fleet-") {
            Some(command) => self.metrics(&[command, "--fleet"]),
            None => self.metrics(&[command]),
        };
        assert!(written.status.success(), "{command}: {}", written.stderr);
        written.stdout
    }

    /// Returns the dashboard that the service writes, for a Prometheus that scrapes every second.
    fn dashboard(&self) -> Value {
        let written = self.metrics(&["dashboard", "--scrape-interval", "1s"]);
        serde_json::from_str(&written.stdout).unwrap_or_else(|error| panic!("{error}: {}", written.stderr))
    }

    /// Returns the path of the committed document.
    fn committed(&self, command: &str) -> PathBuf {
        let name = self.name;
        let file = match command {
            "dashboard" => format!("grafana/{name}-dashboard.json"),
            "picture" => format!("grafana/{name}-dashboard.png"),
            "fleet-dashboard" => format!("grafana/{name}-fleet-dashboard.json"),
            "rules" => format!("prometheus/{name}-rules.yaml"),
            "fleet-rules" => format!("prometheus/{name}-fleet-rules.yaml"),
            "kubernetes" => format!("kubernetes/{name}.yaml"),
            "docs" => "METRICS.md".to_owned(),
            "lock" => "metrics.lock".to_owned(),
            other => panic!("no document of `{other}` is committed"),
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join(file)
    }
}
