//! The command line.

/// The usage, for errors.
pub const USAGE: &str = "\
Usage: cargo xtask fleet [--short] [--keep]

Runs services, agents, stores and alerts on this machine, kills some of them, and compares all counts.
`cargo xtask fleet --simulate N` simulates N instances instead.

Options:
  --short   fewer instances and one incident of each kind, as the tests run it
  --keep    leaves everything running in the end, until Ctrl-C
  --help    prints this help";

/// The options of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Fewer instances, and one incident of each kind.
    pub short: bool,
    /// Everything runs on after the table.
    pub keep: bool,
}

impl Options {
    /// Parses the arguments.
    ///
    /// # Errors
    /// Returns the problem and the usage.
    pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut options = Self::default();
        for argument in arguments {
            match argument {
                "--short" => options.short = true,
                "--keep" => options.keep = true,
                other => return Err(format!("unknown argument `{other}`\n\n{USAGE}")),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn options_are_parsed_in_any_order() {
        assert_eq!(Options::parse([]), Ok(Options::default()));
        assert_eq!(Options::parse(["--keep", "--short"]), Ok(Options { short: true, keep: true }));
        let error = Options::parse(["--shrt"]).unwrap_err();
        assert!(error.starts_with("unknown argument `--shrt`") && error.contains("--short"), "{error}");
    }
}
