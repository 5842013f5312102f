//! The changes of a sample as an event, in JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sample::{Sample, Series, Tick};

/// Returns the server-sent event with the changes since a walk: all series for 0.
///
/// | key | value |
/// |---|---|
/// | `now` | the time of the walk in milliseconds since 1970 |
/// | `boot` | the start of the page in this process: another number means another process |
/// | `took` | the time of the walk in microseconds |
/// | `families` | `[number, name, kind, keys]` of each new metric; keys are the bounds of buckets, or quantiles |
/// | `series` | `[number, family, labels]` of each new series, with its own keys at the end if they are others |
/// | `values` | number and value of each series that has changed, one after the other |
/// | `lists` | `[number, values..]` of each histogram (sum and buckets) and summary (sum, count, quantiles) that has changed |
/// | `gone` | the numbers of series that are gone |
pub(crate) fn event(sample: &Sample, since: Tick, boot: u64, (at, took): (SystemTime, Duration)) -> String {
    let now = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut out = Json(format!("data: {{\"now\":{now},\"boot\":{boot},\"took\":{}", took.as_micros()));
    out.list(
        "families",
        sample.families.iter().enumerate().filter(|(_, family)| family.born > since),
        |out, (number, family)| {
            out.open('[').whole(number).comma().text(&family.name).comma().text(family.kind.as_str()).comma();
            out.numbers(&family.keys).close(']');
        },
    );
    let all = || sample.series.iter().enumerate().filter_map(|(number, series)| Some((number, series.as_ref()?)));
    let is_single = |series: &Series| series.values.len() == 1;
    out.list("series", all().filter(|(_, series)| series.born > since), |out, (number, series)| {
        out.open('[').whole(number).comma().whole(series.family).comma().text(&series.labels);
        if series.keys != sample.families[series.family].keys {
            out.comma().numbers(&series.keys);
        }
        out.close(']');
    });
    let changed = || all().filter(|(_, series)| series.changed > since);
    out.list("values", changed().filter(|(_, series)| is_single(series)), |out, (number, series)| {
        out.whole(number).comma().number(series.values[0]);
    });
    out.list("lists", changed().filter(|(_, series)| !is_single(series)), |out, (number, series)| {
        out.open('[').whole(number);
        for value in &series.values {
            out.comma().number(*value);
        }
        out.close(']');
    });
    out.list("gone", sample.gone.iter().filter(|(tick, ..)| *tick > since && since > 0), |out, (.., number)| {
        out.whole(*number);
    });
    out.0.push_str("}\n\n");
    out.0
}

/// A writer of JSON, for events with many numbers.
struct Json(String);

impl Json {
    /// Writes a list with this key. Leaves out the key of an empty one.
    fn list<T>(&mut self, key: &str, items: impl Iterator<Item = T>, write: impl Fn(&mut Self, T)) {
        let mut items = items.peekable();
        if items.peek().is_none() {
            return;
        }
        self.comma().text(key).open(':').open('[');
        for (i, item) in items.enumerate() {
            if i > 0 {
                self.comma();
            }
            write(self, item);
        }
        self.close(']');
    }

    fn open(&mut self, sign: char) -> &mut Self {
        self.0.push(sign);
        self
    }

    fn close(&mut self, sign: char) {
        self.0.push(sign);
    }

    fn comma(&mut self) -> &mut Self {
        self.open(',')
    }

    fn whole(&mut self, number: usize) -> &mut Self {
        self.0.push_str(itoa::Buffer::new().format(number));
        self
    }

    fn number(&mut self, number: f64) -> &mut Self {
        if number.is_finite() {
            let mut buffer = ryu::Buffer::new();
            let text = buffer.format_finite(number);
            self.0.push_str(text.strip_suffix(".0").unwrap_or(text));
        } else {
            // JSON has no other notation for them.
            let text = if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            self.text(text);
        }
        self
    }

    fn numbers(&mut self, numbers: &[f64]) -> &mut Self {
        self.0.push('[');
        for (i, number) in numbers.iter().enumerate() {
            if i > 0 {
                self.comma();
            }
            self.number(*number);
        }
        self.open(']')
    }

    fn text(&mut self, text: &str) -> &mut Self {
        // A string is always valid JSON, and no line break is left in it.
        self.0.push_str(&serde_json::to_string(text).unwrap_or_default());
        self
    }
}
