//! The grouping key, and its encoding in the address.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::Uri;

use super::ConfigError;
use super::client::address;
use crate::schema::name;

/// A grouping key: the label `job` and further labels, encoded in the path of an address.
#[derive(Clone, Debug)]
pub(super) struct GroupingKey {
    uri: Uri,
    labels: Vec<String>,
}

impl GroupingKey {
    pub(super) fn new(url: &str, job: &str) -> Result<Self, ConfigError> {
        let invalid = |problem| ConfigError::url(url, problem);
        let uri = address(url).map_err(invalid)?;
        if uri.query().is_some() {
            return Err(invalid("has a query"));
        }
        if job.is_empty() {
            return Err(ConfigError::Job);
        }
        let mut key = Self { uri, labels: Vec::new() };
        let base = format!("{}/metrics", url.trim_end_matches('/'));
        key.append(&base, "job", job)?;
        Ok(key)
    }

    pub(super) fn add(&mut self, label: &str, value: &str) -> Result<(), ConfigError> {
        name::check_label(label).map_err(|problem| ConfigError::Label(problem.into()))?;
        if self.labels.iter().any(|other| other == label) {
            return Err(ConfigError::Label(name::repeated_label(label).into()));
        }
        let base = self.uri.to_string();
        self.append(&base, label, value)
    }

    fn append(&mut self, base: &str, label: &str, value: &str) -> Result<(), ConfigError> {
        let url = format!("{base}{}", segments(label, value));
        self.uri = url.parse().map_err(|_| ConfigError::url(&url, "is too long"))?;
        self.labels.push(label.to_owned());
        Ok(())
    }

    /// Returns the address to push to.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the names of the labels.
    pub(super) fn label_names(&self) -> &[String] {
        &self.labels
    }
}

/// Returns two path segments for a label: `/name/value`, or `/name@base64/encoded` if the value cannot be one segment.
/// Base64 can encode every value, but the plain form is readable in a log.
///
/// Source: <https://github.com/prometheus/pushgateway#url>.
fn segments(label: &str, value: &str) -> String {
    // Proxies and routers may remove dot segments and decode an escaped slash.
    if value.contains('/') || value == "." || value == ".." {
        return format!("/{label}@base64/{}", URL_SAFE.encode(value));
    }
    if value.is_empty() {
        // An empty segment would be dropped. The gateway reads a single padding character as the empty string.
        return format!("/{label}@base64/=");
    }
    let mut out = format!("/{label}/");
    for byte in value.bytes() {
        // The unreserved characters of RFC 3986, section 2.3.
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grouping_key_is_encoded_as_the_gateway_decodes_it() {
        for (value, expected) in [
            ("plain-1.0_~", "/x/plain-1.0_~"),
            ("a b+c&d?e#f%g", "/x/a%20b%2Bc%26d%3Fe%23f%25g"),
            ("größe", "/x/gr%C3%B6%C3%9Fe"),
            ("", "/x@base64/="),
            ("/var/tmp", "/x@base64/L3Zhci90bXA="),
            ("??>/", "/x@base64/Pz8-Lw=="),
            ("..", "/x@base64/Li4="),
        ] {
            assert_eq!(segments("x", value), expected, "{value:?}");
        }
        let mut key = GroupingKey::new("http://gateway:9091/prefix/", "a/b").unwrap();
        key.add("instance", "").unwrap();
        assert_eq!(key.uri(), "http://gateway:9091/prefix/metrics/job@base64/YS9i/instance@base64/=");
        assert_eq!(key.label_names(), ["job", "instance"]);
    }
}
