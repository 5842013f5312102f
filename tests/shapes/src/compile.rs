//! Compiles and runs crates with rustc, against the libraries that cargo has built.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::shape::Edition;

/// The libraries of the generated crates.
#[derive(Debug)]
pub(crate) struct Toolchain {
    externs: Vec<(&'static str, PathBuf)>,
    dependencies: PathBuf,
    folder: PathBuf,
}

/// An error or a warning, at a line of the crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Diagnostic {
    pub(crate) line: usize,
    pub(crate) is_error: bool,
    /// The code of an error, or the name of a lint; empty if there is none.
    pub(crate) code: String,
    pub(crate) message: String,
}

/// The result of a compilation.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The errors that belong to no line, in full.
    pub(crate) elsewhere: String,
    pub(crate) succeeded: bool,
    pub(crate) program: PathBuf,
}

impl Compiled {
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error)
    }
}

const FEATURES: [&str; 2] = ["--no-default-features", "--features=circuit-breaker"];

impl Toolchain {
    /// Builds the libraries. Each seed has its own folder for generated files.
    pub(crate) fn build(seed: u64) -> Result<Self, String> {
        let runtime = artifact("metrics-runtime", &FEATURES)?;
        let async_trait = artifact("async-trait", &[])?;
        let dependencies = runtime.parent().ok_or("the library has no folder")?.join("deps");
        let target = runtime.parent().and_then(Path::parent).ok_or("the library has no target folder")?;
        let folder = target.join("shapes").join(seed.to_string());
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let externs = vec![("metrics_runtime", runtime), ("async_trait", async_trait)];
        let mut toolchain = Self { externs, dependencies, folder };
        let prelude = toolchain.rustc("prelude", include_str!("../prelude.rs"), Edition::E2024, "rlib")?;
        if !prelude.succeeded {
            return Err(format!("the prelude does not compile: {:?} {}", prelude.diagnostics, prelude.elsewhere));
        }
        toolchain.externs.push(("prelude", prelude.program));
        Ok(toolchain)
    }

    /// Compiles a program. `name` is the name of its files.
    pub(crate) fn program(&self, name: &str, text: &str, edition: Edition) -> Result<Compiled, String> {
        self.rustc(name, text, edition, "bin")
    }

    /// Checks a program without building it.
    pub(crate) fn check(&self, name: &str, text: &str, edition: Edition) -> Result<Compiled, String> {
        self.rustc(name, text, edition, "check")
    }

    /// Checks a library with clippy.
    pub(crate) fn lint(&self, name: &str, text: &str, edition: Edition) -> Result<Compiled, String> {
        self.rustc(name, text, edition, "lint")
    }

    fn rustc(&self, name: &str, text: &str, edition: Edition, kind: &str) -> Result<Compiled, String> {
        let source = self.folder.join(format!("{name}.rs"));
        std::fs::write(&source, text).map_err(|error| format!("{}: {error}", source.display()))?;
        let program = self.folder.join(match kind {
            "bin" => name.to_owned(),
            "check" | "lint" => format!("lib{name}.rmeta"),
            _ => format!("lib{name}.rlib"),
        });
        let edition = match edition {
            Edition::E2024 => "2024",
            Edition::E2021 => "2021",
            Edition::E2018 => "2018",
        };
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut command = Command::new(if kind == "lint" { clippy(&rustc)? } else { rustc });
        // The generated crates have no manifest.
        command.env_remove("CARGO_MANIFEST_DIR");
        command.arg(&source).arg("-o").arg(&program).args(["--error-format=json", "--cap-lints=warn", "-Cdebuginfo=0"]);
        command.args(["--edition", edition, "-Ccodegen-units=4"]);
        command.args(match kind {
            "bin" => ["--crate-type=bin", "--crate-name=batch"].as_slice(),
            "check" => &["--crate-type=bin", "--crate-name=batch", "--emit=metadata"],
            "lint" => &["--crate-type=lib", "--crate-name=lints", "--emit=metadata"],
            _ => &["--crate-type=rlib", "--crate-name=prelude"],
        });
        command.arg("-L").arg(format!("dependency={}", self.dependencies.display()));
        for (name, path) in &self.externs {
            command.arg("--extern").arg(format!("{name}={}", path.display()));
        }
        let output = command.stdin(Stdio::null()).output().map_err(|error| format!("rustc: {error}"))?;
        let messages = String::from_utf8_lossy(&output.stderr);
        let mut compiled =
            Compiled { diagnostics: Vec::new(), elsewhere: String::new(), succeeded: output.status.success(), program };
        for line in messages.lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else {
                compiled.elsewhere.push_str(line);
                continue;
            };
            match diagnostic(&message, &source.to_string_lossy()) {
                Some(found) => compiled.diagnostics.push(found),
                None if message["level"] == "error" && !is_summary(&message) => {
                    compiled.elsewhere.push_str(message["rendered"].as_str().unwrap_or_default());
                }
                None => {}
            }
        }
        Ok(compiled)
    }

    /// Runs a program, and returns its output, or `None` if it has crashed.
    pub(crate) fn run(program: &Path, arguments: &[String]) -> Result<Option<String>, String> {
        let mut command = Command::new(program);
        command.args(arguments).env_remove("METRICS_ENABLED").stdin(Stdio::null());
        let output = command.output().map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

/// Returns the driver of clippy beside rustc.
fn clippy(rustc: &OsStr) -> Result<OsString, String> {
    let output =
        Command::new(rustc).args(["--print", "sysroot"]).output().map_err(|error| format!("rustc: {error}"))?;
    let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(Path::new(&sysroot).join("bin").join("clippy-driver").into_os_string())
}

fn is_summary(message: &Value) -> bool {
    message["message"].as_str().is_some_and(|text| text.starts_with("aborting due to"))
}

/// Reads an error or a warning with its first line in the file. Code of macros counts where the macro is called.
fn diagnostic(message: &Value, file: &str) -> Option<Diagnostic> {
    let level = message["level"].as_str()?;
    if level != "error" && level != "warning" {
        return None;
    }
    let spans = message["spans"].as_array()?;
    let primary = spans.iter().filter(|span| span["is_primary"] == true);
    let line = primary.chain(spans).find_map(|span| line_in(span, file))?;
    Some(Diagnostic {
        line,
        is_error: level == "error",
        code: message["code"]["code"].as_str().unwrap_or_default().to_owned(),
        message: message["message"].as_str().unwrap_or_default().to_owned(),
    })
}

fn line_in(span: &Value, file: &str) -> Option<usize> {
    if span["file_name"] == file {
        return span["line_start"].as_u64().and_then(|line| usize::try_from(line).ok());
    }
    let expansion = &span["expansion"]["span"];
    if expansion.is_null() { None } else { line_in(expansion, file) }
}

/// Builds a library of the workspace or of a dependency, and returns its file.
fn artifact(package: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    command.args(["build", "--quiet", "--message-format=json", "--package", package]).args(arguments);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("could not start cargo: {error}"))?;
    let name = package.replace('-', "_");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let messages = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let files: BTreeMap<String, PathBuf> = messages
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter_map(|message| {
            let files = message["filenames"].as_array()?;
            let mut files = files.iter().filter_map(Value::as_str).map(PathBuf::from);
            let library = files.find(|file| file.extension().is_none_or(|extension| extension != "rmeta"))?;
            Some((message["target"]["name"].as_str()?.to_owned(), library))
        })
        .collect();
    files.get(&name).cloned().ok_or_else(|| format!("cargo has not built {package}: {}", output.status))
}
