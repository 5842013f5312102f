//! A client of plain HTTP, for the page of an instance and the API of a Prometheus.
//!
//! It speaks HTTP/1.0, in which a server may neither answer in chunks nor keep the connection.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The time to connect to one address.
const CONNECT: Duration = Duration::from_secs(5);

/// The time between two parts of an answer. A query of Prometheus may take two minutes.
const READ: Duration = Duration::from_secs(130);

/// The largest answer.
const MAX: u64 = 1 << 30;

const SAVE: &str = "save a page with `curl -o page.txt ..`, and pass the file; reach a Prometheus by plain HTTP";

/// The value of the header `authorization`, for servers that ask for a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials(Option<String>);

impl Credentials {
    /// Creates the credentials of a bearer token, which a line break may follow.
    ///
    /// # Errors
    /// Returns the problem if no header can have it.
    pub(crate) fn token(text: &str) -> Result<Self, &'static str> {
        let token = text.trim();
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token { Ok(Self(Some(format!("Bearer {token}")))) } else { Err("expected a token in one line") }
    }
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Returns `true` for an address, as opposed to the path of a file.
pub(crate) fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// Returns the address without its user and password, for messages.
pub(crate) fn without_user(url: &str) -> String {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let host = rest[..end].rsplit_once('@')?.1;
        Some(format!("{scheme}://{host}{}", &rest[end..]))
    });
    parts.unwrap_or_else(|| url.to_owned())
}

/// Sends `GET url`. A user in the address is sent in place of the credentials.
///
/// # Errors
/// Returns the problem if the address is not one of plain HTTP, if nothing answers, or if the status is not 200.
pub(crate) fn get(url: &str, credentials: &Credentials, headers: &[(&str, &str)]) -> Result<Answer, String> {
    let (user, authority, path) = split(url)?;
    let authorization = user.map(basic).transpose()?.or_else(|| credentials.0.clone());
    let failed = |error: io::Error| format!("the request failed: {error}");
    let mut stream = connect(authority)?;
    let mut request = format!("GET {path} HTTP/1.0\r\nhost: {authority}\r\n");
    for (name, value) in
        authorization.iter().map(|value| ("authorization", value.as_str())).chain(headers.iter().copied())
    {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    let _ = stream.take(MAX + 1).read_to_end(&mut answer).map_err(failed)?;
    parse(&answer)
}

/// Splits an address into the user with its password, the authority and the path.
fn split(url: &str) -> Result<(Option<&str>, &str, String), String> {
    if url.starts_with("https://") {
        return Err(format!("it needs TLS, which this command does not have: {SAVE}"));
    }
    let rest = url.strip_prefix("http://").ok_or("expected an address that begins with `http://`")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = (&rest[..end], rest[end..].split('#').next().unwrap_or_default());
    let (user, authority) = match authority.rsplit_once('@') {
        Some((user, authority)) => (Some(user), authority),
        None => (None, authority),
    };
    if authority.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("expected an address such as `http://127.0.0.1:8000/metrics`".to_owned());
    }
    Ok((user, authority, if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }))
}

/// Returns the header of a user and a password, which are percent-encoded.
fn basic(user: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = user.bytes();
    while let Some(byte) = rest.next() {
        let digits = (byte == b'%').then(|| [rest.next(), rest.next()].map(|digit| char::from(digit?).to_digit(16)));
        bytes.push(match digits {
            None => byte,
            Some([Some(high), Some(low)]) => u8::try_from(high * 16 + low).unwrap_or_default(),
            Some(_) => return Err("the user in the address has a `%` that two digits do not follow".to_owned()),
        });
    }
    if !bytes.contains(&b':') {
        return Err("expected a user and a password in the address: `http://USER:PASSWORD@..`".to_owned());
    }
    Ok(format!("Basic {}", base64(&bytes)))
}

/// Encodes bytes as in <https://www.rfc-editor.org/rfc/rfc4648#section-4>.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | usize::from(chunk.get(i).copied().unwrap_or_default()));
        for i in 0..4 {
            let digit = char::from(DIGITS[bits >> (18 - 6 * i) & 63]);
            text.push(if i <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

fn connect(authority: &str) -> Result<TcpStream, String> {
    let failed = |error: io::Error| format!("cannot connect: {error}");
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let address = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in address.to_socket_addrs().map_err(failed)? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(READ)).map_err(failed)?;
                stream.set_write_timeout(Some(READ)).map_err(failed)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn parse(answer: &[u8]) -> Result<Answer, String> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let head = end.and_then(|end| std::str::from_utf8(&answer[..end]).ok());
    let (Some(head), Some(end)) = (head, end) else { return Err("the answer is not one of HTTP".to_owned()) };
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse::<u16>().ok());
    let status = status.ok_or("the answer is not one of HTTP")?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let answer = Answer { headers: headers.collect(), body: answer[end + 4..].to_owned() };
    match status {
        200 => {}
        301..=308 => {
            let to = answer.header("location").unwrap_or("another address");
            return Err(format!("it redirects to {to}: pass that address"));
        }
        401 | 403 => {
            return Err(format!(
                "it needs other credentials (status {status}): pass a token with --token-file, or a user in the address, \
                 `http://USER:PASSWORD@..`"
            ));
        }
        _ => {
            let body = String::from_utf8_lossy(&answer.body);
            let text: String = body.lines().next().unwrap_or_default().chars().take(300).collect();
            return Err(format!("the status is {status}, expected 200: {text}"));
        }
    }
    if answer.header("transfer-encoding").is_some() {
        return Err(format!("it answers in chunks, which HTTP/1.0 does not have: {SAVE}"));
    }
    let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    if answer.body.len() as u64 > MAX || length.is_some_and(|length| length != answer.body.len()) {
        return Err("the answer is not complete".to_owned());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_plain_http() {
        assert_eq!(split("http://a:80/b?c=d#e"), Ok((None, "a:80", "/b?c=d".to_owned())));
        assert_eq!(split("http://[::1]:80?c"), Ok((None, "[::1]:80", "/?c".to_owned())));
        assert_eq!(split("http://a"), Ok((None, "a", "/".to_owned())));
        assert_eq!(split("http://ada:x@y@a/b"), Ok((Some("ada:x@y"), "a", "/b".to_owned())));
        for (url, problem) in [
            ("https://a/metrics", "it needs TLS, which this command does not have: save a page with `curl"),
            ("ftp://a", "expected an address that begins with `http://`"),
            ("http:///metrics", "expected an address such as"),
            ("http://a/b c", "expected an address such as"),
            ("http://ada:secret@/", "expected an address such as"),
        ] {
            let found = split(url).unwrap_err();
            assert!(found.starts_with(problem), "{url}: {found}");
        }
    }

    #[test]
    fn a_user_or_a_token_is_a_header() {
        assert_eq!(without_user("http://ada:x@y@a:80/b@c"), "http://a:80/b@c");
        assert_eq!(without_user("http://a/b@c"), "http://a/b@c");
        assert_eq!(basic("ada:a%40b"), Ok("Basic YWRhOmFAYg==".to_owned()));
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
        assert!(basic("ada").unwrap_err().starts_with("expected a user and a password"));
        for wrong in ["ada:%4", "ada:%", "ada:%zz"] {
            assert!(basic(wrong).unwrap_err().contains("two digits"), "{wrong}");
        }
        assert_eq!(Credentials::token("hush\n"), Ok(Credentials(Some("Bearer hush".to_owned()))));
        for wrong in ["", "\n", "a b", "a\r\nx: y", "ä"] {
            assert!(Credentials::token(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_answer_is_complete_and_successful() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX:  y \r\n\r\nup1").unwrap();
        assert_eq!((answer.body.as_slice(), answer.header("x")), (&b"up1"[..], Some("y")));
        assert_eq!(parse(b"HTTP/1.0 200 OK\r\n\r\n").unwrap().body, b"");
        for (answer, problem) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nup1"[..], "the answer is not complete"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "it answers in chunks"),
            (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "it needs other credentials (status 401)"),
            (b"HTTP/1.1 302 Found\r\nLocation: http://b/\r\n\r\n", "it redirects to http://b/: pass that address"),
            (b"HTTP/1.1 404 Not Found\r\n\r\nno page\nhere", "the status is 404, expected 200: no page"),
            (b"SSH-2.0", "the answer is not one of HTTP"),
            (b"", "the answer is not one of HTTP"),
        ] {
            let found = parse(answer).unwrap_err();
            assert!(found.starts_with(problem), "{found}");
        }
    }
}
