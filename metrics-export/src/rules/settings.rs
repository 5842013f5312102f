//! Settings of alerts: which ones are left out, and the threshold, window, duration and severity of the others.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{debug_as_display, nearest};
use crate::time::{parse_span, span, spoken};

/// Settings of alerts by name, for [`Export::alerts`](crate::Export::alerts).
///
/// In code:
///
/// ```
/// use std::time::Duration;
/// use metrics_export::{AlertSetting, AlertSettings, Export};
/// # use metrics_runtime::{Metrics, Registry};
/// # let metrics = Metrics::builder().namespace("shop").registry(&Registry::new()).build()?;
///
/// let settings = AlertSettings::new()
///     .set("HttpErrorRatio", AlertSetting::new().threshold(0.02).holds(Duration::from_secs(120)))
///     .without("*Latency");
/// let rules = Export::new(&metrics).alerts(settings)?.rules();
/// assert!(rules.contains("ShopHttpErrorRatio") && !rules.contains("ShopHttpLatency"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Or as text, which is the part of [TOML](https://toml.io) that these lines show:
///
/// ```
/// use metrics_export::AlertSettings;
///
/// let settings: AlertSettings = r#"
///     [HttpErrorRatio]
///     threshold = 0.02
///     window = "2m"
///     for = "5m"
///     severity = "ticket"   # any value of the label `severity`
///
///     ["*Latency"]
///     enabled = false
/// "#.parse()?;
/// # Ok::<(), metrics_export::AlertError>(())
/// ```
///
/// A name is that of an alert with or without the name of the service, as in `ShopHttpErrorRatio`. A `*` stands for
/// any characters. If several names match an alert, all apply, and the last one has precedence.
///
/// `docs/alerts.md` lists the alerts with the meaning of their thresholds and windows.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct AlertSettings {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    name: String,
    setting: AlertSetting,
    /// The line in the file.
    line: Option<usize>,
}

/// The settings of one alert, see [`AlertSettings`]. What is not set keeps its default.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct AlertSetting {
    enabled: Option<bool>,
    threshold: Option<f64>,
    window: Option<Duration>,
    holds: Option<Duration>,
    severity: Option<String>,
}

impl AlertSettings {
    /// Creates settings that change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the alerts of this name.
    pub fn set(mut self, name: impl Into<String>, setting: AlertSetting) -> Self {
        self.entries.push(Entry { name: name.into(), setting, line: None });
        self
    }

    /// Leaves out the alerts of this name.
    pub fn without(self, name: impl Into<String>) -> Self {
        self.set(name, AlertSetting::new().enabled(false))
    }

    /// Adds other settings, which have precedence.
    pub fn and(mut self, others: Self) -> Self {
        self.entries.extend(others.entries);
        self
    }

    /// Returns the numbers of this alert, or `None` if it is left out.
    pub(super) fn resolve(&self, service: &str, name: &str, mut tuning: Tuning) -> Option<Tuning> {
        let mut enabled = true;
        for Entry { name: pattern, setting, .. } in &self.entries {
            if !names(pattern, service, name) {
                continue;
            }
            enabled = setting.enabled.unwrap_or(enabled);
            tuning.threshold = tuning.threshold.map(|default| setting.threshold.unwrap_or(default));
            tuning.window = tuning.window.map(|default| setting.window.unwrap_or(default));
            tuning.holds = setting.holds.unwrap_or(tuning.holds);
            if let Some(severity) = &setting.severity {
                tuning.severity.clone_from(severity);
            }
        }
        enabled.then_some(tuning)
    }

    /// Checks that every name is that of an alert, and that the alert has what is set.
    pub(super) fn check(&self, service: &str, alerts: &[(String, Tuning)]) -> Result<(), AlertError> {
        for Entry { name: pattern, setting, line } in &self.entries {
            let error = |problem: String| AlertError { line: *line, problem };
            setting.check().map_err(|problem| error(format!("`{pattern}`: {problem}")))?;
            let found: Vec<_> = alerts.iter().filter(|(name, _)| names(pattern, service, name)).collect();
            if found.is_empty() {
                return Err(error(unknown(pattern, service, alerts)));
            }
            let never = |threshold: &f64| {
                found.iter().any(|(_, tuning)| tuning.threshold.is_some() && *threshold >= tuning.end)
            };
            if let Some(threshold) = setting.threshold.filter(never) {
                let end = found.iter().map(|(_, tuning)| tuning.end).fold(f64::INFINITY, f64::min);
                return Err(error(format!(
                    "the threshold of `{pattern}` is {threshold}; expected less than {end}, because it can never be exceeded"
                )));
            }
            // A pattern may include alerts that have no threshold.
            let none_has = |has: fn(&Tuning) -> bool| found.iter().all(|(_, tuning)| !has(tuning));
            if setting.threshold.is_some() && none_has(|tuning| tuning.threshold.is_some()) {
                return Err(error(format!("`{pattern}` has no threshold; remove `threshold`")));
            }
            if setting.window.is_some() && none_has(|tuning| tuning.window.is_some()) {
                return Err(error(format!("`{pattern}` has no window that can be set; remove `window`")));
            }
        }
        Ok(())
    }
}

impl AlertSetting {
    /// Creates settings that change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves out the alert if `enabled` is `false`.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = Some(enabled);
        self
    }

    /// Sets the number that the alert compares with: a ratio such as 0.05, seconds, or a number of events.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = Some(threshold);
        self
    }

    /// Sets the time over which events are counted, in whole seconds. It should contain three scrapes. If the alert has
    /// to hold for a time, the window should be shorter than that, so that the alert does not fire long after a problem.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// Sets the time for which the condition has to hold before the alert fires, in whole seconds.
    pub fn holds(mut self, holds: Duration) -> Self {
        self.holds = Some(holds);
        self
    }

    /// Sets the value of the label `severity`. It cannot be empty, nor contain `{{`, which begins a template, or
    /// control characters.
    pub fn severity(mut self, severity: impl Into<String>) -> Self {
        self.severity = Some(severity.into());
        self
    }

    fn check(&self) -> Result<(), String> {
        if let Some(threshold) = self.threshold.filter(|threshold| !(threshold.is_finite() && *threshold >= 0.0)) {
            return Err(format!("the threshold is {threshold}; expected a finite number of at least 0"));
        }
        for (what, time, least) in [("window", self.window, 1), ("for", self.holds, 0)] {
            if let Some(time) = time.filter(|time| time.subsec_nanos() != 0 || time.as_secs() < least) {
                let least = if least > 0 { " of at least one" } else { "" };
                let time = if time.is_zero() { span(time) } else { format!("{time:?}") };
                return Err(format!("`{what}` is {time}; expected whole seconds{least}"));
            }
        }
        match self.severity.as_deref() {
            Some("") => Err("the severity is empty; expected a value such as `page` or `ticket`".to_owned()),
            // Prometheus expands templates in the labels of alerts.
            Some(severity) if severity.contains("{{") || severity.contains(char::is_control) => Err(format!(
                "the severity is {severity:?}; expected a value such as `page`, without `{{{{` and control characters"
            )),
            _ => Ok(()),
        }
    }

    /// Sets a key of the file to its value.
    fn read(&mut self, key: &str, value: &str) -> Result<(), String> {
        let twice = |set: bool| if set { Err(format!("`{key}` is given twice")) } else { Ok(()) };
        let wrong = |expected: &str| format!("`{key}` is `{value}`; expected {expected}");
        match key {
            "enabled" => {
                twice(self.enabled.is_some())?;
                self.enabled = Some(value.parse().map_err(|_| wrong("true or false"))?);
            }
            "threshold" => {
                twice(self.threshold.is_some())?;
                self.threshold = Some(value.parse().map_err(|_| wrong("a number"))?);
            }
            "window" | "for" => {
                let expected = if key == "for" { "a time such as \"5m\"" } else { "a time above 0, such as \"5m\"" };
                let time = text(value).and_then(parse_span).filter(|time| key == "for" || !time.is_zero());
                let time = time.ok_or_else(|| wrong(expected))?;
                let place = if key == "for" { &mut self.holds } else { &mut self.window };
                twice(place.is_some())?;
                *place = Some(time);
            }
            "severity" => {
                twice(self.severity.is_some())?;
                let severity = text(value).ok_or_else(|| wrong("a text such as \"page\", without `\"` and `\\`"))?;
                self.severity = Some(severity.to_owned());
            }
            _ => {
                let keys = ["enabled", "threshold", "window", "for", "severity"];
                return Err(format!("unknown key `{key}`; expected `{}`{}", keys.join("`, `"), nearest(key, keys)));
            }
        }
        self.check()
    }
}

impl FromStr for AlertSettings {
    type Err = AlertError;

    fn from_str(file: &str) -> Result<Self, AlertError> {
        let mut settings = Self::new();
        for (number, line) in (1..).zip(file.trim_start_matches('\u{feff}').lines()) {
            let error = |problem: String| AlertError { line: Some(number), problem };
            let line = without_comment(line).trim();
            if line.is_empty() {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                let name = name.strip_suffix(']').ok_or_else(|| error(format!("`{line}` has no `]`")))?.trim();
                let name = if name.starts_with('"') { text(name).unwrap_or_default() } else { name };
                if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-*".contains(c)) {
                    return Err(error(format!("`{line}` does not name an alert; expected [Name] or [\"*Name\"]")));
                }
                if settings.entries.iter().any(|entry| entry.name == name) {
                    return Err(error(format!("`{name}` is given twice")));
                }
                let setting = AlertSetting::new();
                settings.entries.push(Entry { name: name.to_owned(), setting, line: Some(number) });
                continue;
            }
            let (key, value) =
                line.split_once('=').ok_or_else(|| error(format!("`{line}` is neither [Name] nor `key = value`")))?;
            let entry = settings.entries.last_mut();
            let entry = entry.ok_or_else(|| error(format!("`{line}` belongs to no alert; put [Name] before it")))?;
            entry.setting.read(key.trim(), value.trim()).map_err(error)?;
        }
        Ok(settings)
    }
}

/// Removes a comment, but not from a text that contains a `#`.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let end = line.find(|c| {
        quoted ^= c == '"';
        c == '#' && !quoted
    });
    &line[..end.unwrap_or(line.len())]
}

/// Returns the text between quotes. No value needs escapes.
fn text(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"').filter(|text| !text.contains(['"', '\\']))
}

/// Returns `true` if the pattern is the name of the alert, with or without the name of the service.
fn names(pattern: &str, service: &str, name: &str) -> bool {
    matches(pattern, name) || matches(pattern, &format!("{service}{name}"))
}

/// Compares a name with a pattern in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(start) else { return false };
    name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches(rest, &name[at..]))
}

fn unknown(pattern: &str, service: &str, alerts: &[(String, Tuning)]) -> String {
    let names = alerts.iter().map(|(name, _)| name.as_str());
    let short = pattern.strip_prefix(service).unwrap_or(pattern);
    format!("no alert has the name `{pattern}`{}", nearest(short, names))
}

/// The numbers of an alert that can be set. An alert without a threshold or a window has `None`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tuning {
    pub(super) threshold: Option<f64>,
    /// The end of the thresholds with which the alert can fire.
    pub(super) end: f64,
    pub(super) window: Option<Duration>,
    pub(super) holds: Duration,
    pub(super) severity: String,
}

impl Tuning {
    /// Creates the defaults of an alert without threshold and window, which has to hold for these minutes.
    pub(super) fn new(severity: &str, holds: u64) -> Self {
        let severity = severity.to_owned();
        Self { threshold: None, end: f64::INFINITY, window: None, holds: Duration::from_secs(60 * holds), severity }
    }

    pub(super) fn above(self, threshold: f64) -> Self {
        Self { threshold: Some(threshold), ..self }
    }

    pub(super) fn below(self, end: f64) -> Self {
        Self { end, ..self }
    }

    pub(super) fn within(self, minutes: u64) -> Self {
        Self { window: Some(Duration::from_secs(60 * minutes)), ..self }
    }

    /// Returns the numbers for a window of at least this length. The time for which the alert has to hold is longer by as
    /// much as the window, so that a short problem does not fire it.
    pub(super) fn within_at_least(self, least: Duration) -> Self {
        let longer = self.window.map_or(Duration::ZERO, |window| least.saturating_sub(window));
        Self { window: self.window.map(|window| window + longer), holds: self.holds + longer, ..self }
    }

    /// Returns the threshold. An alert that has none does not ask for it.
    pub(super) fn limit(&self) -> f64 {
        self.threshold.unwrap_or_default()
    }

    /// Returns the window as in queries.
    pub(super) fn window(&self) -> String {
        span(self.window.unwrap_or_default())
    }

    /// Returns the window in words.
    pub(super) fn spoken_window(&self) -> String {
        spoken(self.window.unwrap_or_default())
    }

    /// Returns the duration as in queries, or an empty text without one.
    pub(super) fn holds(&self) -> String {
        if self.holds.is_zero() { String::new() } else { span(self.holds) }
    }
}

/// The error of settings of alerts.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct AlertError {
    /// The line of the file, or `None` for settings in code.
    pub line: Option<usize>,
    /// The problem.
    pub problem: String,
}

impl fmt::Display for AlertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

debug_as_display!(AlertError);

#[cfg(test)]
mod tests {
    use super::*;

    fn error(file: &str) -> String {
        file.parse::<AlertSettings>().unwrap_err().to_string()
    }

    fn resolved(file: &str, name: &str) -> Option<Tuning> {
        let settings: AlertSettings = file.parse().unwrap();
        settings.resolve("Shop", name, Tuning::new("page", 5).above(0.05).within(3))
    }

    #[test]
    fn the_last_name_that_matches_has_precedence() {
        let file =
            "# all\n[\"*Ratio\"]\nfor = \"1h30m\" # long\nthreshold = 1e-3\n[ShopHttpErrorRatio]\nfor = \"90s\"\n";
        let tuning = resolved(file, "HttpErrorRatio").unwrap();
        assert_eq!((tuning.limit(), tuning.holds().as_str(), tuning.window().as_str()), (1e-3, "90s", "3m"));
        assert_eq!(resolved(file, "OtherRatio").unwrap().holds(), "90m");
        assert_eq!(resolved(file, "HttpLatency"), Some(Tuning::new("page", 5).above(0.05).within(3)));
        assert_eq!(resolved("[HttpLatency]\nenabled = false", "HttpLatency"), None);
        assert_eq!(
            resolved("[A]\nseverity = \"a # b\"\nfor = \"0s\"", "A").map(|tuning| tuning.severity).unwrap(),
            "a # b"
        );
    }

    #[test]
    fn an_error_names_the_line_the_value_and_what_is_expected() {
        for (file, expected) in [
            (
                "[A]\nthreshhold = 1",
                "line 2: unknown key `threshhold`; expected `enabled`, `threshold`, `window`, `for`, `severity`; did you mean `threshold`?",
            ),
            ("\n\nthreshold = 1", "line 3: `threshold = 1` belongs to no alert; put [Name] before it"),
            ("[A]\nfor = 5m", "line 2: `for` is `5m`; expected a time such as \"5m\""),
            ("[A]\nwindow = \"0m\"", "line 2: `window` is `\"0m\"`; expected a time above 0, such as \"5m\""),
            ("[A]\nfor = \"5 minutes\"", "line 2: `for` is `\"5 minutes\"`; expected a time such as \"5m\""),
            ("[A]\nthreshold = \"1\"", "line 2: `threshold` is `\"1\"`; expected a number"),
            ("[A]\nthreshold = -1", "line 2: the threshold is -1; expected a finite number of at least 0"),
            ("[A]\nthreshold = inf", "line 2: the threshold is inf; expected a finite number of at least 0"),
            ("[A]\nthreshold = 1\nthreshold = 2", "line 3: `threshold` is given twice"),
            ("[A]\nenabled = no", "line 2: `enabled` is `no`; expected true or false"),
            ("[A]\nseverity = \"\"", "line 2: the severity is empty; expected a value such as `page` or `ticket`"),
            (
                "[A]\nseverity = page",
                "line 2: `severity` is `page`; expected a text such as \"page\", without `\"` and `\\`",
            ),
            (
                r#"[A]
severity = "a\"b""#,
                r#"line 2: `severity` is `"a\"b"`; expected a text such as "page", without `"` and `\`"#,
            ),
            (
                "[A]\nseverity = \"{{ x\"",
                "line 2: the severity is \"{{ x\"; expected a value such as `page`, without `{{` and control characters",
            ),
            ("[A]\n[B]\n[A]", "line 3: `A` is given twice"),
            ("[A", "line 1: `[A` has no `]`"),
            ("[a.b]", "line 1: `[a.b]` does not name an alert; expected [Name] or [\"*Name\"]"),
            ("[A]\nfor", "line 2: `for` is neither [Name] nor `key = value`"),
        ] {
            assert_eq!(error(file), expected);
        }
    }

    #[test]
    fn a_name_of_no_alert_is_an_error_with_the_nearest_one() {
        let alerts = [
            ("HttpErrorRatio".to_owned(), Tuning::new("page", 5).above(0.05)),
            ("TargetDown".to_owned(), Tuning::new("page", 5)),
        ];
        let check = |file: &str| {
            file.parse::<AlertSettings>().unwrap().check("Shop", &alerts).map_err(|error| error.to_string())
        };
        assert_eq!(check("[HttpErrorRatio]\nthreshold = 0.1\n[\"*\"]\nthreshold = 2"), Ok(()));
        assert_eq!(
            check("\n[HttpErorRatio]").unwrap_err(),
            "line 2: no alert has the name `HttpErorRatio`; did you mean `HttpErrorRatio`?"
        );
        assert_eq!(check("[Something]").unwrap_err(), "line 1: no alert has the name `Something`");
        assert_eq!(
            check("[TargetDown]\nthreshold = 1").unwrap_err(),
            "line 1: `TargetDown` has no threshold; remove `threshold`"
        );
        assert_eq!(
            check("[TargetDown]\nwindow = \"1m\"").unwrap_err(),
            "line 1: `TargetDown` has no window that can be set; remove `window`"
        );
    }

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, name, expected) in [
            ("*", "A", true),
            ("*Latency", "HttpLatency", true),
            ("Http*", "HttpLatency", true),
            ("*t*L*", "HttpLatency", true),
            ("Http", "HttpLatency", false),
            ("*Ratio", "HttpLatency", false),
            ("H*x*", "HttpLatency", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
