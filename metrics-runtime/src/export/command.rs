//! `myservice metrics ..`

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::lock::{Contract, Reader};
use super::{Export, JobError};
use crate::config::Metrics;
use crate::error::debug_as_display;

/// The lock file where none is named.
const LOCK: &str = "metrics.lock";

/// What the commands are, for a service's help text.
pub const USAGE: &str = "\
metrics dashboard    a dashboard for Grafana (JSON)
metrics rules        recording and alerting rules for Prometheus (YAML)
metrics kubernetes   a PrometheusRule and a ServiceMonitor (YAML), for the page as METRICS_* have it
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
    /// None of them, but what says which there are.
    Help,
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
    /// Objects of Kubernetes cannot have the job as a label.
    #[error("{0}; name another with --job")]
    Job(#[from] JobError),
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
        "`{}`: {problem}; restore it, or write it anew with `metrics lock --output {0}` and look at the difference",
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

fn is_help(word: &OsStr) -> bool {
    word == "--help" || word == "-h"
}

const JOB_IS_TEXT: &str = "--job takes a name in UTF-8";

/// What is wrong with an option that is not UTF-8.
fn not_text(arg: &OsStr) -> CommandError {
    let arg = arg.to_string_lossy();
    usage(match arg.split_once('=') {
        Some(("--job", _)) => JOB_IS_TEXT.to_owned(),
        Some((option @ ("--output" | "--lock"), _)) => {
            format!("behind `=`, {option} takes a name in UTF-8; give any other as an argument of its own")
        }
        _ => format!("unknown option `{arg}`"),
    })
}

/// A reader that left early, as in `metrics dashboard | head -1`, had what it wanted.
fn unless_left(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn usage(problem: impl Into<String>) -> CommandError {
    CommandError::Usage { problem: problem.into() }
}

impl Command {
    pub(super) fn new(action: Action) -> Self {
        Self { action, output: None, job: None, lock: None, files: Vec::new() }
    }

    /// Reads what stands behind `metrics` on the command line. `help`, `--help` and `-h` give a command that writes
    /// [`USAGE`].
    ///
    /// # Errors
    /// [`CommandError::Usage`]: no or an unknown command, an unknown option, one without a value, or one that the command
    /// does not take.
    pub fn parse<S: Into<OsString>>(args: impl IntoIterator<Item = S>) -> Result<Self, CommandError> {
        let mut args = args.into_iter().map(Into::into).peekable();
        let word: OsString = args.next().ok_or_else(|| usage("no command is given"))?;
        if word == "help" || is_help(&word) {
            return Ok(Self::new(Action::Help));
        }
        let action = word.to_str().and_then(Action::named);
        let mut command = Self::new(action.ok_or_else(|| usage(format!("unknown command `{}`", word.display())))?);
        while let Some(arg) = args.next() {
            if is_help(&arg) {
                return Ok(Self::new(Action::Help));
            }
            if arg.is_empty() {
                return Err(usage("the name of a file is empty"));
            }
            // A file may have any name that the system lets it have; an option may not.
            if !arg.as_encoded_bytes().starts_with(b"-") {
                command.files.push(arg.into());
                continue;
            }
            let text = arg.into_string().map_err(|arg| not_text(&arg))?;
            let (option, inline) = match text.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(OsString::from(value))),
                None => (text, None),
            };
            let mut value = || {
                let value = inline.clone().or_else(|| args.next_if(|next| !next.as_encoded_bytes().starts_with(b"-")));
                value.filter(|value| !value.is_empty()).ok_or_else(|| usage(format!("{option} takes a value")))
            };
            match option.as_str() {
                "--output" => command.output = Some(value()?.into()),
                "--lock" => command.lock = Some(value()?.into()),
                "--job" => {
                    let job = value()?.into_string().map_err(|_| usage(JOB_IS_TEXT))?;
                    command.job = Some(job);
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

    /// Runs it: writes the document, or what was found. A reader that leaves before the end, as `head` does, is no
    /// failure.
    ///
    /// # Errors
    /// Metrics are switched off, the job is no label of Kubernetes, a file cannot be read or written, `check` finds
    /// what breaks or no lock file it could read, or `lint` finds something. A service ends with a code other than zero
    /// then.
    pub fn run(&self, metrics: &Metrics, out: &mut dyn Write) -> Result<(), CommandError> {
        // Only what asks for the catalog gathers it: help is the same whatever the metrics are.
        let export = || match (metrics.is_enabled(), &self.job) {
            (false, _) => Err(CommandError::Disabled),
            (true, None) => Ok(Export::new(metrics)),
            (true, Some(job)) => Ok(Export::new(metrics).job(job)),
        };
        let mut findings = Vec::new();
        let text = match self.action {
            Action::Dashboard => export()?.dashboard(),
            Action::Rules => export()?.rules(),
            Action::Kubernetes => export()?.kubernetes()?,
            Action::Docs => export()?.docs(),
            Action::Lock => export()?.lock(),
            Action::Lint => {
                let export = export()?;
                findings = export.lint();
                export.series()
            }
            Action::Check => self.check(&export()?)?,
            Action::Help => USAGE.to_owned(),
        };
        self.write(&text, out)?;
        if findings.is_empty() { Ok(()) } else { Err(CommandError::Lint { findings }) }
    }

    fn write(&self, text: &str, out: &mut dyn Write) -> Result<(), CommandError> {
        match &self.output {
            Some(path) => {
                unless_left(fs::write(path, text)).map_err(|error| CommandError::File { path: path.clone(), error })
            }
            // What is still in a buffer at the end of the process is lost without a word.
            None => Ok(unless_left(out.write_all(text.as_bytes()).and_then(|()| out.flush()))?),
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
        let (mut readers, mut unread) = (Vec::new(), Vec::new());
        for file in &self.files {
            match reader(file) {
                Ok(reader) => readers.push(reader),
                Err(error) => unread.push(error),
            }
        }
        if difference.breaks.is_empty() {
            // A file that is not there is a mistake in the command, also where nothing is to be looked for in it.
            return unread.into_iter().next().map_or_else(|| Ok(difference.added() + "nothing breaks\n"), Err);
        }
        let promises = locked.promises(&export.model.service);
        let mut report = format!("the metrics are no longer what `{}` says:\n", path.display());
        for (metric, what) in &difference.breaks {
            // Writing to a string cannot fail.
            let _ = writeln!(report, "  {metric}: {what}");
            let metric = locked.sought(metric, &export.model.service, &promises);
            for usage in readers.iter().flat_map(|reader| reader.uses(&metric)) {
                let _ = writeln!(report, "    breaks {usage}");
            }
        }
        for error in &unread {
            let _ = writeln!(report, "not searched: {error}");
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use prometheus::core::{Collector, Desc};
    use prometheus::proto::MetricFamily;

    use super::*;
    use crate::{Descriptor, Registry};

    fn metrics(registry: &Registry) -> Metrics {
        Metrics::builder().namespace("shop").registry(registry).build().unwrap()
    }

    fn run(metrics: &Metrics, args: &[&str], out: &mut dyn Write) -> Result<(), CommandError> {
        Command::parse(args.iter().copied()).and_then(|command| command.run(metrics, out))
    }

    /// A pipe whose reader takes so many bytes and leaves.
    struct Left(usize);

    impl Write for Left {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let taken = text.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            if self.0 == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        }
    }

    #[test]
    fn a_reader_may_leave_before_the_end() {
        let registry = Registry::new();
        let metrics = metrics(&registry);
        for command in ["dashboard", "rules", "docs", "lock", "lint", "help"] {
            run(&metrics, &[command], &mut Left(10)).unwrap_or_else(|error| panic!("{command}: {error}"));
        }
        let mut held_back = io::BufWriter::with_capacity(1 << 20, Left(0));
        assert!(run(&metrics, &["lock"], &mut held_back).is_ok());
        // What lint has found is said all the same.
        registry.gauge(Descriptor::gauge("queueDepth", "Jobs that wait.")).unwrap();
        assert!(matches!(run(&metrics, &["lint"], &mut Left(10)), Err(CommandError::Lint { .. })));
    }

    /// A disk that is full shows when the buffer is written out.
    struct Full;

    impl Write for Full {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let error = run(&metrics(&Registry::new()), &["lock"], &mut Full).unwrap_err();
        assert!(error.to_string().starts_with("the output cannot be written: "), "{error}");
    }

    /// Says whether anybody has asked for it.
    struct Asked(Arc<AtomicBool>);

    impl Collector for Asked {
        fn desc(&self) -> Vec<&Desc> {
            Vec::new()
        }

        fn collect(&self) -> Vec<MetricFamily> {
            self.0.store(true, Ordering::Relaxed);
            Vec::new()
        }
    }

    #[test]
    fn help_asks_no_metric() {
        let asked = Arc::new(AtomicBool::new(false));
        let registry = Registry::new();
        registry.register(Box::new(Asked(Arc::clone(&asked)))).unwrap();
        let metrics = metrics(&registry);
        asked.store(false, Ordering::Relaxed);
        let mut said = Vec::new();
        run(&metrics, &["help"], &mut said).unwrap();
        assert_eq!((said, asked.load(Ordering::Relaxed)), (USAGE.into(), false));
        run(&metrics, &["lock"], &mut Vec::new()).unwrap();
        assert!(asked.load(Ordering::Relaxed));
    }

    #[cfg(unix)]
    #[test]
    fn options_are_text_and_files_may_be_anything() {
        use std::os::unix::ffi::OsStringExt;

        let parse = |args: &[&[u8]]| Command::parse(args.iter().map(|arg| OsString::from_vec(arg.to_vec())));
        let problem = |args: &[&[u8]]| match parse(args) {
            Err(CommandError::Usage { problem }) => problem,
            other => panic!("{other:?}"),
        };
        for command in [&b"rules"[..], b"check"] {
            assert_eq!(problem(&[command, b"--job=\xff"]), "--job takes a name in UTF-8");
        }
        assert_eq!(problem(&[b"rules", b"--job", b"\xff"]), "--job takes a name in UTF-8");
        assert_eq!(problem(&[b"check", b"--\xff"]), "unknown option `--\u{fffd}`");
        assert_eq!(
            problem(&[b"check", b"--lock=\xff"]),
            "behind `=`, --lock takes a name in UTF-8; give any other as an argument of its own"
        );
        let file = |name: &[u8]| PathBuf::from(OsString::from_vec(name.to_vec()));
        let command = parse(&[b"check", b"--lock", b"\xff", b"\xfe"]).unwrap();
        assert_eq!((command.lock, command.files), (Some(file(b"\xff")), vec![file(b"\xfe")]));
    }
}
