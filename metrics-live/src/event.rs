//! The changes of a sample as an event, in JSON.

use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use crate::sample::{Sample, Series, Tick, Walked};

/// Returns the server-sent event with the changes since a walk: all series for 0.
///
/// | key | value |
/// |---|---|
/// | `now` | the time of the walk in milliseconds since 1970 |
/// | `boot` | the start of the page in this process: another number means another process |
/// | `took` | the time of the walk in microseconds, without that of sources |
/// | `missing` | the reasons why series are missing in this walk, such as a source that does not answer |
/// | `families` | `[number, name, kind, keys]` of each new metric; keys are the bounds of buckets, or quantiles |
/// | `series` | `[number, family, labels]` of each new series, with its own keys at the end if they are others |
/// | `values` | number and value of each series that has changed, one after the other |
/// | `lists` | `[number, values..]` of each histogram (sum and buckets) and summary (sum, count, quantiles) that has changed |
/// | `gone` | the numbers of series that are gone |
pub(crate) fn event(sample: &Sample, since: Tick, boot: u64, walked: &Walked) -> String {
    let now = walked.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let took = walked.took.as_micros();
    let mut out = Json(format!("data: {{\"now\":{now},\"boot\":{boot},\"took\":{took}"));
    out.list("missing", sample.missing.iter(), |out, problem| {
        out.text(problem);
    });
    out.list(
        "families",
        sample.families.iter().enumerate().filter(|(_, family)| family.born > since),
        |out, (number, family)| {
            out.open('[').whole(number).comma().text(&family.name).comma().text(family.kind.as_str()).comma();
            out.numbers(&family.keys).close(']');
        },
    );
    let all = || sample.series.iter().enumerate().filter_map(|(number, series)| Some((number, series.as_ref()?)));
    let is_single = |series: &Series| series.more.is_empty();
    out.list("series", all().filter(|(_, series)| series.born > since), |out, (number, series)| {
        out.open('[').whole(number).comma().whole(series.family).comma().text(&series.labels);
        if series.keys != sample.families[series.family].keys {
            out.comma().numbers(&series.keys);
        }
        out.close(']');
    });
    let changed = || all().filter(|(_, series)| series.changed > since);
    out.list("values", changed().filter(|(_, series)| is_single(series)), |out, (number, series)| {
        out.whole(number).comma().number(series.value);
    });
    out.list("lists", changed().filter(|(_, series)| !is_single(series)), |out, (number, series)| {
        out.open('[').whole(number).comma().number(series.value);
        for value in &series.more {
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
        self.0.push('"');
        let mut rest = text;
        // No line break is left in it.
        while let Some(place) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            self.0.push_str(&rest[..place]);
            match rest.as_bytes()[place] {
                byte @ (b'"' | b'\\') => self.0.extend(['\\', char::from(byte)]),
                byte => {
                    // Writing to a string cannot fail.
                    let _ = write!(self.0, "\\u{byte:04x}");
                }
            }
            rest = &rest[place + 1..];
        }
        self.0.push_str(rest);
        self.open('"')
    }
}
