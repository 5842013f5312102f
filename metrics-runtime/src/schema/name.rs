//! What Prometheus allows in metric names, label names and bucket lists.
//!
//! Every rule stands here once, as a `const fn`: generated code evaluates it at compile time, at the span of the
//! offending word, and the registry evaluates it again for what is only known at run time. Both print the same text.
//!
//! Source of the rules: the Prometheus data model (<https://prometheus.io/docs/concepts/data_model/>), its naming
//! conventions (<https://prometheus.io/docs/practices/naming/>) and OpenMetrics 1.0.

#![expect(clippy::result_large_err, reason = "at compile time there is no allocator to box a problem with")]

use std::fmt;

use super::Kind;

const CAPACITY: usize = 320;

/// Why a name or a bucket list is refused: what was found, what is allowed, and a hint.
#[derive(Clone, Copy)]
pub struct Problem {
    text: [u8; CAPACITY],
    len: usize,
}

impl Problem {
    const fn new(parts: &[&str]) -> Self {
        let mut text = [0; CAPACITY];
        let mut len = 0;
        let mut part = 0;
        while part < parts.len() {
            let bytes = parts[part].as_bytes();
            let mut i = 0;
            // Whole characters only, so that a long name cannot leave half a character at the end.
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

    /// The sentence.
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

/// A name, a label, a unit or a bucket list that Prometheus does not allow. Its text says what was found and what is
/// allowed.
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

pub(crate) type Check = Result<(), Problem>;

/// Stops compilation with the text of the problem, at the span of the caller.
///
/// # Panics
/// At compile time, where there is a problem.
#[track_caller]
pub const fn expect(check: Check) {
    if let Err(problem) = check {
        panic!("{}", problem.as_str());
    }
}

/// A problem of these parts, for the rules that stand elsewhere.
pub(crate) const fn problem(parts: &[&str]) -> Problem {
    Problem::new(parts)
}

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

/// Suffixes that the exposition formats append to a histogram, which therefore may have them in its own name too
/// (a histogram of counts, say); on anything else they would read like one.
const RESERVED_SUFFIXES: [&str; 4] = ["_bucket", "_count", "_sum", "_created"];

/// A name that may be one on its own or a prefix: letters, digits and `_`, not starting with a digit.
///
/// # Errors
/// The name has another character, or none.
pub const fn check_prefix(name: &str) -> Check {
    if is_word(name, false) {
        return Ok(());
    }
    Err(Problem::new(&["name `", name, "` is not allowed: use letters, digits and `_`, and do not start with a digit"]))
}

/// A metric name of the given kind.
///
/// # Errors
/// A character Prometheus does not allow, a counter without `_total`, an info without `_info`, or a suffix that
/// belongs to another kind.
pub(crate) const fn check_metric(name: &str, kind: Kind) -> Check {
    if !is_word(name, true) {
        return Err(Problem::new(&[
            "metric name `",
            name,
            "` is not allowed: use letters, digits, `_` and `:`, and do not start with a digit",
        ]));
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

/// The name of a function, which becomes the name of its metric.
///
/// # Errors
/// A character Prometheus does not allow.
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

/// The name from which a row makes several: `x` of `x_total` and `x_duration_seconds`.
///
/// # Errors
/// A character Prometheus does not allow, or a suffix that the row appends itself.
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

/// A label name that users may declare.
///
/// # Errors
/// A character Prometheus does not allow, or a name that is reserved: `le`, `quantile`, and all that start with `__`.
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
            "` is reserved: names that start with `__` are Prometheus' own; drop the underscores",
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

pub(crate) const fn repeated_label(name: &str) -> Problem {
    Problem::new(&["label `", name, "` is declared twice: a label stands once in a metric"])
}

pub(crate) const fn unused_label(name: &str) -> Problem {
    Problem::new(&["label `", name, "` is used by none of the metrics: leave it out"])
}

pub(crate) const fn late_label(name: &str) -> Problem {
    Problem::new(&[
        "label `",
        name,
        "` is evaluated on what the function returned, when the call is no longer in flight: give it a value known at \
         entry",
    ])
}

pub(crate) const fn missing_label(name: &str) -> Problem {
    Problem::new(&["the preset has the label `", name, "`: add `labels(", name, " = ..)`"])
}

pub(crate) const TOO_MANY_LABELS: Problem =
    Problem::new(&["more than 12 labels: every label multiplies the number of series; use fewer"]);

pub(crate) const fn nothing_for(argument: &str, method: &str) -> Problem {
    Problem::new(&[
        "the preset has nothing for `",
        argument,
        "`: leave it out, or give the preset a `.",
        method,
        "(..)`",
    ])
}

pub(crate) const fn wrong_kind(name: &str, found: Kind, wanted: Kind) -> Problem {
    Problem::new(&["`", name, "` is described as a ", found.as_str(), " where a ", wanted.as_str(), " is wanted"])
}

/// A unit that the name of a function takes on.
///
/// # Errors
/// It is no word.
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

/// A unit: the name has to end in it (before `_total`), as OpenMetrics asks.
///
/// # Errors
/// The unit is no word, or the name does not end in it.
pub(crate) const fn check_unit(name: &str, unit: &str) -> Check {
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

/// The name without `_total`: what OpenMetrics calls the family of a counter.
pub(crate) const fn stem(name: &str) -> &str {
    if ends_with(name, "_total") { name.split_at(name.len() - "_total".len()).0 } else { name }
}

/// One bound of a histogram: finite, and above the one before. The bound at infinity is added by the toolkit.
///
/// # Errors
/// NaN, infinite, equal to the one before or below it.
#[expect(clippy::float_cmp, reason = "a bound that differs at all is another bound")]
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

/// A whole bucket list.
///
/// # Errors
/// Empty, or a bound refused by [`check_bound`].
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

/// What `linear(start, width, count)` made.
///
/// # Errors
/// The arguments do not make a bucket list.
pub const fn check_linear(bounds: &[f64]) -> Check {
    match bounds {
        [] => Err(Problem::new(&["`linear` has a count of 0: give at least one bucket"])),
        [first, second, ..] if *second <= *first => {
            Err(Problem::new(&["the width of `linear` is not above 0: every bucket has to be above the one before"]))
        }
        _ => check_buckets(bounds),
    }
}

/// What `exponential(start, factor, count)` made.
///
/// # Errors
/// The arguments do not make a bucket list.
pub const fn check_exponential(bounds: &[f64]) -> Check {
    match bounds {
        [] => Err(Problem::new(&["`exponential` has a count of 0: give at least one bucket"])),
        [first, ..] if *first <= 0.0 => {
            Err(Problem::new(&["the start of `exponential` is not above 0: no factor gets away from there"]))
        }
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
    #[expect(clippy::large_types_passed_by_value, reason = "it is a test")]
    fn refused(check: Check, text: &str) {
        let problem = check.expect_err("has to be refused");
        assert!(problem.as_str().contains(text), "{problem}");
    }

    #[test]
    fn a_counter_ends_in_total_and_nothing_else_does() {
        assert_eq!(check_metric("jobs_total", Kind::Counter), Ok(()));
        refused(check_metric("jobs", Kind::Counter), "write `jobs_total`");
        refused(check_metric("jobs_total", Kind::Gauge), "only counters do");
        refused(check_metric("x_bucket", Kind::Gauge), "`_bucket`");
        assert_eq!(check_metric("corrections_count", Kind::Histogram), Ok(()));
    }

    #[test]
    fn metric_names_take_what_the_data_model_allows() {
        assert_eq!(check_metric("a:b_c9", Kind::Gauge), Ok(()));
        for name in ["", "9a", "a-b", "größe", "a b", "a\n"] {
            refused(check_metric(name, Kind::Gauge), "is not allowed");
        }
    }

    #[test]
    fn reserved_labels_are_refused() {
        assert_eq!(check_label("tenant"), Ok(()));
        refused(check_label("le"), "reserved");
        refused(check_label("quantile"), "reserved");
        refused(check_label("__name__"), "reserved");
        refused(check_label("a:b"), "is not allowed");
    }

    #[test]
    fn the_name_ends_in_its_unit() {
        assert_eq!(check_unit("x_seconds", "seconds"), Ok(()));
        assert_eq!(check_unit("x_bytes_total", "bytes"), Ok(()));
        refused(check_unit("x_total", "bytes"), "write `x_bytes_total`");
        refused(check_unit("megabytes", "bytes"), "write `megabytes_bytes`");
    }

    #[test]
    fn bad_bucket_lists_are_refused() {
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
    fn a_long_name_is_cut_at_a_whole_character() {
        let name = "é".repeat(500);
        let problem = check_metric(&name, Kind::Gauge).expect_err("not ASCII");
        assert!(problem.as_str().starts_with("metric name `é"));
    }
}
