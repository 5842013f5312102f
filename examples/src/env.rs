//! Environment variables: empty counts as unset, and a value nobody can use stops the start-up with its name.

use std::time::Duration;

/// A variable that is set to something unusable.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {name}: {problem}")]
pub struct EnvError {
    /// Which variable.
    pub name: &'static str,
    /// What is wrong with it and what it takes.
    pub problem: String,
}

/// The trimmed value of `name`, or `None` where it is unset or blank.
///
/// # Errors
/// If the value is not UTF-8.
pub fn text(name: &'static str) -> Result<Option<String>, EnvError> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(EnvError { name, problem: "its value is not UTF-8".to_owned() }),
    }
}

/// A span of time in seconds, fractions allowed, or `default` where `name` is unset.
///
/// # Errors
/// If the value is not a number above zero.
pub fn seconds(name: &'static str, default: Duration) -> Result<Duration, EnvError> {
    match text(name)? {
        None => Ok(default),
        Some(value) => parse_seconds(&value).ok_or_else(|| EnvError {
            name,
            problem: format!("`{value}` is not a number of seconds above zero, such as 2.5"),
        }),
    }
}

fn parse_seconds(value: &str) -> Option<Duration> {
    // A century is as good as for ever and far from where adding it to the clock would overflow.
    const LONGEST: f64 = 100.0 * 365.25 * 86400.0;
    let seconds: f64 = value.parse().ok()?;
    let duration = (seconds > 0.0 && seconds <= LONGEST).then(|| Duration::from_secs_f64(seconds));
    // Far below a nanosecond it is nothing.
    duration.filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_fractions() {
        assert_eq!(parse_seconds("2.5"), Some(Duration::from_millis(2500)));
        assert_eq!(parse_seconds("30"), Some(Duration::from_secs(30)));
    }

    #[test]
    fn seconds_that_are_none() {
        for value in ["0", "-1", "NaN", "inf", "1e300", "1e-300", "soon", "5s"] {
            assert_eq!(parse_seconds(value), None, "{value}");
        }
    }

    #[test]
    fn an_unset_variable_gives_the_default() {
        let default = Duration::from_secs(7);
        assert_eq!(text("EXAMPLES_SURELY_UNSET").ok(), Some(None));
        assert_eq!(seconds("EXAMPLES_SURELY_UNSET", default).ok(), Some(default));
    }
}
