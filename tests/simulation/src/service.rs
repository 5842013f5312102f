//! The binary of Neurectomy, and the documents that it writes.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::{dashboard, service};
use yaml_rust2::YamlLoader;

use crate::message::JOB;

/// The agents, which all queries count once.
const REPLICAS: &str = "--replica-label=replica";

/// The binary of Neurectomy.
#[derive(Clone, Debug)]
pub struct Neurectomy(PathBuf);

/// A panel of a dashboard, with its queries.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) queries: Vec<String>,
}

/// A recording rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) labels: Vec<(String, String)>,
}

impl Neurectomy {
    /// Finds the binary where cargo has built it, or builds it.
    ///
    /// # Errors
    /// Returns an error if it cannot be built.
    pub fn find() -> Result<Self, String> {
        match Self::built()? {
            Some(neurectomy) => Ok(neurectomy),
            None => Self::build(),
        }
    }

    /// Builds the binary if it is older than its sources.
    ///
    /// # Errors
    /// Returns an error if it cannot be built.
    pub fn build() -> Result<Self, String> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--package", "examples", "--bin", "neurectomy"]);
        let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        let status = status.map_err(|error| format!("cannot start cargo: {error}"))?;
        if !status.success() {
            return Err(format!("cannot build neurectomy: cargo ended with {status}"));
        }
        Self::built()?.ok_or_else(|| "cargo has built neurectomy in another folder than this program".to_owned())
    }

    fn built() -> Result<Option<Self>, String> {
        let program = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
        // A test is one folder deeper, and a release is beside the folder of other builds.
        let folders = program.ancestors().skip(1).take(3);
        let files = folders.flat_map(|folder| [folder.join("neurectomy"), folder.join("debug").join("neurectomy")]);
        Ok(files.into_iter().find(|file| file.is_file()).map(Self))
    }

    /// Returns the path of the binary.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn document(&self, arguments: &[&str]) -> Result<String, String> {
        let stopped = service::Service::run(&self.0, arguments, &[]);
        if stopped.status.success() {
            Ok(stopped.stdout)
        } else {
            Err(format!("neurectomy {}: {}", arguments.join(" "), stopped.stderr.trim()))
        }
    }

    /// Returns the panels of the dashboard over raw series, or of that over the fleet rules, with the window of rates.
    pub(crate) fn panels(&self, is_fleet: bool, window: &str) -> Result<Vec<Panel>, String> {
        let form = if is_fleet { &["--fleet"][..] } else { &[REPLICAS] };
        let text = self.document(&[&["metrics", "dashboard"], form].concat())?;
        // The view of a user who has chosen nothing.
        let text = text.replace("$__rate_interval", window).replace("$cluster", ".+");
        let document: Value = serde_json::from_str(&text).map_err(|error| format!("the dashboard: {error}"))?;
        let panels = dashboard::panels(&document, JOB, ".+").into_iter();
        let panels = panels.filter(|(_, queries)| !queries.is_empty());
        let panels = panels.map(|(panel, queries)| {
            let title = panel["title"].as_str().unwrap_or_default().to_owned();
            Panel { title, queries }
        });
        Ok(panels.collect())
    }

    /// Returns the recording rules of the fleet, in the order of their evaluation.
    pub(crate) fn rules(&self) -> Result<Vec<Rule>, String> {
        let text = self.document(&["metrics", "rules", "--fleet"])?;
        let documents = YamlLoader::load_from_str(&text).map_err(|error| format!("the rules: {error}"))?;
        let list = |yaml: &yaml_rust2::Yaml| yaml.as_vec().cloned().unwrap_or_default();
        let groups = documents.first().map(|document| list(&document["groups"])).unwrap_or_default();
        let rules = groups.iter().flat_map(|group| list(&group["rules"])).filter_map(|rule| {
            let labels = rule["labels"].as_hash().into_iter().flatten();
            let labels =
                labels.filter_map(|(name, value)| Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())));
            Some(Rule {
                name: rule["record"].as_str()?.to_owned(),
                query: rule["expr"].as_str()?.to_owned(),
                labels: labels.collect(),
            })
        });
        Ok(rules.collect())
    }
}
