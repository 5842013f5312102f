//! Runs a binary of this workspace as its users do: start, HTTP requests, SIGTERM.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::process::{Command, ExitStatus};

use crate::client::Client;
use crate::process::Process;
use crate::wait;

const ANNOUNCEMENT: &str = "listening on http://";

/// The environment variables that a process inherits. It inherits no others, because a developer's settings must not
/// change a result.
const INHERITED: &[&str] = &["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];

/// A running service, which dereferences to its [`Client`]. Dropping it kills the process.
pub struct Service {
    process: Process,
    client: Client,
}

/// The result of a service that has ended.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// The exit status.
    pub status: ExitStatus,
    /// The standard output.
    pub stdout: String,
    /// The standard error, with the log.
    pub stderr: String,
}

impl Service {
    /// Starts a binary and waits until it prints `listening on http://ADDRESS` on its standard output.
    ///
    /// The binary gets these arguments and environment variables, and inherits no variable that could configure it.
    #[must_use]
    pub fn start(binary: impl AsRef<Path>, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = command(binary.as_ref().as_os_str(), args, env);
        let mut process = Process::start(&mut command);
        let address = wait::until(&format!("`{ANNOUNCEMENT}`"), || {
            let address = announced(&process.stdout());
            if address.is_none()
                && let Some(status) = process.exited()
            {
                process.join();
                panic!("the service ended with {status} before it listened");
            }
            address
        });
        Self { process, client: Client::new(address) }
    }

    /// Runs a binary to its end, for example one that refuses to start.
    #[must_use]
    pub fn run(binary: impl AsRef<Path>, args: &[&str], env: &[(&str, &str)]) -> Stopped {
        let mut process = Process::start(&mut command(binary.as_ref().as_os_str(), args, env));
        let status = wait::until("the process to end", || process.exited());
        Stopped::new(process, status)
    }

    /// Returns the address of the metrics page, once the service prints `metrics on http://ADDRESS/metrics`.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        wait::until("the address of the metrics", || {
            let stdout = self.stdout();
            let url = stdout.lines().find_map(|line| line.strip_prefix("metrics on "))?;
            let (_, rest) = url.split_once("://")?;
            Some(rest.strip_suffix("/metrics")?.parse().unwrap())
        })
    }

    /// Returns the standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.process.stdout()
    }

    /// Returns the standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Sends SIGTERM and waits for the end of the process. Fails the test if it does not end.
    #[must_use]
    pub fn stop(mut self) -> Stopped {
        let status = self.process.terminate();
        Stopped::new(self.process, status)
    }
}

impl Deref for Service {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Stopped {
    fn new(mut process: Process, status: ExitStatus) -> Self {
        process.join();
        Self { status, stdout: process.stdout(), stderr: process.stderr() }
    }
}

fn command(binary: &OsStr, args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary);
    command.args(args).env_clear();
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(env.iter().copied());
    command
}

fn announced(stdout: &str) -> Option<SocketAddr> {
    // Only complete lines, because in others the address may be incomplete.
    let lines = stdout.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let rest = lines.filter_map(|line| line.split_once(ANNOUNCEMENT)).map(|(_, rest)| rest).next()?;
    let address = rest.split(['/', ' ', '\n']).next()?;
    Some(address.parse().unwrap_or_else(|error| panic!("announced {address:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canned;

    fn shell(script: &str) -> Service {
        Service::start("/bin/sh", &["-c", script], &[("GREETING", "hello")])
    }

    #[test]
    fn a_service_is_reached_at_its_announced_address_and_stops_on_sigterm() {
        let server = canned::Server::start("text/plain", "pong");
        let service = shell(&format!(
            "trap 'echo bye; exit 3' TERM; echo starting $GREETING; echo warned >&2
             echo 'listening on http://{}/ (soon)'; while :; do sleep 0.05; done",
            server.address()
        ));
        assert_eq!(service.address(), server.address());
        assert_eq!(service.get("/").text(), "pong");
        let stopped = service.stop();
        assert_eq!(stopped.status.code(), Some(3));
        assert!(stopped.stdout.starts_with("starting hello\n") && stopped.stdout.ends_with("bye\n"), "{stopped:?}");
        assert_eq!(stopped.stderr, "warned\n");
    }

    #[test]
    #[should_panic = "before it listened"]
    fn a_service_that_ends_early_fails_the_test() {
        drop(shell("echo no port >&2; exit 1"));
    }

    #[test]
    fn a_binary_that_refuses_to_start_prints_the_reason() {
        let stopped = Service::run("/bin/sh", &["-c", "echo \"no $0\" >&2; exit 2", "port"], &[]);
        assert_eq!((stopped.status.code(), stopped.stderr.as_str()), (Some(2), "no port\n"));
    }

    #[test]
    fn only_complete_announcements_are_read() {
        assert_eq!(announced("listening on http://127.0.0.1:80"), None);
        assert_eq!(announced("a\nx listening on http://127.0.0.1:80\n").unwrap().port(), 80);
        assert_eq!(announced("listening on http://127.0.0.1:8000/metrics now\n").unwrap().port(), 8000);
    }
}
