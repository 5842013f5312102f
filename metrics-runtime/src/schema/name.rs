//! The rules of Prometheus for metric names, label names, units and bucket lists.
//!
//! Every rule is one `const fn`. Generated code evaluates it at compile time, at the span of the argument that it
//! checks. The registry evaluates it at run time for definitions that are not known at compile time. Both report the
//! same text.
//!
//! Source of the rules: the Prometheus data model (<https://prometheus.io/docs/concepts/data_model/>), its naming
//! practices (<https://prometheus.io/docs/practices/naming/>) and OpenMetrics 1.0
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

#![expect(clippy::result_large_err, reason = "a problem cannot be boxed at compile time")]

use std::fmt;

use super::Kind;

/// The capacity of a problem's text, in bytes.
const CAPACITY: usize = 320;

/// The violation of a rule: what was found, what is expected, and the fix. The text ends after [`CAPACITY`] bytes.
#[derive(Clone, Copy)]
pub struct Problem {
    text: [u8; CAPACITY],
    len: usize,
}

impl Problem {
    /// Concatenates the parts.
    pub(crate) const fn new(parts: &[&str]) -> Self {
        let mut text = [0; CAPACITY];
        let mut len = 0;
        let mut part = 0;
        while part < parts.len() {
            let bytes = parts[part].as_bytes();
            let mut i = 0;
            // Copies whole characters, so that the text of a long name stays valid UTF-8.
            while i < bytes.len() {
                let mut end = i + 1;
                while end < bytes.len() && bytes[end] & 0b1100_0000 == 0b1000_0000 {
                    end += 1;
                }
                if len + (end - i) > CAPACITY {
                    break;
                }
                while i < end {
                    text[len] = bytes[i];
                    len += 1;
                    i += 1;
                }
            }
            part += 1;
        }
        Self { text, len }
    }

    /// Returns the text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.text.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Problem {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// A name, a label, a unit, a bucket list or an objective that violates a rule of Prometheus.
///
/// The text names what was found, what is expected and the fix.
///
/// ```
/// use metrics_runtime::Descriptor;
///
/// let error = Descriptor::counter("jobs", "Jobs.").check().unwrap_err();
/// assert_eq!(error.to_string(), "counter `jobs` does not end in `_total`: write `jobs_total`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct NameError {
    text: Box<str>,
}

impl From<Problem> for NameError {
    fn from(problem: Problem) -> Self {
        Self { text: problem.as_str().into() }
    }
}

/// The result of one rule.
pub(crate) type Check = Result<(), Problem>;

/// Stops the compilation with the text of the problem, at the span of the caller.
///
/// # Panics
/// Panics, at compile time, if the check failed.
#[track_caller]
pub const fn expect(check: Check) {
    if let Err(problem) = check {
        panic!("{}", problem.as_str());
    }
}

/// Returns `true` if the name has only ASCII letters, digits and `_` (and `:` if `colon`) and does not start with a
/// digit.
pub(crate) const fn is_word(name: &str, colon: bool) -> bool {
    let bytes = name.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let ok = match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
            b'0'..=b'9' => i > 0,
            b':' => colon,
            _ => false,
        };
        if !ok {
            return false;
        }
        i += 1;
    }
    !bytes.is_empty()
}

pub(crate) const fn ends_with(name: &str, suffix: &str) -> bool {
    let (name, suffix) = (name.as_bytes(), suffix.as_bytes());
    if name.len() < suffix.len() {
        return false;
    }
    let mut i = 0;
    while i < suffix.len() {
        if name[name.len() - suffix.len() + i] != suffix[i] {
            return false;
        }
        i += 1;
    }
    true
}

pub(crate) const fn equal(a: &str, b: &str) -> bool {
    a.len() == b.len() && ends_with(a, b)
}

/// The suffixes that the exposition formats append to the name of a histogram. A histogram may have them in its own
/// name as well (a histogram of counts); any other metric with such a suffix would look like a histogram.
const RESERVED_SUFFIXES: [&str; 4] = ["_bucket", "_count", "_sum", "_created"];

/// Checks a name or the prefix of a name: letters, digits and `_`, not starting with a digit.
///
/// # Errors
/// Returns an error if the name is empty, has another character, or starts with a digit.
pub const fn check_prefix(name: &str) -> Check {
    if is_word(name, false) {
        return Ok(());
    }
    Err(Problem::new(&["name `", name, "` is not allowed: use letters, digits and `_`, and do not start with a digit"]))
}

/// Checks the name of a metric of the given kind.
///
/// # Errors
/// Returns the errors of [`check_legacy`], or an error if a counter does not end in `_total` or an info in `_info`, or if
/// the name has a suffix of another kind.
pub(crate) const fn check_metric(name: &str, kind: Kind) -> Check {
    if let Err(problem) = check_legacy(name) {
        return Err(problem);
    }
    let total = ends_with(name, "_total");
    match kind {
        Kind::Counter if !total => {
            return Err(Problem::new(&["counter `", name, "` does not end in `_total`: write `", name, "_total`"]));
        }
        Kind::Info if !ends_with(name, "_info") => {
            return Err(Problem::new(&["info `", name, "` does not end in `_info`: write `", name, "_info`"]));
        }
        Kind::Gauge | Kind::Histogram if total => {
            return Err(Problem::new(&[
                kind.as_str(),
                " `",
                name,
                "` ends in `_total`, which only counters do: use another name, or a counter",
            ]));
        }
        Kind::Gauge | Kind::Histogram if ends_with(name, "_info") => {
            return Err(Problem::new(&[
                kind.as_str(),
                " `",
                name,
                "` ends in `_info`, which only infos do: use another name, or an info",
            ]));
        }
        _ => {}
    }
    let mut i = 0;
    while i < RESERVED_SUFFIXES.len() {
        if !matches!(kind, Kind::Histogram) && ends_with(name, RESERVED_SUFFIXES[i]) {
            return Err(Problem::new(&[
                "metric name `",
                name,
                "` ends in `",
                RESERVED_SUFFIXES[i],
                "`, which the exposition formats append to histograms: use another name",
            ]));
        }
        i += 1;
    }
    Ok(())
}

/// Checks a name that does not follow the conventions for its kind.
///
/// # Errors
/// Returns an error if the name has a character that Prometheus does not allow, or is only a suffix, without which
/// OpenMetrics names families.
pub(crate) const fn check_legacy(name: &str) -> Check {
    if equal(name, "_total") || equal(name, "_info") {
        return Err(Problem::new(&["metric name `", name, "` has nothing before its suffix: write `x", name, "`"]));
    }
    if is_word(name, true) {
        return Ok(());
    }
    Err(Problem::new(&[
        "metric name `",
        name,
        "` is not allowed: use letters, digits, `_` and `:`, and do not start with a digit",
    ]))
}

/// Checks an earlier name of a metric, which `earlier` were given before. `name` is its present name.
///
/// # Errors
/// Returns an error if Prometheus does not allow the earlier name, or if it is the present one or given twice.
pub(crate) const fn check_replaced(replaced: &str, name: Option<&str>, earlier: &[&str]) -> Check {
    if let Some(name) = name
        && equal(replaced, name)
    {
        return Err(replaces_itself(name));
    }
    let mut i = 0;
    while i < earlier.len() {
        if equal(replaced, earlier[i]) {
            return Err(Problem::new(&["the name `", replaced, "` is replaced twice: remove one of the two"]));
        }
        i += 1;
    }
    check_legacy(replaced)
}

pub(crate) const fn replaces_itself(name: &str) -> Problem {
    Problem::new(&["metric `", name, "` replaces itself: write the name that it had before, or remove `replaces`"])
}

/// Checks the name of a function that becomes the name of its metric.
///
/// # Errors
/// Returns an error if the name has a character that Prometheus does not allow.
pub(crate) const fn check_function(name: &str) -> Check {
    if is_word(name, false) {
        return Ok(());
    }
    Err(Problem::new(&[
        "function name `",
        name,
        "` cannot be the name of a metric, which has letters, digits and `_`: write `name = \"..\"`",
    ]))
}

/// Checks the name to which a preset appends suffixes: `x` in `x_total` and `x_duration_seconds`.
///
/// # Errors
/// Returns an error if the name has a character that Prometheus does not allow, or ends in `_total`, which the preset
/// appends.
pub(crate) const fn check_stem(name: &str) -> Check {
    if ends_with(name, "_total") {
        return Err(Problem::new(&[
            "name `",
            name,
            "` ends in `_total`, which is appended for you: write `",
            stem(name),
            "`",
        ]));
    }
    check_prefix(name)
}

/// Checks the name of a label.
///
/// # Errors
/// Returns an error if the name has a character that Prometheus does not allow, or is reserved: `le`, `quantile`, and
/// every name that starts with `__`.
pub(crate) const fn check_label(name: &str) -> Check {
    if !is_word(name, false) {
        return Err(Problem::new(&[
            "label name `",
            name,
            "` is not allowed: use letters, digits and `_`, and do not start with a digit",
        ]));
    }
    let bytes = name.as_bytes();
    if bytes.len() >= 2 && bytes[0] == b'_' && bytes[1] == b'_' {
        return Err(Problem::new(&[
            "label name `",
            name,
            "` is reserved: names that start with `__` are for internal use of Prometheus; remove the underscores",
        ]));
    }
    if equal(name, "le") || equal(name, "quantile") {
        return Err(Problem::new(&[
            "label name `",
            name,
            "` is reserved: `le` and `quantile` belong to histograms and summaries; use another name",
        ]));
    }
    Ok(())
}

/// The value of the labels of an overflow series. No label has it as a fixed or known value.
pub(crate) const OVERFLOW: &str = "_overflow";

/// Checks the fixed or known values of a label.
///
/// # Errors
/// Returns an error if one of them is reserved.
pub(crate) const fn check_values(label: &str, values: &[&str]) -> Check {
    let mut i = 0;
    while i < values.len() {
        if equal(values[i], OVERFLOW) {
            return Err(Problem::new(&[
                "label `",
                label,
                "` has the value `_overflow`, which is reserved for operations beyond the limit of series: use another text",
            ]));
        }
        i += 1;
    }
    Ok(())
}

/// The highest limit of series that a definition can set.
const MAX_SERIES_LIMIT: usize = 1_000_000;

/// Checks a limit of series.
///
/// # Errors
/// Returns an error if the limit is not in 1..=1,000,000.
pub const fn check_series_limit(limit: usize) -> Check {
    if limit == 0 {
        return Err(Problem::new(&[
            "a limit of 0 series leaves no room for any: write a number from 1 to 1,000,000, such as `10_000`",
        ]));
    }
    if limit > MAX_SERIES_LIMIT {
        return Err(Problem::new(&[
            "a limit of more than 1,000,000 series is more than a server of Prometheus can take from one metric: write a \
             lower number, such as `10_000`",
        ]));
    }
    Ok(())
}

pub(crate) const NOTHING_TO_LIMIT: Problem = Problem::new(&[
    "`limit` bounds the number of label values that are only known at run time, and no label has such values: remove `limit`",
]);

pub(crate) const fn repeated_label(name: &str) -> Problem {
    Problem::new(&["label `", name, "` is declared twice: remove one of the two"])
}

pub(crate) const fn unused_label(name: &str) -> Problem {
    Problem::new(&["label `", name, "` is not used by any of the metrics: remove it"])
}

pub(crate) const fn late_label(name: &str) -> Problem {
    Problem::new(&[
        "label `",
        name,
        "` is evaluated on the result, and a call in flight has no result yet: use a value that is known before the body",
    ])
}

pub(crate) const fn missing_label(name: &str) -> Problem {
    Problem::new(&["the preset requires the label `", name, "`: add `labels(", name, " = ..)`"])
}

pub(crate) const TOO_MANY_LABELS: Problem =
    Problem::new(&["more than 12 labels: every label multiplies the number of series; use fewer"]);

pub(crate) const fn no_metric_for(argument: &str, method: &str) -> Problem {
    Problem::new(&[
        "the preset has no metric for `",
        argument,
        "`: remove the argument, or add `.",
        method,
        "(..)` to the preset",
    ])
}

pub(crate) const fn wrong_kind(name: &str, found: Kind, expected: Kind) -> Problem {
    let (found, expected) = (found.as_str(), expected.as_str());
    Problem::new(&[
        "`",
        name,
        "` has the kind `",
        found,
        "`, expected `",
        expected,
        "`: use `Descriptor::",
        expected,
        "`",
    ])
}

pub(crate) const fn duration_unit(unit: &str) -> Problem {
    Problem::new(&[
        "unit `",
        unit,
        "` is not the unit of a duration, which is recorded in seconds: write `unit = \"seconds\"`, or record a value \
         with `value = |r| ..`",
    ])
}

/// Checks the name of the service behind a circuit breaker.
///
/// # Errors
/// Returns an error if the name is empty.
pub const fn check_service(name: &str) -> Check {
    if name.is_empty() {
        return Err(Problem::new(&[
            "the service has an empty name, and an empty label value is the same as no label: name the service, \
             `service = \"ryot\"`",
        ]));
    }
    Ok(())
}

/// Checks a unit that is appended to the name of a function.
///
/// # Errors
/// Returns an error if the unit has a character that Prometheus does not allow.
pub(crate) const fn check_unit_word(unit: &str) -> Check {
    if is_word(unit, false) {
        return Ok(());
    }
    Err(Problem::new(&[
        "unit `",
        unit,
        "` is not allowed: use a plural base unit such as `seconds`, `bytes` or `ratio`",
    ]))
}

/// Checks the unit of a metric of the given kind: an info has none, and other names end in it, before `_total`, as
/// OpenMetrics requires.
///
/// # Errors
/// Returns an error if the unit has a character that Prometheus does not allow, if the metric is an info, or if the name
/// does not end in the unit.
pub(crate) const fn check_unit(name: &str, kind: Kind, unit: &str) -> Check {
    if matches!(kind, Kind::Info) {
        return Err(Problem::new(&["info `", name, "` has the unit `", unit, "`, but no value: remove the unit"]));
    }
    if let Err(problem) = check_unit_word(unit) {
        return Err(problem);
    }
    let stem = stem(name);
    let cut = stem.len().saturating_sub(unit.len());
    if ends_with(stem, unit) && cut > 0 && stem.as_bytes()[cut - 1] == b'_' {
        return Ok(());
    }
    Err(Problem::new(&[
        "metric name `",
        name,
        "` does not end in its unit `",
        unit,
        "`: write `",
        stem,
        "_",
        unit,
        if stem.len() < name.len() { "_total`" } else { "`" },
    ]))
}

/// Returns the name without `_total`: the name of a counter's family in OpenMetrics.
pub(crate) const fn stem(name: &str) -> &str {
    if ends_with(name, "_total") { name.split_at(name.len() - "_total".len()).0 } else { name }
}

/// Checks one bucket bound of a histogram: finite, and greater than the previous bound. `+Inf` is added by the toolkit.
///
/// # Errors
/// Returns an error if the bound is NaN, infinite, or not greater than the previous one.
#[expect(clippy::float_cmp, reason = "two bounds are the same only if they are exactly equal")]
pub const fn check_bound(bounds: &[f64], i: usize) -> Check {
    let bound = bounds[i];
    if bound.is_nan() {
        return Err(Problem::new(&["a bucket is NaN: every bucket is a finite number"]));
    }
    if bound.is_infinite() {
        return Err(Problem::new(&[
            "a bucket is infinite: every bucket is a finite number; leave it out, `+Inf` is added for you",
        ]));
    }
    if i > 0 && bound == bounds[i - 1] {
        return Err(Problem::new(&["a bucket is repeated: every bucket has to be above the one before"]));
    }
    if i > 0 && bound < bounds[i - 1] {
        return Err(Problem::new(&["the buckets are not sorted: every bucket has to be above the one before"]));
    }
    Ok(())
}

/// Checks a bucket list.
///
/// # Errors
/// Returns an error if the list is empty, or the first error of [`check_bound`].
pub const fn check_buckets(bounds: &[f64]) -> Check {
    if bounds.is_empty() {
        return Err(Problem::new(&["the bucket list is empty: give at least one bucket"]));
    }
    let mut check = Ok(());
    let mut i = 0;
    while i < bounds.len() && check.is_ok() {
        check = check_bound(bounds, i);
        i += 1;
    }
    check
}

/// Checks the classic bounds of a histogram, which has none if it has only native buckets.
///
/// # Errors
/// Returns the errors of [`check_buckets`].
pub(crate) const fn check_buckets_of(bounds: &[f64], native: bool) -> Check {
    if native && bounds.is_empty() { Ok(()) } else { check_buckets(bounds) }
}

pub(crate) const fn native_of_other_kind(name: &str, kind: Kind) -> Problem {
    Problem::new(&["`", name, "` is a ", kind.as_str(), ", and only histograms have native buckets: remove `native`"])
}

/// Checks the bounds of `linear(start, width, count)`.
///
/// # Errors
/// Returns an error that names the argument, `count` or `width`, if the bounds are not a bucket list.
pub const fn check_linear(bounds: &[f64]) -> Check {
    match bounds {
        [] => Err(Problem::new(&["`linear` has a count of 0: give at least one bucket"])),
        [first, second, ..] if *second <= *first => {
            Err(Problem::new(&["the width of `linear` is not above 0: every bucket has to be above the one before"]))
        }
        _ => check_buckets(bounds),
    }
}

/// Checks the bounds of `exponential(start, factor, count)`.
///
/// # Errors
/// Returns an error that names the argument, `count`, `start` or `factor`, if the bounds are not a bucket list.
pub const fn check_exponential(bounds: &[f64]) -> Check {
    match bounds {
        [] => Err(Problem::new(&["`exponential` has a count of 0: give at least one bucket"])),
        [first, ..] if *first <= 0.0 => Err(Problem::new(&[
            "the start of `exponential` is not above 0: no factor makes the bounds increase, use a positive start",
        ])),
        [first, second, ..] if *second <= *first => Err(Problem::new(&[
            "the factor of `exponential` is not above 1: every bucket has to be above the one before",
        ])),
        _ => check_buckets(bounds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    #[expect(clippy::large_types_passed_by_value, reason = "the value is used once per assertion")]
    fn refused(check: Check, text: &str) {
        let problem = check.expect_err("the check must fail");
        assert!(problem.as_str().contains(text), "{problem}");
    }

    #[test]
    fn only_the_name_of_a_counter_ends_in_total() {
        assert_eq!(check_metric("jobs_total", Kind::Counter), Ok(()));
        refused(check_metric("jobs", Kind::Counter), "write `jobs_total`");
        refused(check_metric("jobs_total", Kind::Gauge), "only counters do");
        refused(check_metric("x_bucket", Kind::Gauge), "`_bucket`");
        assert_eq!(check_metric("corrections_count", Kind::Histogram), Ok(()));
    }

    #[test]
    fn metric_names_have_the_characters_of_the_data_model() {
        assert_eq!(check_metric("a:b_c9", Kind::Gauge), Ok(()));
        for name in ["", "9a", "a-b", "größe", "a b", "a\n"] {
            refused(check_metric(name, Kind::Gauge), "is not allowed");
        }
    }

    #[test]
    fn reserved_label_names_are_refused() {
        assert_eq!(check_label("tenant"), Ok(()));
        refused(check_label("le"), "reserved");
        refused(check_label("quantile"), "reserved");
        refused(check_label("__name__"), "reserved");
        refused(check_label("a:b"), "is not allowed");
    }

    #[test]
    fn a_name_must_end_in_its_unit() {
        assert_eq!(check_unit("x_seconds", Kind::Gauge, "seconds"), Ok(()));
        assert_eq!(check_unit("x_bytes_total", Kind::Counter, "bytes"), Ok(()));
        refused(check_unit("x_total", Kind::Counter, "bytes"), "write `x_bytes_total`");
        refused(check_unit("megabytes", Kind::Gauge, "bytes"), "write `megabytes_bytes`");
        refused(check_unit("disk_info", Kind::Info, "info"), "remove the unit");
    }

    #[test]
    fn invalid_bucket_lists_are_refused() {
        assert_eq!(check_buckets(&[-1.0, 0.0, 2.5]), Ok(()));
        refused(check_buckets(&[]), "empty");
        refused(check_buckets(&[1.0, f64::NAN]), "NaN");
        refused(check_buckets(&[1.0, f64::INFINITY]), "infinite");
        refused(check_buckets(&[1.0, 1.0]), "repeated");
        refused(check_buckets(&[2.0, 1.0]), "not sorted");
        refused(check_linear(&[]), "count of 0");
        refused(check_linear(&[1.0, 0.5]), "width");
        refused(check_exponential(&[0.0, 0.0]), "start");
        refused(check_exponential(&[1.0, -2.0, 4.0]), "factor");
        refused(check_exponential(&[1.0, f64::INFINITY]), "infinite");
    }

    #[test]
    fn the_text_of_a_long_name_ends_at_a_character_boundary() {
        let name = "é".repeat(500);
        let problem = check_metric(&name, Kind::Gauge).expect_err("not ASCII");
        assert!(problem.as_str().starts_with("metric name `é"));
    }
}
