//! The HTTP API of a Prometheus, or of another store that has it
//! (<https://prometheus.io/docs/prometheus/latest/querying/api/>).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::fetch::{self, Credentials};

/// A server, with the credentials for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prometheus<'a> {
    pub(crate) url: &'a str,
    pub(crate) credentials: &'a Credentials,
}

/// A series of the result of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) labels: BTreeMap<String, String>,
    /// The number as the server writes it.
    pub(crate) value: String,
}

/// A rule that a server evaluates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadedRule {
    pub(crate) is_alert: bool,
    pub(crate) name: String,
    pub(crate) query: String,
}

impl Found {
    /// Returns the value of a label, which is empty if the series has none.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl Prometheus<'_> {
    /// Runs a query whose result is a vector.
    ///
    /// # Errors
    /// Returns the problem if the server does not answer as a Prometheus does.
    pub(crate) fn query(&self, query: &str) -> Result<Vec<Found>, String> {
        let mut path = "query?query=".to_owned();
        for byte in query.bytes() {
            // Writing to a string cannot fail.
            let _ = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => write!(path, "{}", char::from(byte)),
                _ => write!(path, "%{byte:02X}"),
            };
        }
        let data = self.get(&path)?;
        let series = data["result"].as_array().ok_or(UNEXPECTED)?;
        let found = |series: &Value| {
            let labels = series["metric"].as_object()?.iter();
            let labels = labels.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            let value = series["value"][1].as_str()?.to_owned();
            Some(Found { labels: labels.collect::<Option<_>>()?, value })
        };
        series.iter().map(|series| found(series).ok_or_else(|| format!("the answer has no number: {series}"))).collect()
    }

    /// Returns the rules that the server evaluates. A VictoriaMetrics has none: vmalert has those.
    ///
    /// # Errors
    /// Returns the problem if the server does not answer as a Prometheus does.
    pub(crate) fn rules(&self) -> Result<Vec<LoadedRule>, String> {
        let data = self.get("rules")?;
        let groups = data["groups"].as_array().ok_or(UNEXPECTED)?;
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let loaded = |rule: &Value| {
            let text = |field: &str| rule[field].as_str().map(str::to_owned);
            Some(LoadedRule { is_alert: rule["type"] == "alerting", name: text("name")?, query: text("query")? })
        };
        rules.map(|rule| loaded(rule).ok_or_else(|| format!("the answer has a rule without a query: {rule}"))).collect()
    }

    /// Returns the `data` of an answer.
    fn get(&self, path: &str) -> Result<Value, String> {
        let url = format!("{}/api/v1/{path}", self.url.trim_end_matches('/'));
        let answer = fetch::get(&url, self.credentials, &[])?;
        let mut answer: Value = serde_json::from_slice(&answer.body).map_err(|_| UNEXPECTED)?;
        Ok(answer["data"].take())
    }
}

const UNEXPECTED: &str =
    "the answer is not one of Prometheus; expected the address of one, such as `http://127.0.0.1:9090`";
