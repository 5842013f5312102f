//! A real Pushgateway, which receives the pushes of a test and is queried over its HTTP API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::client::Client;
use crate::page::{Labels, Page};
use crate::process::Process;
use crate::prometheus::labels;
use crate::server;

/// An installed Pushgateway; [`tools::pushgateway`](crate::tools::pushgateway) finds it.
#[derive(Clone, Debug)]
pub struct Pushgateway {
    program: PathBuf,
}

/// A running gateway, which is empty at first. Dropping it kills the process.
pub struct Gateway {
    _process: Process,
    client: Client,
}

impl Pushgateway {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Starts a gateway.
    #[must_use]
    pub fn start(&self) -> Gateway {
        let (process, client) = server::start("/-/ready", |address| {
            let mut command = Command::new(&self.program);
            command.arg(format!("--web.listen-address={address}")).arg("--log.level=error");
            command
        });
        Gateway { _process: process, client }
    }
}

impl Gateway {
    /// Returns the address of the gateway.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// Returns the URL to push to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the grouping keys of all groups.
    #[must_use]
    pub fn groups(&self) -> Vec<Labels> {
        let answer = self.client.get("/api/v1/metrics").expect(200).json();
        let groups = answer["data"].as_array().expect("the API has a list").iter();
        groups.map(|group| labels(&group["labels"])).collect()
    }

    /// Returns the page that Prometheus would scrape.
    #[must_use]
    pub fn page(&self) -> Page {
        let page = self.client.get("/metrics").expect(200);
        Page::parse_text(page.text()).unwrap_or_else(|error| panic!("{error}\n{}", page.text()))
    }
}
