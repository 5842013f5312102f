//! The external programs that check this toolkit, if they are installed.
//!
//! Each function returns the tool, or prints to standard error that the test is skipped and returns `None`:
//!
//! ```no_run
//! let Some(promtool) = tests::tools::promtool() else { return };
//! promtool.check_metrics("up 1\n").unwrap();
//! ```
//!
//! With `CI=true` or `METRICS_TESTS_REQUIRE_TOOLS=1` a missing tool fails the test instead.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

use crate::alertmanager::Alertmanager;
use crate::browser::BrowserProgram;
use crate::grafana::Grafana;
use crate::otlp_package::OtlpPackage;
use crate::picture::Painter;
use crate::program::Program;
use crate::prometheus::Prometheus;
use crate::promtool::Promtool;
use crate::pushgateway::Pushgateway;
use crate::python::Python;
use crate::victoria::Victoria;

const REQUIRE: &str = "METRICS_TESTS_REQUIRE_TOOLS";
const VENV: &str = "METRICS_TESTS_VENV";

/// Finds a program by its name, for uses that have no helper here.
#[must_use]
pub fn program(name: &str) -> Option<Program> {
    found(name, on_path(name)).map(Program::new)
}

/// Finds the Prometheus server.
#[must_use]
pub fn prometheus() -> Option<Prometheus> {
    found("prometheus", on_path("prometheus")).map(Prometheus::new)
}

/// Finds the Alertmanager.
#[must_use]
pub fn alertmanager() -> Option<Alertmanager> {
    let program = on_path("prometheus-alertmanager").or_else(|| on_path("alertmanager"));
    found("alertmanager", program).map(Alertmanager::new)
}

/// Finds VictoriaMetrics.
#[must_use]
pub fn victoria() -> Option<Victoria> {
    found("victoria-metrics", on_path("victoria-metrics")).map(Victoria::new)
}

/// Finds vmalert, which evaluates rules on VictoriaMetrics.
#[must_use]
pub fn vmalert() -> Option<Program> {
    found("vmalert", on_path("vmalert")).map(Program::new)
}

/// Finds vmagent, which scrapes and relabels for `VictoriaMetrics`.
#[must_use]
pub fn vmagent() -> Option<Program> {
    found("vmagent", on_path("vmagent")).map(Program::new)
}

/// Finds the Pushgateway.
#[must_use]
pub fn pushgateway() -> Option<Pushgateway> {
    let program = on_path("prometheus-pushgateway").or_else(|| on_path("pushgateway"));
    found("pushgateway", program).map(Pushgateway::new)
}

/// Finds promtool.
#[must_use]
pub fn promtool() -> Option<Promtool> {
    found("promtool", on_path("promtool")).map(Promtool::new)
}

/// Starts the reference parsers of Python's `prometheus-client`.
#[must_use]
pub fn python() -> Option<Python> {
    found("python with prometheus-client", venv_python()).map(|program| Python::new(&program))
}

/// Starts a receiver of OTLP with OpenTelemetry's package for Python.
#[must_use]
pub fn otlp_package() -> Option<OtlpPackage> {
    found("python with opentelemetry-proto", venv_python().and_then(|python| OtlpPackage::start(&python)))
}

/// Finds Grafana's dashboard schema in its foundation SDK for Python.
#[must_use]
pub fn grafana() -> Option<Grafana> {
    found("python with grafana-foundation-sdk", venv_python().and_then(Grafana::new))
}

/// Finds the browser and the library that draw dashboards.
#[must_use]
pub fn painter() -> Option<Painter> {
    let painter = chromium().zip(venv_python()).and_then(|(chromium, python)| Painter::new(chromium, &python));
    found("chromium and python with plotly", painter)
}

/// Finds the browser that shows live pages, and Node, which drives it.
#[must_use]
pub fn browser() -> Option<BrowserProgram> {
    let found_programs = chromium().zip(on_path("node").or_else(|| on_path("nodejs")));
    found("chromium and node", found_programs).map(|(chromium, node)| BrowserProgram::new(chromium, node))
}

fn chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path)
}

/// Finds curl.
#[must_use]
pub fn curl() -> Option<Program> {
    found("curl", on_path("curl")).map(Program::new)
}

/// Finds slowhttptest, which opens many slow connections.
#[must_use]
pub fn slowhttptest() -> Option<Program> {
    found("slowhttptest", on_path("slowhttptest")).map(Program::new)
}

/// Finds h2load, which sends many HTTP/2 requests.
#[must_use]
pub fn h2load() -> Option<Program> {
    found("h2load", on_path("h2load")).map(Program::new)
}

fn found<T>(tool: &str, found: Option<T>) -> Option<T> {
    if found.is_none() {
        let message = format!("{} needs {tool}; run `cargo xtask setup`", test_name());
        let set_to = |name: &str, value: &str| env::var_os(name).is_some_and(|set| set == value);
        assert!(!set_to("CI", "true") && !set_to(REQUIRE, "1"), "{message}");
        // Not `eprintln`: the test harness captures its output unless the test fails.
        let _ = writeln!(io::stderr(), "SKIPPED: {message}");
    }
    found
}

/// Returns the name of the current test, which is also the name of its thread.
fn test_name() -> String {
    match thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => env::args().next().unwrap_or_else(|| "a test".to_owned()),
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Finds the Python of the virtual environment: at the path that `cargo xtask test` sets, or in the target folder of
/// this test.
fn venv_python() -> Option<PathBuf> {
    let program = |venv: &Path| Some(venv.join("bin").join("python")).filter(|file| file.is_file());
    if let Some(venv) = env::var_os(VENV) {
        return program(Path::new(&venv));
    }
    env::current_exe().ok()?.ancestors().find_map(|folder| program(&folder.join("venv")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_on_the_path_is_found() {
        assert!(on_path("sh").is_some());
        assert_eq!(on_path("no-such-program-anywhere"), None);
    }

    #[test]
    fn a_test_is_named_by_its_thread() {
        let name = thread::Builder::new().name("a::b".to_owned()).spawn(test_name).unwrap().join().unwrap();
        assert_eq!(name, "a::b");
    }
}
