//! A server in place of Ryot, of a bucket or of Neurectomy, with faults.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// The server's reaction to a request.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// Sends an answer with this status line, these headers and this body.
    Answer { status: &'static str, headers: &'static str, body: String },
    /// Answers with this body, after this time.
    Late(Duration, &'static str),
    /// Answers with this body when the sender is dropped.
    #[allow(dead_code, reason = "Neurectomy's tests hold no answer")]
    Held(Arc<Mutex<mpsc::Receiver<()>>>, &'static str),
    /// Sends these bytes, and then neither sends nor closes.
    Hang(&'static str),
    /// Sends these bytes one after the other, with pauses, and then starts again.
    Drip(&'static str),
    /// Sends these bytes, and then resets the connection.
    Reset(&'static str),
    /// Sends these bytes, and then closes the connection.
    Close(&'static str),
}

impl Behaviour {
    pub(crate) fn answer(status: &'static str, headers: &'static str, body: impl Into<String>) -> Self {
        Self::Answer { status, headers, body: body.into() }
    }

    /// Returns a behaviour that answers with this body when the sender is dropped.
    #[allow(dead_code, reason = "Neurectomy's tests hold no answer")]
    pub(crate) fn held(body: &'static str) -> (mpsc::Sender<()>, Self) {
        let (sender, receiver) = mpsc::channel();
        (sender, Self::Held(Arc::new(Mutex::new(receiver)), body))
    }
}

/// A running server. Its threads end with the test process.
pub(crate) struct Upstream {
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
    /// Receives a message for each request that hangs.
    pub(crate) hanging: mpsc::Receiver<()>,
}

impl Upstream {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let behaviour = Arc::new(Mutex::new(behaviour));
        let (hangs, hanging) = mpsc::channel();
        let current = Arc::clone(&behaviour);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behaviour, hangs) = (current.lock().unwrap().clone(), hangs.clone());
                thread::spawn(move || behave(behaviour, stream, &hangs));
            }
        });
        Self { address, behaviour, hanging }
    }

    /// Changes the behaviour for later requests.
    pub(crate) fn set(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn behave(behaviour: Behaviour, mut stream: TcpStream, hangs: &mpsc::Sender<()>) {
    // A connection that is closed before its request is read is reset.
    if matches!(behaviour, Behaviour::Reset(_)) {
        let _ = stream.peek(&mut [0]);
    } else if read_request(&mut stream).starts_with("get /health ") {
        return send(&mut stream, "200 OK", "", "");
    }
    match behaviour {
        Behaviour::Late(time, body) => {
            thread::sleep(time);
            send(&mut stream, "200 OK", "", body);
        }
        Behaviour::Held(release, body) => {
            let _ = release.lock().unwrap().recv();
            send(&mut stream, "200 OK", "", body);
        }
        Behaviour::Answer { status, headers, body } => send(&mut stream, status, headers, &body),
        Behaviour::Hang(start) => {
            let _ = stream.write_all(start.as_bytes());
            let _ = hangs.send(());
            // Until the client leaves.
            let _ = stream.read(&mut [0]);
        }
        Behaviour::Drip(bytes) => {
            for byte in bytes.bytes().cycle() {
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        Behaviour::Reset(start) | Behaviour::Close(start) => {
            let _ = stream.write_all(start.as_bytes());
        }
    }
}

fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
}

/// Reads a whole request with a body of known length. Returns it in lower case.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let mut text = String::new();
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        request.extend_from_slice(&buffer[..read]);
        text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break;
            }
        }
    }
    text
}
