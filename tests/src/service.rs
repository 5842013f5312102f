//! A binary of this workspace as its user runs it: started, asked over HTTP, told to stop.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::process::{Command, ExitStatus};

use crate::client::Client;
use crate::process::Process;
use crate::wait;

const ANNOUNCEMENT: &str = "listening on http://";

/// What a process needs from its surroundings; everything else would let a developer's settings decide a test.
const INHERITED: &[&str] = &["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];

/// A running service; it is killed when this is dropped. Requests go through [`Client`], which it dereferences to.
pub struct Service {
    process: Process,
    client: Client,
}

/// What is left of a service.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it printed.
    pub stdout: String,
    /// All that it logged.
    pub stderr: String,
}

impl Service {
    /// Starts a binary and waits until it prints `listening on http://ADDRESS` on its standard output.
    ///
    /// It gets these arguments and these environment variables, and no variable of the test's own surroundings that
    /// could configure it.
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
                panic!("ended with {status} before it listened");
            }
            address
        });
        Self { process, client: Client::new(address) }
    }

    /// Runs a binary to its end: for those that refuse to start.
    #[must_use]
    pub fn run(binary: impl AsRef<Path>, args: &[&str], env: &[(&str, &str)]) -> Stopped {
        let mut process = Process::start(&mut command(binary.as_ref().as_os_str(), args, env));
        let status = wait::until("the process to end", || process.exited());
        Stopped::new(process, status)
    }

    /// All that it has printed so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.process.stdout()
    }

    /// All that it has logged so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Sends SIGTERM and waits until it has ended; one that does not end fails the test.
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
    // Only whole lines: the end of the address must have been written.
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
    fn is_found_where_it_says_and_ends_when_told() {
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
    fn one_that_ends_early_fails_the_test() {
        drop(shell("echo no port >&2; exit 1"));
    }

    #[test]
    fn one_that_refuses_to_start_says_why() {
        let stopped = Service::run("/bin/sh", &["-c", "echo \"no $0\" >&2; exit 2", "port"], &[]);
        assert_eq!((stopped.status.code(), stopped.stderr.as_str()), (Some(2), "no port\n"));
    }

    #[test]
    fn the_announcement_is_read_whole() {
        assert_eq!(announced("listening on http://127.0.0.1:80"), None);
        assert_eq!(announced("a\nx listening on http://127.0.0.1:80\n").unwrap().port(), 80);
        assert_eq!(announced("listening on http://127.0.0.1:8000/metrics now\n").unwrap().port(), 8000);
    }
}
