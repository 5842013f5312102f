//! Lints of the runtime with each feature alone, and with the default features minus each one.

use crate::manifest;

const PACKAGE: &str = "metrics-runtime";

/// Returns the cargo commands of the step, one for each feature set.
///
/// # Errors
/// Returns an error if the manifest of the runtime cannot be read or declares no default features.
pub(crate) fn commands() -> Result<Vec<Vec<String>>, String> {
    let features = manifest::features(&manifest::read(PACKAGE)?);
    let default = features.iter().find(|(feature, _)| feature == "default").map(|(_, enables)| enables);
    let default = default.ok_or_else(|| format!("{PACKAGE}/Cargo.toml has no default features"))?;
    let names: Vec<&str> = features.iter().map(|(feature, _)| feature.as_str()).collect();
    let mut commands: Vec<_> = sets(&names, default).iter().map(|set| clippy(set, &[])).collect();
    // The tests of the HTTP layer must not need axum either.
    commands.push(clippy("http", &["--all-targets"]));
    Ok(commands)
}

/// Returns the feature sets as lists for cargo: no feature, each feature alone, and the default features minus each
/// one.
fn sets(features: &[&str], default: &[String]) -> Vec<String> {
    let alone = features.iter().filter(|feature| **feature != "default").map(|feature| (*feature).to_owned());
    let minus_one = default.iter().map(|removed| {
        let rest: Vec<&str> = default.iter().filter(|feature| *feature != removed).map(String::as_str).collect();
        rest.join(",")
    });
    [String::new()].into_iter().chain(alone).chain(minus_one).collect()
}

fn clippy(features: &str, more: &[&str]) -> Vec<String> {
    let mut command = vec!["clippy", "--quiet", "--package", PACKAGE, "--no-default-features"];
    if !features.is_empty() {
        command.extend(["--features", features]);
    }
    command.extend(more);
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
        assert_eq!(sets, ["", "a", "b", "c", "d", "b,c", "a,c", "a,b"]);
    }

    #[test]
    fn warnings_are_errors() {
        let command = clippy("http", &["--all-targets"]).join(" ");
        let expected = "clippy --quiet --package metrics-runtime --no-default-features --features http --all-targets";
        assert_eq!(command, format!("{expected} -- -D warnings"));
        assert_eq!(
            clippy("", &[]).join(" "),
            expected.replace(" --features http --all-targets", "") + " -- -D warnings"
        );
    }
}
