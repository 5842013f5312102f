//! The reference: Markdown tables of all metrics.

use std::fmt::Write as _;

use crate::document::number;
use crate::metric::{Metric, Role};
use crate::model::Model;
use crate::series::worst_case;

/// Returns the reference, in the order of the rows of the dashboard.
pub(crate) fn markdown(model: &Model) -> String {
    let mut out = format!(
        "# Metrics of {}\n\nWritten by the command `metrics docs` from what the binary declares. \"Series\" is the \
         largest number of series on one instance.\n",
        text(&model.service)
    );
    if !model.constant.is_empty() {
        let names: Vec<_> = model.constant.iter().map(|name| code(name)).collect();
        let _ = writeln!(out, "\nEvery series has also: {}.", names.join(", "));
    }
    for (role, title) in Role::ALL {
        let metrics: Vec<_> = model.of_role(role).collect();
        if metrics.is_empty() {
            continue;
        }
        let _ = write!(out, "\n## {title}\n\n| metric | kind | labels | unit | meaning | series | declared at |\n");
        out.push_str("|---|---|---|---|---|---|---|\n");
        for metric in metrics {
            row(&mut out, metric);
        }
    }
    out
}

fn row(out: &mut String, metric: &Metric) {
    let bounds = metric.buckets.iter().copied().map(number);
    let buckets: Vec<_> = bounds.chain(metric.native.then(|| "native".to_owned())).collect();
    let kind = metric.kind.as_str();
    let kind = if buckets.is_empty() { kind.to_owned() } else { format!("{kind}: {}", buckets.join(" ")) };
    let labels: Vec<_> = metric
        .labels
        .iter()
        .map(|label| match &label.values {
            Some(values) if values.len() <= 8 => {
                let values: Vec<_> = values.iter().map(|value| code(value)).collect();
                format!("{}: {}", code(&label.name), values.join(" "))
            }
            Some(values) => format!("{}: {} values", code(&label.name), values.len()),
            None => code(&label.name),
        })
        .collect();
    let places: Vec<_> = metric.places.iter().map(|place| code(place)).collect();
    let earlier = metric.replaces.iter().map(|name| format!("<br>before: {}", code(name)));
    let cells = [
        [code(&metric.name)].into_iter().chain(earlier).collect(),
        kind,
        labels.join("<br>"),
        metric.unit.clone().unwrap_or_default(),
        text(&metric.help),
        worst_case(metric).to_string(),
        places.join("<br>"),
    ];
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// Escapes text for a cell of a table: no markup, no line breaks.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

/// Formats a name or a value as code. In code only backquotes have a meaning, and in a table the bar.
fn code(name: &str) -> String {
    let name = name.replace(|c: char| c.is_control(), " ").replace('|', "\\|");
    if name.contains('`') {
        format!("`` {name} ``")
    } else if name.is_empty() {
        "\"\"".to_owned()
    } else {
        format!("`{name}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_texts_stay_within_their_cells() {
        assert_eq!(text("a|b\nc `d` <e> *f*"), "a\\|b c \\`d\\` &lt;e> \\*f\\*");
        assert_eq!(code("a|`b`"), "`` a\\|`b` ``");
    }
}
