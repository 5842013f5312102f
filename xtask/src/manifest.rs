//! The few facts that steps need from the workspace's manifests: members and features.
//!
//! The manifests of this workspace are simple enough to be read line by line, so this program needs no TOML parser.

use std::path::{Path, PathBuf};

/// The members that are not libraries. Their users build them from this repository, with its lock file.
const APPLICATIONS: [&str; 9] = [
    "examples",
    "tests",
    "tests/fleet",
    "tests/flood",
    "tests/guides",
    "tests/many",
    "tests/shapes",
    "tests/simulation",
    "xtask",
];

/// Returns the folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

/// Reads the manifest of a member, or that of the workspace for `""`.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub(crate) fn read(member: &str) -> Result<String, String> {
    let path = root().join(member).join("Cargo.toml");
    std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Returns the members of the workspace that are libraries.
pub(crate) fn libraries(workspace: &str) -> Vec<String> {
    let lists = lists(section(workspace, "workspace"));
    let members = lists.into_iter().find(|(key, _)| key == "members").map(|(_, members)| members).unwrap_or_default();
    members.into_iter().filter(|member| !APPLICATIONS.contains(&member.as_str())).collect()
}

/// Returns the features that a manifest declares, each with the features and dependencies that it enables.
pub(crate) fn features(manifest: &str) -> Vec<(String, Vec<String>)> {
    lists(section(manifest, "features"))
}

/// Returns the lines between `[name]` and the next section.
fn section<'m>(manifest: &'m str, name: &str) -> &'m str {
    let (_, rest) = manifest.split_once(&format!("[{name}]\n")).unwrap_or_default();
    rest.split("\n[").next().unwrap_or_default()
}

/// Returns every `key = ["value", ..]` of a section, on one line or several.
fn lists(section: &str) -> Vec<(String, Vec<String>)> {
    let lines = section.lines().filter(|line| !line.trim_start().starts_with('#'));
    let text: Vec<&str> = lines.collect();
    let text = text.join("\n");
    let lists = text.split(']').filter_map(|list| list.split_once(" = ["));
    let lists = lists.map(|(key, values)| {
        let values = values.split(',').map(|value| value.trim().trim_matches('"')).filter(|value| !value.is_empty());
        // Other entries of the section may come before the key.
        (key.lines().last().unwrap_or_default().to_owned(), values.map(str::to_owned).collect())
    });
    lists.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_with_what_they_enable() {
        let manifest = "[package]\nname = \"x\"\n\n[features]\ndefault = [\"a\", \"b\"]\n# About a.\na = []\n\
                        b = [\n    \"a\",\n    \"dep:c\",\n]\n\n[dependencies]\nc = { features = [\"d\"] }\n";
        let owned = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = [("default", owned(&["a", "b"])), ("a", vec![]), ("b", owned(&["a", "dep:c"]))];
        assert_eq!(features(manifest), expected.map(|(feature, enables)| (feature.to_owned(), enables)));
    }

    #[test]
    fn libraries_are_the_members_without_the_applications() {
        let workspace =
            "[workspace]\nresolver = \"3\"\nmembers = [\"metrics-runtime\", \"tests\", \"xtask\"]\n\n[other]\n";
        assert_eq!(libraries(workspace), ["metrics-runtime"]);
    }

    #[test]
    fn the_features_of_the_runtime_are_found() {
        let features = features(&read("metrics-runtime").expect("the runtime has a manifest"));
        for name in ["default", "axum", "push"] {
            assert!(features.iter().any(|(feature, _)| feature == name), "{name} is missing in {features:?}");
        }
    }
}
