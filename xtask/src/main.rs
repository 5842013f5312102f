//! The project's own commands: `cargo xtask test` checks everything, on a developer's machine as in CI, and
//! `cargo xtask bench` measures this toolkit against its peers.
//!
//! `setup` brings what the checks need beyond Rust, `steps` is the list of checks as data, `run` carries one out.
#![allow(clippy::print_stdout, reason = "a command line program speaks on its standard output")]

mod run;
mod setup;
mod steps;

use std::env;
use std::path::Path;
use std::process::{Command as Process, ExitCode};
use std::time::Instant;

struct Command {
    name: &'static str,
    what: &'static str,
    run: Run,
}

#[derive(Clone, Copy)]
enum Run {
    Plain(fn() -> ExitCode),
    /// It has arguments of its own.
    With(fn(&[&str]) -> ExitCode),
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        what: "set up, then check formats, lints, tests, docs and a real Prometheus",
        run: Run::Plain(test),
    },
    Command {
        name: "setup",
        what: "install what the tests need beyond Rust: Prometheus, a Pushgateway, curl, slowhttptest, python's client",
        run: Run::Plain(setup),
    },
    Command {
        name: "bench",
        what: "measure this toolkit against its peers and the floor: bench [FILTER] [--quick]",
        run: Run::With(bench),
    },
    Command { name: "help", what: "list the commands", run: Run::Plain(help) },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, rest) = match arguments.as_slice() {
        [] | ["-h" | "--help"] => ("help", &[][..]),
        [name, rest @ ..] => (*name, rest),
    };
    if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
        return match (command.run, rest) {
            (Run::With(run), _) => run(rest),
            (Run::Plain(run), []) => run(),
            (Run::Plain(_), _) => {
                eprintln!("`cargo xtask {name}` takes no arguments, found {rest:?}");
                ExitCode::from(2)
            }
        };
    }
    eprintln!("unknown command `{name}`; the commands are\n{}", listing());
    ExitCode::from(2)
}

fn test() -> ExitCode {
    let started = Instant::now();
    // Checks that need no tool run even where none could be installed; those that do then fail.
    let missing = setup::run();
    let tested = run::all(steps::STEPS, &[(setup::VENV_VARIABLE, setup::venv())]);
    let took = run::clock(started.elapsed());
    println!();
    for how in &missing {
        println!("setup is incomplete: {how}");
    }
    match tested {
        Ok(tests) if missing.is_empty() => {
            println!("{tests}");
            println!("xtask: all {} steps passed in {took}", steps::STEPS.len());
            ExitCode::SUCCESS
        }
        Ok(_) => {
            println!("xtask: FAILED in {took}: the steps passed, but not with all tools");
            ExitCode::FAILURE
        }
        Err(failed) => {
            println!("xtask: FAILED in {took}: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn setup() -> ExitCode {
    let missing = setup::run();
    for how in &missing {
        println!("setup is incomplete: {how}");
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The benches are a workspace of their own, so nothing of their many dependencies is in this one. They end with a
/// failure if a goal is missed.
fn bench(arguments: &[&str]) -> ExitCode {
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "--manifest-path", "benches/Cargo.toml", "--"]).args(arguments);
    for name in run::REMOVED {
        command.env_remove(name);
    }
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("cargo could not start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> ExitCode {
    println!("cargo xtask COMMAND\n\n{}", listing());
    ExitCode::SUCCESS
}

fn listing() -> String {
    let rows: Vec<String> = COMMANDS.iter().map(|command| format!("  {:<7}{}", command.name, command.what)).collect();
    rows.join("\n")
}

/// The cargo that runs this, and no other that happens to be on the path.
fn cargo() -> Process {
    let mut cargo = Process::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(""));
    cargo
}
