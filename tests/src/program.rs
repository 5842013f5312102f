//! Programs that run to their end, and whose output is compared.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// An installed program; [`tools`](crate::tools) finds it.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
}

/// The result of a program.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    /// The standard output.
    pub stdout: Vec<u8>,
    /// The standard error.
    pub stderr: String,
}

impl Program {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns a command without arguments, for [`Daemon`](crate::server::Daemon).
    #[must_use]
    pub fn command(&self) -> Command {
        Command::new(&self.path)
    }

    /// Runs the program with these arguments.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command().args(arguments).stdin(Stdio::null()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ran { code: output.status.code(), stdout: output.stdout, stderr }
    }

    /// Runs the program and returns its standard output. Fails the test if the program fails.
    #[must_use]
    #[track_caller]
    pub fn text(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{} {arguments:?}: {}", self.path.display(), ran.stderr);
        String::from_utf8(ran.stdout).unwrap()
    }
}
