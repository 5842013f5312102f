//! The hostile clients.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The time after which a client gives up its connection. It opens another one after [`PAUSE`].
const PATIENCE: Duration = Duration::from_secs(20);

/// The pause before a client connects again. Without it, the clients would be limited by the connections that they can
/// open, and not hold any.
const PAUSE: Duration = Duration::from_secs(1);

/// The media type of pages in protobuf.
const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// The behaviour of a client.
#[derive(Clone, Copy)]
enum Kind {
    /// Closes the connection two milliseconds after its request.
    Hasty,
    /// Closes the connection with the beginning of a page unread, which resets it.
    Reset,
    /// Reads nothing, or one byte at a time.
    SlowReader,
    /// Sends its request one byte at a time.
    SlowSender,
}

const KINDS: [Kind; 4] = [Kind::Hasty, Kind::Reset, Kind::SlowReader, Kind::SlowSender];

/// Starts the clients in another process, so that they do not slow down the honest scraper, and waits for its end.
pub(crate) async fn start(
    target: SocketAddr,
    path: &str,
    connections: usize,
    duration: Duration,
) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    let (connections, seconds) = (connections.to_string(), duration.as_secs().to_string());
    let status = command.args(["attack", &target.to_string(), path, &connections, &seconds]).status().await?;
    if status.success() { Ok(()) } else { Err(format!("the attack ended with {status}").into()) }
}

/// Keeps this number of clients connected for the duration.
#[tokio::main]
pub(crate) async fn run(target: &str, path: &str, connections: &str, seconds: &str) -> Result<(), Box<dyn Error>> {
    let (target, connections): (SocketAddr, usize) = (target.parse()?, connections.parse()?);
    let duration = Duration::from_secs(seconds.parse()?);
    let end = Instant::now() + duration;
    let mut clients = JoinSet::new();
    for (number, kind) in (0..connections).zip(KINDS.into_iter().cycle()) {
        let mut random = Random(number as u64 + 1);
        let path = path.to_owned();
        clients.spawn(async move {
            // They do not all begin at once.
            sleep(Duration::from_millis(random.below(1_000))).await;
            while Instant::now() < end {
                let patience = sleep_until(end.min(Instant::now() + PATIENCE));
                tokio::select! {
                    _ = attack(target, &path, kind, number, &mut random) => {}
                    () = patience => {}
                }
                sleep_until(end.min(Instant::now() + PAUSE)).await;
            }
        });
    }
    while clients.join_next().await.is_some() {}
    Ok(())
}

async fn attack(target: SocketAddr, path: &str, kind: Kind, number: usize, random: &mut Random) -> io::Result<()> {
    let mut stream = connect(target, number).await?;
    let request = request(path, random);
    match kind {
        Kind::Hasty => {
            stream.write_all(request.as_bytes()).await?;
            sleep(Duration::from_millis(2)).await;
        }
        Kind::Reset => {
            stream.write_all(request.as_bytes()).await?;
            stream.read_exact(&mut [0; 16]).await?;
        }
        Kind::SlowReader => {
            stream.write_all(request.as_bytes()).await?;
            loop {
                sleep(Duration::from_millis(500)).await;
                // Half of them notice that the server closes the connection.
                if number % 8 < 4 && stream.read(&mut [0; 1]).await? == 0 {
                    return Ok(());
                }
            }
        }
        Kind::SlowSender => {
            for byte in request.bytes() {
                stream.write_all(&[byte]).await?;
                // Notices that the server closes the connection.
                if let Ok(Ok(0)) = timeout(Duration::from_millis(100), stream.read(&mut [0; 64])).await {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Connects from one of many loopback addresses, each of which has its own ports.
async fn connect(target: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let host = u8::try_from(2 + number % 200).unwrap_or(2);
    socket.bind((Ipv4Addr::new(127, 0, 1, host), 0).into())?;
    socket.connect(target).await
}

/// Returns a request for the page in one of its forms, with a random timeout.
fn request(path: &str, random: &mut Random) -> String {
    let names = ["", "", "?name[]=flood_total", "?name[]=slow&name[]=none"][random.index(4)];
    let formats = ["text/plain", "application/openmetrics-text", PROTOBUF];
    let accept = formats[random.index(3)];
    let coding = ["identity", "gzip"][random.index(2)];
    let micros = 10 << random.below(22);
    let seconds = Duration::from_micros(micros + random.below(micros)).as_secs_f64();
    format!(
        "GET {path}{names} HTTP/1.1\r\nhost: flood\r\naccept: {accept}\r\naccept-encoding: {coding}\r\n\
         x-prometheus-scrape-timeout-seconds: {seconds}\r\n\r\n"
    )
}

/// A sequence of numbers that is the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn index(&mut self, limit: u64) -> usize {
        usize::try_from(self.below(limit)).unwrap_or_default()
    }
}
