//! The commands of this project: `cargo xtask test` runs every check, on a developer's machine as in CI, and
//! `cargo xtask bench` measures this toolkit against its peers. `cargo xtask shapes` compares generated functions,
//! `cargo xtask flood` attacks the endpoint, and `cargo xtask fleet` runs or simulates a fleet.
//!
//! - `steps`: the checks, as data
//! - `run`: runs steps and counts their tests
//! - `programs`: runs test programs, several at a time
//! - `setup`: installs the tools that the checks need beyond Rust
//! - `features`, `minimal_versions`: the commands of the steps of these names
//! - `transplant`: runs the tests of a published crate with `#[track]` on all of its functions
//! - `manifest`: the facts that these read from the manifests
#![allow(clippy::print_stdout, reason = "a command line program prints to its standard output")]

mod features;
mod manifest;
mod minimal_versions;
mod programs;
mod run;
mod setup;
mod steps;
mod transplant;

use std::env;
use std::process::{Command as Process, ExitCode};
use std::time::Instant;

use steps::{STEPS, Step};

struct Command {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: Run,
}

#[derive(Clone, Copy)]
enum Run {
    Plain(fn() -> ExitCode),
    WithArguments(fn(&[&str]) -> ExitCode),
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        arguments: "[--step NAME]",
        summary: "run every check, or the steps whose name contains NAME",
        run: Run::WithArguments(test),
    },
    Command { name: "steps", arguments: "", summary: "list the steps of `test`", run: Run::Plain(list_steps) },
    Command {
        name: "setup",
        arguments: "",
        summary: "install the tools that the tests need beyond Rust",
        run: Run::Plain(setup),
    },
    Command {
        name: "bench",
        arguments: "[FILTER] [--quick]",
        summary: "measure this toolkit against its peers and the floor, or the rows whose name contains FILTER",
        run: Run::WithArguments(bench),
    },
    Command {
        name: "shapes",
        arguments: "[--seed N] [--count N]",
        summary: "compare generated functions with and without attributes",
        run: Run::WithArguments(shapes),
    },
    Command {
        name: "flood",
        arguments: "[--small]",
        summary: "attack the metrics page with 10,000 connections, and print what the process needs meanwhile",
        run: Run::WithArguments(flood),
    },
    Command {
        name: "fleet",
        arguments: "[--short] [--keep]",
        summary: "run services, agents, stores and alerts, kill some of them, and compare all counts",
        run: Run::WithArguments(fleet),
    },
    Command {
        name: "fleet",
        arguments: "--simulate N [..]",
        summary: "write the samples of N instances into both stores, and measure them and the dashboards",
        run: Run::WithArguments(fleet),
    },
    Command {
        name: "transplant",
        arguments: "NAME",
        summary: "run the tests of a published crate with `#[track]` on all of its functions",
        run: Run::WithArguments(transplant::run),
    },
    Command { name: "help", arguments: "", summary: "list the commands", run: Run::Plain(help) },
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
            (Run::WithArguments(run), _) => run(rest),
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

fn test(arguments: &[&str]) -> ExitCode {
    let filter = match arguments {
        [] => "",
        ["--step", name] => *name,
        _ => {
            eprintln!("`cargo xtask test` takes `--step NAME` or nothing, found {arguments:?}");
            return ExitCode::from(2);
        }
    };
    let steps: Vec<&Step> = STEPS.iter().filter(|step| step.name.contains(filter)).collect();
    if steps.is_empty() {
        eprintln!("no step's name contains `{filter}`; the steps are\n{}", step_names());
        return ExitCode::from(2);
    }
    let started = Instant::now();
    // Steps run even if a tool could not be installed: only the tests that need it fail.
    let missing = if steps.iter().any(|step| step.tests) { setup::run() } else { Vec::new() };
    let tested = run::all(&steps, &[(setup::VENV_VARIABLE, setup::venv())]);
    let took = run::clock(started.elapsed());
    println!();
    for instruction in &missing {
        println!("setup is incomplete: {instruction}");
    }
    match tested {
        Ok(tests) if missing.is_empty() => {
            println!("{tests}");
            println!("xtask: {} of {} steps passed in {took}", steps.len(), STEPS.len());
            ExitCode::SUCCESS
        }
        Ok(_) => {
            println!("xtask: FAILED in {took}: the steps passed, but tools are missing");
            ExitCode::FAILURE
        }
        Err(failed) => {
            println!("xtask: FAILED in {took}: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn list_steps() -> ExitCode {
    println!("{}", step_names());
    ExitCode::SUCCESS
}

fn step_names() -> String {
    let rows: Vec<String> = STEPS.iter().map(|step| format!("  {}", step.name)).collect();
    rows.join("\n")
}

fn setup() -> ExitCode {
    let missing = setup::run();
    for instruction in &missing {
        println!("setup is incomplete: {instruction}");
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the benches. They are a separate workspace, which keeps their many dependencies out of this one. They fail if a
/// goal is missed.
fn bench(arguments: &[&str]) -> ExitCode {
    run_program(&["--release", "--manifest-path", "benches/Cargo.toml"], arguments)
}

/// Generates functions, and compiles and runs each one with and without attributes. Fails if there is a difference.
fn shapes(arguments: &[&str]) -> ExitCode {
    run_program(&["--package", "shapes"], arguments)
}

/// Floods the endpoint with hostile clients. Fails if a bound of threads, pages or memory does not hold.
fn flood(arguments: &[&str]) -> ExitCode {
    run_program(&["--release", "--package", "flood"], arguments)
}

/// Runs a fleet on this machine, or simulates a large one. Fails if any counts disagree.
fn fleet(arguments: &[&str]) -> ExitCode {
    if arguments.iter().any(|argument| argument.split('=').next() == Some("--simulate")) {
        let others = arguments.iter().map(|argument| argument.strip_prefix("--simulate=").unwrap_or(argument));
        let others: Vec<_> = others.filter(|argument| *argument != "--simulate").collect();
        // Its own code is optimized in this profile, whose dependencies the tests have built.
        return run_program(&["--package", "simulation"], &others);
    }
    // Built together: the services alone would compile their dependencies again, with fewer features.
    let mut build = cargo();
    build.args(["build", "--quiet", "--package", "examples", "--package", "fleet"]);
    build.args(["neurectomy", "dynoai", "fleet"].iter().flat_map(|name| ["--bin", name]));
    for name in run::REMOVED {
        build.env_remove(name);
    }
    let code = exit_code(&mut build);
    if code != ExitCode::SUCCESS {
        return code;
    }
    exit_code(Process::new(setup::target().join("debug").join("fleet")).args(arguments))
}

/// Runs a program of this repository, and returns its exit code.
fn run_program(program: &[&str], arguments: &[&str]) -> ExitCode {
    let mut command = cargo();
    command.args(["run", "--quiet"]).args(program).arg("--").args(arguments);
    for name in run::REMOVED {
        command.env_remove(name);
    }
    exit_code(&mut command)
}

/// Runs a command to its end, and returns its exit code.
fn exit_code(command: &mut Process) -> ExitCode {
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("could not start {}: {error}", command.get_program().to_string_lossy());
            ExitCode::FAILURE
        }
    }
}

fn help() -> ExitCode {
    println!("cargo xtask COMMAND\n\n{}", listing());
    ExitCode::SUCCESS
}

fn listing() -> String {
    let rows = COMMANDS.iter().map(|command| {
        let usage = format!("{} {}", command.name, command.arguments);
        format!("  {usage:<32}{}", command.summary)
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// Returns the cargo that runs this program, which may not be the first one on the path.
fn cargo() -> Process {
    let mut cargo = Process::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(manifest::root());
    cargo
}
