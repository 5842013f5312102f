//! What the environment says about the services that this one uses.

use std::path::PathBuf;
use std::time::Duration;

use examples::env::{self, EnvError};
use metrics_runtime::circuit_breaker::Settings;
use url::Url;

use crate::sigmavault;

/// The variables, for `--help`.
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    ("RYOT_URL", "an OpenAI-compatible server; without it a small one starts in this process"),
    ("RYOT_MODEL", "the model to ask it for [default: ryot-tiny]"),
    ("RYOT_API_KEY", "the key to show it"),
    ("RYOT_TIMEOUT", "seconds that a call may take [default: 30]"),
    ("RYOT_COOLDOWN", "seconds that Ryot is left alone after five failures in a row [default: 10]"),
    ("SIGMAVAULT_DIR", "the folder for files [default: neurectomy-files in the temporary folder]"),
    (
        "SIGMAVAULT_URL",
        "a store instead of the folder: file:///folder, memory:///; with the feature cloud s3:// gs:// az://",
    ),
    ("SESSION_SECONDS", "how long a session lasts [default: 900]"),
];

/// Failures of Ryot in a row that open the breaker.
const RYOT_FAILURES: u32 = 5;

/// All of it, read once.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where Ryot is, if somewhere else.
    pub(crate) ryot_url: Option<Url>,
    pub(crate) ryot_model: String,
    pub(crate) ryot_api_key: Option<String>,
    pub(crate) ryot_timeout: Duration,
    pub(crate) ryot_breaker: Settings,
    pub(crate) vault: sigmavault::Location,
    pub(crate) session_lifetime: Duration,
}

impl Config {
    /// # Errors
    /// If a variable holds what nobody can use.
    pub(crate) fn from_env() -> Result<Self, EnvError> {
        let vault = match (url("SIGMAVAULT_URL")?, env::text("SIGMAVAULT_DIR")?) {
            (Some(url), None) => sigmavault::Location::Url(url),
            (None, Some(folder)) => sigmavault::Location::Folder(PathBuf::from(folder)),
            (None, None) => sigmavault::Location::Folder(std::env::temp_dir().join("neurectomy-files")),
            (Some(_), Some(_)) => {
                return Err(EnvError {
                    name: "SIGMAVAULT_URL",
                    problem: "SIGMAVAULT_DIR is set as well; files can only be in one place".to_owned(),
                });
            }
        };
        Ok(Self {
            ryot_url: url("RYOT_URL")?,
            ryot_model: env::text("RYOT_MODEL")?.unwrap_or_else(|| "ryot-tiny".to_owned()),
            ryot_api_key: env::text("RYOT_API_KEY")?,
            ryot_timeout: env::seconds("RYOT_TIMEOUT", Duration::from_secs(30))?,
            ryot_breaker: Settings::consecutive(RYOT_FAILURES)
                .open(env::seconds("RYOT_COOLDOWN", Duration::from_secs(10))?),
            vault,
            session_lifetime: env::seconds("SESSION_SECONDS", Duration::from_secs(900))?,
        })
    }
}

fn url(name: &'static str) -> Result<Option<Url>, EnvError> {
    let Some(text) = env::text(name)? else {
        return Ok(None);
    };
    Url::parse(&text).map(Some).map_err(|error| EnvError { name, problem: format!("`{text}` is not a URL: {error}") })
}
