//! An instance of a service with its client, over its lives: from a start to a graceful end or a kill.

use std::net::SocketAddr;

use tests::client::Client;
use tests::page::Page;
use tests::service::Service;
use tests::wait;

use crate::counts::Counts;
use crate::service::{Binaries, Job};
use crate::traffic::{Counted, Traffic};

/// An instance, which keeps its address over its lives.
pub struct Instance {
    /// The service.
    pub job: Job,
    /// The value of the label `cluster`.
    pub cluster: &'static str,
    /// The lives that have ended, and the current one.
    pub lives: Vec<Life>,
    binaries: Binaries,
    address: SocketAddr,
    service: Option<Service>,
    traffic: Option<Traffic>,
    version: &'static str,
}

/// The time from a start to an end.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// The start in milliseconds since 1970, as the page says it.
    pub start: u64,
    /// The requests of the clients.
    pub clients: Counted,
    /// The requests on the last page that was read.
    pub page: Counts,
    /// `true` if the process was killed in the middle of requests.
    pub is_killed: bool,
}

impl Instance {
    /// Starts an instance, without traffic.
    #[must_use]
    pub fn start(binaries: &Binaries, job: Job, cluster: &'static str, version: &'static str) -> Self {
        let mut instance = Self {
            job,
            cluster,
            lives: Vec::new(),
            binaries: binaries.clone(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            service: None,
            traffic: None,
            version,
        };
        instance.begin();
        instance
    }

    /// Returns the value of the label `instance`.
    #[must_use]
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    /// Returns the version that runs, or ran last.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// Starts a new life at the same address.
    fn begin(&mut self) {
        let listen = self.address.to_string();
        let files = std::env::temp_dir().join(format!("files-{}", self.address.port()));
        let env = [
            ("NEURECTOMY_CLUSTER", self.cluster),
            ("NEURECTOMY_VERSION", self.version),
            ("SIGMAVAULT_DIR", files.to_str().unwrap()),
        ];
        let service = Service::start(self.binaries.path(self.job), &["--listen", &listen], &env);
        self.address = service.address();
        let start = start(&page(&service));
        self.lives.push(Life { start, clients: Counted::default(), page: Counts::default(), is_killed: false });
        self.service = Some(service);
    }

    /// Returns the current life.
    #[must_use]
    pub fn life(&self) -> &Life {
        self.lives.last().unwrap()
    }

    /// Lets a client send requests.
    pub fn open(&mut self) {
        self.traffic = Some(Traffic::start(self.job, Client::new(self.address)));
    }

    /// Returns the requests of the current life on the page.
    #[must_use]
    pub fn read_page(&self) -> Counts {
        Counts::on_page(&page(self.service.as_ref().expect("the instance runs")), self.job.requests())
    }

    /// Stops the client, and waits until the page has all of its requests: those that it left in the middle are counted a
    /// moment later.
    pub fn drain(&mut self) {
        let counted = self.traffic.take().map(Traffic::stop).unwrap_or_default();
        self.lives.last_mut().unwrap().clients += counted;
        // At the deadline the table shows the difference.
        let _ = wait::try_until(|| {
            let page = self.read_page();
            let life = self.lives.last_mut().unwrap();
            life.page = page;
            if page == life.clients.known { Ok(()) } else { Err(()) }
        });
    }

    /// Ends the process gracefully after [`drain`](Self::drain), and starts this version.
    pub fn upgrade(&mut self, version: &'static str) {
        let stopped = self.service.take().expect("the instance runs").stop();
        assert!(stopped.status.success(), "{stopped:?}");
        self.version = version;
        self.begin();
    }

    /// Kills the process in the middle of requests. `page` has the requests of an earlier page.
    pub fn kill(&mut self, page: Counts) {
        let traffic = self.traffic.take().expect("the instance has a client");
        drop(self.service.take());
        wait::until("a request to be refused", || (traffic.counted().unconnected > 0).then_some(()));
        let life = self.lives.last_mut().unwrap();
        life.clients += traffic.stop();
        (life.page, life.is_killed) = (page, true);
    }

    /// Starts the same version after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        self.begin();
    }
}

fn page(service: &Service) -> Page {
    Page::parse_text(service.get("/metrics").expect(200).text()).unwrap()
}

fn start(page: &Page) -> u64 {
    milliseconds(page.value("process_start_time_seconds", []))
}

/// Returns a time in milliseconds.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time after 1970")]
pub fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}
