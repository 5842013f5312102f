//! The reference parsers of Python's `prometheus-client`.
//!
//! They also accept invalid pages, for example a duplicate series. So it is not sufficient that they accept a page:
//! tests also compare the samples, as a set, with a model or with [`Page::points`](crate::page::Page::points).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::page::Point;

/// A Python process that parses page after page; [`tools::python`](crate::tools::python) starts it.
///
/// Starting Python takes far longer than parsing, so a property test keeps one process for all its cases.
pub struct Python {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Python {
    pub(crate) fn new(program: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(["-X", "utf8", "-c", include_str!("parse_page.py")]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let pipes = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, pipes: Mutex::new(pipes) }
    }

    /// Returns every sample of a page in the text format.
    ///
    /// Names of counters have to end in `_total`: the parser adds a missing suffix.
    ///
    /// # Errors
    /// Returns the exception of the parser, or a duplicate series.
    pub fn parse_text(&self, page: &str) -> Result<BTreeSet<Point>, String> {
        self.parse("text", page)
    }

    /// Returns every sample of a page in OpenMetrics.
    ///
    /// # Errors
    /// Returns the exception of the parser, or a duplicate series.
    pub fn parse_openmetrics(&self, page: &str) -> Result<BTreeSet<Point>, String> {
        self.parse("openmetrics", page)
    }

    fn parse(&self, format: &str, page: &str) -> Result<BTreeSet<Point>, String> {
        let answer = self.ask(&json!({ "format": format, "page": page }));
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        let mut points = BTreeSet::new();
        for entry in answer["points"].as_array().expect("the script answers with an error or points") {
            let labels = entry[1].as_object().unwrap();
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
            let point = Point::new(entry[0].as_str().unwrap(), labels, entry[2].as_str().unwrap());
            let text = point.to_string();
            if !points.insert(point) {
                return Err(format!("duplicate series: {text}"));
            }
        }
        Ok(points)
    }

    fn ask(&self, request: &Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        let (stdin, stdout) = &mut *pipes;
        let mut answer = String::new();
        let exchanged =
            writeln!(stdin, "{request}").and_then(|()| stdin.flush()).and_then(|()| stdout.read_line(&mut answer));
        assert!(exchanged.is_ok_and(|read| read > 0), "python has ended; see its standard error");
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use crate::page::{Page, difference};
    use crate::tools;

    #[test]
    fn both_parsers_agree_on_both_formats() {
        let Some(python) = tools::python() else {
            return;
        };
        let text = include_str!("page/golden.txt");
        let ours = Page::parse_text(text).unwrap().points();
        assert_eq!(difference(&ours, &python.parse_text(text).unwrap()), "");

        let openmetrics = include_str!("page/golden.openmetrics.txt");
        let ours = Page::parse_openmetrics(openmetrics).unwrap().points();
        assert_eq!(difference(&ours, &python.parse_openmetrics(openmetrics).unwrap()), "");
    }

    #[test]
    fn an_exception_of_a_parser_is_an_error() {
        let Some(python) = tools::python() else {
            return;
        };
        assert!(python.parse_openmetrics("# TYPE a gauge\na 1\n").unwrap_err().contains("EOF"));
        assert!(python.parse_text("a{ 1\n").unwrap_err().contains("ValueError"));
        // The process survives the exceptions.
        assert_eq!(python.parse_text("a 1\n").unwrap().len(), 1);
    }

    /// Our parser is stricter: the reference parser accepts every page that our parser accepts, with the same samples.
    #[test]
    fn both_parsers_agree_on_damaged_pages() {
        let Some(python) = tools::python() else {
            return;
        };
        for page in damaged(include_str!("page/golden.txt")) {
            if let Ok(ours) = Page::parse_text(&page) {
                let reference = python.parse_text(&page).expect(&page);
                assert_eq!(difference(&ours.points(), &reference), "", "{page}");
            }
        }
        for page in damaged(include_str!("page/golden.openmetrics.txt")) {
            if let Ok(ours) = Page::parse_openmetrics(&page) {
                let reference = python.parse_openmetrics(&page).expect(&page);
                assert_eq!(difference(&ours.points(), &reference), "", "{page}");
            }
        }
    }

    /// Variants of the page: without each of its characters and lines, with one of a few characters inserted at each
    /// position, with each line duplicated, and with each two neighbouring lines swapped.
    fn damaged(page: &str) -> Vec<String> {
        let mut pages = Vec::new();
        for (at, char) in page.char_indices() {
            let (before, after) = page.split_at(at);
            pages.push(format!("{before}{}", &after[char.len_utf8()..]));
            for extra in ["\\", "\"", "\n", "#", " ", "0", ",", "}"] {
                pages.push(format!("{before}{extra}{after}"));
            }
        }
        let lines: Vec<&str> = page.split_inclusive('\n').collect();
        for at in 0..lines.len() {
            let (before, after) = lines.split_at(at);
            pages.push([before, &after[1..]].concat().concat());
            pages.push([before, &after[..1], after].concat().concat());
            let mut swapped = lines.clone();
            swapped.swap(at, (at + 1) % lines.len());
            pages.push(swapped.concat());
        }
        pages
    }
}
