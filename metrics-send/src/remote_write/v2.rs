//! The message `io.prometheus.write.v2.Request` of remote write 2.0.
//!
//! Source of the numbers of fields:
//! <https://github.com/prometheus/prometheus/blob/main/prompb/io/prometheus/write/v2/types.proto>.

use std::borrow::Cow;
use std::collections::HashMap;

use metrics_runtime::__shared::Message;
use metrics_runtime::visit::{FamilyRef, MetricKind};

use super::request::{Value, exemplar_labels, write_native};
use crate::sample::millis;
use crate::walk::Moment;

/// The names and values of a series in turn, in one text, so that reading them is one look into memory.
#[derive(Debug)]
pub struct Labels {
    text: Box<str>,
    /// The end of each name and value.
    ends: Box<[usize]>,
}

impl Labels {
    pub(super) fn new(pairs: &[(&str, Cow<'_, str>)]) -> Self {
        let mut text = String::new();
        let texts = pairs.iter().flat_map(|(name, value)| [*name, value]);
        let ends = texts.map(|part| {
            text.push_str(part);
            text.len()
        });
        let ends = ends.collect();
        Self { text: text.into(), ends }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }
}

/// A request while it is written.
#[derive(Debug, Default)]
pub struct Body {
    symbols: Symbols,
    series: Vec<u8>,
}

/// The texts of a request. The first one is empty.
#[derive(Debug, Default)]
struct Symbols {
    /// The encoded field `symbols`.
    encoded: Vec<u8>,
    numbers: HashMap<Box<str>, u64, foldhash::fast::RandomState>,
}

impl Symbols {
    /// Returns the number of a text.
    fn number(&mut self, text: &str) -> u64 {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.numbers.len() as u64 + 1;
        Message::new(&mut self.encoded).string(4, text);
        self.numbers.insert(text.into(), number);
        number
    }
}

impl Body {
    /// Adds a `TimeSeries`.
    pub(super) fn add(
        &mut self,
        labels: &Labels,
        value: Value<'_>,
        moment: &Moment<'_>,
        family: Option<&FamilyRef<'_>>,
    ) {
        let Self { symbols, series } = self;
        Message::new(series).message(5, |series| {
            series.message(1, |list| labels.texts().for_each(|text| list.element(symbols.number(text))));
            match value {
                Value::Number(number) => series.message(2, |message| {
                    message.double(1, number);
                    message.uint(2, moment.time);
                    if let Some(created) = moment.created {
                        message.uint(3, created);
                    }
                }),
                Value::Native { count, sum, buckets } => series.message(3, |message| {
                    write_native(message, moment, count, sum, buckets);
                    if let Some(created) = moment.created {
                        message.uint(17, created);
                    }
                }),
            }
            for exemplar in moment.exemplars {
                series.message(4, |message| {
                    let labels = exemplar_labels(exemplar);
                    message.message(1, |list| {
                        labels.iter().flat_map(|(name, value)| [name, value]).for_each(|text| {
                            list.element(symbols.number(text));
                        });
                    });
                    message.double(2, exemplar.value);
                    message.uint(3, millis(exemplar.time));
                });
            }
            if let Some(family) = family {
                series.message(5, |message| {
                    message.uint(1, kind(family.kind));
                    message.uint(3, symbols.number(family.help));
                    message.uint(4, symbols.number(family.unit.unwrap_or_default()));
                });
            }
        });
    }

    /// Returns the request, and starts the next one.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        if self.series.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(2 + self.symbols.encoded.len() + self.series.len());
        Message::new(&mut out).string(4, "");
        out.append(&mut self.symbols.encoded);
        out.append(&mut self.series);
        self.symbols.numbers.clear();
        Some(out)
    }
}

/// Returns the value of `MetricType`.
fn kind(kind: MetricKind) -> u64 {
    match kind {
        MetricKind::Counter => 1,
        MetricKind::Gauge => 2,
        MetricKind::Histogram => 3,
        MetricKind::Summary => 5,
        MetricKind::Info => 6,
        _ => 0,
    }
}
