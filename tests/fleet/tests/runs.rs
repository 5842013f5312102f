//! The short form of a run: all counts agree, and nothing is left of it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The exit code of a run whose tools are missing, which has said so.
const MISSING: i32 = 77;

/// The short form, with temporary files in a folder of this name.
fn short(name: &str) -> (Command, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder can be created");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleet"));
    command.arg("--short").env("TMPDIR", &folder).stdin(Stdio::null()).stdout(Stdio::piped());
    (command, folder)
}

/// Returns `true` if the folder is empty, and no process has it in its environment.
fn nothing_is_left(folder: &Path) -> bool {
    let is_empty = fs::read_dir(folder).expect("the folder is there").next().is_none();
    let path = folder.as_os_str().as_bytes();
    let mentions = |process: fs::DirEntry| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        environment.windows(path.len()).any(|part| part == path)
    };
    is_empty && !fs::read_dir("/proc").expect("Linux has it").flatten().any(mentions)
}

#[test]
fn all_counts_agree_after_kills_and_restarts() {
    let (mut command, folder) = short("complete");
    let run = command.output().expect("the program can be started");
    let [stdout, stderr] = [run.stdout, run.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if run.status.code() == Some(MISSING) {
        eprint!("{stderr}");
        return;
    }
    assert!(run.status.success(), "{stdout}\n{stderr}");
    eprint!("{stdout}");
    assert!(nothing_is_left(&folder));
}

#[test]
fn nothing_is_left_of_a_run_that_is_killed() {
    let (mut command, folder) = short("killed");
    let mut run = command.spawn().expect("the program can be started");
    // Open to the end, so that the run does not end at the pipe.
    let mut lines = BufReader::new(run.stdout.take().expect("it is a pipe")).lines();
    // The first line tells that everything has been started.
    if lines.by_ref().map_while(Result::ok).any(|line| line.contains("agents")) {
        assert!(!nothing_is_left(&folder));
        run.kill().expect("it runs");
    }
    let status = run.wait().expect("it has ended");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !nothing_is_left(&folder) {
        assert!(Instant::now() < deadline, "{status}: processes or files are left in {}", folder.display());
        thread::sleep(Duration::from_millis(50));
    }
}
