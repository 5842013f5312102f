//! The grouping key, and the address that spells it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::Uri;

use super::ConfigError;
use crate::schema::name;

/// A grouping key, the job first.
#[derive(Clone, Debug)]
pub(super) struct Group {
    uri: Uri,
    labels: Vec<String>,
}

impl Group {
    pub(super) fn new(url: &str, job: &str) -> Result<Self, ConfigError> {
        let wrong = |problem| Err(ConfigError::url(url, problem));
        let Ok(uri) = url.parse::<Uri>() else { return wrong("is none") };
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return wrong("does not begin with http:// or https://");
        }
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return wrong("has a name or password in it, which belong into `Push::basic_auth`");
        }
        if uri.query().is_some() || url.contains('#') {
            return wrong("ends in a query or a fragment");
        }
        if job.is_empty() {
            return Err(ConfigError::Job);
        }
        let mut group = Self { uri, labels: Vec::new() };
        let begin = format!("{}/metrics", url.trim_end_matches('/'));
        group.append(&begin, "job", job)?;
        Ok(group)
    }

    pub(super) fn add(&mut self, label: &str, value: &str) -> Result<(), ConfigError> {
        name::check_label(label).map_err(|problem| ConfigError::Label(problem.into()))?;
        if self.labels.iter().any(|other| other == label) {
            return Err(ConfigError::Repeated(label.to_owned()));
        }
        let begin = self.uri.to_string();
        self.append(&begin, label, value)
    }

    fn append(&mut self, begin: &str, label: &str, value: &str) -> Result<(), ConfigError> {
        let url = format!("{begin}{}", segments(label, value));
        self.uri = url.parse().map_err(|_| ConfigError::url(&url, "is too long"))?;
        self.labels.push(label.to_owned());
        Ok(())
    }

    /// Where to push to.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The names of its labels.
    pub(super) fn labels(&self) -> &[String] {
        &self.labels
    }
}

/// Two segments of a path, as the gateway reads them: `/name/value`, or `/name@base64/encoded` for what is not one
/// segment. Every value can be had in base64, but only the other way can be read in a log.
///
/// Source: <https://github.com/prometheus/pushgateway#url>.
fn segments(label: &str, value: &str) -> String {
    // Whatever handles a path may clean dots away, and decode a slash.
    if value.contains('/') || value == "." || value == ".." {
        return format!("/{label}@base64/{}", URL_SAFE.encode(value));
    }
    if value.is_empty() {
        // Nothing would be no segment: the gateway takes padding alone for it.
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
    fn a_grouping_key_is_spelled_as_the_gateway_reads_it() {
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
        let mut group = Group::new("http://gateway:9091/prefix/", "a/b").unwrap();
        group.add("instance", "").unwrap();
        assert_eq!(group.uri(), "http://gateway:9091/prefix/metrics/job@base64/YS9i/instance@base64/=");
        assert_eq!(group.labels(), ["job", "instance"]);
    }

    #[test]
    fn what_is_no_address_or_key_is_an_error_that_says_why() {
        for (url, part) in [
            ("gateway:9091", "does not begin with http"),
            ("", "is none"),
            ("ftp://gateway", "does not begin with http"),
            ("http://", "is none"),
            ("http://gateway:9091?x=1", "query"),
            ("http://gateway:9091/#x", "fragment"),
            ("http://gate way", "is none"),
        ] {
            let error = Group::new(url, "job").unwrap_err().to_string();
            assert!(error.contains(part) && error.ends_with("it has to be like http://pushgateway:9091"), "{error}");
        }
        for url in ["http://me:secret@gateway", "http://me:secret@gate way"] {
            let error = Group::new(url, "job").unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert_eq!(Group::new("http://gateway", "").unwrap_err(), ConfigError::Job);
        let mut group = Group::new("http://gateway", "job").unwrap();
        assert_eq!(group.add("job", "x"), Err(ConfigError::Repeated("job".to_owned())));
        assert!(matches!(group.add("not-a-name", "x"), Err(ConfigError::Label(_))));
        assert!(matches!(group.add("a", &"x".repeat(70_000)), Err(ConfigError::Url { problem: "is too long", .. })));
    }
}
