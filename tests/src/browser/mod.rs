//! Pages in headless Chromium, which Node drives through the browser's own pipe.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The script, which answers a line for each line.
const SCRIPT: &str = include_str!("browser.mjs");

/// A browser and Node; [`tools::browser`](crate::tools::browser) finds them.
#[derive(Clone, Debug)]
pub struct BrowserProgram {
    chromium: PathBuf,
    node: PathBuf,
}

/// A running browser. Dropping it closes it.
#[derive(Debug)]
pub struct Browser {
    node: Child,
    /// The pipes to Node; `None` when it is to end.
    lines: RefCell<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

/// A page in a browser.
#[derive(Debug)]
pub struct Page<'a> {
    browser: &'a Browser,
    number: Value,
}

/// The window of a page.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The width in pixels of CSS.
    pub width: u32,
    /// The height in pixels of CSS.
    pub height: u32,
    /// `light` or `dark`: what the user prefers.
    pub scheme: &'static str,
    /// `true` for a phone.
    pub mobile: bool,
}

impl Window {
    /// A window on a desk.
    pub const WIDE: Self = Self { width: 1440, height: 1000, scheme: "dark", mobile: false };
    /// A phone.
    pub const PHONE: Self = Self { width: 390, height: 844, scheme: "light", mobile: true };
}

impl BrowserProgram {
    pub(crate) fn new(chromium: PathBuf, node: PathBuf) -> Self {
        Self { chromium, node }
    }

    /// Returns Node.
    #[must_use]
    pub fn node(&self) -> &Path {
        &self.node
    }

    /// Starts the browser.
    #[must_use]
    pub fn start(&self) -> Browser {
        let mut command = Command::new(&self.node);
        // A script in an argument has no name, and its arguments follow.
        command.args(["--input-type=module", "-e", SCRIPT, "browser"]).arg(&self.chromium);
        let mut node = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (node.stdin.take().unwrap(), node.stdout.take().unwrap());
        Browser { node, lines: RefCell::new(Some((input, BufReader::new(output)))) }
    }
}

impl Browser {
    fn ask(&self, command: &Value) -> Value {
        let mut lines = self.lines.borrow_mut();
        let (input, output) = lines.as_mut().expect("the browser runs");
        writeln!(input, "{command}").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the browser has ended: {line}"));
        assert!(answer["error"].is_null(), "{command}: {}", answer["error"].as_str().unwrap_or_default());
        answer["value"].take()
    }

    /// Opens a page.
    pub fn open(&self, url: &str, window: Window) -> Page<'_> {
        let Window { width, height, scheme, mobile } = window;
        let command = json!({ "command": "open", "url": url, "width": width, "height": height, "scheme": scheme, "mobile": mobile });
        Page { browser: self, number: self.ask(&command) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The end of its input ends Node, which closes Chromium.
        drop(self.lines.take());
        let _ = self.node.wait();
    }
}

#[expect(clippy::must_use_candidate, reason = "an expression may be for its effect")]
impl Page<'_> {
    fn ask(&self, command: &str, more: &Value) -> Value {
        let mut all = json!({ "command": command, "page": self.number });
        for (key, value) in more.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        self.browser.ask(&all)
    }

    /// Evaluates an expression, or waits for its promise.
    pub fn get(&self, expression: &str) -> Value {
        self.ask("get", &json!({ "expression": expression }))
    }

    /// Waits until an expression is true, and returns its value. Fails the test if it does not become true.
    pub fn until(&self, expression: &str) -> Value {
        self.ask("until", &json!({ "expression": expression }))
    }

    /// Presses a key.
    pub fn press(&self, key: &str) {
        self.ask("press", &json!({ "key": key }));
    }

    /// Changes the size of the window.
    pub fn resize(&self, width: u32, height: u32) {
        self.ask("size", &json!({ "width": width, "height": height }));
    }

    /// Returns the seconds of the processor that the main thread of the page has used since the first call. They do not
    /// depend on the load of the machine.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.ask("seconds", &json!({})).as_f64().unwrap()
    }

    /// Returns the bytes of JavaScript and its arrays that the page uses, after a collection of garbage.
    #[must_use]
    pub fn heap(&self) -> u64 {
        self.ask("heap", &json!({})).as_u64().unwrap()
    }

    /// Loads the page again.
    pub fn reload(&self) {
        self.ask("reload", &json!({}));
    }

    /// Writes a picture of the window.
    pub fn picture(&self, file: &Path) {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).unwrap();
        }
        self.ask("picture", &json!({ "file": file }));
    }

    /// Returns the errors of the page and of its requests since the last call.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        texts(&self.ask("problems", &json!({})))
    }

    /// Returns the origins that the page has asked.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        texts(&self.ask("origins", &json!({})))
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
