//! The honest scraper.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// The timeout of a scrape, as Prometheus has it by default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pause between two scrapes.
const PAUSE: Duration = Duration::from_millis(200);

/// A scraper of one service.
#[derive(Clone, Copy)]
pub(crate) struct Scraper {
    target: SocketAddr,
    series: u32,
}

/// A scrape with a complete page.
pub(crate) struct Scraped {
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
}

/// The scrapes during a flood.
#[derive(Default)]
pub(crate) struct Scrapes {
    pub(crate) took: Vec<Duration>,
    pub(crate) problems: Vec<String>,
}

impl Scraper {
    pub(crate) fn new(target: SocketAddr, series: u32) -> Self {
        Self { target, series }
    }

    /// Scrapes the page once, and checks that it is complete.
    pub(crate) async fn scrape(&self) -> Result<Scraped, String> {
        let started = Instant::now();
        let page = timeout(TIMEOUT, self.get()).await.map_err(|_| "no answer within 10 s".to_owned())?;
        let (head, page) = page?;
        let took = started.elapsed();
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(head.lines().next().unwrap_or("an empty answer").to_owned());
        }
        let series = page.lines().filter(|line| line.starts_with("flood_total{")).count();
        if series != self.series as usize || !page.contains("\nquick 0\n") || !page.contains("\nslow 0\n") {
            return Err(format!("a page with {series} series"));
        }
        Ok(Scraped { bytes: page.len() as u64, took })
    }

    async fn get(&self) -> Result<(String, String), String> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.target).await?;
            let seconds = TIMEOUT.as_secs();
            let request = format!(
                "GET /metrics HTTP/1.1\r\nhost: flood\r\nconnection: close\r\n\
                 x-prometheus-scrape-timeout-seconds: {seconds}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = exchange.await.map_err(|error| error.to_string())?;
        let (head, page) = answer.split_once("\r\n\r\n").ok_or("the connection was closed")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if length == Some(page.len()) { Ok((head.to_owned(), page.to_owned())) } else { Err("half a page".to_owned()) }
    }

    /// Scrapes again and again, until the returned value is stopped.
    pub(crate) fn start(self) -> Scraping {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut scrapes = Scrapes::default();
            loop {
                match self.scrape().await {
                    Ok(page) => scrapes.took.push(page.took),
                    Err(problem) => scrapes.problems.push(problem),
                }
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = stopped.notified() => return scrapes,
                }
            }
        });
        Scraping { task, stop }
    }
}

/// The task that scrapes.
pub(crate) struct Scraping {
    task: JoinHandle<Scrapes>,
    stop: Arc<Notify>,
}

impl Scraping {
    pub(crate) async fn stop(self) -> Scrapes {
        self.stop.notify_one();
        self.task.await.unwrap_or_default()
    }
}
