//! A server that answers every request with the same page, and can be taken away for a while.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::wait;

/// A completion of four tokens, as a language model answers that speaks `OpenAI`'s protocol.
pub const COMPLETION: &str =
    r#"{"choices": [{"text": "so it is.", "finish_reason": "stop"}], "usage": {"completion_tokens": 4}}"#;

/// The server. Its thread ends with the test process, or when it is killed.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    page: Page,
    answering: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

#[derive(Clone, Debug)]
struct Page {
    content_type: &'static str,
    body: &'static str,
    last: Arc<Mutex<String>>,
}

impl Server {
    /// Answers on a port of its own.
    #[must_use]
    pub fn start(content_type: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let page = Page { content_type, body, last: Arc::default() };
        let mut server = Self { address: listener.local_addr().unwrap(), page, answering: None };
        server.live(listener);
        server
    }

    fn live(&mut self, listener: TcpListener) {
        let dies = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&dies);
        let page = self.page.clone();
        let answering = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if told.load(Ordering::SeqCst) {
                    return;
                }
                page.answer(stream);
            }
        });
        self.answering = Some((dies, answering));
    }

    /// From here on, connections are refused.
    pub fn kill(&mut self) {
        let (dies, answering) = self.answering.take().expect("it lives");
        dies.store(true, Ordering::SeqCst);
        // It looks up when somebody comes.
        let _ = TcpStream::connect(self.address);
        answering.join().unwrap();
    }

    /// After [`kill`](Self::kill): answers again, at the same address.
    pub fn restart(&mut self) {
        let listener = wait::until("its address to be free", || TcpListener::bind(self.address).ok());
        self.live(listener);
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The whole text of the last request.
    #[must_use]
    pub fn last_request(&self) -> String {
        self.page.last.lock().unwrap().clone()
    }
}

impl Page {
    fn answer(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !whole(&request) {
            match stream.read(&mut buffer) {
                Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        *self.last.lock().unwrap() = String::from_utf8_lossy(&request).into_owned();
        let Self { content_type, body, .. } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    }
}

fn whole(request: &[u8]) -> bool {
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
    fn one_that_was_killed_answers_again_where_it_was() {
        let mut server = Server::start("text/plain", "pong");
        let client = Client::new(server.address());
        assert_eq!(client.get("/").text(), "pong");
        server.kill();
        assert!(client.try_request("GET", "/", &[], b"").is_err());
        server.restart();
        assert_eq!(client.get("/").text(), "pong");
    }
}
