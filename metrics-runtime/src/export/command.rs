//! `myservice metrics ..`

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Export;
use super::lock::{Contract, Reader};
use crate::config::Metrics;
use crate::error::debug_as_display;

/// The lock file where none is named.
const LOCK: &str = "metrics.lock";

/// What the commands are, for a service's help text.
pub const USAGE: &str = "\
metrics dashboard    a dashboard for Grafana (JSON)
metrics rules        recording and alerting rules for Prometheus (YAML)
metrics kubernetes   a PrometheusRule and a ServiceMonitor (YAML)
metrics docs         a reference of all metrics (Markdown)
metrics lock         what dashboards may rely on, for metrics.lock
metrics check        compares with metrics.lock; fails where something would break
metrics lint         what is unusual in names, and how many series there can be

  --output FILE   write there instead of to the standard output
  --job NAME      rules, kubernetes: the value of the label `job` [default: the namespace]
  --lock FILE     check: another file than metrics.lock
  FILE..          check: dashboards and rules, of which is said what breaks
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Dashboard,
    Rules,
    Kubernetes,
    Docs,
    Lock,
    Check,
    Lint,
}

impl Action {
    pub(super) const ALL: [(Self, &'static str); 7] = [
        (Self::Dashboard, "dashboard"),
        (Self::Rules, "rules"),
        (Self::Kubernetes, "kubernetes"),
        (Self::Docs, "docs"),
        (Self::Lock, "lock"),
        (Self::Check, "check"),
        (Self::Lint, "lint"),
    ];

    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == word).map(|(action, _)| *action)
    }
}

/// One command, read and not yet run.
///
/// ```
/// use metrics_runtime::export::Command;
/// use metrics_runtime::{Metrics, Registry};
///
/// let metrics = Metrics::builder().namespace("shop").registry(&Registry::new()).build()?;
/// let mut out = Vec::new();
/// Command::parse(["rules", "--job", "shop-eu"])?.run(&metrics, &mut out)?;
/// assert!(String::from_utf8(out)?.contains("up{job=\"shop-eu\"} == 0"));
///
/// let error = Command::parse(["dashbord"]).unwrap_err();
/// assert!(error.to_string().starts_with("unknown command `dashbord`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub(super) action: Action,
    pub(super) output: Option<PathBuf>,
    pub(super) job: Option<String>,
    pub(super) lock: Option<PathBuf>,
    pub(super) files: Vec<PathBuf>,
}

/// Why a command cannot be run, or what it has found.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command line is none.
    #[error("{problem}; the commands are\n\n{USAGE}")]
    #[non_exhaustive]
    Usage {
        /// What is wrong with it.
        problem: String,
    },
    /// Switched off, the catalog is not whole.
    #[error("metrics are switched off, so what would be recorded is not known: unset METRICS_ENABLED for this command")]
    Disabled,
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    #[non_exhaustive]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The standard output cannot be written to.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// There is no lock file.
    #[error(
        "there is no `{}` to compare with: write it with `metrics lock --output {0}`, and commit it",
        path.display()
    )]
    #[non_exhaustive]
    NoLock {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The lock file is not one.
    #[error(
        "`{}`, {problem}; restore it, or write it anew with `metrics lock --output {0}` and look at the difference",
        path.display()
    )]
    #[non_exhaustive]
    BrokenLock {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong with it.
        problem: String,
    },
    /// What dashboards and rules rely on is not there any more.
    #[error("{report}")]
    #[non_exhaustive]
    Breaks {
        /// Every change, what it breaks, and how to accept it.
        report: String,
    },
    /// What lint has found.
    #[error("{}", findings.join("\n"))]
    #[non_exhaustive]
    Lint {
        /// A line each.
        findings: Vec<String>,
    },
}

debug_as_display!(CommandError);

fn usage(problem: impl Into<String>) -> CommandError {
    CommandError::Usage { problem: problem.into() }
}

impl Command {
    pub(super) fn new(action: Action) -> Self {
        Self { action, output: None, job: None, lock: None, files: Vec::new() }
    }

    /// Reads what stands behind `metrics` on the command line.
    ///
    /// # Errors
    /// [`CommandError::Usage`]: no or an unknown command, an unknown option, one without a value, or one that the command
    /// does not take.
    pub fn parse<S: Into<OsString>>(args: impl IntoIterator<Item = S>) -> Result<Self, CommandError> {
        let mut args = args.into_iter().map(Into::into);
        let word: OsString = args.next().ok_or_else(|| usage("no command is given"))?;
        let action = word.to_str().and_then(Action::named);
        let mut command = Self::new(action.ok_or_else(|| usage(format!("unknown command `{}`", word.display())))?);
        while let Some(arg) = args.next() {
            let text = arg.to_str().unwrap_or_default().to_owned();
            if !text.starts_with('-') {
                command.files.push(arg.into());
                continue;
            }
            let (option, inline) = match text.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(OsString::from(value))),
                None => (text, None),
            };
            let mut value =
                || inline.clone().or_else(|| args.next()).ok_or_else(|| usage(format!("{option} takes a value")));
            match option.as_str() {
                "--output" => command.output = Some(value()?.into()),
                "--lock" => command.lock = Some(value()?.into()),
                "--job" => {
                    let job = value()?.into_string().map_err(|_| usage("--job takes a name in UTF-8"))?;
                    command.job = Some(job).filter(|job| !job.is_empty());
                }
                other => return Err(usage(format!("unknown option `{other}`"))),
            }
        }
        command.checked()
    }

    /// Whether every option is one that this command takes.
    pub(super) fn checked(self) -> Result<Self, CommandError> {
        let checks = self.action == Action::Check;
        let for_rules = matches!(self.action, Action::Rules | Action::Kubernetes);
        for (given, fits, what) in [
            (self.job.is_some(), for_rules, "--job is for `rules` and `kubernetes`"),
            (self.lock.is_some(), checks, "--lock is for `check`"),
            (!self.files.is_empty(), checks, "only `check` takes files; write to one with --output"),
            (self.output.is_some(), !checks, "`check` writes no document, so --output has nothing to do"),
        ] {
            if given && !fits {
                return Err(usage(what));
            }
        }
        Ok(self)
    }

    /// Runs it: writes the document, or what was found.
    ///
    /// # Errors
    /// Metrics are switched off, a file cannot be read or written, `check` finds what breaks or no lock file it could read,
    /// or `lint` finds something. A service ends with a code other than zero then.
    pub fn run(&self, metrics: &Metrics, out: &mut dyn Write) -> Result<(), CommandError> {
        if !metrics.is_enabled() {
            return Err(CommandError::Disabled);
        }
        let mut export = Export::new(metrics);
        if let Some(job) = &self.job {
            export = export.job(job);
        }
        let text = match self.action {
            Action::Dashboard => export.dashboard(),
            Action::Rules => export.rules(),
            Action::Kubernetes => export.kubernetes(),
            Action::Docs => export.docs(),
            Action::Lock => export.lock(),
            Action::Lint => export.series(),
            Action::Check => self.check(&export)?,
        };
        match &self.output {
            Some(path) => fs::write(path, text).map_err(|error| CommandError::File { path: path.clone(), error })?,
            None => out.write_all(text.as_bytes())?,
        }
        match export.lint() {
            findings if self.action == Action::Lint && !findings.is_empty() => Err(CommandError::Lint { findings }),
            _ => Ok(()),
        }
    }

    fn check(&self, export: &Export) -> Result<String, CommandError> {
        let path = self.lock.clone().unwrap_or_else(|| LOCK.into());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CommandError::NoLock { path }),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(CommandError::BrokenLock { path, problem: "it is not text".to_owned() });
            }
            Err(error) => return Err(CommandError::File { path, error }),
        };
        let locked = Contract::read(&text)
            .map_err(|broken| CommandError::BrokenLock { path: path.clone(), problem: broken.to_string() })?;
        let difference = locked.difference(&Contract::of(&export.model));
        if difference.breaks.is_empty() {
            return Ok(difference.added() + "nothing breaks\n");
        }
        let readers: Result<Vec<_>, _> = self.files.iter().map(|file| reader(file)).collect();
        let readers = readers?;
        let mut report = format!("the metrics are no longer what `{}` says:\n", path.display());
        for (metric, what) in &difference.breaks {
            // Writing to a string cannot fail.
            let _ = writeln!(report, "  {metric}: {what}");
            for usage in readers.iter().flat_map(|reader| reader.uses(metric)) {
                let _ = writeln!(report, "    breaks {usage}");
            }
        }
        if self.files.is_empty() {
            report.push_str("every dashboard and rule that names them breaks; name the files, and it is said which\n");
        }
        let _ = write!(
            report,
            "{}undo the change, or accept it with `metrics lock --output {}`",
            difference.added(),
            path.display()
        );
        Err(CommandError::Breaks { report })
    }
}

fn reader(file: &Path) -> Result<Reader, CommandError> {
    let text = fs::read_to_string(file).map_err(|error| CommandError::File { path: file.to_owned(), error })?;
    Ok(Reader { file: file.display().to_string(), text })
}
