//! The report: a table of the metrics with their labels, the totals, what they cost, and the comparison with a budget.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use metrics_runtime::description::MetricKind;

use super::drops::Drops;
use super::growth::growth;
use super::real::{OF_TARGET, Real};
use super::usages::usages;
use super::worst::{Worst, cost};
use super::{BudgetError, Counts, PageSize, Request, unbounded};
use crate::contract::Contract;
use crate::fetch::without_user;
use crate::table::{Table, bytes, grouped, tenths};
use crate::time::duration;

const SECONDS_OF_DAY: u128 = 86_400;

/// The assumptions about what a series costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) interval: Duration,
    /// The size of a sample, in thousandths of a byte.
    pub(super) sample_size: u64,
}

impl Cost {
    /// Returns what happens `number` times in each scrape, on one day.
    fn daily(self, number: u128) -> u128 {
        number.saturating_mul(SECONDS_OF_DAY * 1_000) / self.interval.as_millis().max(1)
    }

    /// Returns tenths of samples in a second.
    fn samples(self, series: u128) -> u128 {
        let interval = self.interval.as_millis().max(1);
        (series.saturating_mul(10_000) + interval / 2) / interval
    }

    /// Returns the bytes that a store writes on one day.
    fn stored(self, series: u128) -> u128 {
        self.daily(series).saturating_mul(self.sample_size.into()) / 1_000
    }
}

pub(super) struct Report<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) drops: &'a Drops,
    pub(super) real: Option<&'a Real>,
    pub(super) page: Option<PageSize>,
    /// The largest first.
    pub(super) counts: Vec<Counts<'a>>,
}

/// Numbers of one row: the worst case of one instance, and the real number of all that were counted. They are written
/// for one instance and for all.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    worst: Option<Worst>,
    real: Option<usize>,
}

impl Numbers {
    fn plus(self, other: Self) -> Self {
        let real = self.real.zip(other.real).map(|(one, other)| one.saturating_add(other));
        Self { worst: self.worst.zip(other.worst).map(|(one, other)| one.plus(other)), real }
    }
}

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        let mut text = format!("Series of {}, the largest number first.", self.request.model().service);
        text.push_str(" A line `without x` has the series that the label x costs.\n");
        text.push_str(&self.source());
        text.push('\n');
        let mut table = Table::default();
        table.row("", self.heads());
        for counts in &self.counts {
            self.metric(&mut table, counts);
        }
        self.totals(&mut table);
        text.push_str(&table.text());
        text.push_str(&self.notes());
        if let Some((name, since)) = &self.request.since {
            text.push_str(&self.growth(name, since));
        }
        if let (Some(budget), None) = (self.request.options.budget, self.above()) {
            let (series, case) = self.compared();
            let share = (series.saturating_mul(1_000) + budget as u128 / 2) / budget as u128;
            let (series, budget) = (grouped(series), grouped(budget as u128));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\nbudget: {series} of {budget} series ({case}), {} %", tenths(share));
        }
        text
    }

    /// Returns the error if there are more series than the budget allows, or if that cannot be known.
    pub(super) fn above(&self) -> Option<BudgetError> {
        let budget = self.request.options.budget?;
        let (series, case) = self.compared();
        let is_least = self.real.is_none() && self.total().worst.is_some_and(|worst| worst.is_least);
        if series <= budget as u128 {
            return is_least.then(|| BudgetError::Unbounded { budget, labels: self.unbounded() });
        }
        let instances = self.request.instances();
        let largest = self.counts.iter().map(|counts| {
            let left = Numbers { worst: Some(counts.left), real: counts.real.as_ref().map(|real| real.left) };
            (self.all(left), counts.name)
        });
        let mut largest: Vec<_> = largest.collect();
        largest.sort_by_key(|(series, name)| (Reverse(*series), *name));
        let largest = largest.iter().take(3).map(|(series, name)| format!("`{name}` ({})", grouped(*series)));
        let report = format!(
            "{} instance{} {} {}{} series ({case}), {} above the budget of {}; the most are of {}; remove labels, drop series \
             with --drop and --relabel, or raise --budget",
            grouped(instances as u128),
            if instances == 1 { "" } else { "s" },
            if instances == 1 { "has" } else { "have" },
            if is_least { "at least " } else { "" },
            grouped(series),
            grouped(series - budget as u128),
            grouped(budget as u128),
            largest.collect::<Vec<_>>().join(", "),
        );
        Some(BudgetError::Above { report })
    }

    /// Returns the number that the budget is compared with, and its name.
    fn compared(&self) -> (u128, &'static str) {
        (self.all(self.total()), if self.real.is_some() { "real" } else { "worst case" })
    }

    /// Returns the series of all instances: the real ones if they are known.
    fn all(&self, numbers: Numbers) -> u128 {
        let instances = self.request.instances() as u128;
        match (numbers.real, self.real) {
            (Some(number), Some(real)) => scaled(number, instances, real.instances),
            _ => numbers.worst.unwrap_or_default().series as u128 * instances,
        }
    }

    fn source(&self) -> String {
        let options = self.request.options;
        match (self.real, &options.page) {
            (None, _) => "The worst case is what the program can have.\n".to_owned(),
            (Some(_), Some(page)) => {
                format!(
                    "The worst case is what the program can have, real is `{}`.\n",
                    without_user(&page.display().to_string())
                )
            }
            (Some(real), None) => format!(
                "The worst case is what the program can have, real is the average of {} target{} of the job `{}`.\n",
                grouped(real.instances as u128),
                if real.instances == 1 { "" } else { "s" },
                self.request.job
            ),
        }
    }

    fn heads(&self) -> Vec<String> {
        let kinds: &[&str] = if self.real.is_some() { &["worst case", "real"] } else { &["worst case"] };
        let instances = self.request.instances();
        let one = kinds.iter().map(|kind| (*kind).to_owned());
        let all = kinds.iter().filter(|_| instances > 1).map(|kind| format!("{kind} x {}", grouped(instances as u128)));
        one.chain(all).collect()
    }

    /// Returns the cells of a row.
    fn cells(&self, numbers: Numbers, write: impl Fn(u128) -> String) -> Vec<String> {
        let cells = |instances: usize| {
            let worst = match numbers.worst {
                Some(worst) => write(worst.series as u128 * instances as u128) + if worst.is_least { "+" } else { "" },
                None => "?".to_owned(),
            };
            let real = self.real.map(|real| match numbers.real {
                Some(number) => write(scaled(number, instances as u128, real.instances)),
                None => String::new(),
            });
            [worst].into_iter().chain(real).collect::<Vec<_>>()
        };
        let all = if self.request.instances() > 1 { cells(self.request.instances()) } else { Vec::new() };
        [cells(1), all].concat()
    }

    fn metric(&self, table: &mut Table, counts: &Counts<'_>) {
        let Counts { name, metric, worst, left, real } = counts;
        let numbers = Numbers { worst: Some(*worst), real: real.as_ref().map(|real| real.series) };
        let is_other = if metric.is_none() { ", which the program does not describe" } else { "" };
        table.row(format!("{name}{is_other}"), self.cells(numbers, grouped));
        for (label, numbers) in self.labels(counts) {
            table.row(format!("  without {label}"), self.cells(numbers, negative));
        }
        if self.drops.contains_key(*name) {
            let gone = Worst { series: worst.series - left.series.min(worst.series), is_least: false };
            let numbers = Numbers { worst: Some(gone), real: real.as_ref().map(|real| real.series - real.left) };
            table.row("  dropped", self.cells(numbers, negative));
        }
    }

    /// Returns what each label costs, the dearest first. Labels that cost nothing are left out.
    fn labels(&self, counts: &Counts<'_>) -> Vec<(String, Numbers)> {
        let (values, form) = (&self.request.options.values, self.request.scrape.histograms());
        let described = counts.metric.into_iter().flat_map(|metric| {
            let labels = metric
                .labels
                .iter()
                .map(|label| label.name.as_str())
                .chain((metric.kind == MetricKind::Histogram).then_some("le"));
            labels.map(|label| (label.to_owned(), cost(metric, label, values, form)))
        });
        let worst: BTreeMap<_, _> = described.collect();
        let real = counts.real.as_ref().map(|real| &real.costs);
        let names: BTreeSet<_> = worst.keys().chain(real.iter().flat_map(|costs| costs.keys())).cloned().collect();
        let labels = names.into_iter().map(|name| {
            let worst = worst.get(&name).copied().flatten().map(|series| Worst { series, is_least: false });
            let real = real.map(|costs| costs.get(&name).copied().unwrap_or_default());
            (name, Numbers { worst, real })
        });
        let mut labels: Vec<_> = labels
            .filter(|(_, numbers)| numbers.real.unwrap_or(0).max(numbers.worst.map_or(0, |worst| worst.series)) > 0)
            .collect();
        labels.sort_by_key(|(_, numbers)| {
            Reverse(numbers.real.unwrap_or_else(|| numbers.worst.map_or(0, |worst| worst.series)))
        });
        labels
    }

    /// Returns the sum over all metrics, of all series or of those that nothing drops.
    fn sum(&self, left: bool) -> Numbers {
        let of = |counts: &Counts<'_>| Numbers {
            worst: Some(if left { counts.left } else { counts.worst }),
            real: counts.real.as_ref().map(|real| if left { real.left } else { real.series }),
        };
        let zero = Numbers { worst: Some(Worst::default()), real: self.real.map(|_| 0) };
        self.counts.iter().map(of).fold(zero, Numbers::plus)
    }

    fn of_targets(&self) -> Numbers {
        let worst = Worst { series: OF_TARGET, is_least: false };
        Numbers { worst: Some(worst), real: self.real.map(|real| real.of_targets) }
    }

    /// Returns all series that are stored.
    fn total(&self) -> Numbers {
        self.sum(true).plus(self.of_targets())
    }

    fn totals(&self, table: &mut Table) {
        let series = |numbers| self.cells(numbers, grouped);
        let (all, left) = (self.sum(false), self.sum(true));
        table.row("", Vec::new());
        table.row("the metrics", series(all));
        if !self.drops.is_empty() {
            let gone =
                |all: Worst, left: Worst| Worst { series: all.series.saturating_sub(left.series), is_least: false };
            let worst = all.worst.zip(left.worst).map(|(all, left)| gone(all, left));
            let real = all.real.zip(left.real).map(|(all, left)| all.saturating_sub(left));
            table.row("dropped", self.cells(Numbers { worst, real }, negative));
        }
        table.row("`up` and `scrape_*` of each target", series(self.of_targets()));
        let total = self.total();
        table.row("series in total", series(total));
        table.row("", Vec::new());
        let cost = self.request.cost();
        let interval = duration(cost.interval);
        let samples = self.cells(total, |series| tenths(cost.samples(series)));
        table.row(format!("samples a second, scraped every {interval}"), samples);
        let size = decimal(cost.sample_size);
        let stored = self.cells(total, |series| bytes(cost.stored(series)));
        table.row(format!("stored a day, at {size} bytes a sample"), stored);
        let Some(page) = self.page else { return };
        let sizes = [("", Some(page.plain)), (", with gzip", page.gzip)];
        for (coding, size) in sizes.into_iter().filter_map(|(coding, size)| Some((coding, size?))) {
            let cells = self.cells(Numbers { worst: None, real: Some(size) }, |size| bytes(cost.daily(size)));
            let cells = cells.into_iter().map(|cell| if cell == "?" { String::new() } else { cell });
            table.row(format!("sent a day, at {} a page{coding}", bytes(size as u128)), cells.collect());
        }
    }

    /// Returns the labels whose number of values bounds a worst case, if it is known.
    fn unbounded(&self) -> Vec<String> {
        let metrics = self.counts.iter().filter(|counts| counts.left.is_least).filter_map(|counts| counts.metric);
        unbounded(metrics, &self.request.options.values)
    }

    fn notes(&self) -> String {
        let mut notes = String::new();
        let labels = self.unbounded();
        if !labels.is_empty() {
            let _ = writeln!(
                notes,
                "\n+ is the least: nothing bounds the values of `{}`; say how many there are with --values LABEL=N",
                labels.join("`, `")
            );
        }
        for (i, loss) in self.losses().iter().enumerate() {
            let _ = writeln!(notes, "{}{loss}", if i == 0 { "\n" } else { "" });
        }
        notes
    }

    /// Returns a line for each metric that loses series, and one for each place that uses it.
    pub(super) fn losses(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, dropped) in self.drops {
            let usages = usages(self.request.export, name, dropped);
            if !usages.is_empty() {
                lines.push(format!("{name} loses series, and is used by"));
                lines.extend(usages.iter().map(|usage| format!("  {usage}")));
            }
        }
        lines
    }

    fn growth(&self, file: &str, since: &Contract) -> String {
        let instances = self.request.instances();
        let form = self.request.scrape.histograms();
        let now = Contract::of(self.request.model());
        let all = growth(since, &now, &self.request.options.values, form);
        if all.is_empty() {
            return format!("\nSince `{file}`, no metric has more or fewer series.\n");
        }
        let signed = |series: i128| {
            let sign = if series < 0 { "-" } else { "+" };
            sign.to_owned() + &grouped(series.unsigned_abs())
        };
        let cells = |series: i128| {
            let all = (instances > 1).then(|| signed(series * instances as i128));
            [signed(series)].into_iter().chain(all).collect()
        };
        let mut table = Table::default();
        let mut heads = vec!["series".to_owned()];
        heads.extend((instances > 1).then(|| format!("series x {}", grouped(instances as u128))));
        table.row(format!("Since `{file}`, by labels with known values:"), heads);
        for growth in &all {
            table.row(growth.change.clone(), cells(growth.series));
        }
        table.row("in total", cells(all.iter().map(|growth| growth.series).sum()));
        format!("\n{}", table.text())
    }
}

/// Returns the series of `instances`, if `counted` instances have `number`.
fn scaled(number: usize, instances: u128, counted: usize) -> u128 {
    (number as u128 * instances).div_ceil(counted.max(1) as u128)
}

fn negative(number: u128) -> String {
    if number == 0 { "0".to_owned() } else { format!("-{}", grouped(number)) }
}

/// Writes thousandths without zeros at the end.
fn decimal(thousandths: u64) -> String {
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
