//! The files of the page, and the headers of all responses.

use std::io::Write as _;
use std::sync::{LazyLock, OnceLock};

use axum::body::{Body, Bytes};
use axum::http::Response;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Forbids other origins, code and style in the page itself, and a frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page, written when it is asked for first.
#[derive(Debug)]
pub(crate) struct Asset {
    kind: &'static str,
    text: LazyLock<String>,
    gzip: OnceLock<Bytes>,
}

/// The page; `{{name}}` is the last segment of its path.
pub(crate) const HTML: &str = include_str!("../page/page.html");

/// The program: uPlot, that of the npm package `uplot`, version 1.6.32, and the modules of the page.
pub(crate) static SCRIPT: Asset = Asset::new("text/javascript; charset=utf-8", script);

/// The style.
pub(crate) static STYLE: Asset = Asset::new("text/css; charset=utf-8", style);

/// The modules of the program, each after those that it imports.
const MODULES: [&str; 13] = [
    include_str!("../page/samples.js"),
    include_str!("../page/promql.js"),
    include_str!("../page/units.js"),
    include_str!("../page/dom.js"),
    include_str!("../page/history.js"),
    include_str!("../page/charts.js"),
    include_str!("../page/panels.js"),
    include_str!("../page/objectives.js"),
    include_str!("../page/catalogue.js"),
    include_str!("../page/downloads.js"),
    include_str!("../page/stream.js"),
    include_str!("../page/view.js"),
    include_str!("../page/main.js"),
];

/// Joins the modules to one, so that the page loads one file. No two of them have the same name at their top.
fn script() -> String {
    let licence = include_str!("../page/vendor/LICENSE-uPlot").trim();
    let mut script = format!("/*\nuPlot:\n{licence}\n*/\n{}\n", include_str!("../page/vendor/uPlot.iife.min.js"));
    for module in MODULES {
        let mut in_import = false;
        for line in module.lines() {
            in_import |= line.starts_with("import ");
            if !in_import {
                script.push_str(line.strip_prefix("export ").unwrap_or(line));
                script.push('\n');
            }
            in_import &= !line.ends_with(';');
        }
    }
    script
}

fn style() -> String {
    [include_str!("../page/vendor/uPlot.min.css"), include_str!("../page/style.css")].join("\n")
}

impl Asset {
    const fn new(kind: &'static str, write: fn() -> String) -> Self {
        Self { kind, text: LazyLock::new(write), gzip: OnceLock::new() }
    }

    /// Returns the file, compressed if the request accepts that.
    pub(crate) fn response(&'static self, request: &HeaderMap) -> Response<Body> {
        if !accepts_gzip(request) {
            return response(self.kind, self.text.as_str());
        }
        let mut response = response(self.kind, self.gzip.get_or_init(|| gzip(self.text.as_bytes())).clone());
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    }
}

/// Returns a response with the headers that all files have.
pub(crate) fn response(kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    let headers: [(HeaderName, &'static str); 6] = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (VARY, "accept-encoding"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// Returns JSON, compressed if the request accepts that.
pub(crate) fn json(request: &HeaderMap, text: String) -> Response<Body> {
    const KIND: &str = "application/json";
    if !accepts_gzip(request) {
        return response(KIND, text);
    }
    let mut response = response(KIND, gzip(text.as_bytes()));
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    // A weight of zero, which no browser sends, refuses it.
    values.flat_map(|value| value.split(',')).any(|coding| coding.trim() == "gzip")
}

fn gzip(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a vector cannot fail.
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_files_are_small() {
        let files = [SCRIPT.text.as_str(), STYLE.text.as_str(), HTML];
        let compressed: usize = files.iter().map(|text| gzip(text.as_bytes()).len()).sum();
        assert!(compressed <= 100 << 10, "the page has {compressed} bytes, more than 100 KiB");
    }

    #[test]
    fn the_modules_have_different_names_and_import_only_earlier_ones() {
        let mut names = BTreeSet::new();
        for module in MODULES {
            let imports = module.split("\nimport {").skip(1).filter_map(|rest| rest.split('}').next());
            for import in imports.flat_map(|names| names.split(',')).map(str::trim).filter(|name| !name.is_empty()) {
                assert!(names.contains(import), "`{import}` is not in an earlier module");
            }
            let lines = module.lines().map(|line| line.strip_prefix("export ").unwrap_or(line));
            let declared = lines.filter_map(|line| {
                let rest = ["const ", "let ", "function ", "class "].iter().find_map(|word| line.strip_prefix(word))?;
                rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').next()
            });
            for name in declared {
                assert!(names.insert(name), "two modules have the name `{name}`");
            }
        }
        assert!(names.len() > 50 && !SCRIPT.text.contains("\nimport ") && !SCRIPT.text.contains("\nexport "));
    }

    #[test]
    fn the_page_has_neither_code_nor_style_of_its_own_nor_other_origins() {
        for forbidden in ["<style", "style=", "onclick", "onload", "http:", "https:", "javascript:"] {
            assert!(!HTML.contains(forbidden), "{forbidden}");
        }
        assert_eq!(HTML.matches("<script").count(), HTML.matches("<script type=\"module\" src=\"{{name}}/").count());
    }
}
