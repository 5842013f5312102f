//! Settings, the command line, start and shutdown.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serde_json::json;
use tests::client::Client;
use tests::page::Page;
use tests::service::Service;
use tests::wait;

use crate::{ANY_PORT, BINARY, IN_MEMORY, assert_error, delete, generate, listener, page, put, start, start_error};

#[test]
fn metrics_can_be_switched_off() {
    let service = start(&[("METRICS_ENABLED", "false")]);
    let _ = generate(&service, 5).expect(200);
    let _ = put(&service, "/v1/files/a", "!").expect(201);
    assert_error(&service.get("/metrics"), 404);
}

#[test]
fn the_path_of_the_page_can_be_changed() {
    let service = start(&[("METRICS_PATH", "/internal/metrics")]);
    let text = service.get("/internal/metrics").expect(200);
    assert!(Page::parse_text(text.text()).unwrap().family("neurectomy_active_users").is_some());
    assert_error(&service.get("/metrics"), 404);
}

#[test]
fn an_invalid_variable_is_an_error_that_names_its_value_and_the_expected_one() {
    for (name, value, hint) in [
        ("METRICS_ENABLED", "maybe", "false"),
        ("METRICS_PATH", "metrics", "/"),
        ("METRICS_PATH", "/health", "/health"),
        ("RYOT_URL", "nowhere", "URL"),
        ("RYOT_URL", "ftp://nowhere", "http"),
        ("RYOT_URL", "http://nowhere/v1/chat/completions", "/v1"),
        ("RYOT_API_KEY", "two\nlines", "RYOT_API_KEY"),
        ("RYOT_TIMEOUT", "soon", "seconds"),
        ("NEURECTOMY_CLUSTER", "two\nlines", "control characters"),
        ("CLIENT_TIMEOUT", "never", "seconds"),
        ("KEY_SECONDS", "0", "seconds"),
        ("RYOT_COOLDOWN", "-1", "seconds"),
        ("SESSION_SECONDS", "0", "seconds"),
        ("SIGMAVAULT_URL", "gopher://files", "memory:///"),
        ("SIGMAVAULT_DIR", "/dev/null/files", "/dev/null/files"),
    ] {
        let (code, text) = start_error(&ANY_PORT, &[(name, value)]);
        assert_eq!(code, Some(1), "{name}={value}: {text}");
        // A secret is not printed, and other values on one line.
        let value = if name.ends_with("KEY") { name } else { value };
        assert!(text.contains(&value.replace('\n', "\\n")) && text.contains(hint), "{name}={value}: {text}");
    }
    let both = [IN_MEMORY, ("SIGMAVAULT_DIR", "files")];
    let (code, text) = start_error(&ANY_PORT, &both);
    assert!(code == Some(1) && text.contains("SIGMAVAULT_DIR"), "{text}");
}

#[test]
fn an_invalid_command_line_is_an_error_with_a_hint() {
    for (args, hint) in [
        (&["--listen", "8000"][..], "127.0.0.1:8000"),
        (&["--listen"], "--listen"),
        (&["--traffic", "lots"], "requests a second"),
        (&["--port", "1"], "--port"),
        (&["now"], "now"),
    ] {
        let (code, text) = start_error(args, &[]);
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(text.contains(hint), "{args:?}: {text}");
    }
    let help = Service::run(BINARY, &["--help"], &[]);
    assert_eq!(help.status.code(), Some(0));
    for part in
        ["--traffic", "RYOT_URL", "SIGMAVAULT_URL", "METRICS_PATH", "METRICS_BASIC_AUTH", "METRICS_TLS_KEY_FILE"]
    {
        assert!(help.stdout.contains(part), "{}", help.stdout);
    }
}

#[test]
fn a_port_in_use_is_an_error_with_a_hint() {
    let (_taken, address) = listener();
    let address = address.to_string();
    let (code, text) = start_error(&["--listen", &address], &[IN_MEMORY]);
    assert_eq!(code, Some(1));
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[test]
fn a_request_in_progress_is_completed_before_shutdown() {
    let service = start(&[]);
    let mut stream = service.open("PUT", "/v1/files/slow", &[("expect", "100-continue")], 4).unwrap();
    // The service now waits for the body: the request is in progress.
    let mut waits = [0; 25];
    stream.read_exact(&mut waits).unwrap();
    assert_eq!(&waits, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ab").unwrap();
    let client = Client::new(service.address());
    let stopping = thread::spawn(move || service.stop());
    wait::until("new connections to be refused", || {
        client.try_request("GET", "/health", &[], b"").is_err().then_some(())
    });
    stream.write_all(b"cd").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(stopping.join().unwrap().status.code(), Some(0));
}

#[test]
fn a_shutdown_under_load_truncates_no_response() {
    let service = start(&[]);
    let client = Client::new(service.address());
    let answered = Arc::new(AtomicU32::new(0));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let answered = Arc::clone(&answered);
            thread::spawn(move || {
                let body = json!({ "prompt": "The keeper", "max_tokens": 100 }).to_string();
                let headers = [("content-type", "application/json")];
                loop {
                    match client.try_request("POST", "/v1/generate", &headers, body.as_bytes()) {
                        Ok(answer) => assert_eq!(answer.expect(200).json()["model"], "ryot-tiny"),
                        Err(error) => return error,
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    wait::until("requests to be answered", || (answered.load(Ordering::SeqCst) > 50).then_some(()));
    let stopped = service.stop();
    assert_eq!((stopped.status.code(), stopped.stderr.as_str()), (Some(0), ""));
    for client in clients {
        let error = client.join().unwrap();
        // The connection was not accepted, or closed before a request: no part of an answer was received.
        let empty = error.to_string() == "the connection ended in \"\"";
        let refused = [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(empty || refused.contains(&error.kind()), "{error}");
    }
}

#[test]
fn an_interrupt_stops_it() {
    let mut command = Command::new(BINARY);
    command.args(ANY_PORT).envs([IN_MEMORY]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"listening ");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let status = wait::until("it to stop", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn it_starts_with_an_empty_environment() {
    let mut command = Command::new(BINARY);
    command.args(ANY_PORT).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
    let client = Client::new(address);
    let _ = generate(&client, 5).expect(200);
    let file = format!("/v1/files/tests/{}", running.0.id());
    let _ = put(&client, &file, "!").expect(201);
    let _ = delete(&client, &file).expect(204);
    assert_eq!(page(&client).value("neurectomy_ryot_requests_total", [("status", "success")]), 1.0);
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
