//! Installation of the tools that the tests need beyond Rust: Prometheus with promtool, an Alertmanager,
//! VictoriaMetrics with vmagent and vmalert, a Pushgateway, curl, h2load, slowhttptest and Chromium; and, in a virtual
//! environment under the target folder, the Python packages `prometheus-client`, `grafana-foundation-sdk`, `plotly` and
//! `opentelemetry-proto` with `protobuf`.
//!
//! Installed tools are not changed, so a second run changes nothing. Packages are installed with apt if it is available
//! and this runs as root. Otherwise, one line for each missing tool explains how to install it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use crate::{cargo, manifest};

/// The variable that gives the tests the path of the virtual environment.
pub(crate) const VENV_VARIABLE: &str = "METRICS_TESTS_VENV";

/// Python packages with their versions and modules: the reference parsers, Grafana's dashboard schema, the library that
/// draws pictures of dashboards, and the messages of OTLP.
const PACKAGES: [(&str, &str, &str); 5] = [
    ("prometheus-client", "0.26.0", "prometheus_client"),
    ("grafana-foundation-sdk", "1769699379!11.6.0", "grafana_foundation_sdk"),
    ("plotly", "7.1.0", "plotly"),
    ("opentelemetry-proto", "1.45.2", "opentelemetry.proto"),
    ("protobuf", "7.36.2", "google.protobuf"),
];

/// Prints the tools that are found and installs the others. Returns one instruction for each tool that is still
/// missing.
pub(crate) fn run() -> Vec<String> {
    println!("==> setup");
    let mut missing = Vec::new();
    let tools = [
        ("prometheus", PROMETHEUS.get()),
        ("alertmanager", ALERTMANAGER.get()),
        ("victoria-metrics", VICTORIA_METRICS.get()),
        ("pushgateway", PUSHGATEWAY.get()),
        ("curl", program("curl")),
        ("h2load", H2LOAD.get()),
        ("slowhttptest", program("slowhttptest")),
        ("chromium", program("chromium")),
        ("node", NODE.get()),
        ("python", python()),
    ];
    for (name, found) in tools {
        match found {
            Ok(version) => println!("{name}: {version}"),
            Err(instruction) => missing.push(instruction),
        }
    }
    missing
}

/// Finds or installs a program whose package has the same name. Does not run it with `--version`, on which some of
/// these programs fail.
fn program(name: &str) -> Result<String, String> {
    let found = || output(Command::new("sh").args(["-c", "command -v \"$0\"", name]));
    found()
        .or_else(|_| apt_install(&[name]).and_then(|()| found()))
        .map_err(|error| format!("{name}: {error}; run `sudo apt-get install {name}` or `brew install {name}`"))
}

/// A package of the distribution, and its programs, all of which are needed.
struct Package {
    name: &'static str,
    /// The version of the last one is printed.
    programs: &'static [&'static str],
    /// Commands for systems without apt.
    by_hand: &'static str,
}

const PROMETHEUS: Package = Package {
    name: "prometheus",
    programs: &["promtool", "prometheus"],
    by_hand: "`sudo apt-get install prometheus` or `brew install prometheus`",
};

const NODE: Package =
    Package { name: "nodejs", programs: &["node"], by_hand: "`sudo apt-get install nodejs` or `brew install node`" };

const ALERTMANAGER: Package = Package {
    name: "prometheus-alertmanager",
    programs: &["prometheus-alertmanager"],
    by_hand: "`sudo apt-get install prometheus-alertmanager`, or its release linked under that name",
};

const VICTORIA_METRICS: Package = Package {
    name: "victoria-metrics",
    programs: &["vmagent", "vmalert", "victoria-metrics"],
    by_hand: "`sudo apt-get install victoria-metrics`, or its release linked under that name",
};

const PUSHGATEWAY: Package = Package {
    name: "prometheus-pushgateway",
    programs: &["prometheus-pushgateway"],
    by_hand: "`sudo apt-get install prometheus-pushgateway`, or its release linked under that name",
};

const H2LOAD: Package = Package {
    name: "nghttp2-client",
    programs: &["h2load"],
    by_hand: "`sudo apt-get install nghttp2-client` or `brew install nghttp2`",
};

impl Package {
    fn get(&self) -> Result<String, String> {
        if let Some(version) = self.version() {
            return Ok(version);
        }
        apt_install(&[self.name])
            .and_then(|()| {
                self.stop_service();
                self.version().ok_or_else(|| "is not on the path after the installation".to_owned())
            })
            .map_err(|error| {
                let programs = self.programs.join(" and ");
                format!("{programs}: {error}; put these programs on the path, for example with {}", self.by_hand)
            })
    }

    fn version(&self) -> Option<String> {
        let versions = self.programs.iter().map(|program| output(Command::new(program).arg("--version")).ok());
        let versions = versions.collect::<Option<Vec<_>>>()?;
        versions.last()?.split(" (").next().map(str::to_owned)
    }

    /// Stops the server that the installation of the package has started, because the tests start their own.
    fn stop_service(&self) {
        if Path::new("/run/systemd/system").is_dir() {
            let _ = output(Command::new("systemctl").args(["disable", "--now", &format!("{}.service", self.name)]));
        } else {
            let _ = output(Command::new("service").args([self.name, "stop"]));
            let _ = output(Command::new("update-rc.d").args([self.name, "disable"]));
        }
    }
}

fn python() -> Result<String, String> {
    let venv = venv();
    let program = venv.join("bin").join("python");
    let names = PACKAGES.map(|(package, version, _)| format!("{package} {version}")).join(", ");
    if are_installed(&program) {
        return Ok(names);
    }
    let requirements = PACKAGES.map(|(package, version, _)| format!("{package}=={version}"));
    let install = || {
        let mut pip = Command::new(&program);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]).args(&requirements);
        output(&mut pip).map(drop)
    };
    // An existing environment is unusable after an upgrade of its Python. Then it is created anew.
    install().or_else(|_| create_venv(&venv).and_then(|()| install())).map_err(|error| {
        let requirements = requirements.join("' '");
        format!("{names}: {error}; run `python3 -m venv {0} && {0}/bin/pip install '{requirements}'`", venv.display())
    })?;
    if are_installed(&program) {
        Ok(names)
    } else {
        Err(format!("{names}: installed in {}, but cannot be imported", venv.display()))
    }
}

/// Returns `true` if each package is installed in its version and can be imported.
fn are_installed(python: &Path) -> bool {
    PACKAGES.iter().all(|(package, version, module)| {
        let script = format!("import importlib.metadata as m, {module}; print(m.version('{package}'))");
        output(Command::new(python).args(["-c", &script])).is_ok_and(|found| found == *version)
    })
}

fn create_venv(venv: &Path) -> Result<(), String> {
    let create = |python: &str| output(Command::new(python).args(["-m", "venv", "--clear"]).arg(venv)).map(drop);
    create("python3").or_else(|error| {
        // On Debian, `venv` is in a separate package.
        apt_install(&["python3", "python3-venv"]).map_err(|apt| format!("{error}; {apt}"))?;
        create("/usr/bin/python3")
    })
}

fn apt_install(packages: &[&str]) -> Result<(), String> {
    if output(Command::new("apt-get").arg("--version")).is_err() {
        return Err("apt-get is not available".to_owned());
    }
    if output(Command::new("id").arg("-u")).is_ok_and(|id| id != "0") {
        return Err("apt-get needs root".to_owned());
    }
    println!("installing {} with apt-get", packages.join(", "));
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["--quiet=2", "--option=DPkg::Lock::Timeout=120"]).args(arguments);
        output(command.env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
    };
    apt_get(&["update"])?;
    apt_get(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

/// Returns the output of a program, or its failure in one line.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    let Output { status, stdout, stderr } = output;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if status.success() {
        // Some programs print their version to standard error.
        return Ok([text(&stdout), text(&stderr)].into_iter().find(|text| !text.is_empty()).unwrap_or_default());
    }
    let last = [text(&stderr), text(&stdout)].iter().find_map(|text| text.lines().last().map(str::to_owned));
    Err(format!("{name} ended with {status}: {}", last.unwrap_or_default()))
}

pub(crate) fn venv() -> PathBuf {
    static TARGET: LazyLock<PathBuf> = LazyLock::new(target);
    TARGET.join("venv")
}

/// Returns the target folder of cargo, which a variable or a configuration file can set.
pub(crate) fn target() -> PathBuf {
    let metadata = output(cargo().args(["metadata", "--format-version=1", "--no-deps"]));
    let target = metadata.ok().and_then(|json| target_directory(&json));
    target.unwrap_or_else(|| manifest::root().join("target"))
}

/// Reads one string from cargo's JSON. A JSON parser would slow down every build of this program.
fn target_directory(json: &str) -> Option<PathBuf> {
    let (_, rest) = json.split_once("\"target_directory\":\"")?;
    let (path, _) = rest.split_once("\",")?;
    Some(PathBuf::from(path.replace("\\\\", "\\")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_folder_is_found_in_the_metadata() {
        let json = r#"{"packages":[],"target_directory":"/some where/target","version":1}"#;
        assert_eq!(target_directory(json), Some(PathBuf::from("/some where/target")));
        assert_eq!(target_directory("{}"), None);
    }

    #[test]
    fn a_failure_is_one_line_with_the_reason() {
        let failed = output(Command::new("sh").args(["-c", "echo first; echo why >&2; exit 3"]));
        assert_eq!(failed, Err("sh ended with exit status: 3: why".to_owned()));
        assert_eq!(output(Command::new("sh").args(["-c", "echo 1 >&2"])), Ok("1".to_owned()));
        assert!(output(&mut Command::new("no-such-program")).is_err());
    }
}
