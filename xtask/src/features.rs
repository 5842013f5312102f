//! Builds of the libraries without the features that the lints have: the runtime with each feature alone, and with the
//! default features minus each one; the documents without the bridge to clap; each protocol of sending alone.

use crate::manifest;

const RUNTIME: &str = "metrics-runtime";
const DOCUMENTS: &str = "metrics-export";
const SEND: &str = "metrics-send";

const BUILD: &[&str] = &["rustc", "--lib", "--profile", "check"];

/// Returns the cargo commands of the step, one for each feature set.
///
/// # Errors
/// Returns an error if the manifest of the runtime cannot be read or declares no default features.
pub(crate) fn commands() -> Result<Vec<Vec<String>>, String> {
    let features = manifest::features(&manifest::read(RUNTIME)?);
    let default = features.iter().find(|(feature, _)| feature == "default").map(|(_, enables)| enables);
    let default = default.ok_or_else(|| format!("{RUNTIME}/Cargo.toml has no default features"))?;
    let names: Vec<&str> = features.iter().map(|(feature, _)| feature.as_str()).collect();
    // The step before this one has linted the same code. The compiler alone takes three quarters of the time.
    let mut commands: Vec<_> = sets(&names, default).iter().map(|set| deny(BUILD, RUNTIME, set)).collect();
    commands.push(deny(BUILD, DOCUMENTS, ""));
    commands.extend(["remote-write", "otlp"].map(|protocol| deny(BUILD, SEND, protocol)));
    // The tests of the HTTP layer must not need axum either.
    commands.push(deny(&["clippy", "--all-targets"], RUNTIME, "http"));
    Ok(commands)
}

/// Returns the feature sets as lists for cargo: no feature, the default ones, each feature alone, and the default
/// features minus each one.
fn sets(features: &[&str], default: &[String]) -> Vec<String> {
    let alone = features.iter().filter(|feature| **feature != "default").map(|feature| (*feature).to_owned());
    let minus_one = default.iter().map(|removed| {
        let rest: Vec<&str> = default.iter().filter(|feature| *feature != removed).map(String::as_str).collect();
        rest.join(",")
    });
    [String::new(), default.join(",")].into_iter().chain(alone).chain(minus_one).collect()
}

/// Returns a command for a package with these features, to which warnings are errors.
fn deny(command: &[&str], package: &str, features: &str) -> Vec<String> {
    let mut command = command.to_vec();
    command.extend(["--quiet", "--package", package, "--no-default-features"]);
    if !features.is_empty() {
        command.extend(["--features", features]);
    }
    command.extend(["--", "-D", "warnings"]);
    command.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_alone_once_and_missing_from_the_default_ones_once() {
        let default = ["a", "b", "c"].map(str::to_owned);
        let sets = sets(&["default", "a", "b", "c", "d"], &default);
        assert_eq!(sets, ["", "a,b,c", "a", "b", "c", "d", "b,c", "a,c", "a,b"]);
    }

    #[test]
    fn warnings_are_errors() {
        let expected = "clippy --quiet --package metrics-runtime --no-default-features --features http -- -D warnings";
        assert_eq!(deny(&["clippy"], RUNTIME, "http").join(" "), expected);
        assert_eq!(deny(&["clippy"], RUNTIME, "").join(" "), expected.replace(" --features http", ""));
    }
}
