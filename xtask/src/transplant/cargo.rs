//! Fetches a published crate, and reads the output of cargo: errors, warnings and the results of tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use crate::run::REMOVED;

/// Returns the folder of a published crate in the package cache. Cargo downloads it if it is not there.
///
/// # Errors
/// The crate or the version does not exist, or the registry cannot be reached.
pub(crate) fn fetch(folder: &Path, name: &str, version: &str) -> Result<PathBuf, String> {
    let folder = folder.join("fetch");
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{name} = \"={version}\"\n"
    );
    write(&folder.join("Cargo.toml"), &manifest)?;
    write(&folder.join("src").join("lib.rs"), "")?;
    let output = run(&folder, &["metadata", "--format-version=1"])?;
    let metadata = String::from_utf8_lossy(&output.stdout).into_owned();
    let manifest_of = |path: &str| path.contains(&format!("{name}-{version}/")).then(|| PathBuf::from(path));
    let paths = metadata.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let manifest = paths.map(|path| path.replace("\\\\", "/")).find_map(|path| manifest_of(&path));
    manifest.and_then(|manifest| manifest.parent().map(Path::to_owned)).ok_or_else(|| {
        let reason = String::from_utf8_lossy(&output.stderr);
        format!("{name} {version} cannot be fetched: {}", reason.trim())
    })
}

/// Copies a folder. Files that the copy has already and that do not change keep their time, so cargo does not build them
/// again.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let unread = |error| format!("cannot read {}: {error}", from.display());
    for entry in fs::read_dir(from).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            let bytes = fs::read(&from).map_err(|error| format!("cannot read {}: {error}", from.display()))?;
            write(&to, bytes)?;
        }
    }
    Ok(())
}

/// Writes a file if it has not this content already.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), String> {
    if fs::read(path).is_ok_and(|before| before == content.as_ref()) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, content));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Runs cargo in the folder of a crate. The crates of one `transplant` folder share a target folder.
///
/// # Errors
/// Cargo cannot be started. A cargo that fails is no error.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Result<Output, String> {
    let target = folder.ancestors().find(|ancestor| ancestor.ends_with("transplant")).unwrap_or(folder).join("target");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(folder).stdin(Stdio::null()).env("CARGO_TARGET_DIR", target);
    for name in REMOVED {
        cargo.env_remove(name);
    }
    cargo.output().map_err(|error| format!("could not start cargo: {error}"))
}

/// An error or warning of the compiler.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Diagnostic {
    /// The path from the folder of the crate.
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    /// As `error[E0308]: mismatched types`.
    pub(crate) text: String,
}

/// Parses the lines `src/lib.rs:3:1: error: ..` of `--message-format=short`. A file that several targets include has its
/// diagnostics once.
pub(crate) fn diagnostics(stderr: &[u8], level: &str) -> BTreeSet<Diagnostic> {
    let text = String::from_utf8_lossy(stderr);
    let parse = |line: &str| {
        let mut parts = line.splitn(4, ':');
        let (file, line, _column, text) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        let text = text.trim();
        text.starts_with(level).then(|| Diagnostic { file: file.into(), line, text: text.to_owned() })
    };
    text.lines().filter_map(parse).collect()
}

/// The results of all tests of a crate by their names, such as `tests/mutex.rs: smoke`. `true` is a test that passed.
pub(crate) type Results = BTreeMap<String, bool>;

/// Runs the unit and integration tests of a crate.
///
/// # Errors
/// Cargo cannot be started, or the tests do not compile.
pub(crate) fn test(folder: &Path, arguments: &[&str]) -> Result<Results, String> {
    let command = [&["test", "--lib", "--bins", "--tests", "--no-fail-fast"], arguments].concat();
    let output = run(folder, &command)?;
    // Cargo names the test programs in one stream, and they print their results to the other, in the same order.
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let programs = stderr.lines().filter_map(|line| line.trim().strip_prefix("Running "));
    let results = results(programs.map(|program| program.split(" (").next().unwrap_or(program)), &stdout);
    if results.is_empty() {
        let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error")).take(10).collect();
        return Err(format!("no test ran:\n{}", errors.join("\n")));
    }
    Ok(results)
}

fn results<'p>(mut programs: impl Iterator<Item = &'p str>, stdout: &str) -> Results {
    let mut results = Results::new();
    let mut program = "";
    for line in stdout.lines() {
        if line.starts_with("running ") {
            program = programs.next().unwrap_or_default();
        } else if let Some((name, result)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "))
            && !result.starts_with("ignored")
        {
            let name = name.trim_end_matches(" - should panic");
            results.insert(format!("{program}: {name}"), result.trim_end().ends_with("ok"));
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_of_one_level_are_read() {
        let stderr = "src/a.rs:3:14: error[E0308]: mismatched types: expected `u8`\nsrc/a.rs:9:1: warning: unused\n\
                      error: could not compile `a`\nsrc/a.rs:3:14: error[E0308]: mismatched types: expected `u8`\n";
        let errors = diagnostics(stderr.as_bytes(), "error");
        let text = "error[E0308]: mismatched types: expected `u8`".to_owned();
        assert_eq!(errors, [Diagnostic { file: "src/a.rs".into(), line: 3, text }].into());
        assert_eq!(diagnostics(stderr.as_bytes(), "warning").len(), 1);
    }

    #[test]
    fn tests_of_several_programs_have_different_names() {
        let stdout = "\nrunning 2 tests\ntest a::b ... ok\ntest c - should panic ... FAILED\n\ntest result: FAILED.\n\
                      \nrunning 2 tests\ntest a::b ... FAILED\ntest slow ... ignored\n";
        let expected = [("src/lib.rs: a::b", true), ("src/lib.rs: c", false), ("tests/t.rs: a::b", false)];
        let found = results(["src/lib.rs", "tests/t.rs"].into_iter(), stdout);
        assert_eq!(found, expected.map(|(name, passed)| (name.to_owned(), passed)).into());
    }
}
