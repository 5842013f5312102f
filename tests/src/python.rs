//! A page as the reference parsers of Python's `prometheus-client` see it.
//!
//! They let through more than they should (the same series twice, for one), so passing them is not the verdict: what
//! they found is compared, as a set, with a model or with [`Page::points`](crate::page::Page::points).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::page::Point;

/// A Python process that parses page after page; [`tools::python`](crate::tools::python) gives it.
///
/// Starting Python takes far longer than parsing, so a property test keeps one for all its cases.
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

    /// Every sample of a page in the text format.
    ///
    /// Counters have to end in `_total`: the parser adds it where it is missing.
    ///
    /// # Errors
    /// What the parser raised, or a series that it found twice.
    pub fn parse_text(&self, page: &str) -> Result<BTreeSet<Point>, String> {
        self.parse("text", page)
    }

    /// Every sample of a page in OpenMetrics.
    ///
    /// # Errors
    /// What the parser raised, or a series that it found twice.
    pub fn parse_openmetrics(&self, page: &str) -> Result<BTreeSet<Point>, String> {
        self.parse("openmetrics", page)
    }

    fn parse(&self, format: &str, page: &str) -> Result<BTreeSet<Point>, String> {
        let answer = self.ask(&json!({ "format": format, "page": page }));
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        let mut points = BTreeSet::new();
        for entry in answer["points"].as_array().expect("the script answers with either") {
            let labels = entry[1].as_object().unwrap();
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
            let point = Point::new(entry[0].as_str().unwrap(), labels, entry[2].as_str().unwrap());
            let text = point.to_string();
            if !points.insert(point) {
                return Err(format!("appears twice: {text}"));
            }
        }
        Ok(points)
    }

    fn ask(&self, request: &Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        let (stdin, stdout) = &mut *pipes;
        let mut answer = String::new();
        let asked =
            writeln!(stdin, "{request}").and_then(|()| stdin.flush()).and_then(|()| stdout.read_line(&mut answer));
        assert!(asked.is_ok_and(|read| read > 0), "python has ended; its standard error says why");
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
    fn both_formats_are_seen_as_we_see_them() {
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
    fn what_a_parser_raises_comes_back() {
        let Some(python) = tools::python() else {
            return;
        };
        assert!(python.parse_openmetrics("# TYPE a gauge\na 1\n").unwrap_err().contains("EOF"));
        assert!(python.parse_text("a{ 1\n").unwrap_err().contains("ValueError"));
        // And the process is there for the next page.
        assert_eq!(python.parse_text("a 1\n").unwrap().len(), 1);
    }

    /// Ours is the stricter one: whatever it takes, the reference takes, and sees the same in it.
    #[test]
    fn damaged_pages_fool_us_no_more_than_the_reference() {
        let Some(python) = tools::python() else {
            return;
        };
        for page in damaged(include_str!("page/golden.txt")) {
            if let Ok(ours) = Page::parse_text(&page) {
                let theirs = python.parse_text(&page).expect(&page);
                assert_eq!(difference(&ours.points(), &theirs), "", "{page}");
            }
        }
        for page in damaged(include_str!("page/golden.openmetrics.txt")) {
            if let Ok(ours) = Page::parse_openmetrics(&page) {
                let theirs = python.parse_openmetrics(&page).expect(&page);
                assert_eq!(difference(&ours.points(), &theirs), "", "{page}");
            }
        }
    }

    /// The page without each of its characters and lines, and with each of a few put in everywhere.
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
