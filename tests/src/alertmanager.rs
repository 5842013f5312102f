//! A real Alertmanager, which sends the alerts of a Prometheus to a webhook of the test.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::process::Process;
use crate::{canned, server};

/// An installed Alertmanager; [`tools::alertmanager`](crate::tools::alertmanager) finds it.
#[derive(Clone, Debug)]
pub struct Alertmanager {
    program: PathBuf,
}

/// A running Alertmanager with its webhook. Dropping it kills the process.
pub struct Notifier {
    // Dropped before the folder: the process writes into it.
    _process: Process,
    _folder: TempDir,
    client: Client,
    webhook: canned::Server,
}

impl Alertmanager {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Starts an Alertmanager that sends one notification for all alerts with the same values of these labels, also when
    /// they are resolved.
    #[must_use]
    pub fn start(&self, group_by: &[&str]) -> Notifier {
        let folder = tempfile::tempdir().unwrap();
        let webhook = canned::Server::start("application/json", "{}");
        let config = json!({
            "route": {
                "receiver": "test",
                "group_by": group_by,
                "group_wait": "1s",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "receivers": [{
                "name": "test",
                "webhook_configs": [{ "url": format!("http://{}/", webhook.address()), "send_resolved": true }],
            }],
        });
        // JSON is also YAML.
        let file = folder.path().join("alertmanager.json");
        fs::write(&file, config.to_string()).unwrap();
        let (process, client) = server::start("/-/ready", |address| {
            let mut command = Command::new(&self.program);
            command
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.path={}", folder.path().display()))
                .arg(format!("--web.listen-address={address}"))
                .args(["--cluster.listen-address=", "--log.level=warn"]);
            command
        });
        Notifier { _process: process, _folder: folder, client, webhook }
    }
}

impl Notifier {
    /// Returns the address that Prometheus sends alerts to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// Returns the notifications so far, as the webhook received them, the oldest first.
    #[must_use]
    pub fn notifications(&self) -> Vec<Value> {
        let body = |request: &String| request.split_once("\r\n\r\n").expect("a request has a head").1.to_owned();
        let requests = self.webhook.requests();
        requests.iter().map(|request| serde_json::from_str(&body(request)).expect("a notification is JSON")).collect()
    }
}
