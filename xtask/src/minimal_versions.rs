//! Builds of the libraries with the lowest version of each direct dependency that their manifests allow.
//!
//! The check runs in a separate workspace under the target folder. The workspace has copies of the libraries' manifests
//! that refer to the original sources. The copies have no development dependencies, which need newer versions of shared
//! dependencies and which users of the libraries never build.
//!
//! A further crate there uses the attributes, and its test finds their declarations in the catalog. The expansions contain
//! a macro of `linkme` that only such a crate expands. All other steps build with the versions of `Cargo.lock`, which are
//! the newest.

use std::fs;
use std::path::Path;

use crate::setup::target;
use crate::{cargo, manifest};

/// The name of the crate that uses the attributes.
const USER: &str = "annotated";

const USER_MANIFEST: &str = r#"[package]
name = "annotated"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
metrics-runtime.workspace = true
"#;

const USER_SOURCE: &str = r#"//! One declaration of each kind that a link section has.

use metrics_runtime::circuit_breaker::CircuitOpen;
use metrics_runtime::{circuit_breaker, metrics, track};

#[track]
pub fn recorded() {}

#[metrics]
pub mod business {
    /// Jobs.
    pub fn jobs_total() -> Counter;
}

#[circuit_breaker(service = "database", failures = 5, open = "30s")]
pub async fn guarded() -> Result<(), CircuitOpen> {
    Ok(())
}

#[test]
fn the_linker_keeps_every_declaration() {
    let catalog = metrics_runtime::catalog();
    for function in ["recorded", "jobs_total", "guarded"] {
        assert!(catalog.iter().any(|declaration| declaration.source.function == function), "{catalog:#?}");
    }
}
"#;

/// Resolves the workspace and returns the cargo commands that check it.
///
/// # Errors
/// Returns an error if a file cannot be read or written, or if the lower bounds of two direct dependencies conflict.
pub(crate) fn commands() -> Result<Vec<Vec<String>>, String> {
    let folder = target().join("minimal-versions");
    let workspace = manifest::read("")?;
    let libraries = manifest::libraries(&workspace);
    let members: Vec<String> = libraries.iter().cloned().chain([USER.to_owned()]).collect();
    let mut changed = write_if_changed(&folder.join("Cargo.toml"), &with_members(&workspace, &members))?;
    changed |= write_if_changed(&folder.join(USER).join("Cargo.toml"), USER_MANIFEST)?;
    write_if_changed(&folder.join(USER).join("src").join("lib.rs"), USER_SOURCE)?;
    let mut features = Vec::new();
    for library in &libraries {
        let original = manifest::read(library)?;
        let source = manifest::root().join(library).join("src").join("lib.rs");
        let copy = without_dev_dependencies(&with_source(&original, &source));
        changed |= write_if_changed(&folder.join(library).join("Cargo.toml"), &copy)?;
        let names = manifest::features(&original).into_iter().map(|(feature, _)| feature);
        features.extend(names.map(|name| format!("{library}/{name}")));
    }
    let manifest = folder.join("Cargo.toml").display().to_string();
    if changed || !folder.join("Cargo.lock").is_file() {
        resolve(&folder, &manifest)?;
    }
    let target = folder.join("target").display().to_string();
    let command = |name: &str, more: &[&str]| {
        let mut command = vec![name, "--quiet", "--locked", "--manifest-path", &manifest, "--target-dir", &target];
        command.extend(more);
        command.into_iter().map(str::to_owned).collect()
    };
    Ok(vec![
        command("check", &["--workspace", "--features", &features.join(",")]),
        command("test", &["--package", USER, "--lib"]),
    ])
}

/// Writes `Cargo.lock` anew. The option is unstable, and `RUSTC_BOOTSTRAP` allows it in a stable cargo. The variable is
/// set only for this command, because in a build the build scripts of dependencies would also read it.
fn resolve(folder: &Path, manifest: &str) -> Result<(), String> {
    let _ = fs::remove_file(folder.join("Cargo.lock"));
    let mut update = cargo();
    update.args(["update", "-Z", "direct-minimal-versions", "--manifest-path", manifest]).env("RUSTC_BOOTSTRAP", "1");
    match update.output() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => {
            let reason = String::from_utf8_lossy(&done.stderr);
            Err(format!("found conflicting lower bounds in the manifests; raise one:\n{reason}"))
        }
        Err(error) => Err(format!("could not start cargo: {error}")),
    }
}

/// Writes a file unless it already has this text. Returns `true` if the text has changed.
fn write_if_changed(path: &Path, text: &str) -> Result<bool, String> {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map(|()| true).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Returns the manifest of the workspace with these members only.
fn with_members(workspace: &str, members: &[String]) -> String {
    let (before, rest) = workspace.split_once("members = [").unwrap_or((workspace, "]"));
    let (_, after) = rest.split_once(']').unwrap_or_default();
    format!("{before}members = {members:?}{after}")
}

/// Returns the manifest of a library, with the path of its source.
fn with_source(manifest: &str, source: &Path) -> String {
    let path = format!("[lib]\npath = {:?}\n", source.display().to_string());
    match manifest.split_once("[lib]\n") {
        Some((before, after)) => format!("{before}{path}{after}"),
        None => format!("{manifest}\n{path}"),
    }
}

fn without_dev_dependencies(manifest: &str) -> String {
    let mut keeps = true;
    let lines = manifest.split_inclusive('\n').filter(|line| {
        if line.starts_with('[') {
            keeps = !line.contains("dev-dependencies");
        }
        keeps
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_all_but_its_members() {
        let workspace = "[workspace]\nmembers = [\"a\", \"b\"]\nexclude = [\"c\"]\n";
        let expected = "[workspace]\nmembers = [\"a\"]\nexclude = [\"c\"]\n";
        assert_eq!(with_members(workspace, &["a".to_owned()]), expected);
    }

    #[test]
    fn the_source_stays_where_it_is() {
        let source = Path::new("/some where/src/lib.rs");
        let lib = "[lib]\npath = \"/some where/src/lib.rs\"\n";
        assert_eq!(with_source("[lib]\nproc-macro = true\n", source), format!("{lib}proc-macro = true\n"));
        assert_eq!(with_source("[package]\n", source), format!("[package]\n\n{lib}"));
    }

    #[test]
    fn development_dependencies_are_removed_for_every_target() {
        let manifest = "[dependencies]\na = \"1\"\n[dev-dependencies]\n# Why.\nb = \"1\"\n\
                        [target.'cfg(models)'.dev-dependencies]\nc = \"1\"\n[lints]\nworkspace = true\n";
        assert_eq!(without_dev_dependencies(manifest), "[dependencies]\na = \"1\"\n[lints]\nworkspace = true\n");
    }
}
