//! A receiver of samples, which answers as a test tells it and keeps what it has accepted.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::page::Labels;
use crate::wait;

/// The samples of a protocol.
pub trait Sample: Clone + fmt::Debug + PartialEq + Send + 'static {
    /// The path of requests.
    const PATH: &'static str;

    /// Decodes a request, and checks it.
    fn decode(headers: &BTreeMap<String, String>, body: &[u8]) -> Vec<Self>;

    /// Returns the status and the headers of the answer that accepts so many samples.
    fn accepts(headers: &BTreeMap<String, String>, samples: usize) -> String;

    /// Returns the name and labels of the series, with `__name__`.
    fn series(&self) -> Labels;

    /// Returns the time.
    fn time(&self) -> i64;

    /// Returns `true` if both have the same value. A NaN is the same as itself.
    fn has_value_of(&self, other: &Self) -> bool;
}

/// A running receiver. It ends with the test process, or when it is killed.
pub struct Receiver<S> {
    address: SocketAddr,
    shared: Arc<Shared<S>>,
    thread: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

struct Shared<S> {
    script: Mutex<VecDeque<Reply>>,
    otherwise: Mutex<Reply>,
    requests: Mutex<Vec<Request<S>>>,
    /// `true` if a request was not valid.
    is_invalid: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

/// The answer to a request.
#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// Accepts it.
    #[default]
    Accept,
    /// Answers with a status and headers, `"503"` or `"429\r\nretry-after: 1"`. Accepts it if it is a 2xx.
    Status(&'static str),
    /// Answers with a status and headers, and with a body.
    Body(&'static str, Vec<u8>),
    /// Never answers.
    Hang,
    /// Resets the connection.
    Reset,
    /// Accepts it, and closes the connection without an answer.
    AcceptAndClose,
}

/// A request that was received.
#[derive(Clone, Debug)]
pub struct Request<S> {
    /// The time of its end.
    pub time: Instant,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// `true` if it was accepted.
    pub is_accepted: bool,
    /// The samples.
    pub series: Vec<S>,
}

impl<S> Default for Shared<S> {
    fn default() -> Self {
        Self {
            script: Mutex::default(),
            otherwise: Mutex::default(),
            requests: Mutex::default(),
            is_invalid: AtomicBool::default(),
            connections: Mutex::default(),
        }
    }
}

impl<S: Sample> Receiver<S> {
    /// Starts a receiver that accepts everything.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut receiver = Self { address: listener.local_addr().unwrap(), shared: Arc::default(), thread: None };
        receiver.serve(listener);
        receiver
    }

    fn serve(&mut self, listener: TcpListener) {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, shared) = (Arc::clone(&stop), Arc::clone(&self.shared));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.lock().unwrap().push(stream.try_clone().unwrap());
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.answer_all(&stream));
            }
        });
        self.thread = Some((stop, thread));
    }

    /// Returns the address to send to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, S::PATH)
    }

    /// Sets the next answers.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.script.lock().unwrap().extend(replies);
    }

    /// Sets the answer after those of [`reply`](Self::reply).
    pub fn reply_always(&self, reply: Reply) {
        *self.shared.otherwise.lock().unwrap() = reply;
    }

    /// Closes all connections, and refuses others from now on.
    pub fn kill(&mut self) {
        let (stop, thread) = self.thread.take().expect("the receiver runs");
        stop.store(true, Ordering::SeqCst);
        // The thread checks the flag when a connection arrives.
        let _ = TcpStream::connect(self.address);
        thread.join().unwrap();
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Starts again at the same address, after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        let listener = wait::until("the address of the receiver to be free", || TcpListener::bind(self.address).ok());
        self.serve(listener);
    }

    /// Returns all requests, the oldest first.
    ///
    /// # Panics
    /// Fails the test if one was not valid.
    #[must_use]
    pub fn requests(&self) -> Vec<Request<S>> {
        assert!(!self.shared.is_invalid.load(Ordering::SeqCst), "a request was not valid, see the panic before");
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits for so many requests.
    pub fn wait_for_requests(&self, count: usize) {
        wait::until(&format!("{count} requests"), || {
            (self.shared.requests.lock().unwrap().len() >= count).then_some(())
        });
    }

    /// Returns all samples as a store keeps them: by time for each series. A sample that was accepted twice is kept once.
    ///
    /// # Panics
    /// Fails the test if two samples of one time have different values, or if a sample is older than the last of its series.
    #[must_use]
    pub fn store(&self) -> BTreeMap<Labels, BTreeMap<i64, S>> {
        let mut store: BTreeMap<Labels, BTreeMap<i64, S>> = BTreeMap::new();
        for sample in self.requests().into_iter().filter(|request| request.is_accepted).flat_map(|r| r.series) {
            let (time, samples) = (sample.time(), store.entry(sample.series()).or_default());
            match samples.get(&time) {
                Some(known) => assert!(known.has_value_of(&sample), "{sample:?} and {known:?}"),
                None => {
                    assert!(samples.last_key_value().is_none_or(|(last, _)| *last < time), "{sample:?} is late");
                    samples.insert(time, sample);
                }
            }
        }
        store
    }

    /// Returns the number of samples in the store.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.store().values().map(|samples| samples.len() as u64).sum()
    }
}

impl<S: Sample> Shared<S> {
    fn answer_all(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((headers, body)) = read_request(&mut reader, S::PATH) {
            let reply = self.script.lock().unwrap().pop_front();
            let reply = reply.unwrap_or_else(|| self.otherwise.lock().unwrap().clone());
            let Ok(series) = catch_unwind(AssertUnwindSafe(|| S::decode(&headers, &body))) else {
                self.is_invalid.store(true, Ordering::SeqCst);
                // The sender must not try again, which would take the time of the test.
                let mut out = stream;
                let _ = out.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
                return;
            };
            let (status, is_accepted, body) = match &reply {
                Reply::Accept => (S::accepts(&headers, series.len()), true, &[][..]),
                Reply::AcceptAndClose => (String::new(), true, &[][..]),
                Reply::Status(status) => ((*status).to_owned(), status.starts_with('2'), &[][..]),
                Reply::Body(status, body) => ((*status).to_owned(), status.starts_with('2'), &body[..]),
                Reply::Hang | Reply::Reset => (String::new(), false, &[][..]),
            };
            self.requests.lock().unwrap().push(Request { time: Instant::now(), headers, is_accepted, series });
            match reply {
                Reply::Hang => {
                    // Until the client closes the connection.
                    let _ = reader.read(&mut [0]);
                    return;
                }
                Reply::Reset | Reply::AcceptAndClose => {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
                _ => {}
            }
            // In one packet, because the kernel delays a second one.
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            let mut out = stream;
            if out.write_all(&[head.as_bytes(), body].concat()).is_err() {
                return;
            }
        }
    }
}

/// Returns the headers and the body, or `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead, path: &str) -> Option<(BTreeMap<String, String>, Vec<u8>)> {
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
            None if line.trim_end().is_empty() => break,
            None => assert!(line.starts_with(&format!("POST {path} ")), "{line}"),
        }
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    Some((headers, body))
}
