//! Errors are the interface: each is at the word that is wrong, and says what was found and what is allowed.
//!
//! `TRYBUILD=overwrite cargo test -p tests --test compile_fail` writes the `.stderr` files anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail")
}

#[test]
fn errors_are_as_they_were() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

/// A place, `13:5`, and what is wrong there, `error[E0308]`.
type Errors = BTreeSet<(String, String)>;

#[test]
fn errors_in_a_body_are_where_they_are_without_the_attribute() {
    for case in ["bodies", "borrows", "lints"] {
        assert_eq!(annotated(case), plain(case), "{case}.rs");
    }
    // The item is parsed once more, which says the same again.
    let (annotated, plain) = (annotated("half_typed"), plain("half_typed"));
    assert!(annotated.is_superset(&plain), "{annotated:?}\n{plain:?}");
}

/// The errors of the case, from its `.stderr`.
fn annotated(case: &str) -> Errors {
    let text = fs::read_to_string(cases().join(case).with_extension("stderr")).expect("the case has its `.stderr`");
    let mut errors = Errors::new();
    let mut what = None;
    for line in text.lines() {
        if line.starts_with("error") {
            what = line.split(": ").next();
        } else if let (Some(place), Some(what)) = (line.trim_start().strip_prefix("--> "), what.take()) {
            let (_, place) = place.split_once(':').expect("a line and a column");
            errors.insert((place.to_owned(), what.to_owned()));
        }
    }
    assert!(!errors.is_empty(), "{case}.stderr has no error");
    errors
}

/// The errors of the case with its attributes taken off, from the compiler.
fn plain(case: &str) -> Errors {
    let source = fs::read_to_string(cases().join(case).with_extension("rs")).expect("the case is there");
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
    let text = String::from_utf8(output.stderr).expect("the compiler speaks UTF-8");
    let mut errors = Errors::new();
    for line in text.lines() {
        let mut parts = line.strip_prefix(&format!("{}:", file.display())).unwrap_or_default().splitn(4, ':');
        if let (Some(line), Some(column), Some(what)) = (parts.next(), parts.next(), parts.next())
            && what.starts_with(" error")
        {
            errors.insert((format!("{line}:{column}"), what.trim().to_owned()));
        }
    }
    assert!(!errors.is_empty(), "{text}");
    errors
}
