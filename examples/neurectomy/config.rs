//! Settings from environment variables.

use std::path::PathBuf;
use std::time::Duration;

use examples::env::{self, EnvError};
use metrics_runtime::circuit_breaker::Settings;
use url::Url;

use crate::sessions::Lifetimes;
use crate::sigmavault;

/// The variables with their meaning, for `--help`.
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    ("NEURECTOMY_ENVIRONMENT", "the environment, as a label of system_info [default: development]"),
    ("NEURECTOMY_CLUSTER", "the cluster, as a label of system_info [default: local]"),
    ("NEURECTOMY_VERSION", "the version, as a label of system_info [default: that of the package]"),
    ("RYOT_URL", "an OpenAI-compatible completions server [default: a small model in this process]"),
    ("RYOT_MODEL", "the name of the model [default: ryot-tiny]"),
    ("RYOT_API_KEY", "the bearer token for the server [default: none]"),
    ("RYOT_TIMEOUT", "timeout of a call, in seconds [default: 30]"),
    ("RYOT_SLOW", "seconds after which a call counts as a failure for the breaker, however it ends [default: 10]"),
    ("RYOT_COOLDOWN", "seconds that the breaker stays open after five failures in a row [default: 10]"),
    ("SIGMAVAULT_DIR", "the directory for files [default: neurectomy-files in the temporary directory]"),
    (
        "SIGMAVAULT_URL",
        "a store in place of the directory: file:///folder, memory:///; with the feature cloud s3:// gs:// az://",
    ),
    ("SIGMAVAULT_TIMEOUT", "timeout of each step of an operation of the store, in seconds [default: 10]"),
    ("SESSION_SECONDS", "lifetime of a session, in seconds [default: 900]"),
    ("KEY_SECONDS", "time after which an unused API key expires, in seconds [default: 86400]"),
    env::CLIENT_TIMEOUT,
];

/// The number of consecutive failures that opens Ryot's breaker.
const RYOT_FAILURES: u32 = 5;

/// The settings, read once at start-up.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) environment: String,
    pub(crate) cluster: String,
    pub(crate) version: String,
    /// The address of Ryot, or `None` for the model in this process.
    pub(crate) ryot_url: Option<Url>,
    pub(crate) ryot_model: String,
    pub(crate) ryot_api_key: Option<String>,
    pub(crate) ryot_timeout: Duration,
    pub(crate) ryot_breaker: Settings,
    pub(crate) vault: sigmavault::Location,
    pub(crate) vault_timeout: Duration,
    pub(crate) lifetimes: Lifetimes,
    /// The time that a client may pause.
    pub(crate) patience: Duration,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Returns an error if a variable has an invalid value.
    pub(crate) fn from_env() -> Result<Self, EnvError> {
        let vault = match (env::url("SIGMAVAULT_URL")?, env::text("SIGMAVAULT_DIR")?) {
            (Some(url), None) => sigmavault::Location::Url(url),
            (None, Some(folder)) => sigmavault::Location::Folder(PathBuf::from(folder)),
            (None, None) => sigmavault::Location::Folder(std::env::temp_dir().join("neurectomy-files")),
            (Some(_), Some(_)) => {
                return Err(EnvError {
                    name: "SIGMAVAULT_URL",
                    problem: "SIGMAVAULT_DIR is set as well; set only one of the two".to_owned(),
                });
            }
        };
        Ok(Self {
            environment: env::label("NEURECTOMY_ENVIRONMENT", "development")?,
            cluster: env::label("NEURECTOMY_CLUSTER", "local")?,
            version: env::label("NEURECTOMY_VERSION", env!("CARGO_PKG_VERSION"))?,
            ryot_url: env::url("RYOT_URL")?,
            ryot_model: env::text("RYOT_MODEL")?.unwrap_or_else(|| "ryot-tiny".to_owned()),
            ryot_api_key: env::text("RYOT_API_KEY")?,
            ryot_timeout: env::seconds("RYOT_TIMEOUT", Duration::from_secs(30))?,
            // Ryot promises to answer within ten seconds: a call that takes longer is slow, long before its timeout.
            ryot_breaker: Settings::consecutive(RYOT_FAILURES)
                .slow(env::seconds("RYOT_SLOW", Duration::from_secs(10))?)
                .open(env::seconds("RYOT_COOLDOWN", Duration::from_secs(10))?),
            vault,
            vault_timeout: env::seconds("SIGMAVAULT_TIMEOUT", Duration::from_secs(10))?,
            lifetimes: Lifetimes {
                key: env::seconds("KEY_SECONDS", Duration::from_secs(86_400))?,
                session: env::seconds("SESSION_SECONDS", Duration::from_secs(900))?,
            },
            patience: env::client_timeout()?,
        })
    }
}
