//! A program that is run to its end and has said all it has to say by then.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// An installed program; [`tools`](crate::tools) gives it.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
}

/// What is left of a program.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: String,
}

impl Program {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Runs it with these arguments.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(&self.path).args(arguments).stdin(Stdio::null()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ran { code: output.status.code(), stdout: output.stdout, stderr }
    }

    /// Runs it, and gives what it wrote; one that fails fails the test.
    #[must_use]
    #[track_caller]
    pub fn text(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{} {arguments:?}: {}", self.path.display(), ran.stderr);
        String::from_utf8(ran.stdout).unwrap()
    }
}
