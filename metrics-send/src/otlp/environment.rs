//! The settings of the environment variables of OpenTelemetry.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/> and
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};

use super::{NAME, Otlp};
use crate::error::ConfigError;

/// The names of a variable: that for metrics, and that for all signals.
type Names = [&'static str; 2];

const ENDPOINT: Names = ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOL: Names = ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const HEADERS: Names = ["OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
const COMPRESSION: Names = ["OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"];
const TIMEOUT: Names = ["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
const CERTIFICATE: Names = ["OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SERVICE: &str = "OTEL_SERVICE_NAME";

impl Otlp {
    /// Creates the settings of the environment. An empty variable is the same as none.
    ///
    /// | variable | value | if unset |
    /// |---|---|---|
    /// | `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` | the whole address of the receiver | the next one |
    /// | `OTEL_EXPORTER_OTLP_ENDPOINT` | an address to which `/v1/metrics` is added | `http://localhost:4318` |
    /// | `OTEL_EXPORTER_OTLP_HEADERS` | [headers](Self::header): `key=value` pairs, separated by commas, in percent-encoding | none |
    /// | `OTEL_EXPORTER_OTLP_COMPRESSION` | `gzip` or `none` | `gzip` |
    /// | `OTEL_EXPORTER_OTLP_TIMEOUT` | the [timeout](Self::timeout) in milliseconds | 30 seconds |
    /// | `OTEL_EXPORTER_OTLP_CERTIFICATE` | the file of certificate authorities, with the feature `tls` | those of the system |
    /// | `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf`, the only protocol of this crate | `http/protobuf` |
    /// | `OTEL_METRIC_EXPORT_INTERVAL` | the [interval](Self::interval) in milliseconds | 15 seconds |
    /// | `OTEL_RESOURCE_ATTRIBUTES` | [attributes](Self::attribute), in the form of the headers | none |
    /// | `OTEL_SERVICE_NAME` | the [name of the service](Self::service_name) | `service.name` of the attributes; the namespace |
    ///
    /// Each variable `OTEL_EXPORTER_OTLP_..` exists as `OTEL_EXPORTER_OTLP_METRICS_..` too, which is used if it is set.
    /// Setters that are called later override the environment.
    ///
    /// ```no_run
    /// use metrics_send::Otlp;
    ///
    /// let otlp = Otlp::from_env()?.instance("10.0.0.7:8000");
    /// # drop(otlp);
    /// # Ok::<(), metrics_send::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if a variable has any other value. It names the variable, and no value of a header.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let first = |names: Names| names.into_iter().find_map(|name| Some((name, get(name)?)));
        let (variable, endpoint) = first(ENDPOINT).unwrap_or((ENDPOINT[1], "http://localhost:4318".to_owned()));
        let is_whole = variable == ENDPOINT[0];
        let url = if is_whole { endpoint } else { format!("{}/v1/metrics", endpoint.trim_end_matches('/')) };
        let mut otlp = Self::new(&url).map_err(|error| problem(variable, &error))?;
        if let Some((variable, protocol)) = first(PROTOCOL).filter(|(_, protocol)| protocol != "http/protobuf") {
            return Err(problem(
                variable,
                &format!("{protocol:?} is not supported; expected `http/protobuf`, or unset"),
            ));
        }
        if let Some((variable, text)) = first(HEADERS) {
            for (entry, key, value) in pairs(variable, &text)? {
                otlp = otlp.header_of(&key, &value).ok_or_else(|| {
                    let expected = "expected a name, `=`, and a value without control characters";
                    problem(variable, &format!("entry {entry} is not a header; {expected}"))
                })?;
            }
        }
        if let Some((variable, compression)) = first(COMPRESSION) {
            otlp = match compression.as_str() {
                "gzip" => otlp.gzip(true),
                "none" => otlp.gzip(false),
                _ => return Err(problem(variable, &format!("{compression:?}; expected `gzip`, `none`, or unset"))),
            };
        }
        if let Some((variable, text)) = first(TIMEOUT) {
            otlp = otlp.timeout(milliseconds(variable, &text)?);
        }
        if let Some(text) = get(INTERVAL) {
            otlp = otlp.interval(milliseconds(INTERVAL, &text)?);
        }
        if let Some((variable, file)) = first(CERTIFICATE) {
            otlp = otlp.trusting(variable, &file)?;
        }
        if let Some(text) = get(ATTRIBUTES) {
            for (_, key, value) in pairs(ATTRIBUTES, &text)? {
                otlp = otlp.attribute(&key, &value)?;
            }
        }
        match get(SERVICE) {
            Some(name) => otlp.attribute(NAME, &name),
            None => Ok(otlp),
        }
    }

    fn header_of(self, key: &str, value: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        Some(self.header(HeaderName::from_bytes(key.as_bytes()).ok()?, value))
    }

    #[cfg(feature = "tls")]
    fn trusting(self, variable: &'static str, file: &str) -> Result<Self, ConfigError> {
        self.ca_file(file).map_err(|error| problem(variable, &error))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "it is used with the feature `tls`")]
    fn trusting(self, variable: &'static str, _file: &str) -> Result<Self, ConfigError> {
        Err(problem(variable, &"needs the feature `tls` of metrics-send; enable it, or unset the variable"))
    }
}

fn problem(variable: &'static str, problem: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::Variable { variable, problem: problem.to_string() }
}

fn milliseconds(variable: &'static str, text: &str) -> Result<Duration, ConfigError> {
    let number = text.parse().ok().filter(|number| *number > 0);
    let expected = "expected a whole number of milliseconds, at least 1";
    let number = number.ok_or_else(|| problem(variable, &format!("{text:?}; {expected}")))?;
    Ok(Duration::from_millis(number))
}

/// Parses `key=value` pairs, separated by commas, in percent-encoding, with their numbers from 1 on. A value can be a
/// secret, so no error has one. Neither has it a key: of `authorization: Basic c2VjcmV0=`, the secret is in the key.
fn pairs(variable: &'static str, text: &str) -> Result<Vec<(usize, String, String)>, ConfigError> {
    let entries = (1..).zip(text.split(',')).filter(|(_, entry)| !entry.trim().is_empty());
    let pairs = entries.map(|(number, entry)| {
        let pair = entry.split_once('=').and_then(|(key, value)| Some((number, decoded(key)?, decoded(value)?)));
        pair.filter(|(_, key, _)| !key.is_empty()).ok_or_else(|| {
            let expected = "expected `key=value` pairs, separated by commas, with other characters as `%2C`";
            problem(variable, &format!("entry {number} is not a pair; {expected}"))
        })
    });
    pairs.collect()
}

/// Returns a text without percent-encoding, or `None` if it is not valid.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.trim().split('%');
    let mut out = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        out.push(u8::from_str_radix(code, 16).ok()?);
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Otlp, ConfigError> {
        Otlp::from_variables(|name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn shown(variables: &[(&str, &str)]) -> String {
        format!("{:?}", from(variables).unwrap())
    }

    #[test]
    fn the_variable_of_metrics_wins_and_is_the_whole_address() {
        assert!(shown(&[]).contains("\"http://localhost:4318/v1/metrics\""));
        for (base, expected) in [
            ("http://c:4318", "\"http://c:4318/v1/metrics\""),
            ("http://c:4318/", "\"http://c:4318/v1/metrics\""),
            ("http://c/mine/", "\"http://c/mine/v1/metrics\""),
        ] {
            assert!(shown(&[(ENDPOINT[1], base)]).contains(expected), "{base}");
        }
        assert!(shown(&[(ENDPOINT[1], "http://c"), (ENDPOINT[0], "http://d/x")]).contains("\"http://d/x\""));
        assert!(shown(&[(ENDPOINT[1], "http://c"), (ENDPOINT[0], " ")]).contains("\"http://c/v1/metrics\""));
    }

    #[test]
    fn attributes_are_decoded_and_the_name_of_the_service_wins() {
        let variables = [(ATTRIBUTES, " service.name=a , k8s.pod.name = p%2C%3D%20%C3%A9 ,,"), (SERVICE, "shop")];
        let text = shown(&variables);
        assert!(text.contains(r#"[("k8s.pod.name", "p,= é"), ("service.name", "shop")]"#), "{text}");
        let text = shown(&[variables[0], (COMPRESSION[1], "none"), (TIMEOUT[0], "1500"), (INTERVAL, "2500")]);
        assert!(text.contains(r#"("service.name", "a")"#) && text.contains("gzip: false"), "{text}");
        assert!(text.contains("timeout: 1.5s") && text.contains("interval: 2.5s"), "{text}");
    }

    #[test]
    fn an_invalid_variable_is_named_without_secrets() {
        for (variable, value) in [
            (ENDPOINT[0], "collector:4318"),
            (ENDPOINT[1], "http://user:secret@collector"),
            (PROTOCOL[1], "grpc"),
            (HEADERS[0], "authorization"),
            (HEADERS[1], "a=b,x=%2,authorization=secret"),
            (HEADERS[1], "a=%FFsecret"),
            (HEADERS[1], "a b=secret"),
            (HEADERS[1], "a=secret%0A"),
            (HEADERS[1], "a=b,authorization: Basic secret="),
            (COMPRESSION[0], "zstd"),
            (TIMEOUT[1], "10s"),
            (INTERVAL, "0"),
            (INTERVAL, "1.5"),
            (CERTIFICATE[1], "/no/such/file.pem"),
            (ATTRIBUTES, "=a"),
        ] {
            let error = from(&[(variable, value)]).unwrap_err();
            let ConfigError::Variable { variable: named, .. } = &error else { panic!("{error}") };
            assert_eq!(*named, variable);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let text = shown(&[(HEADERS[1], "authorization=Bearer%20secret")]);
        assert!(!text.contains("secret"), "{text}");
    }
}
