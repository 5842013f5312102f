//! The services of the fleet: their binaries, and what their commands write.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use tests::service::Service;

/// A service of the examples. Its name is the value of the label `job`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Generates text.
    Neurectomy,
    /// Analyses logs of a dynamometer.
    Dynoai,
}

impl Job {
    /// All services.
    pub const ALL: [Self; 2] = [Self::Neurectomy, Self::Dynoai];

    /// Returns the name of the binary, which is also the namespace of its metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Neurectomy => "neurectomy",
            Self::Dynoai => "dynoai",
        }
    }

    /// Returns the name of the counter of requests.
    #[must_use]
    pub fn requests(self) -> &'static str {
        match self {
            Self::Neurectomy => "neurectomy_http_requests_total",
            Self::Dynoai => "dynoai_requests_total",
        }
    }
}

/// The binaries of the services.
#[derive(Clone, Debug)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Finds the binaries beside this program, where cargo puts all of a workspace. Builds them if one is missing or older
    /// than its sources.
    #[must_use]
    pub fn find() -> Self {
        let folder = env::current_exe().unwrap().parent().unwrap().to_owned();
        let binaries = Self { folder };
        let is_current = |job: &Job| is_current(&binaries.path(*job)) == Some(true);
        if !Job::ALL.iter().all(is_current) {
            let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            command.args(["build", "--quiet", "--package", "examples", "--manifest-path"]);
            command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
            command.arg("--target-dir").arg(binaries.folder.parent().unwrap());
            command.args(Job::ALL.iter().flat_map(|job| ["--bin", job.name()]));
            assert!(command.stdin(Stdio::null()).status().unwrap().success(), "{command:?} failed");
        }
        binaries
    }

    /// Returns the path of a service.
    #[must_use]
    pub fn path(&self, job: Job) -> PathBuf {
        self.folder.join(job.name())
    }

    /// Returns what a command about metrics prints.
    #[must_use]
    pub fn metrics(&self, job: Job, arguments: &[&str]) -> String {
        let ran = Service::run(self.path(job), &[&["metrics"], arguments].concat(), &[]);
        assert!(ran.status.success(), "{} metrics {arguments:?}: {}", job.name(), ran.stderr);
        ran.stdout
    }
}

/// Returns `true` if no source is newer than the binary, by the list of sources that cargo writes beside it. Returns
/// `None` if there is no binary.
fn is_current(binary: &Path) -> Option<bool> {
    let modified = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let built = modified(binary)?;
    let list = fs::read_to_string(binary.with_extension("d")).ok()?;
    Some(sources(&list).iter().all(|source| modified(Path::new(source)).is_some_and(|changed| changed <= built)))
}

/// Reads the sources from a line `binary: source source`, in which spaces within paths are escaped.
fn sources(list: &str) -> Vec<String> {
    let (_, sources) = list.lines().next().unwrap_or_default().split_once(": ").unwrap_or_default();
    let escaped = sources.replace("\\ ", "\0");
    escaped.split_whitespace().map(|source| source.replace('\0', " ")).collect()
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_binary_is_older_than_its_changed_sources() {
        let folder = tempfile::tempdir().unwrap();
        let [binary, source] = ["a", "some source.rs"].map(|name| folder.path().join(name));
        assert_eq!(is_current(&binary), None);
        fs::write(&source, "").unwrap();
        fs::write(&binary, "").unwrap();
        let escaped = source.to_str().unwrap().replace(' ', "\\ ");
        fs::write(binary.with_extension("d"), format!("{}: {escaped}\n", binary.display())).unwrap();
        assert_eq!(is_current(&binary), Some(true));
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        assert_eq!(is_current(&binary), Some(false));
    }

    #[test]
    fn sources_are_read_with_their_spaces() {
        assert_eq!(sources("/t/a: /s/a.rs /s/b\\ c.rs\n"), ["/s/a.rs", "/s/b c.rs"]);
    }
}
