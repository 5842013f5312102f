//! Starts a server on a free port. A [`Daemon`] can be killed and started again at its address.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::client::Client;
use crate::process::Process;
use crate::wait;

/// A running server of any program. Dropping it kills the process.
pub struct Daemon {
    process: Option<Process>,
    client: Client,
    ready: &'static str,
    command: Box<dyn Fn(SocketAddr) -> Command + Send>,
}

impl Daemon {
    /// Starts the command that `command` returns for an address, and waits until the server answers `GET ready` with 200.
    #[must_use]
    pub fn start(ready: &'static str, command: impl Fn(SocketAddr) -> Command + Send + 'static) -> Self {
        let (process, client) = start(ready, &command);
        Self { process: Some(process), client, ready, command: Box::new(command) }
    }

    /// Returns a client of the server.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client
    }

    /// Returns the address of the server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// Kills the process with SIGKILL, and waits for its end.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Starts the command again at the same address, after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the server at {} runs", self.address());
        let (process, _) = start_at(self.ready, self.address(), &self.command);
        self.process = Some(process);
    }
}

/// Starts the command that `command` returns for an address, and waits until the server answers `ready` with 200.
pub(crate) fn start(ready: &str, mut command: impl FnMut(SocketAddr) -> Command) -> (Process, Client) {
    // Another process may take the port before the server listens on it.
    for _ in 0..10 {
        let address = free_address();
        let client = Client::new(address);
        if let Some(process) = try_start(&mut command(address), &client, ready) {
            return (process, client);
        }
    }
    panic!("a server found its port in use ten times");
}

/// Starts the command as [`start`] does, at this address, which no server listens on any more.
pub(crate) fn start_at(
    ready: &str,
    address: SocketAddr,
    mut command: impl FnMut(SocketAddr) -> Command,
) -> (Process, Client) {
    let client = Client::new(address);
    let process = wait::until("the address to be free", || try_start(&mut command(address), &client, ready));
    (process, client)
}

fn try_start(command: &mut Command, client: &Client, ready: &str) -> Option<Process> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut process = Process::start(command);
    let started = wait::until(&format!("{name} to be ready"), || {
        if let Some(status) = process.exited() {
            process.join();
            let log = process.stderr();
            assert!(log.contains("address already in use"), "{name} ended with {status}:\n{log}");
            return Some(false);
        }
        let ready = client.try_request("GET", ready, &[], b"");
        ready.is_ok_and(|response| response.status == 200).then_some(true)
    });
    started.then_some(process)
}

/// Returns an address that no server listens on. On Linux, each call has an address of the loopback network of its own:
/// another server of a test cannot take the port before the server listens, and answer in its place.
#[must_use]
pub fn free_address() -> SocketAddr {
    static CALLS: AtomicU32 = AtomicU32::new(1);
    let own = process::id().wrapping_mul(256).wrapping_add(CALLS.fetch_add(1, Ordering::Relaxed));
    // Without the first and the last address of the network.
    let [_, b, c, d] = (own % 0xff_fffe + 1).to_be_bytes();
    let host = if cfg!(target_os = "linux") { Ipv4Addr::new(127, b, c, d) } else { Ipv4Addr::LOCALHOST };
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_different_and_can_be_used() {
        let addresses: std::collections::BTreeSet<_> = (0..50).map(|_| free_address()).collect();
        assert_eq!(addresses.len(), 50);
        for address in addresses {
            assert!(address.ip().is_loopback() && TcpListener::bind(address).is_ok(), "{address}");
        }
    }
}
