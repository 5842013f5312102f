//! The figures as tables in Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::agree::pairs;
use crate::dashboards::{self, Timed};
use crate::fit::{Fit, extrapolated};
use crate::measure::Measured;
use crate::options::Options;

/// The simulations of one store.
#[derive(Clone, Debug)]
pub(crate) struct Simulated {
    /// The small fleet, if a larger one was measured too.
    pub(crate) pilot: Option<Measured>,
    pub(crate) measured: Measured,
    pub(crate) fit: Fit,
}

/// A row of the table of figures: its name, the figure of a simulation, and its unit.
struct Row {
    name: &'static str,
    figure: fn(&Measured) -> f64,
    text: fn(f64) -> String,
}

const ROWS: [Row; 13] = [
    Row { name: "instances", figure: |m| f64::from(m.instances), text: count },
    Row { name: "series", figure: |m| m.series as f64, text: count },
    Row { name: "samples", figure: |m| m.written.samples as f64, text: count },
    Row { name: "time to write", figure: |m| m.written.took.as_secs_f64(), text: seconds },
    Row { name: "memory, to write", figure: |m| (m.idle + m.memory[0]) as f64, text: bytes },
    Row { name: "memory, with all queries", figure: |m| (m.idle + m.memory[1]) as f64, text: bytes },
    Row { name: "disk", figure: |m| m.disk as f64, text: bytes },
    Row { name: "rules, series recorded", figure: |m| m.replayed.series as f64, text: count },
    Row { name: "rules, a quarter of an hour", figure: |m| m.replayed.took.as_secs_f64(), text: seconds },
    Row { name: "rules, one evaluation", figure: |m| m.replayed.once.as_secs_f64(), text: seconds },
    Row { name: "dashboard, raw", figure: |m| dashboards::total(&m.raw).as_secs_f64(), text: seconds },
    Row { name: "dashboard, over the rules", figure: |m| dashboards::total(&m.fleet).as_secs_f64(), text: seconds },
    Row { name: "all of it", figure: |m| m.took.as_secs_f64(), text: seconds },
];

/// Returns the figures of a store.
pub(crate) fn figures(options: &Options, simulated: &Simulated) -> String {
    let Simulated { pilot, measured, fit } = simulated;
    let mut out = String::new();
    let (name, version) = (measured.kind.name(), &measured.version);
    let (minutes, interval) = (options.time.as_secs() / 60, options.interval.as_secs());
    let _ = writeln!(
        out,
        "## {}\n\n{minutes} minutes, a scrape each {interval} s, instances with {} agents, seed {}",
        format!("{name} {version}").trim_end(),
        options.replicas,
        options.seed
    );
    let columns: Vec<&Measured> = pilot.iter().chain([measured]).collect();
    let wanted = fit.due_to.map(|_| options.instances);
    if let Some(due_to) = fit.due_to {
        let _ = writeln!(
            out,
            "{} instances do not fit into this machine: {due_to}. The last column is not measured: it is on the line \
             through the two others.",
            count(f64::from(options.instances))
        );
    }
    let mut head: Vec<String> = columns.iter().map(|_| "measured".to_owned()).collect();
    head.extend(wanted.map(|_| "**extrapolated**".to_owned()));
    let _ = writeln!(out, "\n| | {} |\n|---|{}", head.join(" | "), "---:|".repeat(head.len()));
    for Row { name, figure, text } in &ROWS {
        let mut cells: Vec<String> = columns.iter().map(|measured| text(figure(measured))).collect();
        cells.extend(wanted.map(|wanted| {
            let of = |measured: &Measured| (measured.instances, figure(measured));
            text(extrapolated(of(pilot.as_ref().unwrap_or(measured)), of(measured), wanted))
        }));
        let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
    }
    let ratio = |name: &str, of: &dyn Fn(&Measured) -> String| {
        let cells: Vec<String> = columns.iter().map(|measured| of(measured)).collect();
        format!("| {name} | {} |{}\n", cells.join(" | "), wanted.map_or("", |_| " |"))
    };
    out += &ratio("samples a second", &|m| count(m.written.samples as f64 / m.written.took.as_secs_f64()));
    out += &ratio("of them waiting for the store", &|m| format!("{:.0} %", m.written.waited * 100.0));
    out += &ratio("bytes of memory for a series", &|m| count(m.memory[0] as f64 / m.series as f64));
    out += &ratio("bytes of disk for a sample", &|m| format!("{:.2}", m.disk as f64 / m.written.samples as f64));
    let compared = &measured.compared;
    let _ = writeln!(
        out,
        "\nSums against the generator: {} equal, {} different.",
        compared.equal,
        compared.different.len()
    );
    let slowest = measured.replayed.slowest.iter();
    let slowest: Vec<_> = slowest.map(|(name, took)| format!("`{name}` {}", milliseconds(*took))).collect();
    let _ = writeln!(out, "The slowest rules: {}.", slowest.join(", "));
    let agreed = &measured.agreed;
    let _ = writeln!(
        out,
        "Panels over the rules against panels over raw series: {} equal, {} different.",
        agreed.equal,
        agreed.different.len()
    );
    out
}

/// Returns the time of each panel, raw and over the fleet rules.
pub(crate) fn panels(simulated: &[Simulated]) -> String {
    let mut out = String::from("## Panels\n\n| panel |");
    for Simulated { measured, .. } in simulated {
        let name = measured.kind.name();
        let _ = write!(out, " {name}, raw | over the rules | faster |");
    }
    let _ = writeln!(out, "\n|---|{}", "---:|---:|---:|".repeat(simulated.len()));
    let is_same = |raw: &Timed, fleet: &Timed| raw.title == fleet.title;
    let pairs: Vec<_> =
        simulated.iter().map(|simulated| pairs(&simulated.measured.raw, &simulated.measured.fleet, is_same)).collect();
    let titles = pairs.first().into_iter().flatten().map(|(raw, _)| raw.title.as_str());
    for (i, title) in titles.enumerate() {
        let _ = write!(out, "| {title} |");
        for pairs in &pairs {
            let (raw, fleet) = &pairs[i];
            let faster = faster(raw, *fleet).map_or(String::new(), |faster| format!("{faster:.0} x"));
            let _ = write!(out, " {} | {} | {faster} |", took(raw), fleet.map_or("-".to_owned(), took));
        }
        out.push('\n');
    }
    for (Simulated { measured, .. }, pairs) in simulated.iter().zip(&pairs) {
        let mut all: Vec<f64> = pairs.iter().filter_map(|(raw, fleet)| faster(raw, *fleet)).collect();
        all.sort_by(f64::total_cmp);
        let hundred = all.iter().filter(|faster| **faster >= 100.0).count();
        if let [least, ..] = all.as_slice() {
            let _ = writeln!(
                out,
                "\n{}: {hundred} of {} panels over the rules are at least 100 x faster; the median is {:.0} x, the least \
                 {least:.0} x.",
                measured.kind.name(),
                all.len(),
                all[all.len() / 2],
            );
        }
    }
    out
}

fn faster(raw: &Timed, fleet: Option<&Timed>) -> Option<f64> {
    let (raw, fleet) = (raw.took.as_ref().ok()?, fleet?.took.as_ref().ok()?);
    Some(raw.as_secs_f64() / fleet.as_secs_f64())
}

fn took(timed: &Timed) -> String {
    match &timed.took {
        Ok(took) if timed.has_data => milliseconds(*took),
        Ok(took) => format!("{} (no data)", milliseconds(*took)),
        Err(error) => error.clone(),
    }
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

fn bytes(bytes: f64) -> String {
    let mebibytes = bytes / f64::from(1 << 20);
    if mebibytes < 1024.0 { format!("{mebibytes:.0} MiB") } else { format!("{:.1} GiB", mebibytes / 1024.0) }
}

/// Writes an integer with commas.
fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0.0, 999.0, 1000.0, 1_234_567.0].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0123, 2.0].map(seconds), ["12 ms", "2.0 s"]);
        assert_eq!([f64::from(3 << 20), f64::from(3 << 29)].map(bytes), ["3 MiB", "1.5 GiB"]);
    }
}
