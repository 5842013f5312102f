//! Pictures of dashboards, drawn by a page of this crate in headless Chromium.
//!
//! Grafana is not involved. The page follows the panel's model (type, unit, legend, thresholds, mappings, stacking) and
//! draws it with plotly.js from the Python package `plotly`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use serde_json::{Value, json};

use crate::prometheus::Range;

/// A browser and plotly.js; [`tools::painter`](crate::tools::painter) finds them.
#[derive(Clone, Debug)]
pub struct Painter {
    chromium: PathBuf,
    plotly: PathBuf,
}

/// The page's report on a panel that it has drawn.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The panel's `id`.
    pub panel: i64,
    /// The number of series with data, or of rows of a table.
    pub series: u64,
    /// The number of lines, areas, bars, cells and numbers in the picture.
    pub marks: u64,
    /// The names in its legend or beside its values.
    pub names: Vec<String>,
}

/// The width of a picture, in pixels.
const WIDTH: u32 = 1400;

/// Without a sandbox, because tests may run as root, and without network requests of the browser itself.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=30000",
];

impl Painter {
    /// Returns the painter, or `None` if this Python does not have the library.
    pub(crate) fn new(chromium: PathBuf, python: &Path) -> Option<Self> {
        let script =
            "import pathlib, plotly; print(pathlib.Path(plotly.__file__).parent / 'package_data/plotly.min.js')";
        let output = Command::new(python).args(["-c", script]).output().ok()?;
        let plotly = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
        plotly.is_file().then_some(Self { chromium, plotly })
    }

    /// Draws a dashboard down to row `until` of its grid, and writes the picture to `file`.
    ///
    /// `data` maps a panel's `id` to Prometheus' answers, in the order of its queries:
    /// `{"id": [[{"metric": {..}, "values": [[time, "text"], ..]}, ..], ..], ..}`.
    ///
    /// # Errors
    /// Returns the errors of the page or of Chromium.
    pub fn draw(
        &self,
        dashboard: &Value,
        data: &Value,
        range: Range,
        until: u32,
        file: &Path,
    ) -> Result<Vec<Drawn>, String> {
        let folder = tempfile::tempdir().unwrap();
        let Range { from, to, step } = range;
        let job = json!({ "dashboard": dashboard, "data": data, "from": from, "to": to, "step": step });
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("page.html", include_str!("page.html"));
        write("page.css", include_str!("page.css"));
        write("page.js", include_str!("page.js"));
        write("job.js", &format!("const JOB = {job};"));
        link(&self.plotly, &folder.path().join("plotly.js")).unwrap();
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).unwrap();
        }
        // If drawing fails, no picture of an earlier run must remain.
        let _ = fs::remove_file(file);

        let height = HEADER + until * CELL;
        let mut command = Command::new(&self.chromium);
        command
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg(format!("--window-size={WIDTH},{height}"))
            .arg(format!("--screenshot={}", file.display()))
            .arg("--dump-dom")
            .arg(format!("file://{}", folder.path().join("page.html").display()));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let page = String::from_utf8_lossy(&output.stdout);
        let failed = || format!("chromium ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        let report = page.split_once(REPORT).and_then(|(_, rest)| rest.split_once("</script>"));
        let report: Value = report.and_then(|(json, _)| serde_json::from_str(json).ok()).ok_or_else(failed)?;
        let errors = texts(&report["errors"]);
        if !errors.is_empty() {
            return Err(errors.join("\n"));
        }
        let drawn = fs::read(file).ok().as_deref().and_then(size).ok_or_else(failed)?;
        if drawn != (WIDTH, height) {
            return Err(format!("the picture has {} x {} pixels, not {WIDTH} x {height}", drawn.0, drawn.1));
        }
        let drawn = report["panels"].as_array().expect("the page writes a list").iter();
        Ok(drawn.map(Drawn::read).collect())
    }
}

/// The height of a row of the grid and of the header above it, in pixels; the same as in `page.css`.
const CELL: u32 = 38;
const HEADER: u32 = 48;

/// The beginning of the element in which the page reports the panels that it has drawn.
const REPORT: &str = r#"<script id="drawn" type="application/json">"#;

impl Drawn {
    fn read(report: &Value) -> Self {
        Self {
            panel: report["panel"].as_i64().expect("the page reports the panel"),
            series: report["series"].as_u64().expect("the page counts"),
            marks: report["marks"].as_u64().expect("the page counts"),
            names: texts(&report["names"]),
        }
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}

/// Reads the width and height of a PNG (<https://www.w3.org/TR/png-3/#11IHDR>).
fn size(png: &[u8]) -> Option<(u32, u32)> {
    let head = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..16)?;
    let (width, height) = head.split_at(4);
    Some((u32::from_be_bytes(width.try_into().ok()?), u32::from_be_bytes(height.try_into().ok()?)))
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(from, to)
}

#[cfg(not(unix))]
fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools;

    const RANGE: Range = Range { from: 100, to: 110, step: 1 };

    fn panel(id: i64, kind: &str, legend: &str) -> Value {
        json!({
            "id": id, "type": kind, "title": "a </script> title", "gridPos": { "x": 0, "y": 0, "w": 12, "h": 8 },
            "fieldConfig": { "defaults": { "unit": "s" } }, "options": {},
            "targets": [{ "expr": "x", "legendFormat": legend }]
        })
    }

    #[test]
    fn only_series_with_values_are_counted() {
        let Some(painter) = tools::painter() else {
            return;
        };
        let dashboard = json!({ "title": "Shop", "panels": [
            panel(1, "timeseries", "{{status}} of {{nothing}}"), panel(2, "timeseries", "x"), panel(3, "stat", "x"),
        ]});
        let series = |values: Value| json!([[{ "metric": { "status": "<b>ok</b>" }, "values": values }]]);
        let data = json!({
            "1": series(json!([[100, "1"], [101, "2.5"], [102, "NaN"], [103, "3"]])),
            "2": [[]],
            "3": series(json!([[100, "NaN"]])),
        });
        let folder = tempfile::tempdir().unwrap();
        let drawn = painter.draw(&dashboard, &data, RANGE, 10, &folder.path().join("a.png")).unwrap();
        let drawn: Vec<_> = drawn.iter().map(|drawn| (drawn.panel, drawn.series, drawn.marks > 0)).collect();
        assert_eq!(drawn, [(1, 1, true), (2, 0, false), (3, 0, false)]);
    }

    #[test]
    fn an_unknown_panel_type_is_an_error() {
        let Some(painter) = tools::painter() else {
            return;
        };
        let dashboard = json!({ "title": "Shop", "panels": [panel(1, "candlestick", "x")] });
        let folder = tempfile::tempdir().unwrap();
        let drawn = painter.draw(&dashboard, &json!({ "1": [[]] }), RANGE, 10, &folder.path().join("a.png"));
        assert!(drawn.unwrap_err().contains("candlestick"));
    }
}
