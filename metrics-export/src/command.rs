//! The commands `myservice metrics ..`.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use metrics_runtime::Metrics;

use crate::accepted;
use crate::agent::{self, AgentError};
use crate::budget::{self, BudgetError, VALUES};
use crate::contract::Contract;
use crate::error::debug_as_display;
use crate::export::Export;
use crate::fetch::{Credentials, is_url, without_user};
use crate::histograms::{Histograms, HistogramsError};
use crate::kubernetes::JobError;
use crate::lint;
use crate::option::once;
use crate::prometheus::Prometheus;
use crate::rollout;
use crate::rules::AlertError;
use crate::scrape::{self, LabelError, Scrape};
use crate::time::parse_duration;
use crate::usages::{MetricPattern, ObjectivePattern, QueryFile};

/// The default lock file.
const LOCK: &str = "metrics.lock";

/// The default file of accepted findings.
const ACCEPTED: &str = "metrics.accepted";

/// A summary of the commands, for the help text of a service.
pub const USAGE: &str = "\
metrics dashboard    a dashboard for Grafana (JSON)
metrics rules        recording and alerting rules for Prometheus (YAML)
metrics kubernetes   a PrometheusRule and a ServiceMonitor (YAML), for the page as METRICS_* configure it
metrics agent        the configuration of an agent that scrapes the service and writes to central stores (YAML)
metrics docs         a reference of all metrics (Markdown)
metrics lock         the contract with dashboards and rules, for metrics.lock
metrics check        compare with metrics.lock; fails if a change breaks the contract
metrics lint         violations of naming conventions, and the number of series
metrics budget       the series of all instances, and what each label costs; fails above a budget

  --output FILE            write to a file instead of the standard output
  --job NAME               dashboard, rules, kubernetes, agent, budget, check --fleet: the value of the label
                           `job` [default: the namespace]
  --scrape-interval TIME   dashboard, kubernetes, agent, budget: the time between two scrapes
                           [default: 30s, budget: 15s]
  --replica-label NAME     dashboard, rules, kubernetes: a label that only tells copies of one series apart; repeatable
                           agent: the label of the name of the agent [default: replica]
  --histograms FORM        dashboard, rules, kubernetes, agent, budget: the stored buckets of histograms that have both:
                           `classic`, `native` or `both` [default: classic]
  --fleet                  dashboard, rules: many instances in several clusters, each scraped by two or more agents
  --cluster-label NAME     dashboard and rules with --fleet, agent, check --fleet: the label of clusters
                           [default: cluster]
  --target-label NAME      dashboard: a label to choose targets by, such as `cluster` or `namespace`; repeatable
  --alerts FILE            rules, kubernetes: the settings of alerts: which are left out, thresholds, windows, severities
  --tests FILE             rules: also write unit tests of the rules for `promtool test rules`; needs --output
  --form FORM              agent: `prometheus`, `vmagent` or `kubernetes`
  --remote-write URL       agent: a store to write to, such as `http://store:8428/api/v1/write`; repeatable
  --target HOST:PORT       agent: an instance; repeatable [default: those that a file lists]
  --target-file FILE       agent: a file that lists instances; repeatable [default: JOB-metrics/targets.json]
  --cluster NAME           agent: the name of the cluster [default: the variable CLUSTER of the agent's environment]
  --replica NAME           agent: the name of the agent [default: the variable REPLICA of the agent's environment]
  --user NAME              agent: the user of a page with METRICS_BASIC_AUTH
  --fleet URL              check: a Prometheus with the fleet: the versions that are out, and what needs earlier names
  --token-file FILE        check, budget: the bearer token for an address; a user is in it: `http://USER:PASSWORD@HOST`
  --lock FILE              check: the file to compare with [default: metrics.lock]
  --accepted FILE          lint: the findings that are accepted [default: metrics.accepted, if it exists]
  --instances N            budget: the number of instances [default: 1]
  --budget N               budget: the largest number of series of all instances
  --page FILE|URL          budget: a page, to count what exists: a file, or an address with `http://`
  --prometheus URL         budget: a Prometheus that scrapes the job, to count what exists
  --values LABEL=N         agent, budget: the number of values of a label that are only known at run time; repeatable
  --drop SERIES            budget: series to drop: `x`, `x{label=\"value\"}`, `x_bucket` or `x{le=\"0.1\"}`; repeatable
  --relabel FORM           budget: write the rules that drop them in place of the table: `prometheus` or `vmagent`
  --sample-bytes BYTES     budget: the size of a sample in the store [default: 2]
  --since FILE             budget: an earlier metrics.lock, to show the growth
  FILE|URL..               check: dashboards, rules, and servers with rules, to search for what breaks
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Dashboard,
    Rules,
    Kubernetes,
    Docs,
    Lock,
    Check,
    Lint,
    Budget,
    Agent,
    /// Writes the usage.
    Help,
}

impl Action {
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Dashboard, "dashboard"),
        (Self::Rules, "rules"),
        (Self::Kubernetes, "kubernetes"),
        (Self::Agent, "agent"),
        (Self::Docs, "docs"),
        (Self::Lock, "lock"),
        (Self::Check, "check"),
        (Self::Lint, "lint"),
        (Self::Budget, "budget"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(action, _)| *action)
    }
}

/// A parsed command.
///
/// ```
/// use metrics_export::Command;
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
    pub(crate) action: Action,
    pub(crate) output: Option<PathBuf>,
    pub(crate) job: Option<String>,
    pub(crate) scrape: Scrape,
    pub(crate) lock: Option<PathBuf>,
    pub(crate) accepted: Option<PathBuf>,
    pub(crate) alerts: Option<PathBuf>,
    pub(crate) tests: Option<PathBuf>,
    pub(crate) budget: budget::Options,
    pub(crate) agent: agent::Options,
    /// The address of the server with the fleet.
    pub(crate) fleet: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
}

/// The error of a command that cannot be parsed or run, or that found a problem.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command line is not valid.
    #[error("{problem}; `metrics help` lists the commands and their options")]
    #[non_exhaustive]
    Usage {
        /// The problem.
        problem: String,
    },
    /// Metrics are switched off, so the description is incomplete.
    #[error(
        "metrics are switched off, so the description of the metrics is incomplete; unset METRICS_ENABLED for this command"
    )]
    Disabled,
    /// The job is not a valid Kubernetes label value.
    #[error("{0}; set another one with --job")]
    Job(#[from] JobError),
    /// An option is not the name of a label of targets.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// The settings of alerts are not valid.
    #[error("`{}`: {error}", path.display())]
    #[non_exhaustive]
    Alerts {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: AlertError,
    },
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    #[non_exhaustive]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// The lock file does not exist.
    #[error(
        "`{}` does not exist; write it with `metrics lock --output {0}` and commit it",
        path.display()
    )]
    #[non_exhaustive]
    NoLock {
        /// The file.
        path: PathBuf,
    },
    /// The lock file is not valid.
    #[error(
        "`{}`: {problem}; restore it, or overwrite it with `metrics lock --output {0}` and review the difference",
        path.display()
    )]
    #[non_exhaustive]
    BrokenLock {
        /// The file.
        path: PathBuf,
        /// The line and the problem.
        problem: String,
    },
    /// A server does not answer, or does not know the job.
    #[error("`{url}`: {problem}")]
    #[non_exhaustive]
    Server {
        /// The address, without its user.
        url: String,
        /// The problem.
        problem: String,
    },
    /// The file of accepted findings is not valid.
    #[error("`{}`: {problem}", path.display())]
    #[non_exhaustive]
    BrokenAccepted {
        /// The file.
        path: PathBuf,
        /// The line and the problem.
        problem: String,
    },
    /// A budget is exceeded, or the series cannot be counted.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// The contract with dashboards and rules is broken.
    #[error("{report}")]
    #[non_exhaustive]
    Breaks {
        /// All changes, the usages that they break, and the command that accepts them.
        report: String,
    },
    /// Names violate conventions.
    #[error(
        "{}\nchange the names, or accept a finding with a line `METRIC RULE` in `{ACCEPTED}`", findings.join("\n")
    )]
    #[non_exhaustive]
    Lint {
        /// The violations, one line each.
        findings: Vec<String>,
    },
}

debug_as_display!(CommandError);

pub(crate) fn interval_problem(value: &str) -> String {
    format!("`{value}` is not a scrape interval; expected a time such as `15s` or `1m30s`")
}

fn is_help(arg: &OsStr) -> bool {
    arg == "--help" || arg == "-h"
}

/// Returns `true` for an option, as opposed to its value, which may be a negative number.
fn is_option(arg: &OsStr) -> bool {
    let arg = arg.as_encoded_bytes();
    arg.starts_with(b"-") && !arg.get(1).is_some_and(u8::is_ascii_digit)
}

/// Returns the error of an option that is not UTF-8.
fn not_utf8(arg: &OsStr) -> CommandError {
    let arg = arg.to_string_lossy();
    usage(match arg.split_once('=') {
        Some((option @ ("--job" | "--replica-label" | "--cluster-label" | "--target-label" | "--histograms"), _)) => {
            format!("{option} takes a name in UTF-8")
        }
        Some((option @ ("--output" | "--lock" | "--accepted" | "--alerts" | "--tests" | "--token-file"), _)) => {
            format!("{option}= takes a name in UTF-8; pass any other name as a separate argument")
        }
        _ => format!("unknown option `{arg}`"),
    })
}

/// Ignores a closed pipe, because in `metrics dashboard | head -1` the reader ends first.
fn ignore_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Sets an option that is given once.
fn set<T>(option: &str, place: &mut Option<T>, value: impl Into<T>) -> Result<(), CommandError> {
    once(option, place, value.into()).map_err(usage)
}

fn usage(problem: impl Into<String>) -> CommandError {
    CommandError::Usage { problem: problem.into() }
}

/// Appends the commands to a problem.
fn with_commands(problem: &str) -> String {
    let commands = USAGE.split("\n\n").next().unwrap_or_default();
    format!("{problem}; expected one of these:\n\n{commands}\n")
}

impl Command {
    pub(crate) fn new(action: Action) -> Self {
        let scrape = Scrape::default();
        let (output, job, lock, accepted, alerts, tests) = (None, None, None, None, None, None);
        let (fleet, token_file) = (None, None);
        let (budget, agent, files) = (budget::Options::default(), agent::Options::default(), Vec::new());
        Self { action, output, job, scrape, lock, accepted, alerts, tests, budget, agent, fleet, token_file, files }
    }

    /// Parses the arguments after `metrics`. `help`, `--help` and `-h` are a command that writes [`USAGE`].
    ///
    /// # Errors
    /// Returns [`CommandError::Usage`] if the command is missing or unknown, or if an option is unknown, has no value
    /// or does not belong to the command.
    pub fn parse<S: Into<OsString>>(args: impl IntoIterator<Item = S>) -> Result<Self, CommandError> {
        let mut args = args.into_iter().map(Into::into).peekable();
        let name: OsString = args.next().ok_or_else(|| usage(with_commands("no command is given")))?;
        if name == "help" || is_help(&name) {
            return Ok(Self::new(Action::Help));
        }
        let action = name.to_str().and_then(Action::named);
        let mut command =
            Self::new(action.ok_or_else(|| usage(with_commands(&format!("unknown command `{}`", name.display()))))?);
        while let Some(arg) = args.next() {
            if is_help(&arg) {
                return Ok(Self::new(Action::Help));
            }
            if arg.is_empty() {
                return Err(usage("the name of a file is empty"));
            }
            // File names may be any bytes, options are UTF-8.
            if !arg.as_encoded_bytes().starts_with(b"-") {
                command.files.push(arg.into());
                continue;
            }
            let text = arg.into_string().map_err(|arg| not_utf8(&arg))?;
            let (option, inline) = match text.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(OsString::from(value))),
                None => (text, None),
            };
            let mut value = || {
                let value = inline.clone().or_else(|| args.next_if(|next| !is_option(next)));
                value.filter(|value| !value.is_empty()).ok_or_else(|| usage(format!("{option} takes a value")))
            };
            match option.as_str() {
                "--fleet" if command.action == Action::Check => {
                    set(&option, &mut command.fleet, address(value()?).map_err(usage)?)?;
                }
                "--fleet" if inline.is_some() => return Err(usage("--fleet takes no value")),
                "--fleet" if command.scrape.fleet => return Err(usage("--fleet is given twice")),
                "--fleet" => command.scrape.fleet = true,
                "--token-file" => set(&option, &mut command.token_file, value()?)?,
                "--output" => set(&option, &mut command.output, value()?)?,
                "--lock" => set(&option, &mut command.lock, value()?)?,
                "--alerts" => set(&option, &mut command.alerts, value()?)?,
                "--tests" => set(&option, &mut command.tests, value()?)?,
                "--accepted" => set(&option, &mut command.accepted, value()?)?,
                "--job" | "--scrape-interval" | "--replica-label" | "--cluster-label" | "--target-label"
                | "--histograms" => {
                    let value = value()?.into_string();
                    let value = value.map_err(|_| usage(format!("{option} takes a name in UTF-8")))?;
                    match option.as_str() {
                        "--job" => set(&option, &mut command.job, value)?,
                        "--scrape-interval" => {
                            let interval = parse_duration(&value).ok_or_else(|| usage(interval_problem(&value)))?;
                            set(&option, &mut command.scrape.interval, interval)?;
                        }
                        "--histograms" => {
                            let form: Histograms =
                                value.parse().map_err(|error: HistogramsError| usage(error.to_string()))?;
                            set(&option, &mut command.scrape.histograms, form)?;
                        }
                        "--cluster-label" => set(&option, &mut command.scrape.cluster, scrape::label(value)?)?,
                        "--replica-label" => scrape::add(&mut command.scrape.replicas, value)?,
                        _ => scrape::add(&mut command.scrape.deployments, value)?,
                    }
                }
                other if agent::Options::has(other) => command.agent.set(other, value()?).map_err(usage)?,
                other if budget::Options::has(other) => command.budget.set(other, value()?).map_err(usage)?,
                other => return Err(usage(format!("unknown option `{other}`"))),
            }
        }
        command.checked()
    }

    /// Returns an error if an option does not belong to the command.
    pub(crate) fn checked(self) -> Result<Self, CommandError> {
        let checks = self.action == Action::Check;
        let budgets = self.action == Action::Budget;
        let agents = self.action == Action::Agent;
        let queries = matches!(self.action, Action::Dashboard | Action::Rules | Action::Kubernetes);
        let scrapes = budgets || agents || matches!(self.action, Action::Dashboard | Action::Kubernetes);
        let fleet = self.fleet.is_some();
        let alerts = matches!(self.action, Action::Rules | Action::Kubernetes);
        let Scrape { interval, replicas, deployments, histograms, fleet: of_fleet, cluster } = &self.scrape;
        let of_fleets = matches!(self.action, Action::Dashboard | Action::Rules);
        for (given, allowed, problem) in [
            (
                self.job.is_some(),
                queries || budgets || agents || fleet,
                "--job is for `dashboard`, `rules`, `kubernetes`, `agent`, `budget` and `check --fleet`",
            ),
            (
                !replicas.is_empty(),
                queries || agents,
                "--replica-label is for `dashboard`, `rules`, `kubernetes` and `agent`",
            ),
            (
                histograms.is_some(),
                queries || budgets || agents,
                "--histograms is for `dashboard`, `rules`, `kubernetes`, `agent` and `budget`",
            ),
            (interval.is_some(), scrapes, "--scrape-interval is for `dashboard`, `kubernetes`, `agent` and `budget`"),
            (
                cluster.is_some(),
                agents || fleet || *of_fleet,
                "--cluster-label is for `agent`, and with --fleet for `dashboard`, `rules` and `check`",
            ),
            (self.token_file.is_some(), budgets || checks, "--token-file is for `check` and `budget`"),
            (!deployments.is_empty(), self.action == Action::Dashboard, "--target-label is for `dashboard`"),
            (*of_fleet, of_fleets, "--fleet is for `dashboard`, `rules` and `check`"),
            (
                *of_fleet,
                deployments.is_empty(),
                "--target-label is not for --fleet, whose series have the label of clusters",
            ),
            (
                *of_fleet,
                interval.is_none(),
                "--scrape-interval is not for --fleet, whose series have a sample each minute",
            ),
            (self.accepted.is_some(), self.action == Action::Lint, "--accepted is for `lint`"),
            (self.lock.is_some(), checks, "--lock is for `check`"),
            (self.alerts.is_some(), alerts, "--alerts is for `rules` and `kubernetes`"),
            (self.tests.is_some(), self.action == Action::Rules, "--tests is for `rules`"),
            (self.tests.is_some(), self.output.is_some(), "--tests needs --output, the file that it tests"),
            (!self.files.is_empty(), checks, "only `check` takes files; use --output to write to one"),
            (self.output.is_some(), !checks, "`check` writes no document and does not take --output"),
        ] {
            if given && !allowed {
                return Err(usage(problem));
            }
        }
        if let Some(option) = self.agent.first().filter(|_| !agents) {
            return Err(usage(format!("{option} is for `agent`")));
        }
        if let Some(option) = self.budget.first(agents).filter(|_| !budgets) {
            return Err(usage(format!(
                "{option} is for `budget`{}",
                if option == VALUES { " and `agent`" } else { "" }
            )));
        }
        self.budget.checked().map_err(usage)?;
        if agents {
            self.agent.checked().map_err(usage)?;
        }
        Ok(self)
    }

    /// Writes the document or the findings to `out`. A reader that closes the pipe early, such as `head`, is not an
    /// error.
    ///
    /// # Errors
    /// Returns an error if metrics are switched off, the job is not a valid Kubernetes label value, a file cannot be
    /// read or written, the lock file is missing or invalid, `check` finds a break, `lint` finds a violation, or `budget`
    /// finds too many series. A service should exit with a code other than zero.
    pub fn run(&self, metrics: &Metrics, out: &mut dyn Write) -> Result<(), CommandError> {
        // Help does not depend on the metrics and does not gather them.
        let export = || if metrics.is_enabled() { self.export(metrics) } else { Err(CommandError::Disabled) };
        let mut found = Ok(());
        let text = match self.action {
            Action::Dashboard => export()?.dashboard(),
            Action::Rules => {
                let export = export()?;
                if let (Some(tests), Some(rules)) = (&self.tests, &self.output) {
                    let [tests_at, rules_at] = [tests, rules].map(|path| resolved(path));
                    if tests_at == rules_at {
                        return Err(usage("--tests and --output name one file; expected two"));
                    }
                    let rule_tests = export.rule_tests(&relative(&rules_at, &tests_at));
                    return write_both(&[(rules, export.rules()), (tests, rule_tests)]);
                }
                export.rules()
            }
            Action::Kubernetes => export()?.kubernetes()?,
            Action::Agent => self.agent(&export()?)?,
            Action::Docs => export()?.docs(),
            Action::Lock => export()?.lock(),
            Action::Lint => {
                let export = export()?;
                let findings = self.lint(&export)?;
                if !findings.is_empty() {
                    found = Err(CommandError::Lint { findings });
                }
                export.series()
            }
            Action::Budget => {
                let (text, above) = self.budget(&export()?)?;
                found = above.map_or(Ok(()), |above| Err(above.into()));
                text
            }
            Action::Check => match &self.fleet {
                Some(url) => {
                    let (text, breaks) = self.check_fleet(&export()?, url)?;
                    found = breaks.map_or(Ok(()), |report| Err(CommandError::Breaks { report }));
                    text
                }
                None => self.check(&export()?)?,
            },
            Action::Help => USAGE.to_owned(),
        };
        self.write(&text, out)?;
        found
    }

    fn export(&self, metrics: &Metrics) -> Result<Export, CommandError> {
        let export = Export::new(metrics).scraped(self.job.clone(), self.scrape.clone());
        self.check_replicas(&export)?;
        let Some(path) = &self.alerts else { return Ok(export) };
        let text = fs::read_to_string(path).map_err(|error| CommandError::File { path: path.clone(), error })?;
        let settings = text.parse().and_then(|settings| export.alerts(settings));
        settings.map_err(|error| CommandError::Alerts { path: path.clone(), error })
    }

    /// Returns an error if queries would take different series of the program for copies of one.
    fn check_replicas(&self, export: &Export) -> Result<(), CommandError> {
        let scrape = self.scrape.clone().with_agents();
        if scrape.fleet && scrape.replicas.iter().any(|label| label == scrape.cluster()) {
            return Err(usage("--cluster-label and --replica-label are one label; expected two"));
        }
        let replicas = scrape.replicas.iter().map(|label| ("--replica-label", label.as_str()));
        let mut labels = replicas.chain(scrape.fleet.then(|| ("--cluster-label", scrape.cluster())));
        match labels.find_map(|(option, label)| Some((option, label, export.model.with_label(label)?))) {
            Some((option, label, metric)) => Err(usage(format!(
                "{option} is `{label}`, which {metric} has; expected a label that only the scrapers add"
            ))),
            None => Ok(()),
        }
    }

    fn write(&self, text: &str, out: &mut dyn Write) -> Result<(), CommandError> {
        match &self.output {
            Some(path) => write_file(path, text),
            // Bytes that are still buffered when the process ends are lost without an error.
            None => Ok(ignore_broken_pipe(out.write_all(text.as_bytes()).and_then(|()| out.flush()))?),
        }
    }

    /// Returns the findings that are not accepted.
    fn lint(&self, export: &Export) -> Result<Vec<String>, CommandError> {
        let path = self.accepted.clone().unwrap_or_else(|| ACCEPTED.into());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.accepted.is_none() => String::new(),
            Err(error) => return Err(CommandError::File { path, error }),
        };
        let rest = accepted::rest(&text, &export.model, lint::findings(&export.model));
        let rest = rest.map_err(|error| CommandError::BrokenAccepted { path, problem: error.to_string() })?;
        Ok(rest.iter().map(ToString::to_string).collect())
    }

    fn budget(&self, export: &Export) -> Result<(String, Option<BudgetError>), CommandError> {
        let credentials = self.credentials()?;
        let since = self.budget.since.as_ref();
        let since =
            since.map(|path| Ok::<_, CommandError>((path.display().to_string(), read_lock(path)?))).transpose()?;
        Ok(budget::run(&budget::Request {
            export,
            job: self.job.as_deref().unwrap_or(&export.model.service),
            scrape: &self.scrape,
            options: &self.budget,
            credentials: &credentials,
            since,
        })?)
    }

    fn agent(&self, export: &Export) -> Result<String, CommandError> {
        let written = agent::run(&agent::Request {
            model: &export.model,
            job: self.job.as_deref().unwrap_or(&export.model.service),
            scrape: &self.scrape,
            options: &self.agent,
            values: &self.budget.values,
        });
        written.map_err(|error| match error {
            AgentError::Job(error) => error.into(),
            AgentError::Options(problem) => usage(problem),
        })
    }

    fn credentials(&self) -> Result<Credentials, CommandError> {
        let Some(path) = &self.token_file else { return Ok(Credentials::default()) };
        let failed = |error| CommandError::File { path: path.clone(), error };
        let text = fs::read_to_string(path).map_err(failed)?;
        Credentials::token(&text).map_err(|problem| failed(io::Error::new(io::ErrorKind::InvalidData, problem)))
    }

    /// Returns the report about the versions that are out, and the queries that miss instances.
    fn check_fleet(&self, export: &Export, url: &str) -> Result<(String, Option<String>), CommandError> {
        let credentials = self.credentials()?;
        let server = Prometheus { url, credentials: &credentials };
        let path = self.lock.clone().or_else(|| Some(LOCK.into()).filter(|path: &PathBuf| path.exists()));
        let lock =
            path.map(|path| Ok::<_, CommandError>((path.display().to_string(), read_lock(&path)?))).transpose()?;
        let given = self.files.iter().map(|file| query_file(file, &credentials));
        let files = [rules_of(server)].into_iter().chain(given).collect::<Result<Vec<_>, _>>()?;
        let checked = rollout::run(&rollout::Request {
            model: &export.model,
            job: self.job.as_deref().unwrap_or(&export.model.service),
            cluster: self.scrape.cluster(),
            server,
            files: &files,
            lock,
        });
        checked.map_err(|problem| CommandError::Server { url: without_user(url), problem })
    }

    fn check(&self, export: &Export) -> Result<String, CommandError> {
        let path = self.lock.clone().unwrap_or_else(|| LOCK.into());
        let locked = read_lock(&path)?;
        let difference = locked.difference(&Contract::of(&export.model));
        let (mut files, mut unread) = (Vec::new(), Vec::new());
        let credentials = self.credentials()?;
        for file in &self.files {
            match query_file(file, &credentials) {
                Ok(file) => files.push(file),
                Err(error) => unread.push(error),
            }
        }
        if difference.breaks.is_empty() {
            // A missing file is an error even if there is nothing to search for.
            return unread.into_iter().next().map_or_else(|| Ok(difference.added() + "nothing breaks\n"), Err);
        }
        let service = &export.model.service;
        let objectives = ObjectivePattern::all(&locked, service);
        let mut report = format!("the metrics differ from `{}`:\n", path.display());
        for (metric, change) in &difference.breaks {
            // Writing to a string cannot fail.
            let _ = writeln!(report, "  {metric}: {change}");
            let metric = MetricPattern::new(&locked, metric, service, &objectives);
            for usage in files.iter().flat_map(|file| file.usages(&metric)) {
                let _ = writeln!(report, "    breaks {usage}");
            }
        }
        for error in &unread {
            let _ = writeln!(report, "not searched: {error}");
        }
        if self.files.is_empty() {
            report.push_str("dashboards and rules that use them break; pass the files to see the places\n");
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

/// Reads the address of a server, as opposed to the name of a file.
pub(crate) fn address(value: OsString) -> Result<String, String> {
    let value = value.into_string().map_err(|_| "--fleet takes an address in UTF-8".to_owned())?;
    if is_url(&value) {
        return Ok(value);
    }
    Err(format!("--fleet is `{value}`; expected an address such as `http://127.0.0.1:9090`"))
}

fn read_lock(path: &Path) -> Result<Contract, CommandError> {
    let path = path.to_owned();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CommandError::NoLock { path }),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(CommandError::BrokenLock { path, problem: "it is not UTF-8".to_owned() });
        }
        Err(error) => return Err(CommandError::File { path, error }),
    };
    Contract::parse(&text).map_err(|error| CommandError::BrokenLock { path, problem: error.to_string() })
}

fn write_file(path: &Path, text: &str) -> Result<(), CommandError> {
    ignore_broken_pipe(fs::write(path, text)).map_err(|error| CommandError::File { path: path.to_owned(), error })
}

/// Writes two files, or none if one of them cannot be opened.
fn write_both(files: &[(&Path, String); 2]) -> Result<(), CommandError> {
    let mut opened = Vec::new();
    let result = open_both(files.each_ref().map(|(path, _)| *path), &mut opened);
    if result.is_err() {
        for path in opened.iter().filter_map(|(_, created)| *created) {
            // The error of the other file is reported.
            let _ = fs::remove_file(path);
        }
        return result;
    }
    files.iter().try_for_each(|(path, text)| write_file(path, text))
}

/// Opens two files without changing them. Adds each with its path if it is new.
fn open_both<'a>(paths: [&'a Path; 2], opened: &mut Vec<(fs::File, Option<&'a Path>)>) -> Result<(), CommandError> {
    for path in paths {
        let created = (!path.exists()).then_some(path);
        let file = fs::File::options().write(true).create(true).truncate(false).open(path);
        opened.push((file.map_err(|error| CommandError::File { path: path.to_owned(), error })?, created));
    }
    Ok(())
}

/// Returns the same absolute path for all paths of a file. The file need not exist.
fn resolved(path: &Path) -> PathBuf {
    let in_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(fs::canonicalize(folder).ok()?.join(path.file_name()?))
    };
    fs::canonicalize(path).ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

/// Returns the path of a file as another file refers to it: its name if both are in one folder.
fn relative(file: &Path, from: &Path) -> String {
    let name = file.file_name().filter(|_| file.parent() == from.parent());
    name.map_or_else(|| file.display().to_string(), |name| name.display().to_string())
}

/// Reads a file, or the rules of a server.
fn query_file(file: &Path, credentials: &Credentials) -> Result<QueryFile, CommandError> {
    if let Some(url) = file.to_str().filter(|file| is_url(file)) {
        return rules_of(Prometheus { url, credentials });
    }
    let text = fs::read_to_string(file).map_err(|error| CommandError::File { path: file.to_owned(), error })?;
    Ok(QueryFile::text(file.display().to_string(), text.trim_start_matches('\u{feff}')))
}

fn rules_of(server: Prometheus<'_>) -> Result<QueryFile, CommandError> {
    let url = without_user(server.url);
    match server.rules() {
        Ok(rules) => Ok(QueryFile::rules(url, rules)),
        Err(problem) => Err(CommandError::Server { url, problem }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use metrics_runtime::{Descriptor, Registry};
    use prometheus::core::{Collector, Desc};
    use prometheus::proto::MetricFamily;

    use super::*;

    fn metrics(registry: &Registry) -> Metrics {
        Metrics::builder().namespace("shop").registry(registry).build().unwrap()
    }

    fn run(metrics: &Metrics, args: &[&str], out: &mut dyn Write) -> Result<(), CommandError> {
        Command::parse(args.iter().copied()).and_then(|command| command.run(metrics, out))
    }

    /// A pipe whose reader closes it after this many bytes.
    struct ClosingPipe(usize);

    impl Write for ClosingPipe {
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
    fn a_wrong_option_is_not_hidden_by_a_list_of_all_options() {
        let problem = |args: &[&str]| run(&metrics(&Registry::new()), args, &mut Vec::new()).unwrap_err().to_string();
        assert_eq!(
            problem(&["rules", "--flet"]),
            "unknown option `--flet`; `metrics help` lists the commands and their options"
        );
        for (args, problem) in [(&[][..], problem(&[])), (&["rule"], problem(&["rule"]))] {
            let is_listed = |command| problem.contains(&format!("\nmetrics {command} "));
            assert!(
                ["rules", "agent", "budget"].iter().all(is_listed) && !problem.contains("--job"),
                "{args:?}: {problem}"
            );
        }
    }

    #[test]
    fn a_label_of_a_metric_tells_no_copies_apart() {
        let registry = Registry::new();
        registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["state"])).unwrap();
        let metrics = metrics(&registry);
        let error = run(&metrics, &["rules", "--replica-label", "state"], &mut Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with("--replica-label is `state`, which `shop_jobs_total` has; expected"), "{error}");
        assert!(run(&metrics, &["rules", "--replica-label", "replica"], &mut Vec::new()).is_ok());
        let fleet = |labels: &[&str]| run(&metrics, &[&["rules", "--fleet"], labels].concat(), &mut Vec::new());
        let error = fleet(&["--cluster-label", "state"]).unwrap_err().to_string();
        assert!(error.starts_with("--cluster-label is `state`, which `shop_jobs_total` has; expected"), "{error}");
        let error = fleet(&["--cluster-label", "replica"]).unwrap_err().to_string();
        assert!(error.starts_with("--cluster-label and --replica-label are one label; expected two"), "{error}");
        assert!(fleet(&["--cluster-label", "region", "--replica-label", "agent"]).is_ok());
        // All samples of the service have a constant label, and `up` does not: no alert could compare both.
        let constant = Metrics::builder().registry(&registry).constant_label("cluster", "eu").build().unwrap();
        let error = run(&constant, &["rules", "--fleet"], &mut Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with("--cluster-label is `cluster`, which every metric has; expected"), "{error}");
        assert!(run(&constant, &["rules"], &mut Vec::new()).is_ok());
    }

    #[test]
    fn rules_and_their_tests_are_two_files_and_both_are_written_or_none() {
        let folder = std::env::temp_dir().join(format!("metrics-export {}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name).into_os_string().into_string().unwrap();
        let write = |rules: &str, tests: &str| {
            let command = ["rules", "--output", &path(rules), "--tests", &path(tests)];
            run(&metrics(&Registry::new()), &command, &mut Vec::new())
        };
        let exists = |name: &str| folder.join(name).exists();
        for same in ["r.yaml", "./r.yaml"] {
            assert!(matches!(write("r.yaml", same), Err(CommandError::Usage { .. })));
        }
        assert!(matches!(write("r.yaml", "none/t.yaml"), Err(CommandError::File { .. })));
        assert!(matches!(write("none/r.yaml", "t.yaml"), Err(CommandError::File { .. })));
        assert!(!exists("r.yaml") && !exists("t.yaml"));
        fs::write(folder.join("r.yaml"), "old").unwrap();
        assert!(write("r.yaml", "none/t.yaml").is_err());
        assert_eq!(fs::read_to_string(folder.join("r.yaml")).unwrap(), "old");
        write("r.yaml", "t.yaml").unwrap();
        assert!(fs::read_to_string(folder.join("r.yaml")).unwrap().starts_with("groups:"));
        assert!(fs::read_to_string(folder.join("t.yaml")).unwrap().contains("- r.yaml"));
        // However the paths are written.
        fs::create_dir(folder.join("b")).unwrap();
        assert!(matches!(write("r.yaml", "b/../r.yaml"), Err(CommandError::Usage { .. })));
        write("r.yaml", "b/../other.yaml").unwrap();
        assert!(fs::read_to_string(folder.join("other.yaml")).unwrap().contains("\n  - r.yaml\n"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_option_that_is_given_twice_is_an_error() {
        for (command, option) in [
            ("rules", "--output"),
            ("rules", "--tests"),
            ("rules", "--alerts"),
            ("rules", "--job"),
            ("dashboard", "--scrape-interval"),
            ("check", "--lock"),
            ("lint", "--accepted"),
        ] {
            let error = Command::parse([command, option, "1m", &format!("{option}=2m")]).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{option} is given twice")), "{error}");
        }
        assert!(Command::parse(["rules", "--replica-label", "a", "--replica-label", "b"]).is_ok());
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let registry = Registry::new();
        let metrics = metrics(&registry);
        for command in ["dashboard", "rules", "docs", "lock", "lint", "help"] {
            run(&metrics, &[command], &mut ClosingPipe(10)).unwrap_or_else(|error| panic!("{command}: {error}"));
        }
        let mut buffered = io::BufWriter::with_capacity(1 << 20, ClosingPipe(0));
        assert!(run(&metrics, &["lock"], &mut buffered).is_ok());
        // Violations are still reported.
        registry.gauge(Descriptor::gauge("queueDepth", "Jobs that wait.")).unwrap();
        assert!(matches!(run(&metrics, &["lint"], &mut ClosingPipe(10)), Err(CommandError::Lint { .. })));
    }

    /// A full disk, which reports the error on flush.
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
    fn a_failed_write_is_reported() {
        let error = run(&metrics(&Registry::new()), &["lock"], &mut Full).unwrap_err();
        assert!(error.to_string().starts_with("the output cannot be written: "), "{error}");
    }

    /// A collector that records that it was gathered.
    struct Gathered(Arc<AtomicBool>);

    impl Collector for Gathered {
        fn desc(&self) -> Vec<&Desc> {
            Vec::new()
        }

        fn collect(&self) -> Vec<MetricFamily> {
            self.0.store(true, Ordering::Relaxed);
            Vec::new()
        }
    }

    #[test]
    fn help_gathers_no_metric() {
        let gathered = Arc::new(AtomicBool::new(false));
        let registry = Registry::new();
        registry.register(Box::new(Gathered(Arc::clone(&gathered)))).unwrap();
        let metrics = metrics(&registry);
        gathered.store(false, Ordering::Relaxed);
        let mut out = Vec::new();
        run(&metrics, &["help"], &mut out).unwrap();
        assert_eq!((out, gathered.load(Ordering::Relaxed)), (USAGE.into(), false));
        run(&metrics, &["lock"], &mut Vec::new()).unwrap();
        assert!(gathered.load(Ordering::Relaxed));
    }

    #[cfg(unix)]
    #[test]
    fn options_are_utf8_and_files_may_have_any_name() {
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
            "--lock= takes a name in UTF-8; pass any other name as a separate argument"
        );
        let file = |name: &[u8]| PathBuf::from(OsString::from_vec(name.to_vec()));
        let command = parse(&[b"check", b"--lock", b"\xff", b"\xfe"]).unwrap();
        assert_eq!((command.lock, command.files), (Some(file(b"\xff")), vec![file(b"\xfe")]));
    }
}
