//! Panels in the classic model of Grafana's dashboards
//! (<https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/>).

use crate::document::{Node, list, map};
use crate::metric::Metric;
use crate::names::BREAKER_STATES;
use crate::promql::{Expr, largest};

/// The number of series in a panel of a metric whose label values are only known at run time.
pub(super) const LARGEST: u32 = 10;

/// The visualization of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    Lines,
    Stacked,
    Stat,
    Heatmap,
    /// The states of a circuit breaker as colors over time.
    States,
    Table,
}

/// The names and colors of the values of `circuit_breaker_state`.
pub(super) const STATES: [(&str, &str); 5] = {
    let [closed, open, half_open, disabled, forced_open] = BREAKER_STATES;
    [(closed, "green"), (open, "red"), (half_open, "yellow"), (disabled, "blue"), (forced_open, "purple")]
};

/// One query.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) expr: Expr,
    pub(super) legend: String,
}

/// A column of a table with a query for each column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    /// The values above which a cell is yellow and red.
    pub(super) limits: Option<(f64, f64)>,
}

/// A panel without its position.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) description: String,
    /// The metric of the panel; empty if it shows several.
    pub(super) metric: String,
    pub(super) draw: Draw,
    pub(super) unit: &'static str,
    pub(super) targets: Vec<Target>,
    /// The width in columns. A row has 24 columns.
    pub(super) width: i64,
    pub(super) height: i64,
    /// The values above which the panel is yellow and red.
    pub(super) limits: Option<(f64, f64)>,
    /// `true` if values may be below zero.
    pub(super) signed: bool,
    /// The text without data.
    pub(super) empty: &'static str,
    /// The colors of series by name. Others get one of the palette.
    pub(super) colors: &'static [(&'static str, &'static str)],
    /// The columns of a table that joins its queries by their label; empty for a table of the labels of one query.
    pub(super) columns: Vec<Column>,
    /// The variable whose values each have a copy of this panel.
    pub(super) repeat: Option<String>,
    /// The function of the panel, on the page of a process.
    pub(super) subject: Option<String>,
    /// The address of the dashboard that each instance in a table leads to.
    pub(super) details: Option<String>,
}

impl Panel {
    pub(super) fn new(title: impl Into<String>, draw: Draw, unit: &'static str) -> Self {
        let (width, height) = match draw {
            Draw::Stat => (4, 4),
            Draw::Table => (24, 5),
            Draw::States => (24, 6),
            Draw::Lines | Draw::Stacked | Draw::Heatmap => (8, 8),
        };
        Self {
            title: title.into(),
            description: String::new(),
            metric: String::new(),
            draw,
            unit,
            targets: Vec::new(),
            width,
            height,
            limits: None,
            signed: false,
            empty: if draw == Draw::Stat { "none" } else { "" },
            colors: &[],
            columns: Vec::new(),
            repeat: None,
            subject: None,
            details: None,
        }
    }

    /// Sets the description.
    pub(super) fn about(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// Sets the description to the help text, the name and the places of a metric.
    pub(super) fn help(mut self, metric: &Metric) -> Self {
        metric.name.clone_into(&mut self.metric);
        let places = metric.places.iter().map(|place| plain(place));
        let names = [metric.name.clone()].into_iter().chain(places).map(|name| format!("`{name}`"));
        let text: Vec<_> = [plain(&metric.help)].into_iter().chain(names).collect();
        self.about(text.join("\n\n").trim_start())
    }

    /// Appends to the description.
    pub(super) fn note(mut self, text: &str) -> Self {
        self.description = format!("{}\n\n{text}", self.description);
        self
    }

    /// Adds a query.
    pub(super) fn query(mut self, expr: Expr, legend: impl Into<String>) -> Self {
        self.targets.push(Target { expr, legend: legend.into() });
        self
    }

    /// Adds a column with a query to a table.
    pub(super) fn column(mut self, expr: Expr, column: Column) -> Self {
        self = self.query(expr, column.title);
        self.columns.push(column);
        self
    }

    /// Adds a query by these labels, which are also its legend. Without labels the legend is `otherwise`.
    pub(super) fn query_by<L: AsRef<str>>(self, expr: Expr, by: &[L], otherwise: &str) -> Self {
        self.query(expr, legend(by, otherwise))
    }

    /// Adds a query by labels. Only the labels in `few` have few values. If `by` has other labels, the query returns
    /// the largest series for each value of the labels in `few`. The largest of all series would not include rare ones,
    /// such as errors.
    pub(super) fn query_by_any(mut self, expr: Expr, by: &[&str], few: &[&str], otherwise: &str) -> Self {
        let few: Vec<_> = by.iter().copied().filter(|label| few.contains(label)).collect();
        if few.len() == by.len() {
            return self.query_by(expr, by, otherwise);
        }
        let each = if few.is_empty() { String::new() } else { format!(" for each {}", codes(&few)) };
        self = self.note(&format!("At each moment the {LARGEST} largest are shown{each}."));
        if self.draw == Draw::Stacked {
            // A stack of the largest series would look like the total.
            self.draw = Draw::Lines;
        }
        self.query_by(largest(LARGEST, &few, expr), by, otherwise)
    }

    pub(super) fn sized(self, width: i64, height: i64) -> Self {
        Self { width, height, ..self }
    }

    /// Sets the colors of series by name.
    pub(super) fn colored(self, colors: &'static [(&'static str, &'static str)]) -> Self {
        Self { colors, ..self }
    }

    /// Sets the text without data.
    pub(super) fn empty(self, empty: &'static str) -> Self {
        Self { empty, ..self }
    }

    pub(super) fn repeated(self, variable: &str) -> Self {
        Self { repeat: Some(variable.to_owned()), ..self }
    }

    /// Names the function of the panel.
    pub(super) fn about_function(self, name: &str) -> Self {
        Self { subject: Some(name.to_owned()), ..self }
    }

    /// Links the instances of a table to another dashboard.
    pub(super) fn details(self, url: String) -> Self {
        Self { details: Some(url), ..self }
    }

    pub(super) fn signed(self) -> Self {
        Self { signed: true, ..self }
    }

    pub(super) fn limits(self, yellow: f64, red: f64) -> Self {
        Self { limits: Some((yellow, red)), ..self }
    }

    /// Returns a text that identifies the panel within its row and does not depend on the queries.
    pub(super) fn identity(&self) -> String {
        format!("{}\n{}", self.title, self.metric)
    }

    /// Returns the panel. `step` is the time between two scrapes: Grafana computes the window of rates from it.
    pub(super) fn node(&self, id: i64, x: i64, y: i64, step: &str) -> Node {
        let kind = match self.draw {
            Draw::Lines | Draw::Stacked => "timeseries",
            Draw::Stat => "stat",
            Draw::Heatmap => "heatmap",
            Draw::States => "state-timeline",
            Draw::Table => "table",
        };
        let mut panel = map([
            ("id", id.into()),
            ("type", kind.into()),
            ("title", self.title.as_str().into()),
            ("description", self.description.as_str().into()),
            ("datasource", datasource()),
            ("gridPos", place(x, y, self.width, self.height)),
            ("fieldConfig", map([("defaults", self.defaults()), ("overrides", self.overrides())])),
            ("options", self.options()),
        ]);
        if self.draw == Draw::Table {
            panel = panel.with("transformations", list(self.transformations()));
        }
        if let Some(variable) = &self.repeat {
            panel =
                panel.with("repeat", variable.as_str()).with("repeatDirection", "h").with("maxPerRow", 24 / self.width);
        }
        let targets = self.targets.iter().enumerate().map(|(i, target)| self.target(i, target, step));
        panel.with("targets", list(targets))
    }

    fn overrides(&self) -> Node {
        let colors = self.colors.iter().map(|(name, color)| {
            let color = map([("mode", "fixed".into()), ("fixedColor", (*color).into())]);
            overridden(name, vec![property("color", color)])
        });
        let details = self.details.iter().map(|url| {
            let link = map([("title", "This instance".into()), ("url", url.as_str().into())]);
            overridden("instance", vec![property("links", list([link]))])
        });
        list(colors.chain(self.columns.iter().map(column)).chain(details))
    }

    fn transformations(&self) -> Vec<Node> {
        let transformation = |id: &str, options| map([("id", id.into()), ("options", options)]);
        let excluded = |name: &'static str| (name.into(), true.into());
        if self.columns.is_empty() {
            let excluded = Node::Map(["Time", "Value"].map(excluded).to_vec());
            return vec![transformation("organize", map([("excludeByName", excluded)]))];
        }
        let renamed = self.columns.iter().enumerate().map(|(i, column)| {
            let value = format!("Value #{}", letter(i));
            (value.into(), column.title.into())
        });
        let organized =
            [("excludeByName", Node::Map(vec![excluded("Time")])), ("renameByName", Node::Map(renamed.collect()))];
        vec![transformation("merge", map([])), transformation("organize", map(organized))]
    }

    fn target(&self, index: usize, target: &Target, step: &str) -> Node {
        // The current value. The last value of a range may be old.
        let instant = matches!(self.draw, Draw::Table | Draw::Stat);
        let format = match self.draw {
            Draw::Table => "table",
            Draw::Heatmap => "heatmap",
            _ => "time_series",
        };
        map([
            ("refId", letter(index).into()),
            ("datasource", datasource()),
            ("expr", target.expr.to_string().into()),
            ("legendFormat", target.legend.as_str().into()),
            ("format", format.into()),
            ("instant", instant.into()),
            ("range", (!instant).into()),
            ("interval", step.into()),
            ("editorMode", "code".into()),
        ])
    }

    fn defaults(&self) -> Node {
        let color = match self.draw {
            Draw::Stat | Draw::States => "thresholds",
            _ => "palette-classic",
        };
        let mut defaults = map([
            ("unit", self.unit.into()),
            ("color", map([("mode", color.into())])),
            ("thresholds", thresholds(self.limits)),
            ("mappings", if self.draw == Draw::States { breaker_states() } else { Node::List(Vec::new()) }),
        ]);
        if !self.empty.is_empty() {
            defaults = defaults.with("noValue", self.empty);
        }
        match self.draw {
            Draw::Lines | Draw::Stacked => {
                let stacked = self.draw == Draw::Stacked;
                let mode = if stacked { "normal" } else { "none" };
                let custom = map([
                    ("drawStyle", "line".into()),
                    ("lineWidth", 1.into()),
                    ("fillOpacity", if stacked { 30 } else { 0 }.into()),
                    ("showPoints", "never".into()),
                    ("stacking", map([("mode", mode.into()), ("group", "A".into())])),
                ]);
                if self.signed {
                    defaults.with("custom", custom.with("axisSoftMin", 0))
                } else {
                    defaults.with("min", 0).with("custom", custom)
                }
            }
            _ => defaults,
        }
    }

    fn options(&self) -> Node {
        let tooltip = map([("mode", "multi".into()), ("sort", "desc".into())]);
        let legend = map([
            ("displayMode", "list".into()),
            ("placement", "bottom".into()),
            ("showLegend", true.into()),
            ("calcs", Node::List(Vec::new())),
        ]);
        match self.draw {
            Draw::Lines | Draw::Stacked => map([("legend", legend), ("tooltip", tooltip)]),
            Draw::Stat => {
                let reduce = map([("calcs", list(["lastNotNull"])), ("fields", "".into()), ("values", false.into())]);
                map([
                    ("reduceOptions", reduce),
                    ("colorMode", "value".into()),
                    ("graphMode", "none".into()),
                    ("justifyMode", "auto".into()),
                    ("orientation", "auto".into()),
                    ("textMode", "auto".into()),
                ])
            }
            Draw::Heatmap => map([
                ("calculate", false.into()),
                ("color", map([("mode", "scheme".into()), ("scheme", "Spectral".into()), ("steps", 64.into())])),
                ("cellGap", 1.into()),
                ("yAxis", map([("axisPlacement", "left".into()), ("unit", self.unit.into())])),
                ("tooltip", map([("mode", "single".into()), ("showColorScale", true.into())])),
                ("legend", map([("show", true.into())])),
            ]),
            Draw::States => map([
                ("mergeValues", true.into()),
                ("showValue", "auto".into()),
                ("rowHeight", 0.9.into()),
                ("legend", legend),
                ("tooltip", map([("mode", "single".into()), ("sort", "none".into())])),
            ]),
            Draw::Table => {
                let table = map([("showHeader", true.into()), ("cellHeight", "sm".into())]);
                // The worst is first.
                let limited = self.columns.iter().find(|column| column.limits.is_some());
                let sort = limited.map(|column| map([("displayName", column.title.into()), ("desc", true.into())]));
                if let Some(sort) = sort { table.with("sortBy", list([sort])) } else { table }
            }
        }
    }
}

/// Returns the name of a query. No panel has as many queries as the alphabet has letters.
fn letter(index: usize) -> String {
    char::from(b'A'.saturating_add(u8::try_from(index).unwrap_or(25))).to_string()
}

fn property(id: &str, value: Node) -> Node {
    map([("id", id.into()), ("value", value)])
}

/// Sets properties of the series or the column of this name.
fn overridden(name: &str, properties: Vec<Node>) -> Node {
    let matched = map([("id", "byName".into()), ("options", name.into())]);
    map([("matcher", matched), ("properties", properties.into())])
}

/// Sets the unit and the colors of a column.
fn column(column: &Column) -> Node {
    let mut properties = vec![property("unit", column.unit.into())];
    if let Some(limits) = column.limits {
        properties.push(property("thresholds", thresholds(Some(limits))));
        properties.push(property("color", map([("mode", "thresholds".into())])));
        properties.push(property("custom.cellOptions", map([("type", "color-text".into())])));
    }
    overridden(column.title, properties)
}

fn thresholds(limits: Option<(f64, f64)>) -> Node {
    let mut steps = vec![step("green", Node::Null)];
    if let Some((yellow, red)) = limits {
        steps.extend([step("yellow", yellow.into()), step("red", red.into())]);
    }
    map([("mode", "absolute".into()), ("steps", steps.into())])
}

fn step(color: &str, value: Node) -> Node {
    map([("color", color.into()), ("value", value)])
}

/// Maps the values of `circuit_breaker_state` to names and colors.
fn breaker_states() -> Node {
    let options = STATES.iter().enumerate().map(|(value, (text, color))| {
        let index = Node::Int(i64::try_from(value).unwrap_or_default());
        let state = map([("text", (*text).into()), ("color", (*color).into()), ("index", index)]);
        (value.to_string().into(), state)
    });
    list([map([("type", "value".into()), ("options", Node::Map(options.collect()))])])
}

pub(super) fn datasource() -> Node {
    map([("type", "prometheus".into()), ("uid", "${datasource}".into())])
}

pub(super) fn place(x: i64, y: i64, w: i64, h: i64) -> Node {
    map([("x", x.into()), ("y", y.into()), ("w", w.into()), ("h", h.into())])
}

pub(super) fn legend<L: AsRef<str>>(by: &[L], otherwise: &str) -> String {
    if by.is_empty() {
        return otherwise.to_owned();
    }
    let labels: Vec<_> = by.iter().map(|label| format!("{{{{{}}}}}", label.as_ref())).collect();
    labels.join(" ")
}

fn codes(labels: &[&str]) -> String {
    labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
}

/// Escapes text for a description, which is Markdown with variables.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('$', "&#36;").replace(['\n', '\r'], " ")
}

/// Returns Grafana's name of a unit
/// (<https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts>).
pub(super) fn unit(unit: Option<&str>) -> &'static str {
    match unit {
        Some("seconds") => "s",
        Some("bytes") => "bytes",
        Some("celsius") => "celsius",
        Some("meters") => "lengthm",
        Some("volts") => "volt",
        Some("amperes") => "amp",
        Some("joules") => "joule",
        Some("grams") => "massg",
        // A ratio may be 30, which is hard to read as a percentage.
        Some("ratio") => "none",
        _ => "short",
    }
}

/// Returns Grafana's name of a unit per second.
pub(super) fn rate_unit(unit: Option<&str>) -> &'static str {
    match unit {
        Some("bytes") => "Bps",
        // Seconds per second are a number of concurrent activities.
        Some("seconds") => "short",
        _ => "cps",
    }
}
