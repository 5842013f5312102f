//! Queries as a tree, written with the escapes that PromQL asks for.
//!
//! The syntax is that of <https://prometheus.io/docs/prometheus/latest/querying/basics/>: strings in double quotes
//! follow Go's escapes. Operations inside of operations stand in parentheses, so precedence is never in question.

use std::fmt;

use super::node::number;
use super::parts::is_common;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Is,
    IsNot,
    Matches,
}

/// One matcher of a selector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) compare: Compare,
    pub(crate) value: String,
}

pub(crate) fn matcher(label: &str, compare: Compare, value: &str) -> Matcher {
    Matcher { label: label.to_owned(), compare, value: value.to_owned() }
}

/// A query or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// A number.
    Number(f64),
    /// A string argument.
    Text(String),
    /// The series of a metric, over a window if there is one.
    Series { metric: String, matchers: Vec<Matcher>, window: Option<String> },
    /// A function.
    Call { function: &'static str, arguments: Vec<Expr> },
    /// `sum by (labels) (of)`, `topk by (labels) (number, of)`.
    Aggregate { operator: &'static str, by: Vec<String>, number: Option<u32>, of: Box<Expr> },
    /// Two sides; `modifier` is what stands behind the operator, `bool` or `on (..) group_left ()`.
    Binary { left: Box<Expr>, operator: &'static str, modifier: String, right: Box<Expr> },
}

pub(crate) fn call(function: &'static str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Call { function, arguments: arguments.into_iter().collect() }
}

/// `sum`, `max`, .. by these labels; by none, over everything.
pub(crate) fn aggregate<L: AsRef<str>>(operator: &'static str, by: &[L], of: Expr) -> Expr {
    let by = by.iter().map(|label| label.as_ref().to_owned()).collect();
    Expr::Aggregate { operator, by, number: None, of: Box::new(of) }
}

/// The largest series of each group by these labels; by none, of all.
pub(crate) fn largest<L: AsRef<str>>(number: u32, by: &[L], of: Expr) -> Expr {
    let by = by.iter().map(|label| label.as_ref().to_owned()).collect();
    Expr::Aggregate { operator: "topk", by, number: Some(number), of: Box::new(of) }
}

impl Expr {
    /// `self operator right`.
    pub(crate) fn binary(self, operator: &'static str, right: Self) -> Self {
        self.modified(operator, "", right)
    }

    /// `self operator modifier right`.
    pub(crate) fn modified(self, operator: &'static str, modifier: &str, right: Self) -> Self {
        Self::Binary { left: Box::new(self), operator, modifier: modifier.to_owned(), right: Box::new(right) }
    }

    /// `self operator value`.
    pub(crate) fn compared(self, operator: &'static str, value: f64) -> Self {
        self.binary(operator, Self::Number(value))
    }

    /// `self / (total > 0)`: where nothing happened there is no ratio, rather than a NaN.
    ///
    /// `self` is a part of `total` that may have no series at all, as long as no request failed. It is then zero, with
    /// the labels of the total: `or vector(0)` would lose them and join with nothing.
    pub(crate) fn ratio(self, total: &Self) -> Self {
        let zero = Self::Number(0.0).binary("*", total.clone());
        self.binary("or", zero).binary("/", total.clone().compared(">", 0.0))
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => f.write_str(&number(*value)),
            Self::Text(text) => quoted(f, text),
            Self::Series { metric, matchers, window } => {
                f.write_str(metric)?;
                if !matchers.is_empty() {
                    f.write_str("{")?;
                    for (i, matcher) in matchers.iter().enumerate() {
                        if i > 0 {
                            f.write_str(", ")?;
                        }
                        matcher.fmt(f)?;
                    }
                    f.write_str("}")?;
                }
                window.as_ref().map_or(Ok(()), |window| write!(f, "[{window}]"))
            }
            Self::Call { function, arguments } => {
                write!(f, "{function}(")?;
                for (i, argument) in arguments.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    argument.fmt(f)?;
                }
                f.write_str(")")
            }
            Self::Aggregate { operator, by, number, of } => {
                f.write_str(operator)?;
                if !by.is_empty() {
                    write!(f, " by ({}) ", by.join(", "))?;
                }
                match number {
                    Some(number) => write!(f, "({number}, {of})"),
                    None => write!(f, "({of})"),
                }
            }
            Self::Binary { left, operator, modifier, right } => {
                side(f, left)?;
                write!(f, " {operator} ")?;
                if !modifier.is_empty() {
                    write!(f, "{modifier} ")?;
                }
                side(f, right)
            }
        }
    }
}

fn side(f: &mut fmt::Formatter<'_>, side: &Expr) -> fmt::Result {
    if matches!(side, Expr::Binary { .. }) { write!(f, "({side})") } else { write!(f, "{side}") }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.compare {
            Compare::Is => "=",
            Compare::IsNot => "!=",
            Compare::Matches => "=~",
        };
        write!(f, "{}{operator}", self.label)?;
        quoted(f, &self.value)
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// What tells one service's instances from others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Owner {
    /// A series that each of them has, and no other service.
    pub(crate) series: String,
    /// Whether it is one that only goes up.
    pub(crate) counter: bool,
    /// What the names of its own metrics begin with; empty where it has no namespace.
    pub(crate) prefix: String,
}

impl Owner {
    /// Whether other services have metrics of this name as well.
    fn shares(&self, metric: &str) -> bool {
        if self.prefix.is_empty() { is_common(metric) } else { !metric.starts_with(&self.prefix) }
    }
}

/// The quantiles that are drawn and recorded, with their names.
pub(crate) const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

/// What the selectors of one document have in common: whose series, over which window.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    matchers: Vec<Matcher>,
    window: String,
    /// Whose instances are meant, where the choice of jobs may be all of them.
    owner: Option<(Owner, Vec<Matcher>)>,
}

impl Scope {
    /// The panels of a dashboard: the job and the instances that were chosen, the window that Grafana finds. All jobs
    /// are those of the owner.
    pub(crate) fn dashboard(owner: Option<&Owner>) -> Self {
        let matchers = ["job", "instance"].map(|name| matcher(name, Compare::Matches, &format!("${name}"))).to_vec();
        let owner = owner.map(|owner| (owner.clone(), matchers.clone()));
        Self { matchers, window: "$__rate_interval".to_owned(), owner }
    }

    /// The rules for one job.
    pub(crate) fn job(job: &str, window: &str) -> Self {
        Self { matchers: vec![matcher("job", Compare::Is, job)], window: window.to_owned(), owner: None }
    }

    /// The same with further matchers.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = Matcher>) -> Self {
        let mut scope = self.clone();
        scope.matchers.extend(more);
        scope
    }

    /// The series as they are.
    pub(crate) fn now(&self, metric: &str) -> Expr {
        self.owned(metric, self.series(metric, None))
    }

    /// `function(metric[window])`.
    pub(crate) fn windowed(&self, function: &'static str, metric: &str) -> Expr {
        self.owned(metric, call(function, [self.series(metric, Some(self.window.clone()))]))
    }

    fn series(&self, metric: &str, window: Option<String>) -> Expr {
        Expr::Series { metric: metric.to_owned(), matchers: self.matchers.clone(), window }
    }

    /// Of a metric that others have as well, only what stands beside a series of the owner.
    fn owned(&self, metric: &str, expr: Expr) -> Expr {
        match &self.owner {
            Some((owner, matchers)) if owner.shares(metric) => {
                let window = owner.counter.then(|| self.window.clone());
                let series = Expr::Series { metric: owner.series.clone(), matchers: matchers.clone(), window };
                // Grafana's linter takes no counter without its rate.
                let series = if owner.counter { call("rate", [series]) } else { series };
                expr.modified("and", "on (job, instance)", series)
            }
            _ => expr,
        }
    }

    /// `sum by (by) (rate(metric[window]))`; counters only.
    pub(crate) fn rate<L: AsRef<str>>(&self, metric: &str, by: &[L]) -> Expr {
        aggregate("sum", by, self.windowed("rate", metric))
    }

    /// How much a counter went up within the window.
    pub(crate) fn increase<L: AsRef<str>>(&self, metric: &str, by: &[L]) -> Expr {
        aggregate("sum", by, self.windowed("increase", metric))
    }

    /// A quantile of the buckets of all instances together. Where nothing was observed there is none, rather than the NaN
    /// that buckets without a rate have.
    pub(crate) fn quantile<L: AsRef<str>>(&self, quantile: f64, histogram: &str, by: &[L]) -> Expr {
        let observed = self.rate(&format!("{histogram}_count"), by).compared(">", 0.0);
        let by: Vec<_> = by.iter().map(AsRef::as_ref).chain(["le"]).collect();
        let buckets = self.rate(&format!("{histogram}_bucket"), &by);
        call("histogram_quantile", [Expr::Number(quantile), buckets]).binary("and", observed)
    }

    /// The mean of what was observed.
    pub(crate) fn mean<L: AsRef<str>>(&self, histogram: &str, by: &[L]) -> Expr {
        let [sum, count] = ["sum", "count"].map(|part| self.rate(&format!("{histogram}_{part}"), by));
        sum.binary("/", count.compared(">", 0.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ratio_is_zero_where_no_series_failed_and_absent_where_nothing_happened() {
        let scope = Scope::job("shop", "5m");
        let all = scope.rate("requests_total", &["route"]);
        let failed = scope.with([matcher("status", Compare::Matches, "5..")]).rate("requests_total", &["route"]);
        assert_eq!(
            failed.ratio(&all).to_string(),
            "(sum by (route) (rate(requests_total{job=\"shop\", status=~\"5..\"}[5m])) or \
             (0 * sum by (route) (rate(requests_total{job=\"shop\"}[5m])))) / \
             (sum by (route) (rate(requests_total{job=\"shop\"}[5m])) > 0)"
        );
    }

    #[test]
    fn what_others_have_as_well_is_the_owners_alone() {
        let owner = |prefix: &str| Owner { series: "shop_open".to_owned(), counter: false, prefix: prefix.to_owned() };
        let rate = |owner: Owner, metric: &str| {
            let scope = Scope::dashboard(Some(&owner)).with([matcher("cause", Compare::Is, "panic")]);
            scope.rate(metric, &["instance"]).to_string().replace("{job=~\"$job\", instance=~\"$instance\"", "{..")
        };
        let shared = |metric: &str| {
            format!(
                "sum by (instance) (rate({metric}{{.., cause=\"panic\"}}[$__rate_interval]) \
                 and on (job, instance) shop_open{{..}})"
            )
        };
        let own = |metric: &str| format!("sum by (instance) (rate({metric}{{.., cause=\"panic\"}}[$__rate_interval]))");
        assert_eq!(rate(owner("shop_"), "metrics_runtime_a_total"), shared("metrics_runtime_a_total"));
        assert_eq!(rate(owner("shop_"), "shop_a_total"), own("shop_a_total"));
        assert_eq!(rate(owner(""), "up"), shared("up"));
        assert_eq!(rate(owner(""), "a_total"), own("a_total"));
    }

    #[test]
    fn quantiles_come_from_summed_buckets_and_are_absent_where_nothing_was_observed() {
        assert_eq!(
            Scope::dashboard(None).quantile(0.95, "wait_seconds", &["route"]).to_string(),
            "histogram_quantile(0.95, sum by (route, le) \
             (rate(wait_seconds_bucket{job=~\"$job\", instance=~\"$instance\"}[$__rate_interval]))) and \
             (sum by (route) (rate(wait_seconds_count{job=~\"$job\", instance=~\"$instance\"}[$__rate_interval])) > 0)"
        );
    }

    proptest! {
        #[test]
        fn every_text_is_one_string_of_the_query(value in any::<String>()) {
            let query = Scope::job(&value, "5m").now("up").to_string();
            let parsed = promql_parser::parser::parse(&query);
            prop_assert!(parsed.is_ok(), "{query}: {parsed:?}");
            let Ok(promql_parser::parser::Expr::VectorSelector(selector)) = parsed else { panic!("{query}") };
            prop_assert_eq!(&selector.matchers.matchers[0].value, &value);
        }
    }
}
