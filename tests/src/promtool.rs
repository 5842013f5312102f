//! promtool: checks pages in the text format and rule files, and runs tests of rules.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// An installed promtool; [`tools::promtool`](crate::tools::promtool) finds it.
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
    /// Returns the problems, one on each line: for example metrics without help, or counters without `_total`.
    pub fn check_metrics(&self, page: &str) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // promtool may exit before it has read all of an invalid page.
        let _ = child.stdin.take().unwrap().write_all(page.as_bytes());
        let output = child.wait_with_output().unwrap();
        let problems = printed(&output);
        match (problems.is_empty(), output.status.success()) {
            (true, true) => Ok(()),
            (true, false) => Err(format!("promtool ended with {}", output.status)),
            (false, _) => Err(problems),
        }
    }

    /// Runs `promtool check config`, which checks the configuration of a Prometheus.
    ///
    /// # Errors
    /// Returns the output of promtool.
    pub fn check_config(&self, file: &Path) -> Result<(), String> {
        self.run(&["check", "config"], file)
    }

    /// Runs `promtool check config --agent`, which checks the configuration of a Prometheus in agent mode.
    ///
    /// # Errors
    /// Returns the output of promtool.
    pub fn check_agent_config(&self, file: &Path) -> Result<(), String> {
        self.run(&["check", "config", "--agent"], file)
    }

    /// Runs `promtool check rules`, which checks syntax, names and templates.
    ///
    /// # Errors
    /// Returns the output of promtool.
    pub fn check_rules(&self, file: &Path) -> Result<(), String> {
        self.run(&["check", "rules"], file)
    }

    /// Runs `promtool test rules`, which evaluates rules on the series of a test file.
    ///
    /// # Errors
    /// Returns the output of promtool.
    pub fn test_rules(&self, file: &Path) -> Result<(), String> {
        self.run(&["test", "rules"], file)
    }

    /// Writes samples in the text format of OpenMetrics into the data folder of a Prometheus.
    ///
    /// # Errors
    /// Returns the output of promtool.
    pub fn create_blocks(&self, samples: &Path, data: &Path) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(samples).arg(data);
        let output = command.stdin(Stdio::null()).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(printed(&output)) }
    }

    /// Evaluates the recording rules of a file once a minute on a running Prometheus, from one time to another in seconds
    /// since 1970, and writes what they record into a data folder. The second of the minute depends on the names of the
    /// file and of the group.
    ///
    /// # Errors
    /// Returns the output of promtool.
    pub fn record(&self, url: &str, rules: &Path, [from, to]: [u64; 2], data: &Path) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command.args(["tsdb", "create-blocks-from", "rules", "--eval-interval=1m"]).arg(format!("--url={url}"));
        command.arg(format!("--start={from}")).arg(format!("--end={to}"));
        command.arg(format!("--output-dir={}", data.display())).arg(rules.file_name().expect("a file has a name"));
        // A path in a temporary folder would be another name each time.
        command.current_dir(rules.parent().expect("a file is in a folder"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(printed(&output)) }
    }

    fn run(&self, command: &[&str], file: &Path) -> Result<(), String> {
        let mut promtool = Command::new(&self.program);
        // A quarter of the time of rule tests is spent on collecting garbage, of which there is little.
        promtool.args(command).arg(file).env("GOGC", "400");
        let output = promtool.stdin(Stdio::null()).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(printed(&output)) }
    }
}

fn printed(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).trim().to_owned()
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
    fn lint_problems_and_invalid_pages_are_errors() {
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
