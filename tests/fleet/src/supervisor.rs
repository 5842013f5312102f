//! The process that starts the run as a child, and ends everything that the run has started.
//!
//! The child leads a process group of its own, to which all servers belong. Its standard input is a pipe that only the
//! supervisor holds open. So the group ends with the supervisor, even if that one is killed: see [`end_with_supervisor`].

use std::env;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// The first argument of the child.
pub const CHILD: &str = "--supervised";

/// The exit code of a run whose tools are missing.
pub const MISSING: u8 = 77;

/// The folder in which the output of all processes is kept if the run fails.
fn logs(folder: &Path) -> PathBuf {
    folder.join("logs")
}

/// Runs this program again with these arguments, with a temporary folder of its own. Returns its exit code. Afterwards
/// no process of it is left, and of its files the logs of a run that failed.
///
/// # Errors
/// Returns an error if the child cannot be started.
pub fn run(arguments: &[String]) -> io::Result<u8> {
    let folder = tempfile::Builder::new().prefix("fleet-").tempdir()?;
    fs::create_dir(logs(folder.path()))?;
    let mut command = Command::new(env::current_exe()?);
    command
        .arg(CHILD)
        .args(arguments)
        .env("TMPDIR", folder.path())
        .env("METRICS_TESTS_LOGS", logs(folder.path()))
        .stdin(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn()?;
    // `wait` would close it.
    let pipe = child.stdin.take();
    let status = child.wait()?;
    drop(pipe);
    end(child.id());
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    if code == 0 || code == MISSING {
        return Ok(code);
    }
    let kept = folder.keep();
    for entry in fs::read_dir(&kept)?.flatten().filter(|entry| entry.path() != logs(&kept)) {
        // Configurations and rules, which are small, explain the logs.
        let _ = remove_data(&entry.path());
    }
    eprintln!("the logs are in {}, configurations and rules in {}", logs(&kept).display(), kept.display());
    Ok(code)
}

/// Starts a thread that ends this process, its group and its temporary folder when the supervisor has ended.
pub fn end_with_supervisor() {
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        // The command `kill` of some shells takes no group.
        let script = "env kill -KILL -- \"-$0\"; rm -rf \"$1\"";
        let id = std::process::id().to_string();
        // In a group of its own, which it does not kill.
        let _ = Command::new("sh").args(["-c", script, &id]).arg(env::temp_dir()).process_group(0).spawn();
    });
}

/// Kills a process group; does nothing if it is empty.
fn end(group: u32) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status();
}

/// Removes the folders in a folder, which are the data of servers.
fn remove_data(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path)?.flatten().filter(|entry| entry.path().is_dir()) {
        fs::remove_dir_all(entry.path())?;
    }
    Ok(())
}
