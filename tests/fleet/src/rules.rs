//! The rules of the fleet, which both engines evaluate: Prometheus its own data, and vmalert that of VictoriaMetrics.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tests::program::Program;
use tests::server::Daemon;

use crate::service::{Binaries, Job};
use crate::store::Store;

/// The time for which both engines look back for the last sample, in place of five minutes: an agent that has ended is
/// missing after it.
pub const LOOKBACK: &str = "10s";

/// The settings of all alerts: shorter times than in production, because the incidents are short. No window is shorter
/// than that of the recorded rates. A store that starts again has no recent samples until the agents deliver them.
const ALERTS: &str = "
[\"*\"]
window = \"5m\"
for = \"2s\"
[\"*TargetAbsent\"]
for = \"15s\"
[\"*InstancesMissing\"]
for = \"1m\"
";

/// Writes the rules of all services into a folder. Returns the files.
#[must_use]
pub fn write(binaries: &Binaries, folder: &Path) -> Vec<PathBuf> {
    let folder = folder.join("rules");
    fs::create_dir_all(&folder).unwrap();
    let settings = folder.join("alerts.toml");
    fs::write(&settings, ALERTS).unwrap();
    let written = Job::ALL.map(|job| {
        let rules = binaries.metrics(job, &["rules", "--fleet", "--alerts", settings.to_str().unwrap()]);
        let every_minute = "interval: '1m'";
        assert!(rules.contains(every_minute), "expected {every_minute} in {rules}");
        let file = folder.join(format!("{}.yaml", job.name()));
        // A run takes about as long as the time between two evaluations in production.
        fs::write(&file, rules.replace(every_minute, "interval: '1s'")).unwrap();
        file
    });
    written.into()
}

/// Starts vmalert, which evaluates rules on a store, writes the results there and tells an Alertmanager.
#[must_use]
pub fn vmalert(program: Program, rules: &[PathBuf], store: &Store, alertmanager: SocketAddr) -> Daemon {
    let (rules, url) = (rules.to_vec(), store.url());
    Daemon::start("/health", move |address| {
        let mut command = program.command();
        command
            .args(rules.iter().map(|file| format!("-rule={}", file.display())))
            .args(["datasource", "remoteWrite", "remoteRead"].map(|option| format!("-{option}.url={url}")))
            .arg(format!("-notifier.url=http://{alertmanager}"))
            .arg(format!("-httpListenAddr={address}"))
            .arg(format!("-datasource.queryStep={LOOKBACK}"))
            .args(["-remoteWrite.flushInterval=1s", "-loggerLevel=WARN"])
            // The labels of an alert are those of Prometheus, so both engines send the same alert.
            .arg("-disableAlertgroupLabel");
        command
    })
}
