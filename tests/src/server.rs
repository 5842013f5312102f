//! Starts a server on a free port.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use crate::client::Client;
use crate::process::Process;
use crate::wait;

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

/// An address that no server listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
