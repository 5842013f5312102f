//! `promtool check metrics`: Prometheus's own opinion of a page in the text format.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// An installed promtool; [`tools::promtool`](crate::tools::promtool) gives it.
#[derive(Clone, Debug)]
pub struct Promtool {
    program: PathBuf,
}

impl Promtool {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Parses and lints a page in the text format.
    ///
    /// # Errors
    /// Its complaints, one a line: it has one about every metric without help, every counter without `_total`, ..
    pub fn check_metrics(&self, page: &str) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may give up on a bad page before it has read all of it.
        let _ = child.stdin.take().unwrap().write_all(page.as_bytes());
        let output = child.wait_with_output().unwrap();
        let complaints = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
        match (complaints.is_empty(), output.status.success()) {
            (true, true) => Ok(()),
            (true, false) => Err(format!("promtool ended with {}", output.status)),
            (false, _) => Err(complaints),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tools;

    #[test]
    fn a_clean_page_passes() {
        let Some(promtool) = tools::promtool() else {
            return;
        };
        let page = include_str!("page/golden.txt");
        assert_eq!(promtool.check_metrics(page), Ok(()));
    }

    #[test]
    fn complaints_and_broken_pages_are_errors() {
        let Some(promtool) = tools::promtool() else {
            return;
        };
        let no_help = promtool.check_metrics("# TYPE jobs_total counter\njobs_total 2\n").unwrap_err();
        assert!(no_help.contains("jobs_total no help text"), "{no_help}");
        let no_total = promtool.check_metrics("# HELP jobs Jobs.\n# TYPE jobs counter\njobs 2\n").unwrap_err();
        assert!(no_total.contains("_total"), "{no_total}");
        let broken = promtool.check_metrics("jobs_total{ 2\n").unwrap_err();
        assert!(broken.contains("error while linting"), "{broken}");
    }
}
