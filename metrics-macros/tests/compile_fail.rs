//! Compile errors: each is at the argument or expression that causes it, and names what was found and what is expected.
//!
//! `TRYBUILD=overwrite cargo test -p metrics-macros --test compile_fail` updates the `.stderr` files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail")
}

#[test]
fn errors_match_the_stderr_files() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

/// Locations such as `13:5`, each with its error, such as `error[E0308]`.
type Errors = BTreeSet<(String, String)>;

#[test]
fn errors_in_a_body_have_the_same_location_as_without_the_attribute() {
    for case in ["bodies", "borrows", "lints"] {
        assert_eq!(annotated(case), plain(case), "{case}.rs");
    }
    // The attribute parses the item a second time, which repeats its errors.
    let (annotated, plain) = (annotated("half_typed"), plain("half_typed"));
    assert!(annotated.is_superset(&plain), "{annotated:?}\n{plain:?}");
}

/// Returns the errors of the case, from its `.stderr` file.
fn annotated(case: &str) -> Errors {
    let text = fs::read_to_string(cases().join(case).with_extension("stderr")).expect("the case has a `.stderr` file");
    let mut errors = Errors::new();
    let mut error = None;
    for line in text.lines() {
        if line.starts_with("error") {
            error = line.split(": ").next();
        } else if let (Some(place), Some(error)) = (line.trim_start().strip_prefix("--> "), error.take()) {
            let (_, place) = place.split_once(':').expect("a line and a column");
            errors.insert((place.to_owned(), error.to_owned()));
        }
    }
    assert!(!errors.is_empty(), "{case}.stderr has no error");
    errors
}

/// Returns the errors of the case without its attributes, from the compiler.
fn plain(case: &str) -> Errors {
    let source = fs::read_to_string(cases().join(case).with_extension("rs")).expect("the case exists");
    let ours = |line: &str| line.trim_start().starts_with("#[track") || line.starts_with("use metrics_runtime::");
    let plain: Vec<_> = source.lines().map(|line| if ours(line) { "" } else { line }).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(case).with_extension("rs");
    fs::write(&file, plain.join("\n")).expect("the file can be written");
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .args(["--edition=2024", "--emit=metadata", "--error-format=short", "--out-dir"])
        .args([folder, file.as_path()])
        .output()
        .expect("the compiler runs");
    let text = String::from_utf8(output.stderr).expect("the output of the compiler is UTF-8");
    let mut errors = Errors::new();
    for line in text.lines() {
        let mut parts = line.strip_prefix(&format!("{}:", file.display())).unwrap_or_default().splitn(4, ':');
        if let (Some(line), Some(column), Some(error)) = (parts.next(), parts.next(), parts.next())
            && error.starts_with(" error")
        {
            errors.insert((format!("{line}:{column}"), error.trim().to_owned()));
        }
    }
    assert!(!errors.is_empty(), "{text}");
    errors
}
