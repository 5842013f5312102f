//! Settings from environment variables.

use std::time::Duration;

use examples::env::{self, EnvError};
use metrics_runtime::circuit_breaker::Settings;
use url::Url;

/// The variables with their meaning, for `--help`.
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    ("NEURECTOMY_URL", "the address of Neurectomy [default: http://127.0.0.1:8000]"),
    (
        "NEURECTOMY_TIMEOUT",
        "timeout of a request to it, in seconds; the deadline of a call can be earlier [default: 35]",
    ),
    (
        "NEURECTOMY_SLOW",
        "seconds after which a request counts as a failure for the breaker, however it ends [default: 15]",
    ),
    ("NEURECTOMY_COOLDOWN", "seconds that the breaker stays open after half of the requests failed [default: 10]"),
    ("CLIENT_TIMEOUT", "seconds of silence after which a client must show that it is still there [default: 30]"),
];

/// The breaker opens if half of the requests of the last 10 seconds failed, at least five. Many calls are in progress at
/// a time, so a few failures in a row say little.
const BREAKER: Settings = Settings::ratio_over_time(0.5, Duration::from_secs(10)).minimum(5);

/// The settings, read once at start-up.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) url: Url,
    pub(crate) timeout: Duration,
    pub(crate) breaker: Settings,
    /// The time that a client may be silent.
    pub(crate) patience: Duration,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Returns an error if a variable has an invalid value.
    pub(crate) fn from_env() -> Result<Self, EnvError> {
        Ok(Self {
            url: env::url_or("NEURECTOMY_URL", "http://127.0.0.1:8000")?,
            // Neurectomy itself gives up after 30 seconds, and says why.
            timeout: env::seconds("NEURECTOMY_TIMEOUT", Duration::from_secs(35))?,
            breaker: BREAKER
                .slow(env::seconds("NEURECTOMY_SLOW", Duration::from_secs(15))?)
                .open(env::seconds("NEURECTOMY_COOLDOWN", Duration::from_secs(10))?),
            patience: env::client_timeout()?,
        })
    }
}
