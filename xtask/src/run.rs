//! Execution of steps: one after the other, each reported with its duration, up to the first step that fails.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

use crate::steps::{Cargo, Step};
use crate::{cargo, programs, setup};

/// Makes a missing tool or a changed golden file fail its test.
const STRICT: (&str, &str) = ("METRICS_TESTS_REQUIRE_TOOLS", "1");

/// Variables that a developer may have set and that must not change a result.
pub(crate) const REMOVED: &[&str] = &[
    "BLESS",
    "TRYBUILD",
    "METRICS_ENABLED",
    "METRICS_PATH",
    "METRICS_TOKEN",
    "METRICS_BASIC_AUTH",
    "METRICS_ALLOW",
    "METRICS_LISTEN",
];

/// The sums of the counts in the closing lines of the test harnesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tests {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, ignored } = self;
        write!(f, "tests: {passed} passed, {failed} failed, {ignored} skipped")
    }
}

/// Runs the steps with these environment variables, and counts their tests.
///
/// # Errors
/// Returns the failed step: its title, its command, and the reason.
pub(crate) fn all(steps: &[&Step], env: &[(&str, impl AsRef<OsStr> + Sync)]) -> Result<Tests, String> {
    let mut total = Tests::default();
    let titles = (1..).zip(steps).map(|(number, step)| format!("{number}/{} {}", steps.len(), step.name));
    let numbered: Vec<_> = titles.zip(steps.iter().copied()).collect();
    for together in numbered.chunk_by(|(_, step), _| step.beside_next) {
        total.add(at_once(together, env)?);
    }
    Ok(total)
}

/// Runs steps at the same time.
fn at_once(steps: &[(String, &Step)], env: &[(&str, impl AsRef<OsStr> + Sync)]) -> Result<Tests, String> {
    thread::scope(|scope| {
        let running: Vec<_> = steps.iter().map(|(title, step)| scope.spawn(|| one(title, step, env))).collect();
        let done = running.into_iter().map(|step| step.join().unwrap_or_else(|_| Err("panicked".to_owned())));
        // All of them end before the first failure is reported.
        let done: Vec<_> = done.collect();
        let mut total = Tests::default();
        for tests in done {
            total.add(tests?);
        }
        Ok(total)
    })
}

fn one(title: &str, step: &Step, env: &[(&str, impl AsRef<OsStr>)]) -> Result<Tests, String> {
    println!("\n==> {title}");
    let started = Instant::now();
    let mut tests = Tests::default();
    let done = step.commands().and_then(|commands| run_all(step, &commands, env, &mut tests));
    let took = clock(started.elapsed());
    done.map_err(|reason| format!("step {title}, after {took}: {reason}"))?;
    println!("<== {title}: ok in {took}");
    Ok(tests)
}

impl Step {
    fn commands(&self) -> Result<Vec<Vec<String>>, String> {
        match self.cargo {
            Cargo::One(arguments) => Ok(vec![arguments.split_whitespace().map(str::to_owned).collect()]),
            Cargo::Many(commands) => commands(),
        }
    }

    /// Returns the command as it can be typed in a shell.
    fn shown(&self, arguments: &[String]) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={value:?} "));
        let cfg = self.cfg.iter().map(|cfg| format!("RUSTFLAGS=\"--cfg {cfg} -D warnings\" "));
        env.chain(cfg).chain([format!("cargo {}", arguments.join(" "))]).collect()
    }
}

/// Runs all commands of a step, even after one has failed, so that one run shows every failing feature set.
fn run_all(
    step: &Step,
    commands: &[Vec<String>],
    env: &[(&str, impl AsRef<OsStr>)],
    total: &mut Tests,
) -> Result<(), String> {
    let results = commands.iter().map(|arguments| run(step, arguments, env, total));
    let failures: Vec<String> = results.filter_map(Result::err).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn run(step: &Step, arguments: &[String], env: &[(&str, impl AsRef<OsStr>)], total: &mut Tests) -> Result<(), String> {
    let mut command = cargo();
    command.stdin(Stdio::null());
    for name in REMOVED {
        command.env_remove(name);
    }
    command.env(STRICT.0, STRICT.1);
    command.env("RUST_TEST_THREADS", (2 * thread::available_parallelism().map_or(2, usize::from)).to_string());
    command.envs(env.iter().map(|(name, value)| (name, value.as_ref())));
    command.envs(step.env.iter().copied());
    if let Some(cfg) = step.cfg {
        command.env("RUSTC_WORKSPACE_WRAPPER", compiler_with(cfg)?);
    }
    let shown = step.shown(arguments);
    println!("{shown}");
    let done = match (step.tests, step.programs_at_once) {
        (true, true) => programs::run(&mut command, arguments, total),
        (true, false) => count_tests(command.args(arguments), total),
        (false, _) => plain(command.args(arguments)),
    };
    done.map_err(|reason| format!("`{shown}` {reason}"))
}

/// Writes a wrapper of the compiler that adds a `--cfg`, for the crates of this workspace only. Returns its path.
fn compiler_with(cfg: &str) -> Result<PathBuf, String> {
    let path = setup::target().join(format!("rustc-{cfg}"));
    let script = format!("#!/bin/sh\nexec \"$@\" --cfg {cfg} -D warnings\n");
    let written = fs::create_dir_all(setup::target())
        .and_then(|()| fs::write(&path, script))
        .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o755)));
    written.map(|()| path.clone()).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

pub(crate) fn plain(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("could not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("ended with {status}")) }
}

/// Like [`plain`], but copies the output to the terminal and adds up the closing lines of the test harnesses.
fn count_tests(command: &mut Command, total: &mut Tests) -> Result<(), String> {
    let start = command.stdout(Stdio::piped()).spawn();
    let mut child = start.map_err(|error| format!("could not start: {error}"))?;
    let mut counted = Tests::default();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            // The tests continue when the terminal is closed.
            let _ = io::stdout().write_all(&line);
            if let Some(tests) = tests_in(&String::from_utf8_lossy(&line)) {
                counted.add(tests);
            }
            line.clear();
        }
    }
    let status = child.wait().map_err(|error| format!("could not be waited for: {error}"))?;
    total.add(counted);
    if !status.success() {
        return Err(format!("ended with {status}, {counted}"));
    }
    if counted.passed == 0 {
        return Err("ran no test".to_owned());
    }
    Ok(())
}

/// Parses the closing line of a test harness: `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ..`.
pub(crate) fn tests_in(line: &str) -> Option<Tests> {
    let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let mut parts = counts.split("; ");
        parts.find_map(|part| part.strip_suffix(what)?.trim().parse().ok())
    };
    Some(Tests { passed: count("passed")?, failed: count("failed")?, ignored: count("ignored")? })
}

pub(crate) fn clock(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds / 60 {
        0 => format!("{:.1}s", took.as_secs_f64()),
        minutes => format!("{minutes}m {:02}s", seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        let line = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.1s\n";
        assert_eq!(tests_in(line), Some(Tests { passed: 3, failed: 1, ignored: 2 }));
        assert_eq!(tests_in("test a ... ok\n"), None);
        assert_eq!(tests_in("test result: ok\n"), None);
    }

    #[test]
    fn durations_are_readable() {
        assert_eq!(clock(Duration::from_millis(1_540)), "1.5s");
        assert_eq!(clock(Duration::from_secs(725)), "12m 05s");
    }

    #[test]
    fn a_command_is_shown_as_it_can_be_typed() {
        let off = Step {
            name: "off",
            cargo: Cargo::One("test --test off"),
            env: &[("BLESS", "1")],
            cfg: Some("metrics_off"),
            beside_next: false,
            tests: true,
            programs_at_once: false,
        };
        let commands = off.commands().expect("the command is constant");
        let expected = "BLESS=\"1\" RUSTFLAGS=\"--cfg metrics_off -D warnings\" cargo test --test off";
        assert_eq!(off.shown(&commands[0]), expected);
    }
}
