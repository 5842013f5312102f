//! The commands as a subcommand of clap (feature `clap`).
//!
//! The implementation is not derived, because that would add clap's macros to the dependencies.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PathBufValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Error, FromArgMatches, Subcommand};

use crate::agent;
use crate::budget::{Options, VALUES};
use crate::command::{Action, Command, USAGE, address, interval_problem};
use crate::histograms::Histograms;
use crate::scrape::{Scrape, label};
use crate::time::parse_duration;

/// Adds the commands to a service: put `#[command(subcommand)]` on a field or a variant of this type.
///
/// ```
/// use clap::{FromArgMatches as _, Subcommand as _};
/// use metrics_export::Command;
///
/// let cli = clap::Command::new("shop").subcommand(Command::augment_subcommands(clap::Command::new("metrics")));
/// let matches = cli.try_get_matches_from(["shop", "metrics", "rules", "--job", "shop-eu"])?;
/// let (_, metrics) = matches.subcommand().expect("one is given");
/// assert_eq!(Command::from_arg_matches(metrics)?, Command::parse(["rules", "--job", "shop-eu"]).unwrap());
/// # Ok::<(), clap::Error>(())
/// ```
impl Subcommand for Command {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        Action::ALL.iter().fold(command.subcommand_required(true), |command, (action, name)| {
            command.subcommand(subcommand(*action, name))
        })
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Action::ALL.iter().any(|(_, known)| *known == name)
    }
}

const ALERTS: &str = "The settings of alerts";

/// Returns a subcommand with only the options that it takes, so that clap's help and errors are correct.
fn subcommand(action: Action, name: &'static str) -> clap::Command {
    let about = USAGE.lines().find_map(|line| line.strip_prefix("metrics ")?.strip_prefix(name));
    let path =
        |name: &'static str| Arg::new(name).long(name).value_parser(PathBufValueParser::new()).value_name("FILE");
    let command = clap::Command::new(name).about(about.unwrap_or_default().trim());
    match action {
        Action::Check => command
            .arg(path("lock").help("The file to compare with [default: metrics.lock]"))
            .arg(raw(name, "--fleet", "URL"))
            .arg(path("token-file"))
            .arg(job().requires("--fleet"))
            .arg(cluster_label().requires("--fleet"))
            .arg(Arg::new("files").num_args(0..).value_parser(PathBufValueParser::new()).value_name("FILE")),
        Action::Dashboard => {
            let command = fleet(queries(command.arg(path("output"))), &["target-label", "scrape-interval"]);
            command.arg(interval()).arg(labels("target-label"))
        }
        Action::Rules => fleet(queries(command.arg(path("output"))), &[])
            .arg(path("alerts").help(ALERTS))
            .arg(path("tests").help("Also write unit tests for promtool").requires("output")),
        Action::Kubernetes => queries(command.arg(path("output"))).arg(interval()).arg(path("alerts").help(ALERTS)),
        Action::Lint => command.arg(path("output")).arg(path("accepted")),
        Action::Budget => Options::ALL
            .iter()
            .fold(command, |command, (option, value)| command.arg(raw(name, option, value)))
            .arg(path("output"))
            .arg(job())
            .arg(path("token-file"))
            .arg(histograms())
            .arg(interval()),
        Action::Agent => agent::Options::ALL
            .iter()
            .chain([&(VALUES, "LABEL=N")])
            .fold(queries(command), |command, (option, value)| command.arg(raw(name, option, value)))
            .arg(path("output"))
            .arg(interval())
            .arg(cluster_label()),
        // clap has its own help.
        Action::Docs | Action::Lock | Action::Help => command.arg(path("output")),
    }
}

/// Adds the options of documents with queries.
fn queries(command: clap::Command) -> clap::Command {
    command.arg(job()).arg(labels("replica-label")).arg(histograms())
}

/// Adds the options of documents of a fleet, which excludes other options.
fn fleet(command: clap::Command, excluded: &[&'static str]) -> clap::Command {
    let fleet = Arg::new("fleet").long("fleet").action(ArgAction::SetTrue).conflicts_with_all(excluded);
    command.arg(fleet).arg(labels("cluster-label").action(ArgAction::Set).requires("fleet"))
}

fn job() -> Arg {
    Arg::new("job").long("job").value_parser(NonEmptyStringValueParser::new()).value_name("NAME")
}

fn histograms() -> Arg {
    Arg::new("histograms").long("histograms").value_parser(str::parse::<Histograms>).value_name("FORM")
}

/// Returns an option of a command that reads its value itself.
fn raw(command: &str, option: &'static str, value: &'static str) -> Arg {
    let of = format!("{command}: ");
    let help =
        USAGE.lines().find_map(|line| line.trim_start().strip_prefix(option)?.strip_prefix(' ')?.split_once(&of));
    let arg = Arg::new(option).long(option.trim_start_matches('-')).value_name(value).action(ArgAction::Append);
    arg.value_parser(PathBufValueParser::new()).help(help.map(|(_, help)| help).unwrap_or_default())
}

/// Returns an option that takes labels of targets.
fn labels(name: &'static str) -> Arg {
    let parse = |value: &str| label(value.to_owned());
    Arg::new(name).long(name).action(ArgAction::Append).value_parser(parse).value_name("NAME")
}

fn cluster_label() -> Arg {
    let parse = |value: &str| label(value.to_owned());
    Arg::new("cluster-label").long("cluster-label").value_parser(parse).value_name("NAME")
}

fn interval() -> Arg {
    let parse = |value: &str| parse_duration(value).ok_or_else(|| interval_problem(value));
    Arg::new("scrape-interval").long("scrape-interval").value_parser(parse).value_name("TIME")
}

impl FromArgMatches for Command {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let (name, matches) = matches.subcommand().ok_or_else(|| Error::new(ErrorKind::MissingSubcommand))?;
        let found = Action::ALL.iter().find(|(_, known)| *known == name);
        let (action, _) = found.ok_or_else(|| Error::new(ErrorKind::InvalidSubcommand))?;
        let path = |name| matches.try_get_one::<PathBuf>(name).ok().flatten().cloned();
        let mut command = Self::new(*action);
        command.output = path("output");
        command.lock = path("lock");
        command.accepted = path("accepted");
        let labels = |name| {
            let given = matches.try_get_many::<String>(name).ok().flatten();
            given.into_iter().flatten().cloned().collect()
        };
        command.scrape = Scrape {
            interval: matches.try_get_one::<Duration>("scrape-interval").ok().flatten().copied(),
            replicas: labels("replica-label"),
            deployments: labels("target-label"),
            histograms: matches.try_get_one::<Histograms>("histograms").ok().flatten().copied(),
            fleet: matches.try_get_one("fleet").ok().flatten().copied().unwrap_or_default(),
            cluster: matches.try_get_one::<String>("cluster-label").ok().flatten().cloned(),
        };
        let given = |option| matches.try_get_many::<PathBuf>(option).ok().flatten().into_iter().flatten();
        let invalid = |problem| Error::raw(ErrorKind::ValueValidation, problem + "\n");
        let conflict = |problem| Error::raw(ErrorKind::ArgumentConflict, format!("{problem}\n"));
        for (option, _) in Options::ALL {
            for value in given(option) {
                command.budget.set(option, value.into()).map_err(invalid)?;
            }
        }
        command.budget.checked().map_err(conflict)?;
        if *action == Action::Check {
            let mut fleet = given("--fleet").cloned();
            command.fleet = fleet.next().map(|url| address(url.into())).transpose().map_err(invalid)?;
            if fleet.next().is_some() {
                return Err(conflict("--fleet is given twice"));
            }
        }
        if *action == Action::Agent {
            for (option, _) in agent::Options::ALL {
                for value in given(option) {
                    command.agent.set(option, value.into()).map_err(invalid)?;
                }
            }
            command.agent.checked().map_err(conflict)?;
        }
        command.token_file = path("token-file");
        command.alerts = path("alerts");
        command.tests = path("tests");
        command.job = matches.try_get_one::<String>("job").ok().flatten().cloned();
        if let Ok(Some(files)) = matches.try_get_many::<PathBuf>("files") {
            command.files = files.cloned().collect();
        }
        Ok(command)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Command, Error> {
        let command = Command::augment_subcommands(clap::Command::new("metrics"));
        Command::from_arg_matches(&command.try_get_matches_from([&["metrics"], args].concat())?)
    }

    #[test]
    fn clap_parses_the_same_commands_as_parse() {
        for args in [
            &["dashboard", "--output", "d.json"][..],
            &["rules", "--job=shop", "--alerts", "a.toml"],
            &["rules", "--output", "r.yaml", "--tests", "t.yaml"],
            &["check", "--lock", "l", "d.json", "r.yaml"],
            &["dashboard", "--histograms", "both"],
            &["rules", "--histograms=native"],
            &["lint", "--accepted", "a"],
            &["budget", "--instances", "1000", "--budget=5", "--page", "p.txt", "--values", "a=1", "--values", "b=2"],
            &["budget", "--prometheus=http://p", "--drop", "x{a=\"b\"}", "--relabel", "vmagent", "--job", "shop"],
            &["budget", "--since", "l", "--sample-bytes", "1.3", "--scrape-interval=1m", "--histograms", "native"],
            &["dashboard", "--target-label=cluster", "--target-label", "namespace", "--scrape-interval", "1m"],
            &["kubernetes", "--replica-label", "replica", "--replica-label", "a", "--scrape-interval=15s"],
            &["rules", "--fleet", "--cluster-label", "region", "--job", "shop"],
            &["dashboard", "--fleet", "--replica-label=agent"],
            &["agent", "--form", "prometheus", "--remote-write", "http://a/b", "--target", "a:1", "--target=b:1"],
            &["agent", "--form=vmagent", "--remote-write=http://a/b", "--remote-write=http://c/d", "--values", "a=1"],
            &["agent", "--form=kubernetes", "--remote-write=http://a/b", "--cluster=eu", "--cluster-label", "region"],
            &["check", "--fleet", "http://a", "--job=shop", "--token-file=t", "--cluster-label", "region", "d.json"],
            &["budget", "--token-file", "t", "--prometheus", "http://a"],
        ] {
            assert_eq!(parse(args).ok(), Command::parse(args.iter().copied()).ok(), "{args:?}");
        }
        for wrong in [
            &["dashbord"][..],
            &[],
            &["docs", "--job", "shop"],
            &["lock", "file"],
            &["rules", "--output", "--job"],
            &["rules", "--output", "--job=shop"],
            &["rules", "--output"],
            &["rules", "--output="],
            &["rules", "--job", ""],
            &["rules", "--tests", "t.yaml"],
            &["kubernetes", "--output", "k.yaml", "--tests", "t.yaml"],
            &["docs", "--alerts", "a.toml"],
            &["check", "--lock="],
            &["rules", "--target-label", "cluster"],
            &["dashboard", "--scrape-interval", "30"],
            &["rules", "--replica-label", "job"],
            &["docs", "--accepted", "a"],
            &["check", ""],
            &["check", "--histograms", "both"],
            &["rules", "--histograms", "sparse"],
            &["lint", "--instances", "2"],
            &["budget", "--instances", "many"],
            &["budget", "--instances", "1", "--instances", "2"],
            &["budget", "--page", "p", "--prometheus", "http://p"],
            &["budget", "--relabel", "prometheus"],
            &["budget", "file"],
            &["kubernetes", "--fleet"],
            &["rules", "--cluster-label", "region"],
            &["rules", "--fleet", "--cluster-label", "job"],
            &["rules", "--fleet", "--fleet"],
            &["dashboard", "--fleet=yes"],
            &["dashboard", "--fleet", "--target-label", "zone"],
            &["dashboard", "--fleet", "--scrape-interval", "1m"],
            &["agent"],
            &["agent", "--form", "prometheus"],
            &["agent", "--form", "prometheus", "--remote-write", "http://a/b", "--budget", "5"],
            &["agent", "--form", "kubernetes", "--remote-write", "http://a/b"],
            &["rules", "--target", "a:1"],
            &["check", "--fleet", "a"],
            &["check", "--fleet", "http://a", "--fleet", "http://b"],
            &["check", "--job", "shop"],
            &["check", "--cluster-label", "region"],
            &["lint", "--token-file", "t"],
        ] {
            assert!(parse(wrong).is_err() && Command::parse(wrong.iter().copied()).is_err(), "{wrong:?}");
        }
        assert!(Command::has_subcommand("lock") && !Command::has_subcommand("look"));
    }
}
