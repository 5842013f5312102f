//! Runs the steps one after the other, says which and how long, and stops at the first that fails.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cargo;
use crate::steps::Step;

/// Where a missing tool or a changed golden file has to fail.
const STRICT: (&str, &str) = ("METRICS_TESTS_REQUIRE_TOOLS", "1");

/// A developer's own settings, which must decide nothing here.
pub(crate) const REMOVED: &[&str] =
    &["BLESS", "TRYBUILD", "METRICS_ENABLED", "METRICS_PATH", "METRICS_TOKEN", "METRICS_ALLOW", "METRICS_LISTEN"];

/// What the test harnesses counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl fmt::Display for Tests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, ignored } = self;
        write!(f, "tests: {passed} passed, {failed} failed, {ignored} skipped")
    }
}

pub(crate) fn all(steps: &[Step], env: &[(&str, impl AsRef<OsStr>)]) -> Result<Tests, String> {
    let mut total = Tests::default();
    for (index, step) in steps.iter().enumerate() {
        let title = format!("{}/{} {}", index + 1, steps.len(), step.name);
        let mut command = cargo();
        command.args(step.cargo.split_whitespace()).stdin(Stdio::null());
        for name in REMOVED {
            command.env_remove(name);
        }
        command.env(STRICT.0, STRICT.1);
        command.envs(env.iter().map(|(name, value)| (name, value.as_ref())));
        command.envs(step.env.iter().copied());
        let shown = shown(step);
        println!("\n==> {title}: {shown}");

        let started = Instant::now();
        let done = if step.tests { count_tests(&mut command, &mut total) } else { plain(&mut command) };
        let took = clock(started.elapsed());
        done.map_err(|why| format!("step {title} {why} after {took}; it ran `{shown}`"))?;
        println!("<== {title}: ok in {took}");
    }
    Ok(total)
}

fn plain(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("could not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("ended with {status}")) }
}

/// As [`plain`], with the harnesses' closing lines added up on their way to the terminal.
fn count_tests(command: &mut Command, total: &mut Tests) -> Result<(), String> {
    let start = command.stdout(Stdio::piped()).spawn();
    let mut child = start.map_err(|error| format!("could not start: {error}"))?;
    let mut seen = Tests::default();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            // A terminal that has gone away is no reason to stop.
            let _ = io::stdout().write_all(&line);
            if let Some(one) = closing_line(&String::from_utf8_lossy(&line)) {
                seen.passed += one.passed;
                seen.failed += one.failed;
                seen.ignored += one.ignored;
            }
            line.clear();
        }
    }
    let status = child.wait().map_err(|error| format!("could not be waited for: {error}"))?;
    total.passed += seen.passed;
    total.failed += seen.failed;
    total.ignored += seen.ignored;
    if !status.success() {
        return Err(format!("ended with {status}, {seen}"));
    }
    if seen.passed == 0 {
        return Err("ran no test".to_owned());
    }
    Ok(())
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ..`
fn closing_line(line: &str) -> Option<Tests> {
    let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let mut parts = counts.split("; ");
        parts.find_map(|part| part.strip_suffix(what)?.trim().parse().ok())
    };
    Some(Tests { passed: count("passed")?, failed: count("failed")?, ignored: count("ignored")? })
}

fn shown(step: &Step) -> String {
    let env = step.env.iter().map(|(name, value)| format!("{name}={value:?} "));
    env.chain([format!("cargo {}", step.cargo)]).collect()
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
        assert_eq!(closing_line(line), Some(Tests { passed: 3, failed: 1, ignored: 2 }));
        assert_eq!(closing_line("test a ... ok\n"), None);
        assert_eq!(closing_line("test result: ok\n"), None);
    }

    #[test]
    fn durations_are_readable() {
        assert_eq!(clock(Duration::from_millis(1_540)), "1.5s");
        assert_eq!(clock(Duration::from_secs(725)), "12m 05s");
    }

    #[test]
    fn a_step_is_shown_as_it_can_be_typed() {
        let docs = Step { name: "docs", cargo: "doc --no-deps", env: &[("RUSTDOCFLAGS", "-D warnings")], tests: false };
        assert_eq!(shown(&docs), "RUSTDOCFLAGS=\"-D warnings\" cargo doc --no-deps");
    }
}
