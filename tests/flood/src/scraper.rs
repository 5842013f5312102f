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

/// The progress of a scrape, which shows where it has waited.
#[derive(Default)]
struct Progress {
    connected: Option<Instant>,
    first_byte: Option<Instant>,
    last_byte: Option<Instant>,
    bytes: usize,
}

impl Progress {
    fn since(&self, started: Instant) -> String {
        let after = |time: Option<Instant>| match time {
            Some(time) => format!("after {} ms", (time - started).as_millis()),
            None => "never".to_owned(),
        };
        let [connected, first, last] = [self.connected, self.first_byte, self.last_byte].map(after);
        format!("connected {connected}, first byte {first}, last of {} bytes {last}", self.bytes)
    }
}

/// A scrape with a complete page.
pub(crate) struct Scraped {
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    /// The times at which it got on.
    pub(crate) progress: String,
}

/// The scrapes during a flood.
#[derive(Default)]
pub(crate) struct Scrapes {
    /// The durations of those with a page.
    pub(crate) took: Vec<Duration>,
    /// The progress of the longest one.
    pub(crate) longest: String,
    pub(crate) problems: Vec<String>,
}

impl Scraper {
    pub(crate) fn new(target: SocketAddr, series: u32) -> Self {
        Self { target, series }
    }

    /// Scrapes the page once, and checks that it is complete.
    pub(crate) async fn scrape(&self) -> Result<Scraped, String> {
        let started = Instant::now();
        let mut progress = Progress::default();
        let page = timeout(TIMEOUT, self.get(&mut progress)).await.unwrap_or_else(|_| Err("timed out".to_owned()));
        let (head, page) = page.map_err(|problem| format!("{problem} ({})", progress.since(started)))?;
        let took = started.elapsed();
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(head.lines().next().unwrap_or("an empty answer").to_owned());
        }
        let series = page.lines().filter(|line| line.starts_with("flood_total{")).count();
        if series != self.series as usize || !page.contains("\nquick 0\n") || !page.contains("\nslow 0\n") {
            return Err(format!("a page with {series} series"));
        }
        Ok(Scraped { bytes: page.len() as u64, took, progress: progress.since(started) })
    }

    async fn get(&self, progress: &mut Progress) -> Result<(String, String), String> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.target).await?;
            progress.connected = Some(Instant::now());
            let seconds = TIMEOUT.as_secs();
            let request = format!(
                "GET /metrics HTTP/1.1\r\nhost: flood\r\nconnection: close\r\n\
                 x-prometheus-scrape-timeout-seconds: {seconds}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            while stream.read_buf(&mut answer).await? > 0 {
                progress.first_byte.get_or_insert_with(Instant::now);
                progress.last_byte = Some(Instant::now());
                progress.bytes = answer.len();
            }
            Ok::<_, std::io::Error>(answer)
        };
        let answer = exchange.await.map_err(|error| error.to_string())?;
        let answer = String::from_utf8(answer).map_err(|error| error.to_string())?;
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
                    Ok(page) => {
                        if scrapes.took.iter().all(|took| *took < page.took) {
                            scrapes.longest = page.progress;
                        }
                        scrapes.took.push(page.took);
                    }
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
