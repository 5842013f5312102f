//! The process under attack: this program, started as `flood serve PLACE SERIES`.

use std::error::Error;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use std::{fmt, thread};

use axum::Router;
use axum::routing::get;
use metrics_runtime::{Descriptor, Metrics, Registry};
use prometheus::IntGauge;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// The place of the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Router,
    Separate,
}

impl Place {
    /// Returns the path beside that of the page.
    pub(crate) const fn other_path(self) -> &'static str {
        match self {
            Self::Router => "/",
            Self::Separate => "/health",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Router => "router",
            Self::Separate => "address",
        })
    }
}

/// The number of collectors of the `prometheus` crate in the service.
pub(crate) const COLLECTORS: u64 = 2;

/// A running service, which ends when this is dropped.
pub(crate) struct Service {
    child: Child,
    id: u32,
    address: SocketAddr,
}

impl Service {
    pub(crate) async fn start(place: Place, series: u32) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", &place.to_string(), &series.to_string()]);
        let mut child = command.stdout(std::process::Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("the service has no output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let address = line.ok_or("the service ended before it listened")?.parse()?;
        let id = child.id().ok_or("the service ended before it listened")?;
        Ok(Self { child, id, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
    }
}

/// Raises the limit of open files of this process and of those that it starts.
pub(crate) fn raise_file_limit(needed: u64) -> Result<(), Box<dyn Error>> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        return Err(format!("the flood needs {needed} open files; raise the limit with `ulimit -n {needed}`").into());
    }
    if limit.current.is_some_and(|current| current < needed) {
        limit.current = Some(needed);
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(())
}

/// Serves a page with this number of series until the process is killed, and prints its address.
#[tokio::main]
pub(crate) async fn run(place: &str, series: &str) -> Result<(), Box<dyn Error>> {
    let series: u32 = series.parse()?;
    let registry = Registry::new();
    registry.set_series_limit(series as usize);
    let family =
        registry.counter(Descriptor::counter("flood_total", "Counted.").labels(["number", "region", "zone"]))?;
    for number in 0..series {
        family.get_or_create(&[&number.to_string(), "europe-west", "europe-west-b"])?.inc();
    }
    registry
        .register(Box::new(Delayed { gauge: IntGauge::new("quick", "Answers at once.")?, delay: Duration::ZERO }))?;
    let delay = Duration::from_millis(20);
    registry.register(Box::new(Delayed { gauge: IntGauge::new("slow", "Answers after a while.")?, delay }))?;
    let metrics = Metrics::builder().registry(&registry).build()?;
    if place == Place::Separate.to_string() {
        announce(metrics.serve((Ipv4Addr::LOCALHOST, 0)).await?.address());
        std::future::pending::<()>().await;
    }
    let app = metrics.instrument(Router::new().route("/", get(|| async { "hello" })))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    announce(listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

fn announce(address: SocketAddr) {
    // The parent reads one line, and then closes the pipe.
    let _ = writeln!(std::io::stdout(), "{address}");
}

/// A collector that takes its time, so that pages with short timeouts are written without it.
struct Delayed {
    gauge: IntGauge,
    delay: Duration,
}

impl Collector for Delayed {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        thread::sleep(self.delay);
        self.gauge.collect()
    }
}
