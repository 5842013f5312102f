//! The commands as a subcommand of clap (feature `clap`).
//!
//! The implementation is not derived, because that would add clap's macros to the dependencies.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PathBufValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Error, FromArgMatches, Subcommand};

use crate::command::{Action, Command, USAGE};

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

/// Returns a subcommand with only the options that it takes, so that clap's help and errors are correct.
fn subcommand(action: Action, name: &'static str) -> clap::Command {
    let about = USAGE.lines().find_map(|line| line.strip_prefix("metrics ")?.strip_prefix(name));
    let path =
        |name: &'static str| Arg::new(name).long(name).value_parser(PathBufValueParser::new()).value_name("FILE");
    let command = clap::Command::new(name).about(about.unwrap_or_default().trim());
    match action {
        Action::Check => command
            .arg(path("lock").help("The file to compare with [default: metrics.lock]"))
            .arg(Arg::new("files").num_args(0..).value_parser(PathBufValueParser::new()).value_name("FILE")),
        Action::Rules | Action::Kubernetes => command
            .arg(path("output"))
            .arg(Arg::new("job").long("job").value_parser(NonEmptyStringValueParser::new()).value_name("NAME")),
        // clap has its own help.
        Action::Dashboard | Action::Docs | Action::Lock | Action::Lint | Action::Help => command.arg(path("output")),
    }
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
            &["rules", "--job=shop"],
            &["check", "--lock", "l", "d.json", "r.yaml"],
            &["lint"],
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
            &["check", "--lock="],
            &["check", ""],
        ] {
            assert!(parse(wrong).is_err() && Command::parse(wrong.iter().copied()).is_err(), "{wrong:?}");
        }
        assert!(Command::has_subcommand("lock") && !Command::has_subcommand("look"));
    }
}
