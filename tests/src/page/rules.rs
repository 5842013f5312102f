//! The rules for each kind of family in each of the two formats.

use super::{Family, Kind, Labels, Sample, lexer};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Text,
    OpenMetrics,
}

pub(super) fn kind(word: &str, format: Format) -> Result<Kind, String> {
    let text = [
        ("counter", Kind::Counter),
        ("gauge", Kind::Gauge),
        ("histogram", Kind::Histogram),
        ("summary", Kind::Summary),
        ("untyped", Kind::Unknown),
    ];
    let openmetrics = [
        ("counter", Kind::Counter),
        ("gauge", Kind::Gauge),
        ("histogram", Kind::Histogram),
        ("summary", Kind::Summary),
        ("unknown", Kind::Unknown),
        ("info", Kind::Info),
        ("stateset", Kind::StateSet),
        ("gaugehistogram", Kind::GaugeHistogram),
    ];
    let kinds = if format == Format::Text { &text[..] } else { &openmetrics };
    kinds.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind).ok_or_else(|| {
        let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
        format!("type {word:?} is not one of {names:?}")
    })
}

/// The suffixes of a family's samples.
pub(super) fn suffixes(kind: Kind, format: Format) -> &'static [&'static str] {
    match (format, kind) {
        (_, Kind::Gauge | Kind::Unknown | Kind::StateSet) | (Format::Text, Kind::Counter) => &[""],
        (_, Kind::Info) => &["_info"],
        (_, Kind::GaugeHistogram) => &["_bucket", "_gsum", "_gcount"],
        (Format::OpenMetrics, Kind::Counter) => &["_total", "_created"],
        (Format::Text, Kind::Histogram) => &["_bucket", "_sum", "_count"],
        (Format::OpenMetrics, Kind::Histogram) => &["_bucket", "_sum", "_count", "_created"],
        (Format::Text, Kind::Summary) => &["", "_sum", "_count"],
        (Format::OpenMetrics, Kind::Summary) => &["", "_sum", "_count", "_created"],
    }
}

/// The label that distinguishes the samples of one metric.
fn own_label(family: &str, kind: Kind) -> Option<&str> {
    match kind {
        Kind::Histogram | Kind::GaugeHistogram => Some("le"),
        Kind::Summary => Some("quantile"),
        Kind::StateSet => Some(family),
        Kind::Counter | Kind::Gauge | Kind::Unknown | Kind::Info => None,
    }
}

/// The labels that all samples of one metric share.
pub(super) fn metric_of(family: &str, kind: Kind, labels: &Labels) -> Labels {
    let mut labels = labels.clone();
    if let Some(own) = own_label(family, kind) {
        labels.remove(own);
    }
    labels
}

pub(super) fn timestamp(word: &str, format: Format) -> Result<String, String> {
    let valid = match format {
        // Prometheus refuses a sign.
        Format::Text => word.bytes().all(|byte| byte.is_ascii_digit()) && word.parse::<i64>().is_ok(),
        Format::OpenMetrics => lexer::number(word).is_ok_and(f64::is_finite),
    };
    if valid { Ok(word.to_owned()) } else { Err(format!("{word:?} is not a timestamp")) }
}

/// Checks a sample on its own.
pub(super) fn check_sample(
    family: &str,
    kind: Kind,
    suffix: &str,
    sample: &Sample,
    format: Format,
) -> Result<(), String> {
    let own = if matches!(suffix, "" | "_bucket") { own_label(family, kind) } else { None };
    if let Some(own) = own {
        let value = sample.labels.get(own).ok_or_else(|| format!("{} without the label {own:?}", sample.name))?;
        if own == "le" || own == "quantile" {
            check_bound(own, value, format)?;
        }
    }
    // Other families may have a label `le` or `quantile`.
    let reserved = own_label(family, kind).filter(|_| own.is_none());
    if let Some(reserved) = reserved.filter(|reserved| sample.labels.contains_key(*reserved)) {
        return Err(format!("the label {reserved:?} is reserved; {} must not carry it", sample.name));
    }

    let value = sample.value;
    // The text format has no rule for sums, which are negative after negative observations.
    let sum_grows = format == Format::OpenMetrics;
    let grows = match kind {
        Kind::Counter => true,
        Kind::Histogram | Kind::Summary => matches!(suffix, "_bucket" | "_count") || sum_grows && suffix == "_sum",
        Kind::GaugeHistogram => matches!(suffix, "_bucket" | "_gcount"),
        _ => false,
    };
    if grows && (value.is_nan() || value < 0.0) {
        return Err(format!("{} counts, so it cannot be {}", sample.name, sample.text));
    }
    if grows && kind != Kind::Counter && suffix != "_sum" && (value.is_infinite() || value.fract() != 0.0) {
        return Err(format!("{} counts whole events, not {}", sample.name, sample.text));
    }
    if format == Format::OpenMetrics && kind == Kind::Summary && suffix.is_empty() && value < 0.0 {
        return Err(format!("the value of a quantile cannot be negative, but is {}", sample.text));
    }
    if kind == Kind::Info && sample.text.parse() != Ok(1.0) {
        return Err(format!("an info has the value 1, not {}", sample.text));
    }
    if kind == Kind::StateSet && !matches!(sample.text.as_str(), "0" | "1" | "0.0" | "1.0") {
        return Err(format!("a state is 0 or 1, not {}", sample.text));
    }
    check_exemplar(suffix, sample)
}

fn check_bound(label: &str, text: &str, format: Format) -> Result<(), String> {
    let bound = lexer::number(text).map_err(|error| format!("{label}: {error}"))?;
    if bound.is_nan() {
        return Err(format!("{label}=\"NaN\" is not a bound"));
    }
    if label == "quantile" && !(0.0..=1.0).contains(&bound) {
        return Err(format!("quantile {text:?} is not between 0 and 1"));
    }
    let canonical = canonical_bound(bound);
    // One bound in two spellings would be two series, so OpenMetrics defines one spelling.
    let exact = format == Format::OpenMetrics || bound.is_infinite();
    if exact && text != canonical {
        return Err(format!("{label}={text:?} is not canonical; write {canonical:?}"));
    }
    Ok(())
}

fn check_exemplar(suffix: &str, sample: &Sample) -> Result<(), String> {
    let Some(exemplar) = &sample.exemplar else {
        return Ok(());
    };
    if !matches!(suffix, "_total" | "_bucket") {
        return Err(format!("{} cannot carry an exemplar; a counter's total and a bucket can", sample.name));
    }
    let length: usize = exemplar.labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    if length > 128 {
        return Err(format!("the labels of an exemplar have at most 128 characters, not {length}"));
    }
    let bound = sample.labels.get("le").map_or(f64::INFINITY, |le| le.parse().unwrap_or(f64::INFINITY));
    if exemplar.value.is_nan() || exemplar.value > bound {
        return Err(format!("the exemplar's value {} is not in its bucket", exemplar.value));
    }
    Ok(())
}

/// Checks a family as a whole.
pub(super) fn check_family(family: &Family, format: Format) -> Result<(), String> {
    if let Some(unit) = &family.unit {
        if unit.is_empty() || !family.name.ends_with(&format!("_{unit}")) {
            return Err(format!("the name does not end in its unit {unit:?}"));
        }
        if matches!(family.kind, Kind::Info | Kind::StateSet) {
            return Err(format!("a {:?} has no unit", family.kind));
        }
    }
    let metric = |sample: &&Sample| metric_of(&family.name, family.kind, &sample.labels);
    // The parser has checked that the samples of a metric are together.
    let samples: Vec<&Sample> = family.samples.iter().collect();
    for samples in samples.chunk_by(|a, b| metric(a) == metric(b)) {
        check_metric(family, samples, format).map_err(|error| {
            let labels = super::Braced(&samples[0].labels);
            format!("{error}, in the metric of {}{labels}", samples[0].name)
        })?;
    }
    Ok(())
}

/// Checks the samples of one label set together.
fn check_metric(family: &Family, samples: &[&Sample], format: Format) -> Result<(), String> {
    if samples.windows(2).any(|pair| pair[0].timestamp != pair[1].timestamp) {
        return Err("samples from different times".to_owned());
    }
    let find = |suffix: &str| {
        samples.iter().find(|sample| sample.name[family.name.len()..] == *suffix).map(|sample| sample.value)
    };
    match family.kind {
        Kind::Histogram => check_histogram(samples, find("_sum"), find("_count"), format),
        Kind::GaugeHistogram if find("_gsum").is_some() != find("_gcount").is_some() => {
            Err("_gsum or _gcount without the other".to_owned())
        }
        Kind::GaugeHistogram => check_buckets(samples, find("_gcount")).map(drop),
        Kind::Counter if format == Format::OpenMetrics && find("_total").is_none() => {
            Err("a counter without its _total".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_histogram(samples: &[&Sample], sum: Option<f64>, count: Option<f64>, format: Format) -> Result<(), String> {
    let negative_bounds = check_buckets(samples, count)?;
    match (sum, count) {
        // A sum that can decrease is not a counter.
        (Some(_), _) if negative_bounds && format == Format::OpenMetrics => {
            Err("a _sum beside negative bounds".to_owned())
        }
        (Some(_), Some(_)) => Ok(()),
        // A histogram may be without a sum, and then has no count either.
        (None, None) if format == Format::OpenMetrics => Ok(()),
        (_, None) => Err("no _count".to_owned()),
        (None, _) => Err("no _sum".to_owned()),
    }
}

/// Checks that bounds increase, counts never decrease, and the last bucket equals the count. Returns `true` if a bound
/// is negative.
fn check_buckets(samples: &[&Sample], count: Option<f64>) -> Result<bool, String> {
    let mut last: Option<(f64, f64)> = None;
    let mut negative = false;
    for sample in samples {
        let Some(bound) = sample.labels.get("le") else {
            continue;
        };
        let bound = lexer::number(bound)?;
        if let Some((previous, below)) = last {
            if bound <= previous {
                return Err(format!("bucket {bound} comes after bucket {previous}"));
            }
            if sample.value < below {
                return Err(format!(
                    "bucket {bound} has {}, fewer than the {below} of bucket {previous}",
                    sample.value
                ));
            }
        }
        negative |= bound < 0.0;
        last = Some((bound, sample.value));
    }
    match last {
        Some((f64::INFINITY, all)) => match count {
            Some(count) if all.total_cmp(&count).is_ne() => {
                Err(format!("the +Inf bucket has {all}, the count is {count}"))
            }
            _ => Ok(negative),
        },
        _ => Err("no +Inf bucket".to_owned()),
    }
}

/// Returns a bucket's bound in the canonical form of OpenMetrics: Go's shortest `%g`, with `.0` appended if there is
/// neither a point nor an exponent.
#[must_use]
pub fn canonical_bound(bound: f64) -> String {
    if bound.is_infinite() {
        return if bound > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if bound == 0.0 {
        // Go's clients and Prometheus write negative zero like zero.
        return "0.0".to_owned();
    }
    let scientific = format!("{bound:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{bound:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
