//! A client of HTTP/1.1 over a loopback socket, with one connection for each request.
//!
//! Tests assert every byte of an answer, so they use no client library, which could change it.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::wait::DEADLINE;

/// A client of one server.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in the order of the response, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded if it was chunked.
    pub body: Vec<u8>,
}

impl Client {
    /// Creates a client of the server at this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Returns the address of the server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends `GET path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], b"")
    }

    /// Sends `POST path` with a body of this content type.
    #[must_use]
    pub fn post(&self, path: &str, content_type: &str, body: impl AsRef<[u8]>) -> Response {
        self.request("POST", path, &[("content-type", content_type)], body.as_ref())
    }

    /// Sends `POST path` with a JSON body.
    #[must_use]
    pub fn post_json(&self, path: &str, body: &Value) -> Response {
        self.post(path, "application/json", body.to_string())
    }

    /// Sends any request. Fails the test if there is no answer.
    #[must_use]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.try_request(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} http://{}{path}: {error}", self.address))
    }

    /// Sends any request.
    ///
    /// # Errors
    /// Returns an error if the connection is refused or the response is incomplete.
    pub fn try_request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
        let mut stream = self.open(method, path, headers, body.len())?;
        // A service may refuse a body before it has read all of it. Then its answer is returned, and the broken pipe is
        // ignored.
        let written = stream.write_all(body);
        match (read_response(BufReader::new(stream), method), written) {
            (Ok(response), _) => Ok(response),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }

    /// Sends the head of a request and returns the socket, for clients that disconnect or stop sending.
    ///
    /// # Errors
    /// Returns an error if the connection is refused.
    pub fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        content_length: usize,
    ) -> io::Result<TcpStream> {
        let mut head = Vec::new();
        write!(head, "{method} {path} HTTP/1.1\r\n")?;
        write!(head, "host: {}\r\nconnection: close\r\n", self.address)?;
        if content_length > 0 || method == "POST" || method == "PUT" {
            write!(head, "content-length: {content_length}\r\n")?;
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        write!(head, "\r\n")?;
        let mut stream = TcpStream::connect_timeout(&self.address, DEADLINE)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.write_all(&head)?;
        Ok(stream)
    }
}

impl Response {
    /// Returns the first header of this name; case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text. Fails the test if it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|error| panic!("status {}: body: {error}", self.status))
    }

    /// Returns the body as JSON. Fails the test if it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("status {}: {error} in {:?}", self.status, self.text()))
    }

    /// Returns the response if it has this status. Any other status fails the test and shows the body.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "unexpected status; the body is {body:?}");
        self
    }
}

fn read_response(mut stream: impl BufRead, method: &str) -> io::Result<Response> {
    loop {
        let status = read_status(&mut stream)?;
        let headers = read_headers(&mut stream)?;
        if (100..200).contains(&status) {
            continue;
        }
        let mut response = Response { status, headers, body: Vec::new() };
        if method == "HEAD" || status == 204 || status == 304 {
            return Ok(response);
        }
        response.body = match (response.header("transfer-encoding"), response.header("content-length")) {
            (Some("chunked"), _) => read_chunks(&mut stream)?,
            (Some(other), _) => return Err(invalid(&format!("transfer-encoding {other:?}"))),
            (None, Some(length)) => {
                let mut body = vec![0; length.parse().map_err(|_| invalid("content-length"))?];
                stream.read_exact(&mut body)?;
                body
            }
            (None, None) => {
                let mut body = Vec::new();
                stream.read_to_end(&mut body)?;
                body
            }
        };
        return Ok(response);
    }
}

fn read_status(stream: &mut impl BufRead) -> io::Result<u16> {
    let line = read_line(stream)?;
    let code = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
    code.and_then(|code| code.get(..3)?.parse().ok()).ok_or_else(|| invalid(&format!("status line {line:?}")))
}

fn read_headers(stream: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid(&format!("header {line:?}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)?;
        let size = line.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| invalid(&format!("chunk size {line:?}")))?;
        if size == 0 {
            read_headers(stream)?;
            return Ok(body);
        }
        if stream.take(size).read_to_end(&mut body)? as u64 != size || !read_line(stream)?.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::Error::new(ErrorKind::UnexpectedEof, format!("the connection ended in {line:?}"))),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("invalid {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{canned, server};

    fn read(response: &str) -> io::Result<Response> {
        read_response(response.as_bytes(), "GET")
    }

    #[test]
    fn bodies_end_by_length_by_chunks_or_with_the_connection() {
        let known = read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A:  b \r\n\r\nabcIGNORED").unwrap();
        assert_eq!((known.status, known.text(), known.header("x-a")), (200, "abc", Some("b")));

        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunked = read(&format!("{head}3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\ntrailer: t\r\n\r\n")).unwrap();
        assert_eq!(chunked.text(), "abc0123456789");

        assert_eq!(read("HTTP/1.0 404 Not Found\r\n\r\ngone").unwrap().expect(404).text(), "gone");
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n").unwrap().body, b"");
        assert_eq!(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx").unwrap().text(), "x");
    }

    #[test]
    fn half_a_response_is_an_error() {
        for half in [
            "",
            "HTTP/1.1 2",
            "SPDY 200\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ] {
            assert!(read(half).is_err(), "{half:?}");
        }
    }

    #[test]
    fn a_request_carries_its_method_headers_and_body() {
        let server = canned::Server::start("text/plain", "pong");
        let client = Client::new(server.address());
        let response = client.request("PUT", "/a?b=c", &[("x-y", "z")], b"ping");
        assert_eq!((response.status, response.text()), (200, "pong"));
        assert_eq!(response.header("Content-Type"), Some("text/plain"));
        let request = server.last_request();
        assert!(request.starts_with("PUT /a?b=c HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nx-y: z\r\n") && request.ends_with("\r\n\r\nping"), "{request}");
    }

    #[test]
    fn a_refused_connection_is_an_error() {
        let address = server::free_address();
        assert!(Client::new(address).try_request("GET", "/", &[], b"").is_err());
    }
}
