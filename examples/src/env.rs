//! Environment variables. An empty value counts as unset; an invalid one is an error that names the variable.

use std::time::Duration;

use metrics_runtime::MAX_LABEL_VALUE_BYTES;
use url::Url;

use crate::log::excerpt;

/// The variable with the time that a client may pause, for `--help`.
pub const CLIENT_TIMEOUT: (&str, &str) =
    ("CLIENT_TIMEOUT", "seconds that a client may pause within a request or a response [default: 30]");

/// Returns the time that a client may pause within a request or a response.
///
/// # Errors
/// Returns an error if the variable `CLIENT_TIMEOUT` is not a number above zero.
pub fn client_timeout() -> Result<Duration, EnvError> {
    seconds(CLIENT_TIMEOUT.0, Duration::from_secs(30))
}

/// An environment variable with an invalid value.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {name}: {problem}")]
pub struct EnvError {
    /// The name of the variable.
    pub name: &'static str,
    /// The problem with the value, and the values that are expected.
    pub problem: String,
}

/// Returns the trimmed value of the variable `name`, or `None` if it is unset or blank.
///
/// # Errors
/// Returns an error if the value is not UTF-8.
pub fn text(name: &'static str) -> Result<Option<String>, EnvError> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(EnvError { name, problem: "its value is not UTF-8".to_owned() }),
    }
}

/// Returns the value of the variable `name` as a number of seconds, fractions allowed, or `default` if it is unset.
///
/// # Errors
/// Returns an error if the value is not a number above zero.
pub fn seconds(name: &'static str, default: Duration) -> Result<Duration, EnvError> {
    match text(name)? {
        None => Ok(default),
        Some(value) => parse_seconds(&value).ok_or_else(|| EnvError {
            name,
            problem: format!("`{value}` is not a number of seconds above zero, such as 2.5"),
        }),
    }
}

/// Returns the value of the variable `name` as a URL, or `None` if it is unset.
///
/// # Errors
/// Returns an error if the value is not a URL.
pub fn url(name: &'static str) -> Result<Option<Url>, EnvError> {
    text(name)?.map(|value| parse_url(name, &value)).transpose()
}

/// Returns the value of the variable `name` as a URL, or the URL `default` if it is unset.
///
/// # Errors
/// Returns an error if the value is not a URL.
pub fn url_or(name: &'static str, default: &str) -> Result<Url, EnvError> {
    parse_url(name, text(name)?.as_deref().unwrap_or(default))
}

fn parse_url(name: &'static str, value: &str) -> Result<Url, EnvError> {
    Url::parse(value).map_err(|error| EnvError { name, problem: format!("`{value}` is not a URL: {error}") })
}

/// Returns the value of the variable `name` as the value of a label, or `default` if it is unset.
///
/// # Errors
/// Returns an error if the value is too long or has control characters.
pub fn label(name: &'static str, default: &str) -> Result<String, EnvError> {
    let value = text(name)?.unwrap_or_else(|| default.to_owned());
    if value.len() > MAX_LABEL_VALUE_BYTES || value.chars().any(char::is_control) {
        return Err(EnvError {
            name,
            problem: format!(
                "`{}` is not a label; expected at most {MAX_LABEL_VALUE_BYTES} bytes without control characters",
                excerpt(&value)
            ),
        });
    }
    Ok(value)
}

fn parse_seconds(value: &str) -> Option<Duration> {
    // A century. Much longer durations overflow when they are added to an `Instant`.
    const MAX_SECONDS: f64 = 100.0 * 365.25 * 86400.0;
    let seconds: f64 = value.parse().ok()?;
    let duration = (seconds > 0.0 && seconds <= MAX_SECONDS).then(|| Duration::from_secs_f64(seconds));
    // A value far below a nanosecond rounds to zero.
    duration.filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_seconds_are_parsed() {
        assert_eq!(parse_seconds("2.5"), Some(Duration::from_millis(2500)));
        assert_eq!(parse_seconds("30"), Some(Duration::from_secs(30)));
    }

    #[test]
    fn invalid_numbers_of_seconds_are_rejected() {
        for value in ["0", "-1", "NaN", "inf", "1e300", "1e-300", "soon", "5s"] {
            assert_eq!(parse_seconds(value), None, "{value}");
        }
    }

    #[test]
    fn an_unset_variable_returns_the_default() {
        let default = Duration::from_secs(7);
        assert_eq!(text("EXAMPLES_SURELY_UNSET").ok(), Some(None));
        assert_eq!(seconds("EXAMPLES_SURELY_UNSET", default).ok(), Some(default));
    }
}
