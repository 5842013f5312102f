//! Rows for more functions than a person can read one by one: the worst of them, a table of all, and a closed row for
//! each module.
//!
//! Queries for all functions at once select metrics by regular expressions for their names. Functions without names of
//! their own share metrics, with a label for the function.

use std::collections::{BTreeMap, BTreeSet};

use super::functions::{FEW, calls, number};
use super::{Fixed, Row, grouped, quantiles, within};
use crate::dashboard::View;
use crate::dashboard::panel::{Column, Draw, LARGEST, Panel, legend};
use crate::fleet::RATE;
use crate::histograms::{Histogram, Histograms};
use crate::metric::{Metric, Role};
use crate::promql::{Compare, Expr, Matcher, aggregate, call, joined, label_replace, largest, matcher};
use crate::roles::{Function, STATUS, failed_calls};
use crate::scope::{FUNCTION, Names, Scope, quantile_of};

/// The label of the module, in metrics that functions share.
const MODULE: &str = "module";

/// The colors of the outcomes of calls.
const OUTCOMES: [(&str, &str); 4] =
    [("success", "green"), ("error", "red"), ("panic", "purple"), ("cancelled", "yellow")];

/// One of the metrics of each function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Calls,
    /// The durations that are queried in this form.
    Durations(Histograms),
    InFlight,
}

/// The parts that a regular expression selects. It cannot select native histograms: `rate` drops their name, and
/// `label_replace` drops the buckets on Prometheus 2.42.
const SELECTED: [Part; 4] =
    [Part::Calls, Part::Durations(Histograms::Classic), Part::Durations(Histograms::Both), Part::InFlight];

impl Part {
    fn of<'a>(self, function: &'a Function, scope: &Scope) -> Option<&'a Metric> {
        match self {
            Self::Calls => Some(&function.calls),
            Self::Durations(form) => {
                function.duration.as_ref().filter(|duration| scope.form(&duration.histogram()) == form)
            }
            Self::InFlight => function.in_flight.as_ref(),
        }
    }

    /// Returns the end of the names that attributes give this metric.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Calls => "_total",
            Self::Durations(_) => "_duration_seconds",
            Self::InFlight => "_in_flight",
        }
    }

    /// Returns the end of the names of the samples.
    const fn sample(self) -> &'static str {
        if matches!(self, Self::Durations(_)) { "_bucket" } else { "" }
    }

    /// Returns the operation by which a fleet records the metric.
    const fn operation(self) -> &'static str {
        if matches!(self, Self::InFlight) { "sum" } else { RATE }
    }

    /// Returns the variable with the regular expression for the names.
    const fn variable(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Durations(Histograms::Native) => "native_durations",
            Self::Durations(Histograms::Both) => "either_durations",
            Self::Durations(_) => "durations",
            Self::InFlight => "in_flight",
        }
    }
}

/// All functions of a program.
struct Functions<'a> {
    view: &'a View<'a>,
    /// The functions with metrics of their own, each with its value of the label [`FUNCTION`].
    named: Vec<(&'a Function, String)>,
    /// Those of them with metrics that had other names before. One regular expression for all names would count an
    /// instance twice.
    renamed: Vec<(&'a Function, String)>,
    /// The metrics that functions share.
    shared: Vec<&'a Function>,
}

/// Returns a number for the overview: the functions that fail.
pub(super) fn failing(view: &View<'_>) -> Option<Panel> {
    let failed = Functions::new(view).sum(Part::Calls, &[failed_calls()], &[])?;
    let failing = aggregate::<&str>("count", &[], failed.compared(">", 0.0));
    let failing = failing.binary("or", call("vector", [Expr::Number(0.0)]));
    let panel = Panel::new("Failing functions", Draw::Stat, "short").limits(1.0, 5.0);
    Some(panel.about("Functions of which calls ended in an error or a panic.").query(failing, "functions"))
}

/// Returns the variables that queries for all functions use.
pub(super) fn variables(view: &View<'_>) -> Vec<(String, Fixed)> {
    let functions = Functions::new(view);
    let patterns = SELECTED
        .into_iter()
        .filter_map(|part| Some((part.variable().to_owned(), Fixed::Constant(functions.pattern(part)?))));
    patterns.collect()
}

/// Returns the rows for the page of a process: all functions in a table, those that need attention, and a closed row with
/// the panels of each function, unless they are few.
pub(super) fn process_rows(view: &View<'_>, title: &str) -> Vec<Row> {
    let functions = Functions::new(view);
    let mut panels: Vec<_> = functions.outcomes().into_iter().collect();
    let each = functions.each();
    let others = super::generic(view, Role::Function, &functions.known());
    let variables = variables(view);
    if functions.number() <= FEW {
        panels.extend(each);
        panels.extend(others);
        return vec![Row { variables, ..Row::new(title, panels) }];
    }
    panels.extend(functions.worst().into_iter().filter(|panel| panel.draw != Draw::Table));
    let mut rows =
        vec![Row { variables, ..Row::new(title, panels) }, Row::new(format!("{title}: each"), each).closed()];
    rows.extend(within(view, &format!("{title}: others"), others).into_iter().map(Row::closed));
    rows
}

/// Returns the rows.
pub(super) fn rows(view: &View<'_>, title: &str) -> Vec<Row> {
    let functions = Functions::new(view);
    let worst = Row { variables: variables(view), ..Row::new(title, functions.worst()) };
    let mut rows = vec![worst];
    rows.extend(functions.modules(title));
    let others = super::generic(view, Role::Function, &functions.known());
    rows.extend(within(view, &format!("{title}: others"), others).into_iter().map(Row::closed));
    rows
}

impl<'a> Functions<'a> {
    fn new(view: &'a View<'a>) -> Self {
        let (shared, own): (Vec<_>, Vec<_>) =
            view.model.functions.iter().partition(|function| function.calls.has(FUNCTION));
        let mut taken = BTreeSet::new();
        let named = own.into_iter().map(|function| {
            let name = &function.calls.name;
            let base = view.base(name);
            let label = base.strip_suffix(Part::Calls.suffix()).filter(|stem| taken.insert((*stem).to_owned()));
            (function, label.unwrap_or(name).to_owned())
        });
        let is_renamed = |function: &Function| {
            let Function { calls, duration, in_flight } = function;
            let metrics = [Some(calls), duration.as_ref(), in_flight.as_ref()];
            metrics.into_iter().flatten().any(|metric| !metric.replaces.is_empty())
        };
        let (renamed, named) = named.partition(|(function, _)| is_renamed(function));
        Self { view, named, renamed, shared }
    }

    /// Returns the names of the metrics of all functions.
    fn known(&self) -> Vec<String> {
        let known = self.view.model.functions.iter().flat_map(|Function { calls, duration, in_flight }| {
            [Some(calls), duration.as_ref(), in_flight.as_ref()].into_iter().flatten().map(|metric| metric.name.clone())
        });
        known.collect()
    }

    /// Returns a regular expression for the names of this metric of all named functions.
    fn pattern(&self, part: Part) -> Option<String> {
        let names = self
            .named
            .iter()
            .filter_map(|(function, _)| Some(self.stem(part, &part.of(function, &self.view.scope)?.name)));
        let names: Vec<_> = names.collect();
        (!names.is_empty()).then(|| pattern(&names, self.stem(part, part.suffix())))
    }

    /// Returns the part of a name that recorded series have too.
    fn stem<'n>(&self, part: Part, name: &'n str) -> &'n str {
        if self.view.is_fleet() && part != Part::InFlight { name.trim_end_matches("_total") } else { name }
    }

    /// Returns the names of the series that are queried for metrics with these names.
    fn queried(&self, part: Part, names: &str) -> String {
        let names = format!("{names}{}", part.sample());
        self.view.scope.of_fleet().map_or(names.clone(), |fleet| fleet.pattern(&names, part.operation()))
    }

    fn names(&self, part: Part) -> Option<Names> {
        let scope = &self.view.scope;
        let metrics = self.named.iter().filter_map(|(function, label)| Some((part.of(function, scope)?, label)));
        let metrics: Vec<_> = metrics.collect();
        if metrics.is_empty() {
            return None;
        }
        let (suffix, sample, variable) = (part.suffix(), part.sample(), part.variable());
        let prefix = match self.view.model.prefix.as_str() {
            "" => String::new(),
            prefix => format!("(?:{prefix})?"),
        };
        let usual = (self.queried(part, &format!("{prefix}(.+){}", self.stem(part, suffix))), "$1".to_owned());
        let unusual = metrics
            .iter()
            .filter(|(metric, label)| self.view.base(&metric.name).strip_suffix(suffix) != Some(label.as_str()));
        let unusual =
            unusual.map(|(metric, label)| (self.queried(part, self.stem(part, &metric.name)), (*label).clone()));
        let owner = self.view.model.owner.as_ref();
        Some(Names {
            pattern: if sample.is_empty() && !self.view.is_fleet() {
                format!("${variable}")
            } else {
                self.queried(part, &format!("(?:${{{variable}}})"))
            },
            labels: [usual].into_iter().chain(unusual).collect(),
            shared: owner.is_some_and(|owner| metrics.iter().any(|(metric, _)| owner.shares(&metric.name))),
        })
    }

    /// Returns the sum by function, and by more labels, of a metric of all functions.
    fn sum(&self, part: Part, matchers: &[Matcher], by: &[&str]) -> Option<Expr> {
        self.sum_in(&self.view.scope.with(matchers.iter().cloned()), part, by)
    }

    fn sum_in(&self, scope: &Scope, part: Part, by: &[&str]) -> Option<Expr> {
        let by = [&[FUNCTION], by].concat();
        let named = self.names(part).map(|names| match part {
            Part::InFlight => scope.each(&names),
            Part::Calls | Part::Durations(_) => scope.each_rate(&names),
        });
        let values = |metric: &Metric| {
            let name = format!("{}{}", metric.name, part.sample());
            match part {
                Part::InFlight => scope.now(&name),
                Part::Calls | Part::Durations(_) => scope.windowed("rate", &name),
            }
        };
        let renamed = self.renamed.iter().filter_map(|(function, label)| {
            Some(label_replace(values(part.of(function, &self.view.scope)?), [FUNCTION, label, "job", ".*"]))
        });
        let shared = self.shared.iter().filter_map(|function| {
            let metric = part.of(function, &self.view.scope)?;
            let values = values(metric);
            Some(if has_module(metric) { with_module(values) } else { values })
        });
        named
            .into_iter()
            .chain(renamed)
            .chain(shared)
            .map(|values| aggregate("sum", &by, values))
            .reduce(|all, more| all.binary("or", more))
    }

    /// Returns the 95th percentile of the durations of all functions.
    fn p95(&self) -> Option<Expr> {
        let forms = Histograms::ALL.into_iter().flat_map(|form| {
            let scopes = self.view.scope.forms(form).into_iter();
            scopes.filter_map(move |scope| {
                if scope.is_native(&Histogram::in_form("", form)) {
                    self.native_p95(&scope, form)
                } else {
                    self.sum_in(&scope, Part::Durations(form), &["le"]).map(|buckets| quantile_of(0.95, buckets))
                }
            })
        });
        joined(forms.collect())
    }

    /// Returns the 95th percentile of the native histograms among the durations in this form: a query for each metric.
    fn native_p95(&self, scope: &Scope, form: Histograms) -> Option<Expr> {
        let metric = |function| Part::Durations(form).of(function, &self.view.scope);
        let quantile = |metric: &Metric, by: &[&str]| scope.quantile(0.95, &metric.histogram(), by);
        let named = self.named.iter().chain(&self.renamed).filter_map(|(function, label)| {
            Some(label_replace(quantile(metric(function)?, &[]), [FUNCTION, label, "", ""]))
        });
        let shared = self.shared.iter().filter_map(|function| {
            let metric = metric(function)?;
            Some(if has_module(metric) {
                aggregate("max", &[FUNCTION], with_module(quantile(metric, &[MODULE, FUNCTION])))
            } else {
                quantile(metric, &[FUNCTION])
            })
        });
        joined(named.chain(shared).collect())
    }

    /// Returns the panels of the functions that need attention, and the table.
    fn worst(&self) -> Vec<Panel> {
        let abandoned = matcher(STATUS, Compare::Matches, "panic|cancelled");
        let failed = self.sum(Part::Calls, &[failed_calls()], &[]);
        let all = self.sum(Part::Calls, &[], &[]);
        let p95 = self.p95();
        let in_flight = self.sum(Part::InFlight, &[], &[]);
        let broken = self.sum(Part::Calls, std::slice::from_ref(&abandoned), &[STATUS]);
        let above_zero = |expr: Option<Expr>| expr.map(|expr| expr.compared(">", 0.0));

        let top = |title, unit, about: &str, expr: Option<Expr>, by: &[&str]| {
            let panel = Panel::new(title, Draw::Lines, unit).about(about);
            let panel = panel.note(&format!("At each moment the {LARGEST} largest are shown."));
            expr.map(|expr| panel.query(largest::<&str>(LARGEST, &[], expr), legend(by, "")))
        };
        let by = [FUNCTION];
        let panels = [
            top(
                "Most failures",
                "cps",
                "Calls a second that ended in an error or a panic.",
                above_zero(failed.clone()),
                &by,
            )
            .map(|panel| panel.empty("no function fails")),
            top("Slowest (p95)", "s", "Nineteen of twenty calls take at most this time.", p95.clone(), &by),
            top(
                "Panicked, cancelled",
                "cps",
                "Calls a second that panicked, or that their caller gave up.",
                above_zero(broken),
                &[FUNCTION, STATUS],
            )
            .map(|panel| panel.empty("no call panicked or was cancelled")),
            top(
                "Most calls in flight",
                "short",
                "Calls that have not ended: a function that hangs keeps them.",
                in_flight.clone(),
                &by,
            ),
            top("Most calls", "cps", "Calls a second.", all.clone(), &by),
        ];
        let mut panels: Vec<_> = panels.into_iter().flatten().collect();
        for panel in panels.iter_mut().skip(3) {
            panel.width = 12;
        }
        let share = |of: Option<Expr>| Some(of?.binary("/", all.clone()?.compared(">", 0.0)));
        let unsuccessful = self.sum(Part::Calls, &[matcher(STATUS, Compare::IsNot, "success")], &[]);
        let cancelled = self.sum(Part::Calls, &[matcher(STATUS, Compare::Is, "cancelled")], &[]);
        let columns = [
            (share(unsuccessful), Column { title: "Without success", unit: "percentunit", limits: Some((0.01, 0.05)) }),
            (share(failed), Column { title: "Failed", unit: "percentunit", limits: None }),
            (share(cancelled), Column { title: "Cancelled", unit: "percentunit", limits: None }),
            (p95, Column { title: "p95", unit: "s", limits: None }),
            (in_flight, Column { title: "In flight", unit: "short", limits: None }),
            (all.clone(), Column { title: "Calls", unit: "cps", limits: None }),
        ];
        // A line is a little lower than a cell of the grid.
        let height = (3 + self.number() * 4 / 5).min(14);
        let table = Panel::new("All functions", Draw::Table, "short").sized(24, i64::try_from(height).unwrap_or(14));
        let table = table.about("The functions now. Those without calls have no shares and no duration.");
        panels.push(columns.into_iter().fold(table, |table, (expr, column)| match expr {
            Some(expr) => table.column(expr, column),
            None => table,
        }));
        panels
    }

    /// Returns the table of all functions with a column for each outcome.
    fn outcomes(&self) -> Option<Panel> {
        let all = self.sum(Part::Calls, &[], &[])?;
        let ended =
            |status: &str| Some(self.sum(Part::Calls, &[matcher(STATUS, Compare::Is, status)], &[])?.or_zero(&all));
        let rate = |title| Column { title, unit: "cps", limits: None };
        let columns = [
            (ended("success"), rate("Success")),
            (ended("error"), rate("Error")),
            (ended("panic"), rate("Panic")),
            (ended("cancelled"), rate("Cancelled")),
            (self.p95(), Column { title: "p95", unit: "s", limits: None }),
            (self.sum(Part::InFlight, &[], &[]), Column { title: "In flight", unit: "short", limits: None }),
        ];
        let table = Panel::new("All functions", Draw::Table, "short");
        let table = table.about("Calls a second by outcome, their 95th percentile, and the calls that have not ended.");
        Some(columns.into_iter().fold(table, |table, (expr, column)| match expr {
            Some(expr) => table.column(expr, column),
            None => table,
        }))
    }

    /// Returns the panels of each function, with its name.
    fn each(&self) -> Vec<Panel> {
        let scope = &self.view.scope;
        let own = self.named.iter().chain(&self.renamed).flat_map(|(function, name)| {
            calls(self.view, scope, function).into_iter().map(move |panel| panel.about_function(name))
        });
        let shared = self.shared.iter().flat_map(|function| {
            let places: BTreeSet<_> = function
                .calls
                .declarations
                .iter()
                .filter_map(|declaration| {
                    let fixed = declaration.fixed_labels();
                    let value = |label| fixed.iter().find(|(name, _)| *name == label).map(|(_, value)| *value);
                    Some((value(MODULE), value(FUNCTION)?))
                })
                .collect();
            places.into_iter().flat_map(|(module, name)| {
                let module = module.filter(|_| has_module(&function.calls));
                let labels = [module.map(|module| (MODULE, module)), Some((FUNCTION, name))].into_iter().flatten();
                let scope = scope.with(labels.map(|(label, value)| matcher(label, Compare::Is, value)));
                let name = module.map_or_else(|| name.to_owned(), |module| format!("{module}::{name}"));
                calls(self.view, &scope, function).into_iter().map(move |panel| panel.about_function(&name))
            })
        });
        own.chain(shared).collect()
    }

    fn number(&self) -> usize {
        self.named.len() + self.renamed.len() + self.shared.iter().map(|function| number(function)).sum::<usize>()
    }

    /// Returns a closed row for each module.
    fn modules(&self, title: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        let named: Vec<_> = self.named.iter().chain(&self.renamed).cloned().collect();
        for (i, (module, functions)) in by_module(&named).into_iter().enumerate() {
            let mut row = Row::new(format!("{title}: {module}"), Vec::new()).closed();
            let mut by_labels: BTreeMap<Vec<&str>, Vec<&Function>> = BTreeMap::new();
            // A variable has one name for each function.
            let is_renamed =
                |function: &&Function| self.renamed.iter().any(|(renamed, _)| std::ptr::eq(*renamed, *function));
            let (renamed, functions): (Vec<_>, Vec<_>) = functions.into_iter().partition(is_renamed);
            row.panels.extend(renamed.into_iter().flat_map(|function| calls(self.view, &self.view.scope, function)));
            for function in functions {
                by_labels.entry(function.by()).or_default().push(function);
            }
            for (j, (by, functions)) in by_labels.into_iter().enumerate() {
                self.repeated(&mut row, &format!("module_{i}_{j}"), &by, &functions);
            }
            rows.push(row);
        }
        for function in &self.shared {
            let values = |label: &str| {
                let found = function.calls.labels.iter().find(|other| other.name == label);
                found.and_then(|label| label.values.clone()).unwrap_or_default()
            };
            rows.extend(values(MODULE).iter().map(|module| self.shared_module(title, function, module)));
        }
        rows
    }

    /// Adds the panels of functions with the same labels, each repeated for every function.
    fn repeated(&self, row: &mut Row, name: &str, by: &[&str], functions: &[&Function]) {
        let scope = &self.view.scope;
        for part in [Part::Calls].into_iter().chain(Histograms::ALL.map(Part::Durations)) {
            let metrics = functions
                .iter()
                .filter_map(|function| Some(self.stem(part, &part.of(function, scope)?.name).to_owned()));
            let metrics: Vec<_> = metrics.collect();
            if metrics.is_empty() {
                continue;
            }
            let variable = format!("{name}_{}", part.variable());
            let metric = format!("${{{variable}}}");
            let panel = match part {
                Part::Durations(form) => {
                    let panel = Panel::new(metric.clone(), Draw::Lines, "s").about("The duration of calls.");
                    // The duration may lack labels of the calls.
                    quantiles(panel, scope, &Histogram::in_form(&metric, form), &[])
                }
                _ => {
                    let by = [by, &[STATUS]].concat();
                    let panel = Panel::new(metric.clone(), Draw::Stacked, "cps").about("Calls a second by status.");
                    panel.colored(&OUTCOMES).query_by(scope.rate(&metric, &by), &by, "calls")
                }
            };
            row.panels.push(panel.repeated(&variable));
            row.variables.push((variable, Fixed::Each(metrics)));
        }
    }

    /// Returns the row of the functions of one module that share metrics.
    fn shared_module(&self, title: &str, function: &Function, module: &str) -> Row {
        let scope = self.view.scope.with([matcher(MODULE, Compare::Is, module)]);
        let by = [FUNCTION];
        let rate = scope.rate(&function.calls.name, &by);
        let failed = scope.with([failed_calls()]).rate(&function.calls.name, &by);
        let top = |panel: Panel, expr| panel.query(largest::<&str>(LARGEST, &[], expr), legend(&by, ""));
        let note = format!("At each moment the {LARGEST} largest are shown.");
        let panel = |title, unit| Panel::new(title, Draw::Lines, unit).help(&function.calls).note(&note);
        let mut panels = vec![top(panel("Calls", "cps"), rate), top(panel("Failures", "cps"), failed)];
        if let Some(duration) = &function.duration {
            let panel = Panel::new("Duration (p95)", Draw::Lines, "s").help(duration).note(&note);
            panels.push(top(panel, scope.quantile(0.95, &duration.histogram(), &by)));
        }
        Row::new(format!("{title}: {module}"), panels).closed()
    }
}

/// Returns `true` if functions of several modules share the metric, of which some may have the same name.
fn has_module(metric: &Metric) -> bool {
    metric.has(MODULE) && metric.has(FUNCTION)
}

/// Puts the module in front of the name of the function.
fn with_module(values: Expr) -> Expr {
    let texts = [FUNCTION, "::", MODULE, FUNCTION].map(|text| Expr::Text(text.to_owned()));
    call("label_join", [values].into_iter().chain(texts))
}

/// Groups functions by the module below the one that has them all, or by the first word of their names if all are in one
/// module.
fn by_module<'a>(functions: &[(&'a Function, String)]) -> Vec<(String, Vec<&'a Function>)> {
    let path = |function: &Function| -> Vec<&str> {
        function.calls.declarations.first().map_or_else(Vec::new, |first| first.source.module.split("::").collect())
    };
    let paths: Vec<_> = functions.iter().map(|(function, _)| path(function)).collect();
    let common = paths.iter().skip(1).fold(paths.first().map_or(0, Vec::len), |common, path| {
        path.iter().zip(&paths[0]).take(common).take_while(|(a, b)| a == b).count()
    });
    let in_one_module = paths.iter().all(|path| path.len() == common);
    let items: Vec<_> = functions.iter().zip(&paths).collect();
    let groups = grouped(items, |((_, label), path)| {
        let key = if in_one_module { label.split('_').next() } else { path.get(common).or(path.last()).copied() };
        key.unwrap_or_default().to_owned()
    });
    groups
        .into_iter()
        .map(|(key, items)| (key, items.into_iter().map(|((function, _), _)| *function).collect()))
        .collect()
}

/// Returns a regular expression for these names, which shares the words at their beginnings and this end: some stores
/// limit the length of a query.
fn pattern(names: &[&str], suffix: &str) -> String {
    let stems: Vec<_> = names.iter().filter_map(|name| name.strip_suffix(suffix)).collect();
    let usual = (!stems.is_empty()).then(|| format!("{}{suffix}", any_of(&stems)));
    let unusual = names.iter().filter(|name| !name.ends_with(suffix)).map(|name| (*name).to_owned());
    usual.into_iter().chain(unusual).collect::<Vec<_>>().join("|")
}

fn any_of(names: &[&str]) -> String {
    if let [name] = names {
        return (*name).to_owned();
    }
    let mut alternatives = Vec::new();
    let mut words: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in names {
        match name.split_once('_') {
            Some((word, rest)) => words.entry(word).or_default().push(rest),
            None => alternatives.push((*name).to_owned()),
        }
    }
    alternatives.extend(words.into_iter().map(|(word, rest)| format!("{word}_{}", any_of(&rest))));
    if let [one] = alternatives.as_slice() { one.clone() } else { format!("(?:{})", alternatives.join("|")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_these_names_and_no_others() {
        let names = ["shop_a_total", "shop_a_b_total", "shop_c_total", "tasks", "x_total"];
        assert_eq!(pattern(&names, "_total"), "(?:x|shop_(?:a|c|a_b))_total|tasks");
        assert_eq!(pattern(&["shop_a_total"], "_total"), "shop_a_total");
    }
}
