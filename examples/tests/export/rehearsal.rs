//! The rehearsal of the alerts: promtool plays scenarios with the rules of the services, and all of them with those of a
//! shop that has every kind of metric. The outcome for the shop is the table in `docs/alerts.md`.
//!
//! `BLESS=1 cargo test -p examples --test export rehearsal` rewrites the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;
use std::{env, fs, thread};

use metrics_export::Export;
use metrics_runtime::circuit_breaker::BreakerHandle;
use metrics_runtime::client::Client;
use metrics_runtime::grpc::{Grpc, MethodKind};
use metrics_runtime::http::{Http, HttpMetric};
use metrics_runtime::{Metrics, Objective, Registry, track};
use tests::tools;
use tokio::runtime::{Builder, Runtime};

use crate::{DYNOAI, Example, GATEWAY, NEURECTOMY};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

/// Payments.
#[track(name = "payments", in_flight, objective(success = 99.0, latency("500ms", 99.0)), buckets = [0.1, 0.5, 1.0, 5.0])]
async fn pay() -> Result<(), ()> {
    Ok(())
}

/// Searches, which promise nothing.
#[track(name = "searches", polls)]
async fn search() -> Result<(), ()> {
    Ok(())
}

/// The runtime of the shop.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

/// Returns the documents of a service with every kind of metric.
pub(crate) fn shop() -> Export {
    let _ = (pay, search);
    let registry = Registry::global();
    let objective = Objective::new().success(99.9).latency(Duration::from_millis(500), 99.0);
    let metrics = || {
        let http = Http::new().with(HttpMetric::InFlight);
        let builder = Metrics::builder().namespace("shop").http(http).objective("/buy", objective);
        builder.runtime_canary_on("shop", RUNTIME.handle()).build().unwrap()
    };
    let known: BTreeSet<_> = metrics().describe().metrics.into_iter().map(|metric| metric.base_name).collect();
    if !known.contains("circuit_breaker_state") {
        BreakerHandle::register_in(registry, "bank").unwrap();
    }
    Client::new().layer("bank", registry).unwrap();
    Grpc::server().method("/shop.Orders/Place", MethodKind::Unary).layer(registry).unwrap();
    Grpc::client().method("/stock.Stock/Watch", MethodKind::ServerStream).layer(registry).unwrap();
    for name in ["process_open_fds", "process_max_fds", "process_start_time_seconds"] {
        if !known.contains(name) {
            registry.register(Box::new(prometheus::Gauge::new(name, "A gauge.").unwrap())).unwrap();
        }
    }
    Export::new(&metrics())
}

/// A file with tests, one for each scenario.
pub(crate) struct Rehearsal {
    folder: tempfile::TempDir,
    tests: String,
}

impl Rehearsal {
    pub(crate) fn of(rules: &str, tests: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("rules.yaml"), rules).unwrap();
        Self { folder, tests }
    }

    pub(crate) fn of_service(example: &Example, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [rules, tests] = ["rules.yaml", "tests.yaml"].map(|file| folder.path().join(file));
        let output = ["rules", "--output", rules.to_str().unwrap(), "--tests", tests.to_str().unwrap()];
        let written = example.metrics(&[&output, arguments].concat());
        assert!(written.status.success(), "{}", written.stderr);
        Self { tests: fs::read_to_string(tests).unwrap(), folder }
    }

    /// Returns the file with the rules.
    pub(crate) fn rules(&self) -> PathBuf {
        self.folder.path().join("rules.yaml")
    }

    /// Returns the minutes at which the trouble begins and ends.
    pub(crate) fn trouble(&self) -> (u64, u64) {
        let mut words = self.tests.lines().next().unwrap().split([' ', ',']);
        let mut minutes = || words.find_map(|word| word.strip_suffix('m')?.parse().ok()).unwrap();
        (minutes(), minutes())
    }

    /// Returns each scenario with a file of its own.
    pub(crate) fn scenarios(&self) -> Vec<(String, String)> {
        let (head, _) = self.tests.split_once("  - name:").unwrap();
        let tests = self.tests.split("  - name: ").skip(1);
        let name = |test: &str| test.lines().next().unwrap().trim_matches('\'').to_owned();
        tests.map(|test| (name(test), format!("{head}  - name: {test}"))).collect()
    }

    fn write(&self, scenario: &str, test: &str) -> PathBuf {
        let file = self.folder.path().join(format!("{}.yaml", scenario.replace(' ', "-")));
        fs::write(&file, test).unwrap();
        file
    }

    /// Runs these scenarios on all processors. Returns the failures.
    pub(crate) fn run(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let Some(promtool) = tools::promtool() else { return Vec::new() };
        let mut scenarios = self.scenarios();
        scenarios.retain(|(name, _)| wanted(name));
        on_all_processors(&scenarios, |(name, test)| promtool.test_rules(&self.write(name, test)).err())
    }
}

/// Calls the function for each item. Returns the results that are not `None`, in the order of the items.
fn on_all_processors<T: Sync, R: Send>(items: &[T], run: impl Fn(&T) -> Option<R> + Sync) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(item) = items.get(at) else { break };
        if let Some(result) = run(item) {
            results.lock().unwrap().insert(at, result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    results.into_inner().unwrap().into_values().collect()
}

/// The scenarios that are played with the services. The shop plays all scenarios.
const IMPORTANT: [&str; 9] = [
    "healthy",
    "deploy",
    "client aborts",
    "first error spike",
    "first error burst",
    "hang",
    "breaker open",
    "agent lost",
    "label overflow",
];

/// Those in which the upstream of the gateway plays a part. The others are about what all services have.
const OF_UPSTREAMS: [&str; 4] = ["healthy", "first error burst", "hang", "breaker open"];

#[test]
fn the_alerts_of_the_services_fire_in_their_incidents_and_in_no_other_scenario() {
    for (example, important) in [(DYNOAI, &IMPORTANT[..]), (NEURECTOMY, &IMPORTANT), (GATEWAY, &OF_UPSTREAMS)] {
        let failures = Rehearsal::of_service(&example, &[]).run(|name| important.contains(&name));
        assert!(failures.is_empty(), "{}: {}", example.name, failures.join("\n"));
    }
}

#[test]
fn the_tests_are_about_the_rules_as_they_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("alerts.toml");
    let text = "[HttpErrorRatio]\nthreshold = 0.5\nwindow = \"6m\"\nfor = \"8m\"\nseverity = \"wake\"\n\
                [\"*Latency\"]\nenabled = false\n[InstancesLost]\nthreshold = 1\n[\"*Cancelled\"]\nthreshold = 0.9\n\
                [LabelOverflow]\nthreshold = 100\n";
    fs::write(&settings, text).unwrap();
    let rehearsal = Rehearsal::of_service(&DYNOAI, &["--alerts", settings.to_str().unwrap()]);
    let rules = fs::read_to_string(rehearsal.rules()).unwrap();
    assert!(!rules.contains("DynoaiHttpLatency") && rules.contains("severity: wake"), "{rules}");
    let failures = rehearsal.run(|name| name != "error burst");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_wrong_setting_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("alerts.toml");
    for (text, expected) in [
        ("[HttpErorRatio]", "line 1: no alert has the name `HttpErorRatio`; did you mean `HttpErrorRatio`?"),
        ("\n[TargetDown]\nthreshold = 1", "line 2: `TargetDown` has no threshold; remove `threshold`"),
        ("[HttpErrorRatio]\nfor = 5", "line 2: `for` is `5`; expected a time such as \"5m\""),
        ("[HttpErrorRatio]\nthreshold = 1", "expected less than 1, because it can never be exceeded"),
    ] {
        fs::write(&settings, text).unwrap();
        let written = DYNOAI.metrics(&["rules", "--alerts", settings.to_str().unwrap()]);
        assert!(!written.status.success() && written.stderr.contains(expected), "{}", written.stderr);
    }
}

/// The first and the last minute in which each alert fired, and the last minute of the scenario.
pub(crate) struct Fired {
    alerts: BTreeMap<String, (u64, u64)>,
    last: u64,
}

/// Returns the rehearsal without the group of rules that only dashboards ask for.
pub(crate) fn without_group(group: &str, rules: &str, tests: &str) -> Rehearsal {
    let (before, rest) = rules.split_once(&format!("  - name: {group}\n")).unwrap();
    let (_, after) = rest.split_once("\n  - name: ").unwrap();
    let tests = tests.replacen(&format!("  - {group}\n"), "", 1);
    Rehearsal::of(&format!("{before}  - name: {after}"), tests)
}

/// Asks for the alerts that fire in each minute, and reads the answers from promtool's complaints.
fn outcome(rehearsal: &Rehearsal, scenario: &str, test: &str) -> Result<Fired, String> {
    const PROBE: &str = "group by (alertname) (ALERTS{alertstate=\"firing\"})";
    let promtool = tools::promtool().unwrap();
    let mut probed = test.trim_end().replace("evaluation_interval: '2m'", "evaluation_interval: '1m'");
    let last = probed.rsplit("eval_time: '").next().unwrap().split('m').next().unwrap().parse::<u64>().unwrap();
    for minute in 0..=last {
        write!(probed, "\n      - expr: '{PROBE}'\n        eval_time: '{minute}m'\n        exp_samples: []").unwrap();
    }
    probed.push('\n');
    let mut fired = Fired { alerts: BTreeMap::new(), last };
    let Err(output) = promtool.test_rules(&rehearsal.write(scenario, &probed)) else { return Ok(fired) };
    for failure in output.split("    expr: ").skip(1) {
        let (query, rest) = failure.split_once(", time: ").unwrap();
        if query.replace('\\', "").trim_matches('"') != PROBE {
            return Err(format!("{scenario}: {failure}"));
        }
        let minute = minutes(rest.split(',').next().unwrap());
        for alert in rest.split("alertname=\"").skip(1) {
            let name = alert.split('"').next().unwrap();
            let (_, until) = fired.alerts.entry(name.to_owned()).or_insert((minute, minute));
            *until = minute;
        }
    }
    Ok(fired)
}

/// Reads a time such as `1h5m`.
fn minutes(time: &str) -> u64 {
    let (hours, rest) = time.split_once('h').unwrap_or(("0", time));
    let minutes = rest.split_once('m').map_or("0", |(minutes, _)| minutes);
    hours.parse::<u64>().unwrap() * 60 + minutes.parse::<u64>().unwrap()
}

#[test]
fn the_table_in_the_docs_is_the_outcome() {
    if tools::promtool().is_none() {
        return;
    }
    let shop = shop();
    let rehearsal = without_group("shop.recording", &shop.rules(), &shop.rule_tests("rules.yaml"));
    let outcomes = outcomes(&rehearsal, |_| true);
    assert_in_docs(
        "alerts.md",
        &(by_scenario(&outcomes, rehearsal.trouble()) + &by_alert(&outcomes, rehearsal.trouble(), &shop.rules())),
    );
}

/// Runs these scenarios on all processors.
pub(crate) fn outcomes(rehearsal: &Rehearsal, wanted: impl Fn(&str) -> bool) -> Vec<(String, Fired)> {
    let mut scenarios = rehearsal.scenarios();
    scenarios.retain(|(name, _)| wanted(name));
    let outcomes = on_all_processors(&scenarios, |(name, test)| {
        Some(outcome(rehearsal, name, test).map(|fired| (name.clone(), fired)))
    });
    outcomes.into_iter().collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}"))
}

/// Compares the table of a page with this one, or rewrites it.
pub(crate) fn assert_in_docs(page: &str, table: &str) {
    let file = Path::new(DOCS).join(page);
    let docs = fs::read_to_string(&file).unwrap();
    let (before, rest) = docs.split_once("<!-- outcome -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of outcome -->").unwrap();
    let now = format!("{before}<!-- outcome -->\n{table}<!-- end of outcome -->{after}");
    if env::var_os("BLESS").is_some() {
        fs::write(file, now).unwrap();
    } else {
        assert!(docs == now, "docs/{page} is out of date; BLESS=1 rewrites it:\n{table}");
    }
}

/// Returns the name of an alert without that of the service.
fn short(alert: &str) -> &str {
    alert.trim_start_matches("Shop")
}

impl Fired {
    /// Returns the minutes from the start of the trouble to the alert, and from its end to the end of the alert.
    fn times(&self, alert: &str, (start, end): (u64, u64)) -> Option<String> {
        let (from, until) = self.alerts.get(alert)?;
        let ends = if *until == self.last {
            "later".to_owned()
        } else {
            ((until + 1).cast_signed() - end.cast_signed()).to_string()
        };
        Some(format!("{} / {ends}", from - start))
    }
}

/// Writes the alerts of each scenario.
pub(crate) fn by_scenario(outcomes: &[(String, Fired)], trouble: (u64, u64)) -> String {
    let mut out = format!(
        "The trouble lasts {} minutes. `5 / 3` is the number of minutes from its start to the alert, and from its end to\n\
         the end of the alert. `0 / -20` is over before the trouble ends; `0 / later` lasts longer than the scenario.\n\n\
         | scenario | alerts |\n|---|---|\n",
        trouble.1 - trouble.0
    );
    for (scenario, fired) in outcomes {
        let times = |alert: &String| format!("{} {}", short(alert), fired.times(alert, trouble).unwrap());
        let cells: Vec<_> = fired.alerts.keys().map(times).collect();
        let cells = if cells.is_empty() { "none".to_owned() } else { cells.join(", ") };
        writeln!(out, "| {scenario} | {cells} |").unwrap();
    }
    out
}

/// Writes the times of each alert.
fn by_alert(outcomes: &[(String, Fired)], trouble: (u64, u64), rules: &str) -> String {
    let mut out = "\n| alert | severity | fires in |\n|---|---|---|\n".to_owned();
    for alert in rules.split("- alert: ").skip(1) {
        let (severity, alert) =
            (alert.split("severity: ").nth(1).unwrap().lines().next().unwrap(), alert.lines().next().unwrap());
        let times = |(scenario, fired): &(String, Fired)| Some(format!("{scenario} {}", fired.times(alert, trouble)?));
        let fires: Vec<_> = outcomes.iter().filter_map(times).collect();
        writeln!(out, "| {} | {severity} | {} |", short(alert), fires.join(", ")).unwrap();
    }
    out
}
