//! An HTTP server that answers with fixed bodies, and can be stopped and restarted.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::wait;

/// A completion of four tokens, as a language model answers in `OpenAI`'s protocol.
pub const COMPLETION: &str =
    r#"{"choices": [{"text": "so it is.", "finish_reason": "stop"}], "usage": {"completion_tokens": 4}}"#;

/// A running server. Its thread ends with the test process, or when the server is killed.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    pages: Pages,
    thread: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

/// A body with its type.
#[derive(Clone, Debug)]
pub struct Page {
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Pages {
    pages: Arc<[Page]>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server on a free port, which answers every request with this body.
    #[must_use]
    pub fn start(content_type: &'static str, body: &'static str) -> Self {
        Self::start_all(vec![Page { content_type, body: body.into() }])
    }

    /// Starts a server on a free port, which has the first page on the path `/0`, the second one on `/1`, and so on. Other
    /// paths have the first one.
    #[must_use]
    pub fn start_all(pages: Vec<Page>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pages = Pages { pages: pages.into(), requests: Arc::default() };
        let mut server = Self { address: listener.local_addr().unwrap(), pages, thread: None };
        server.serve(listener);
        server
    }

    fn serve(&mut self, listener: TcpListener) {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let pages = self.pages.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                pages.answer(stream);
            }
        });
        self.thread = Some((stop, thread));
    }

    /// Stops the server: from now on, connections are refused.
    pub fn kill(&mut self) {
        let (stop, thread) = self.thread.take().expect("the server runs");
        stop.store(true, Ordering::SeqCst);
        // The thread checks the flag when a connection arrives.
        let _ = TcpStream::connect(self.address);
        thread.join().unwrap();
    }

    /// Starts the server again at the same address, after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        let listener = wait::until("the address of the server to be free", || TcpListener::bind(self.address).ok());
        self.serve(listener);
    }

    /// Answers every request with another body, at the same address.
    pub fn replace(&mut self, body: impl Into<Vec<u8>>) {
        self.kill();
        let content_type = self.pages.pages[0].content_type;
        self.pages.pages = Arc::new([Page { content_type, body: body.into() }]);
        self.restart();
    }

    /// Returns the address of the server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the whole texts of all requests, the oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.pages.requests.lock().unwrap().clone()
    }

    /// Returns the whole text of the last request.
    #[must_use]
    pub fn last_request(&self) -> String {
        self.requests().pop().unwrap_or_default()
    }
}

impl Pages {
    fn answer(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !is_complete(&request) {
            match stream.read(&mut buffer) {
                Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let index = request.strip_prefix("GET /").and_then(|rest| rest.split_once(' ')?.0.parse::<usize>().ok());
        self.requests.lock().unwrap().push(request);
        let Page { content_type, body } = &self.pages[index.filter(|index| *index < self.pages.len()).unwrap_or(0)];
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    }
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;

    #[test]
    fn a_killed_server_answers_at_the_same_address_after_a_restart() {
        let mut server = Server::start("text/plain", "pong");
        let client = Client::new(server.address());
        assert_eq!(client.get("/").text(), "pong");
        server.kill();
        assert!(client.try_request("GET", "/", &[], b"").is_err());
        server.restart();
        assert_eq!(client.get("/").text(), "pong");
    }

    #[test]
    fn each_page_has_its_path() {
        let page = |body: &str| Page { content_type: "text/plain", body: body.into() };
        let server = Server::start_all(vec![page("a"), page("b")]);
        let client = Client::new(server.address());
        assert_eq!(["/0", "/1", "/2", "/"].map(|path| client.get(path).text().to_owned()), ["a", "b", "a", "a"]);
    }
}
