//! Samples with their times, as text for promtool and VictoriaMetrics.

use std::fmt::Write as _;

/// Samples of series.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// The selector of each series, with its samples: seconds since 1970 and the value.
    series: Vec<(String, Vec<(u64, f64)>)>,
}

impl Samples {
    /// Adds a series, `name{label="value"}`.
    pub fn add(&mut self, series: &str, samples: Vec<(u64, f64)>) {
        self.series.push((series.to_owned(), samples));
    }

    /// Adds a series in the notation of promtool's unit tests, with one sample each `step` seconds after `start`.
    pub fn add_notation(&mut self, series: &str, notation: &str, start: u64, step: u64) {
        let mut values: Vec<Option<f64>> = Vec::new();
        for word in notation.split_whitespace() {
            let (value, times) = word.split_once('x').unwrap_or((word, ""));
            if value == "stale" || value == "_" {
                values.extend((0..times.parse().unwrap_or(1)).map(|_| None));
                continue;
            }
            let sign = value[1..].find(['+', '-']).expect("a value and a step") + 1;
            let [first, step]: [f64; 2] = [&value[..sign], &value[sign..]].map(|number| number.parse().unwrap());
            let times: u32 = times.parse().unwrap();
            values.extend((0..=times).map(|i| Some(step.mul_add(f64::from(i), first))));
        }
        let samples = (0_u64..).zip(values).filter_map(|(i, value)| Some((start + i * step, value?)));
        self.add(series, samples.collect());
    }

    /// Adds all series of other samples.
    pub fn extend(&mut self, others: Self) {
        self.series.extend(others.series);
    }

    /// Returns a line for each sample. A second has `unit` units of the timestamps.
    #[must_use]
    pub fn text(&self, unit: u64) -> String {
        let mut text = String::new();
        for (series, samples) in &self.series {
            // OpenMetrics has no spaces between labels.
            let series = series.replace("\", ", "\",");
            for (time, value) in samples {
                writeln!(text, "{series} {value} {}", time * unit).unwrap();
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_of_promtool_is_read() {
        let mut samples = Samples::default();
        samples.add_notation("a{b=\"c\"}", "1+2x2 stale _x2 5-1x1", 60, 60);
        let lines = [(60, 1), (120, 3), (180, 5), (420, 5), (480, 4)];
        assert_eq!(samples.text(1), lines.map(|(time, value)| format!("a{{b=\"c\"}} {value} {time}\n")).concat());
    }
}
