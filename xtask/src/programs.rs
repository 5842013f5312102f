//! Test programs, several at a time: most of their tests wait for servers, and cargo runs one program after the other.
//!
//! cargo builds the programs and calls a runner for each one. The runner only writes down the call with its environment.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::run::{Tests, plain, tests_in};
use crate::setup;

/// Writes a call as a script, whose name is the number of the call.
const RUNNER: &str = r#"#!/bin/sh
call=$(printf '%03d' "$(ls "$0.calls" | wc -l)")
{
    export -p
    printf "exec 2>&1\ncd '%s'\nexec" "$PWD"
    printf " '%s'" "$@"
    printf '\n'
} > "$0.calls/$call"
"#;

/// Builds the test programs of `cargo test`, with these arguments, and runs them. Adds up their tests.
///
/// # Errors
/// Returns an error if the build fails, or the programs that have failed.
pub(crate) fn run(command: &mut Command, arguments: &[String], total: &mut Tests) -> Result<(), String> {
    let runner = setup::target().join("later");
    let calls = write(&runner).map_err(|error| format!("cannot write {}: {error}", runner.display()))?;
    command.arg("--config").arg(format!("target.'cfg(all())'.runner = '{}'", runner.display())).args(arguments);
    plain(command)?;
    let calls = scripts(&calls).map_err(|error| format!("cannot read {}: {error}", calls.display()))?;
    let (next, results) = (AtomicUsize::new(0), Mutex::new((Tests::default(), BTreeSet::new())));
    let work = || {
        while let Some(script) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (name, output) = call(script);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            let (text, passed) = output.unwrap_or_else(|error| (error.to_string(), false));
            // The tests continue when the terminal is closed.
            let _ = write!(io::stdout(), "\n     Running {name}\n{text}");
            text.lines().filter_map(tests_in).for_each(|tests| results.0.add(tests));
            if !passed {
                results.1.insert(name);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let (tests, failed) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    total.add(tests);
    if tests == Tests::default() {
        return Err("ran no test".to_owned());
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed in {}, {tests}", Vec::from_iter(failed).join(", "))) }
}

/// Writes the runner, and returns the empty folder of its calls.
fn write(runner: &Path) -> io::Result<PathBuf> {
    let calls = runner.with_extension("calls");
    if calls.exists() {
        fs::remove_dir_all(&calls)?;
    }
    fs::create_dir_all(&calls)?;
    fs::write(runner, RUNNER)?;
    fs::set_permissions(runner, Permissions::from_mode(0o755))?;
    Ok(calls)
}

fn scripts(calls: &Path) -> io::Result<Vec<PathBuf>> {
    let mut scripts: Vec<_> = fs::read_dir(calls)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    scripts.sort();
    Ok(scripts)
}

/// Runs a call. Returns the name of the program, and its output with `true` if it has succeeded.
fn call(script: &Path) -> (String, io::Result<(String, bool)>) {
    let program = fs::read_to_string(script).unwrap_or_default();
    let program = program.rsplit("\nexec '").next().and_then(|call| call.split('\'').next()).unwrap_or_default();
    let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = Command::new("sh").arg(script).stdin(Stdio::null()).output();
    (name, output.map(|output| (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_made_later_with_its_environment_and_folder() {
        let folder = std::env::temp_dir().join(format!("xtask-programs-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let runner = folder.join("later");
        let calls = write(&runner).expect("the runner is written");
        for status in ["0", "3"] {
            let shell = "echo \"$GREETING\" in $PWD >&2; exit $0";
            let mut command = Command::new(&runner);
            command.args(["sh", "-c", shell, status]).env("GREETING", "it's \"me\"").current_dir("/");
            assert!(command.status().expect("the runner runs").success());
        }
        let calls = scripts(&calls).expect("a folder");
        let output = |script| {
            let (name, output) = call(script);
            (name, output.expect("it runs"))
        };
        let expected = |passed| ("sh".to_owned(), ("it's \"me\" in /\n".to_owned(), passed));
        assert_eq!(calls.iter().map(|script| output(script)).collect::<Vec<_>>(), [expected(true), expected(false)]);
        fs::remove_dir_all(&folder).expect("removed");
    }
}
