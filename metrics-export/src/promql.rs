//! PromQL expressions as a tree.
//!
//! The syntax is that of <https://prometheus.io/docs/prometheus/latest/querying/basics/>: strings in double quotes use
//! the escapes of Go. Nested operations are in parentheses, so precedence does not matter.

use std::fmt;

use crate::document::number;

/// The comparison of a matcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Is,
    IsNot,
    Matches,
    MatchesNot,
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

/// A PromQL expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// A number.
    Number(f64),
    /// A string argument.
    Text(String),
    /// A selector, with a range if `window` is set.
    Series { metric: String, matchers: Vec<Matcher>, window: Option<String> },
    /// A selector at an earlier time, `selector offset 5m`.
    Offset { series: Box<Expr>, by: String },
    /// An expression evaluated at many times, `(operand)[15m:30s]`.
    Subquery { operand: Box<Expr>, window: String, step: String },
    /// A function call.
    Call { function: &'static str, arguments: Vec<Expr> },
    /// An aggregation, `sum by (labels) (operand)` or `topk by (labels) (number, operand)`.
    Aggregate { operator: &'static str, by: Vec<String>, number: Option<u32>, operand: Box<Expr> },
    /// An aggregation that removes labels, `max without (labels) (operand)`.
    Without { operator: &'static str, labels: Vec<String>, operand: Box<Expr> },
    /// A binary operation. `modifier` follows the operator: `bool` or `on (..) group_left ()`.
    Binary { left: Box<Expr>, operator: &'static str, modifier: String, right: Box<Expr> },
}

pub(crate) fn call(function: &'static str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Call { function, arguments: arguments.into_iter().collect() }
}

/// Returns `operator by (by) (operand)`, without the clause if `by` is empty.
pub(crate) fn aggregate<L: AsRef<str>>(operator: &'static str, by: &[L], operand: Expr) -> Expr {
    let by = by.iter().map(|label| label.as_ref().to_owned()).collect();
    Expr::Aggregate { operator, by, number: None, operand: Box::new(operand) }
}

/// Returns the `number` largest series of each group by these labels.
pub(crate) fn largest<L: AsRef<str>>(number: u32, by: &[L], operand: Expr) -> Expr {
    let by = by.iter().map(|label| label.as_ref().to_owned()).collect();
    Expr::Aggregate { operator: "topk", by, number: Some(number), operand: Box::new(operand) }
}

/// Returns `operator without (labels) (operand)`.
pub(crate) fn without(operator: &'static str, labels: &[String], operand: Expr) -> Expr {
    Expr::Without { operator, labels: labels.to_vec(), operand: Box::new(operand) }
}

/// Returns `label_replace(operand, label, replacement, source, regex)`.
pub(crate) fn label_replace(operand: Expr, [label, replacement, source, regex]: [&str; 4]) -> Expr {
    let texts = [label, replacement, source, regex].map(|text| Expr::Text(text.to_owned()));
    call("label_replace", [operand].into_iter().chain(texts))
}

/// Joins expressions with `or`, or returns `None` if there are none. The nesting of many is a tree of little depth.
pub(crate) fn joined(mut exprs: Vec<Expr>) -> Option<Expr> {
    let rest = exprs.split_off(exprs.len().div_ceil(2));
    if rest.is_empty() {
        return exprs.pop();
    }
    joined(exprs).into_iter().chain(joined(rest)).reduce(|one, other| one.binary("or", other))
}

impl Expr {
    /// Returns the selector with a range.
    pub(crate) fn range(mut self, over: &str) -> Self {
        if let Self::Series { window, .. } = &mut self {
            *window = Some(over.to_owned());
        }
        self
    }

    /// Returns the expression with its selectors at a time before the evaluation.
    pub(crate) fn offset(self, by: &str) -> Self {
        match self {
            Self::Without { operator, labels, operand } => {
                Self::Without { operator, labels, operand: Box::new(operand.offset(by)) }
            }
            Self::Call { function, arguments } => {
                call(function, arguments.into_iter().map(|argument| argument.offset(by)))
            }
            Self::Binary { left, operator, modifier, right } => {
                left.offset(by).modified(operator, &modifier, right.offset(by))
            }
            Self::Number(value) => Self::Number(value),
            series => Self::Offset { series: Box::new(series), by: by.to_owned() },
        }
    }

    /// Returns the values of the expression within the window, one for each step. Engines choose different steps if
    /// there is none.
    pub(crate) fn every(self, window: &str, step: &str) -> Self {
        Self::Subquery { operand: Box::new(self), window: window.to_owned(), step: step.to_owned() }
    }

    /// Returns `self operator right`.
    pub(crate) fn binary(self, operator: &'static str, right: Self) -> Self {
        self.modified(operator, "", right)
    }

    /// Returns `self operator modifier right`.
    pub(crate) fn modified(self, operator: &'static str, modifier: &str, right: Self) -> Self {
        Self::Binary { left: Box::new(self), operator, modifier: modifier.to_owned(), right: Box::new(right) }
    }

    /// Returns `self operator value`.
    pub(crate) fn compared(self, operator: &'static str, value: f64) -> Self {
        self.binary(operator, Self::Number(value))
    }

    /// Returns `self / (total > 0)`, which has no sample, instead of NaN, while the total is zero.
    ///
    /// `self` is a part of `total`, and has no series before the first failure. It is then zero, with the labels of the
    /// total: `or vector(0)` would lose the labels, and the division would match nothing.
    pub(crate) fn ratio(self, total: &Self) -> Self {
        self.or_zero(total).binary("/", total.clone().compared(">", 0.0))
    }

    /// Returns `self`, or 0 for each sample of `total` without one: a counter has no series before its first event.
    pub(crate) fn or_zero(self, total: &Self) -> Self {
        self.binary("or", Self::Number(0.0).binary("*", total.clone()))
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
                    separated(f, matchers)?;
                    f.write_str("}")?;
                }
                window.as_ref().map_or(Ok(()), |window| write!(f, "[{window}]"))
            }
            Self::Offset { series, by } => write!(f, "{series} offset {by}"),
            Self::Subquery { operand, window, step } => {
                side(f, operand)?;
                write!(f, "[{window}:{step}]")
            }
            Self::Call { function, arguments } => {
                write!(f, "{function}(")?;
                separated(f, arguments)?;
                f.write_str(")")
            }
            Self::Aggregate { operator, by, number, operand } => {
                f.write_str(operator)?;
                if !by.is_empty() {
                    write!(f, " by ({}) ", by.join(", "))?;
                }
                match number {
                    Some(number) => write!(f, "({number}, {operand})"),
                    None => write!(f, "({operand})"),
                }
            }
            Self::Without { operator, labels, operand } => {
                write!(f, "{operator} without ({}) ({operand})", labels.join(", "))
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

fn separated(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
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
            Compare::MatchesNot => "!~",
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
