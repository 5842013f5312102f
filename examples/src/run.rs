//! The way in and out of an example service: command line, runtime, exit codes.
//!
//! 0 after a graceful stop, 1 where the service could not start or failed, 2 where the command line is wrong.

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use lexopt::prelude::*;
use metrics_export::{Command, USAGE};

/// What [`run`] hands to a service.
#[derive(Debug, PartialEq, Eq)]
pub struct Args {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Requests a second that the service shall send itself.
    pub traffic: u32,
    /// What the service shall say of its metrics, instead of serving anything.
    pub metrics: Option<Command>,
}

/// What a service's command line looks like.
#[derive(Debug)]
pub struct Cli {
    /// The program's name.
    pub name: &'static str,
    /// One line on what it is.
    pub about: &'static str,
    /// Where it listens unless told otherwise.
    pub listen: SocketAddr,
    /// Whether it takes `--traffic`.
    pub traffic: bool,
    /// Variables it reads beside those of the metrics, and what each is for.
    pub environment: &'static [(&'static str, &'static str)],
}

/// What `Metrics::builder().from_env()` reads in every service.
const METRICS: &[(&str, &str)] = &[
    ("METRICS_ENABLED", "false switches the metrics off"),
    ("METRICS_PATH", "where they are [default: /metrics]"),
    ("METRICS_TOKEN", "the bearer token that a scraper has to show"),
    ("METRICS_ALLOW", "addresses and networks that a scraper may come from, as 127.0.0.1,10.0.0.0/8"),
    ("METRICS_LISTEN", "an address of their own, as 127.0.0.1:9464, or a port of this machine alone"),
];

/// More than this is a load test, which wants a tool of its own.
const MOST_TRAFFIC: u32 = 10_000;

/// Why there are no [`Args`].
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    Help,
    Wrong(String),
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl Cli {
    fn parse(&self, args: impl IntoIterator<Item = OsString>) -> Result<Args, Stop> {
        let mut parsed = Args { listen: self.listen, traffic: 0, metrics: None };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("listen") => {
                    let value = parser.value()?.string()?;
                    parsed.listen = value.parse().map_err(|_| {
                        let example = self.listen;
                        Stop::Wrong(format!("--listen takes an address and a port such as {example}, not `{value}`"))
                    })?;
                }
                Long("traffic") if self.traffic => {
                    let value = parser.value()?.string()?;
                    parsed.traffic = value.parse().ok().filter(|&rate| rate <= MOST_TRAFFIC).ok_or_else(|| {
                        Stop::Wrong(format!(
                            "--traffic takes requests a second from 0 to {MOST_TRAFFIC}, not `{value}`"
                        ))
                    })?;
                }
                Short('h') | Long("help") => return Err(Stop::Help),
                Value(word) if word == "metrics" => {
                    let command = Command::parse(parser.raw_args()?);
                    parsed.metrics = Some(command.map_err(|error| Stop::Wrong(error.to_string()))?);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(parsed)
    }

    fn help(&self) -> String {
        let Self { name, about, listen, .. } = self;
        let mut help = format!(
            "{about}\n\nUsage: {name} [OPTIONS]\n       {name} metrics COMMAND\n\nOptions:\n  \
             --listen ADDR   where to listen [default: {listen}]; port 0 takes a free one\n"
        );
        if self.traffic {
            help.push_str("  --traffic N     send itself N requests a second, so that its numbers move\n");
        }
        help.push_str("  -h, --help      this text\n\nCommands:\n");
        for line in USAGE.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(help, "{}{line}", if line.is_empty() { "" } else { "  " });
        }
        help.push_str("\nEnvironment:\n");
        let variables = || self.environment.iter().chain(METRICS);
        let width = variables().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, meaning) in variables() {
            // Writing to a string cannot fail.
            let _ = writeln!(help, "  {name:width$}  {meaning}");
        }
        help
    }
}

/// Reads the command line, runs `service` to its end and says how it ended.
pub fn run<F>(cli: &Cli, service: impl FnOnce(Args) -> F) -> ExitCode
where
    F: Future<Output = Result<(), Box<dyn Error>>>,
{
    let args = match cli.parse(std::env::args_os().skip(1)) {
        Ok(args) => args,
        Err(Stop::Help) => {
            // A reader that left early, as in `--help | head -1`, is no failure.
            let _ = write!(std::io::stdout(), "{}", cli.help());
            return ExitCode::SUCCESS;
        }
        Err(Stop::Wrong(problem)) => {
            let name = cli.name;
            complain(&format!("{name}: {problem}\n`{name} --help` lists what it takes"));
            return ExitCode::from(2);
        }
    };
    let outcome = tokio::runtime::Runtime::new().map_err(Box::from).and_then(|runtime| runtime.block_on(service(args)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{}: {}", cli.name, chain(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

/// Writes to the standard error. `eprintln!` panics where nobody reads it any more, and the exit code would be that of a
/// panic.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// An error with its causes, leaving out those that the text already holds.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cli() -> Cli {
        Cli {
            name: "service",
            about: "A service.",
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            traffic: true,
            environment: &[("A", "first"), ("LONGER", "second")],
        }
    }

    fn parse(args: &[&str]) -> Result<Args, Stop> {
        cli().parse(args.iter().map(OsString::from))
    }

    fn problem(args: &[&str]) -> String {
        match parse(args) {
            Err(Stop::Wrong(problem)) => problem,
            other => panic!("{args:?} gave {other:?}"),
        }
    }

    #[test]
    fn without_arguments_the_defaults_hold() {
        let expected = Args { listen: SocketAddr::from(([127, 0, 0, 1], 8000)), traffic: 0, metrics: None };
        assert_eq!(parse(&[]), Ok(expected));
    }

    #[test]
    fn both_spellings_of_a_value() {
        let expected = Args { listen: SocketAddr::from(([0, 0, 0, 0], 0)), traffic: 5, metrics: None };
        assert_eq!(parse(&["--listen", "0.0.0.0:0", "--traffic=5"]), Ok(expected));
    }

    #[test]
    fn wrong_values_name_the_argument_and_what_it_takes() {
        assert!(problem(&["--listen", "8000"]).contains("--listen takes an address"));
        for rate in ["-1", "1.5", "10001", "many"] {
            let problem = problem(&["--traffic", rate]);
            assert!(problem.contains("from 0 to 10000"), "{problem}");
        }
        assert!(problem(&["--listen"]).contains("--listen"));
    }

    #[test]
    fn unknown_arguments_are_named() {
        assert!(problem(&["--port", "1"]).contains("--port"));
        assert!(problem(&["serve"]).contains("serve"));
        let quiet = Cli { traffic: false, ..cli() };
        let args = ["--traffic", "1"].map(OsString::from);
        assert!(matches!(quiet.parse(args), Err(Stop::Wrong(_))));
    }

    #[test]
    fn commands_about_metrics_take_what_stands_behind_them() {
        let rules = parse(&["metrics", "rules", "--job", "shop"]).expect("a command");
        assert_eq!(rules.metrics, Command::parse(["rules", "--job", "shop"]).ok());
        assert!(problem(&["metrics", "ruls"]).contains("unknown command `ruls`"));
        assert!(problem(&["metrics"]).contains("no command is given"));
    }

    #[test]
    fn help_lists_everything() {
        assert_eq!(parse(&["-h"]), Err(Stop::Help));
        let help = cli().help();
        for part in ["--listen", "--traffic", "127.0.0.1:8000", "LONGER           second", "METRICS_ENABLED  false"] {
            assert!(help.contains(part), "{part} is missing in\n{help}");
        }
    }

    #[test]
    fn a_chain_says_each_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(chain(&error), "outer: inner");
    }
}
