//! Entry point of an example service: command line, tokio runtime, exit codes.
//!
//! The exit code is 0 after a graceful shutdown, 1 if the service cannot start or fails, and 2 if the command line is
//! invalid.

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use lexopt::prelude::*;
use metrics_export::{Command, CommandError, USAGE};

use crate::log;

/// The parsed command line, which [`run`] passes to the service.
#[derive(Debug, PartialEq, Eq)]
pub struct Args {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The number of requests per second that the service sends to itself.
    pub traffic: u32,
    /// `true` if the service has a live page of its metrics.
    pub live: bool,
    /// `true` if a browser opens the live page.
    pub open: bool,
    /// A command about the service's metrics, to run instead of serving requests.
    pub metrics: Option<Command>,
}

/// The description of a service's command line.
#[derive(Debug)]
pub struct Cli {
    /// The name of the program.
    pub name: &'static str,
    /// A description of one line.
    pub about: &'static str,
    /// The default address to listen on.
    pub listen: SocketAddr,
    /// `true` if the program has the option `--traffic`.
    pub traffic: bool,
    /// `true` if the program has the options `--live` and `--open`.
    pub live: bool,
    /// The environment variables of the service, each with its meaning. Those of the metrics are added.
    pub environment: &'static [(&'static str, &'static str)],
}

/// The variables that `Builder::from_env` reads.
const METRICS_VARIABLES: &[(&str, &str)] = &[
    ("METRICS_ENABLED", "false switches the metrics off"),
    ("METRICS_PATH", "the path of the metrics page [default: /metrics]"),
    ("METRICS_TOKEN", "the bearer token that scrapers must send"),
    ("METRICS_BASIC_AUTH", "the user and the password that scrapers must send, such as prometheus:s3cr3t"),
    ("METRICS_ALLOW", "addresses and networks of allowed scrapers, such as 127.0.0.1,10.0.0.0/8"),
    ("METRICS_LISTEN", "a separate address for the metrics page, such as 127.0.0.1:9464, or a loopback port"),
    ("METRICS_TLS_CERT_FILE", "the PEM file of a certificate: the separate address is served over TLS"),
    ("METRICS_TLS_KEY_FILE", "the PEM file of its private key"),
    ("METRICS_TLS_CLIENT_CA_FILE", "the PEM file of the authorities that sign the certificates of scrapers"),
];

/// The maximum of `--traffic`. Use a load-testing tool for more.
const MAX_TRAFFIC: u32 = 10_000;

/// The reason why [`Cli::parse`] returns no [`Args`].
#[derive(Debug)]
enum ParseExit {
    /// The help text was requested.
    Help,
    /// The command line is invalid.
    Invalid(String),
    /// The command after `metrics` is invalid. The problem says where the commands are listed.
    Command(CommandError),
}

impl From<lexopt::Error> for ParseExit {
    fn from(error: lexopt::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl Cli {
    fn parse(&self, args: impl IntoIterator<Item = OsString>) -> Result<Args, ParseExit> {
        let mut parsed = Args { listen: self.listen, traffic: 0, live: false, open: false, metrics: None };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("listen") => {
                    let value = parser.value()?.string()?;
                    parsed.listen = value.parse().map_err(|_| {
                        let example = self.listen;
                        ParseExit::Invalid(format!(
                            "--listen takes an address and a port such as {example}, not `{value}`"
                        ))
                    })?;
                }
                Long("traffic") if self.traffic => {
                    let value = parser.value()?.string()?;
                    parsed.traffic = value.parse().ok().filter(|&rate| rate <= MAX_TRAFFIC).ok_or_else(|| {
                        ParseExit::Invalid(format!(
                            "--traffic takes requests a second from 0 to {MAX_TRAFFIC}, not `{value}`"
                        ))
                    })?;
                }
                Long("live") if self.live => parsed.live = true,
                Long("open") if self.live => (parsed.live, parsed.open) = (true, true),
                Short('h') | Long("help") => return Err(ParseExit::Help),
                Value(word) if word == "metrics" => {
                    let command = Command::parse(parser.raw_args()?);
                    parsed.metrics = Some(command.map_err(ParseExit::Command)?);
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
             --listen ADDR   the address to listen on [default: {listen}]; port 0 takes a free port\n"
        );
        if self.traffic {
            help.push_str("  --traffic N     send N requests a second to itself, so that the metrics change\n");
        }
        if self.live {
            help.push_str(
                "  --live          serve a live page of the metrics, at /metrics/live\n  \
                 --open          the same, and open it in a browser\n",
            );
        }
        help.push_str("  -h, --help      print this help\n\nCommands:\n");
        for line in USAGE.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(help, "{}{line}", if line.is_empty() { "" } else { "  " });
        }
        help.push_str("\nEnvironment:\n");
        let variables = || self.environment.iter().chain(METRICS_VARIABLES);
        let width = variables().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, meaning) in variables() {
            let _ = writeln!(help, "  {name:width$}  {meaning}");
        }
        help
    }
}

/// Parses the command line, runs `service` to its end and returns the exit code.
pub fn run<F>(cli: &Cli, service: impl FnOnce(Args) -> F) -> ExitCode
where
    F: Future<Output = Result<(), Box<dyn Error>>>,
{
    let args = match cli.parse(std::env::args_os().skip(1)) {
        Ok(args) => args,
        Err(ParseExit::Help) => {
            // A closed pipe, as in `--help | head -1`, is not a failure.
            let _ = write!(std::io::stdout(), "{}", cli.help());
            return ExitCode::SUCCESS;
        }
        Err(ParseExit::Command(error)) => {
            log::line(format!("{}: {error}", cli.name));
            return ExitCode::from(2);
        }
        Err(ParseExit::Invalid(problem)) => {
            let name = cli.name;
            log::line(format!("{name}: {problem}\n`{name} --help` lists the options"));
            return ExitCode::from(2);
        }
    };
    let outcome = tokio::runtime::Runtime::new().map_err(Box::from).and_then(|runtime| runtime.block_on(service(args)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::line(format!("{}: {}", cli.name, chain(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

/// Returns the text of an error and of its sources, without those that the text already contains.
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
            live: true,
            environment: &[("A", "first"), ("LONGER", "second")],
        }
    }

    fn parse(args: &[&str]) -> Result<Args, ParseExit> {
        cli().parse(args.iter().map(OsString::from))
    }

    fn problem(args: &[&str]) -> String {
        match parse(args) {
            Err(ParseExit::Invalid(problem)) => problem,
            Err(ParseExit::Command(error)) => error.to_string(),
            other => panic!("{args:?} gave {other:?}"),
        }
    }

    #[test]
    fn without_arguments_the_defaults_apply() {
        let expected = Args {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            traffic: 0,
            live: false,
            open: false,
            metrics: None,
        };
        assert_eq!(parse(&[]).unwrap(), expected);
    }

    #[test]
    fn a_value_follows_a_space_or_an_equals_sign() {
        let expected =
            Args { listen: SocketAddr::from(([0, 0, 0, 0], 0)), traffic: 5, live: false, open: false, metrics: None };
        assert_eq!(parse(&["--listen", "0.0.0.0:0", "--traffic=5"]).unwrap(), expected);
    }

    #[test]
    fn to_open_the_live_page_is_to_serve_it() {
        let live = |args: &[&str]| parse(args).map(|args| (args.live, args.open));
        assert_eq!(live(&["--live"]).unwrap(), (true, false));
        assert_eq!(live(&["--open"]).unwrap(), (true, true));
    }

    #[test]
    fn an_invalid_value_is_an_error_that_names_the_option_and_the_expected_value() {
        assert!(problem(&["--listen", "8000"]).contains("--listen takes an address"));
        for rate in ["-1", "1.5", "10001", "many"] {
            let problem = problem(&["--traffic", rate]);
            assert!(problem.contains("from 0 to 10000"), "{problem}");
        }
        assert!(problem(&["--listen"]).contains("--listen"));
    }

    #[test]
    fn an_unknown_argument_is_an_error_that_names_it() {
        assert!(problem(&["--port", "1"]).contains("--port"));
        assert!(problem(&["serve"]).contains("serve"));
        let without = Cli { traffic: false, live: false, ..cli() };
        for option in ["--traffic=1", "--live", "--open"] {
            assert!(matches!(without.parse([OsString::from(option)]), Err(ParseExit::Invalid(_))), "{option}");
        }
    }

    #[test]
    fn commands_about_metrics_take_the_rest_of_the_arguments() {
        let rules = parse(&["metrics", "rules", "--job", "shop"]).expect("a command");
        assert_eq!(rules.metrics, Command::parse(["rules", "--job", "shop"]).ok());
        assert!(problem(&["metrics", "ruls"]).contains("unknown command `ruls`"));
        assert!(problem(&["metrics"]).contains("no command is given"));
    }

    #[test]
    fn help_lists_options_and_variables() {
        assert!(matches!(parse(&["-h"]), Err(ParseExit::Help)));
        let help = cli().help();
        for part in [
            "--listen",
            "--traffic",
            "127.0.0.1:8000",
            "LONGER ",
            " second",
            "METRICS_ENABLED ",
            " false switches",
            "METRICS_TLS_CLIENT_CA_FILE  the",
        ] {
            assert!(help.contains(part), "{part} is missing in\n{help}");
        }
    }

    #[test]
    fn an_error_chain_contains_each_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(chain(&error), "outer: inner");
    }
}
