//! Grafana's dashboard schema, from Grafana's foundation SDK for Python.

use std::path::{Path, PathBuf};
use std::process::Command;

/// An installed SDK; [`tools::grafana`](crate::tools::grafana) finds it.
#[derive(Clone, Debug)]
pub struct Grafana {
    python: PathBuf,
}

impl Grafana {
    /// Returns the SDK, or `None` if this Python does not have it.
    pub(crate) fn new(python: PathBuf) -> Option<Self> {
        let found = Command::new(&python).args(["-c", "import grafana_foundation_sdk"]).output().ok()?;
        found.status.success().then_some(Self { python })
    }

    /// Reads a dashboard with the SDK and writes it again, which drops every field that is not in the schema.
    ///
    /// # Errors
    /// Returns the fields that are not in the schema or have another value afterwards, one on each line.
    pub fn check_dashboard(&self, file: &Path) -> Result<(), String> {
        let mut command = Command::new(&self.python);
        let output = command.args(["-X", "utf8", "-c", include_str!("check_dashboard.py")]).arg(file).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        if printed.is_empty() && output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&printed).into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use crate::tools;

    #[test]
    fn a_field_that_is_not_in_the_schema_is_named() {
        let Some(grafana) = tools::grafana() else {
            return;
        };
        let file = env::temp_dir().join(format!("dashboard-{}.json", process::id()));
        fs::write(&file, r#"{"title": "Shop", "titel": 1, "time": {"from": "now-1h", "too": "now"}}"#).unwrap();
        let checked = grafana.check_dashboard(&file);
        fs::remove_file(&file).unwrap();
        let lost = checked.unwrap_err();
        assert!(lost.contains("dashboard.titel is not") && lost.contains("dashboard.time.too is not"), "{lost}");
    }
}
