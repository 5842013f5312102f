//! Annotates every function of a published crate with `#[track]`, and runs the crate's own tests.
//!
//! The sources come from cargo's package cache. Two copies of them are built under the target folder, one as it is and one
//! with the attributes, and compared: which functions compile, which tests pass, which warnings there are.

mod annotate;
mod cargo;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annotate::{Function, Functions, Skipped, annotate};
use cargo::{Diagnostic, diagnostics};

use crate::{manifest, setup};

/// A published crate in the version that is tested.
struct Published {
    name: &'static str,
    version: &'static str,
    /// Further arguments of `cargo test`.
    arguments: &'static [&'static str],
    style: &'static str,
}

const CRATES: &[Published] = &[
    Published { name: "bb8", version: "0.9.1", arguments: &[], style: "async functions" },
    Published { name: "indexmap", version: "2.14.2", arguments: &[], style: "generics" },
    Published { name: "anyhow", version: "1.0.104", arguments: &[], style: "macros" },
];

pub(crate) fn run(arguments: &[&str]) -> ExitCode {
    let found = match arguments {
        [name] => CRATES.iter().find(|published| published.name == *name),
        _ => None,
    };
    let Some(published) = found else {
        let names: Vec<_> = CRATES.iter().map(|Published { name, style, .. }| format!("  {name} ({style})")).collect();
        eprintln!("`cargo xtask transplant` takes one of these crates, found {arguments:?}:\n{}", names.join("\n"));
        return ExitCode::from(2);
    };
    match transplant(published) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns `true` if the annotated crate does what the plain one does.
fn transplant(published: &Published) -> Result<bool, String> {
    let Published { name, version, arguments, .. } = *published;
    let folder = setup::target().join("transplant");
    let original = cargo::fetch(&folder, name, version)?;
    println!("{name} {version}: testing the plain crate");
    let plain = folder.join(format!("{name}-{version}-plain"));
    cargo::copy(&original, &plain)?;
    // The crate is outside of this workspace.
    let manifest = read(&original.join("Cargo.toml"))? + "\n[workspace]\n";
    cargo::write(&plain.join("Cargo.toml"), &manifest)?;
    let plain_warnings = check(&plain, arguments)?.warnings;
    let plain_results = cargo::test(&plain, arguments)?;

    println!("{name} {version}: testing the annotated crate");
    let annotated = folder.join(format!("{name}-{version}-annotated"));
    cargo::copy(&plain, &annotated)?;
    let runtime = manifest::root().join("metrics-runtime").display().to_string();
    let dependency = format!("\n[dependencies.metrics-runtime]\npath = {runtime:?}\ndefault-features = false\n");
    cargo::write(&annotated.join("Cargo.toml"), manifest + &dependency)?;
    let mut sources = Sources::read(&original)?;
    let (failed, warnings) = sources.compile(&annotated, arguments)?;
    let results = cargo::test(&annotated, arguments)?;

    sources.report();
    println!("functions that do not compile with the attribute: {}", failed.len());
    for Failed { function, error } in &failed {
        let Diagnostic { file, line, text } = error;
        println!("  {}:{line} `{function}`: {text}", file.display());
    }
    let passed = |results: &cargo::Results| results.values().filter(|passed| **passed).count();
    println!("tests passed: {} of {} plain", passed(&plain_results), plain_results.len());
    println!("              {} of {} annotated", passed(&results), results.len());
    for (name, _) in plain_results.iter().filter(|(name, passed)| !**passed && results.get(*name) == Some(&false)) {
        println!("  {name}: fails in both");
    }
    let differs = |(name, passed): &(&String, &bool)| results.get(*name) != Some(*passed);
    let different: Vec<_> = plain_results.iter().filter(differs).collect();
    for (name, passed) in &different {
        let verdict = |passed| if passed { "passes" } else { "fails" };
        let annotated = results.get(*name).map_or("does not run", |passed| verdict(*passed));
        println!("  {name}: {} plain, {annotated} annotated", verdict(**passed));
    }
    report_warnings("new", &warnings, &plain_warnings);
    report_warnings("missing", &plain_warnings, &warnings);
    Ok(failed.is_empty() && different.is_empty())
}

/// Warnings change with the compiler, so they are reported and not judged. The test `rustc_lints` judges them.
fn report_warnings(what: &str, warnings: &[Diagnostic], others: &[Diagnostic]) {
    let different: Vec<_> = warnings.iter().filter(|warning| !others.contains(warning)).collect();
    println!("{what} warnings: {}", different.len());
    for Diagnostic { file, line, text } in different {
        println!("  {}:{line}: {text}", file.display());
    }
}

struct Checked {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    stderr: Vec<u8>,
    succeeds: bool,
}

fn check(folder: &Path, arguments: &[&str]) -> Result<Checked, String> {
    let command = ["check", "--lib", "--bins", "--tests", "--keep-going", "--message-format=short"];
    let output = cargo::run(folder, &[&command[..], arguments].concat())?;
    let of = |level: &str| diagnostics(&output.stderr, level).into_iter().collect();
    let (errors, warnings) = (of("error"), of("warning"));
    Ok(Checked { errors, warnings, succeeds: output.status.success(), stderr: output.stderr })
}

/// A function that does not compile with the attribute.
struct Failed {
    function: String,
    error: Diagnostic,
}

/// A source file and its functions.
struct Source {
    text: String,
    functions: Vec<Function>,
}

/// The source files of a crate by their paths.
struct Sources {
    files: BTreeMap<PathBuf, Source>,
    skipped: BTreeMap<Skipped, usize>,
}

impl Sources {
    fn read(folder: &Path) -> Result<Self, String> {
        let mut sources = Self { files: BTreeMap::new(), skipped: BTreeMap::new() };
        for path in rust_files(&folder.join("src"))? {
            let text = read(&path)?;
            let parsed = Functions::of(&text);
            let Functions { annotated, skipped } = parsed.map_err(|error| format!("{}: {error}", path.display()))?;
            for (reason, count) in skipped {
                *sources.skipped.entry(reason).or_default() += count;
            }
            let path = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            sources.files.insert(path, Source { text, functions: annotated });
        }
        Ok(sources)
    }

    /// Annotates the functions and compiles the crate. The attribute is removed from each function that has an error, until
    /// the rest compiles: later phases of the compiler report errors only if there are none before.
    ///
    /// # Errors
    /// An error is outside of the annotated functions.
    fn compile(&mut self, folder: &Path, arguments: &[&str]) -> Result<(Vec<Failed>, Vec<Diagnostic>), String> {
        let mut failed = Vec::new();
        loop {
            for (path, Source { text, functions }) in &self.files {
                cargo::write(&folder.join(path), annotate(text, functions))?;
            }
            let checked = check(folder, arguments)?;
            if checked.succeeds {
                return Ok((failed, checked.warnings));
            }
            let before = failed.len();
            failed.extend(checked.errors.into_iter().filter_map(|error| self.remove(error)));
            if failed.len() == before {
                let stderr = String::from_utf8_lossy(&checked.stderr);
                let errors: Vec<_> = stderr.lines().filter(|line| line.contains("error")).take(10).collect();
                return Err(format!("errors outside of the annotated functions:\n{}", errors.join("\n")));
            }
        }
    }

    /// Removes the innermost annotated function that has this error.
    fn remove(&mut self, error: Diagnostic) -> Option<Failed> {
        let functions = &mut self.files.get_mut(&error.file)?.functions;
        // Functions are in the order of the text, so an inner one comes after the function around it.
        let index = functions.iter().rposition(|function| function.lines.contains(&error.line))?;
        let function = functions.remove(index).name;
        Some(Failed { function, error })
    }

    fn report(&self) {
        let annotated: usize = self.files.values().map(|source| source.functions.len()).sum();
        println!("functions annotated: {annotated} in {} files", self.files.len());
        println!("functions skipped: {}", self.skipped.values().sum::<usize>());
        for (reason, count) in &self.skipped {
            println!("  {count} {reason}");
        }
    }
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let unread = |error| format!("cannot read {}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
