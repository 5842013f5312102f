//! The files of the page, and the headers of all responses.

use std::io::Write as _;
use std::sync::OnceLock;

use axum::body::{Body, Bytes};
use axum::http::Response;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Nothing from other origins, no code or style in the page itself, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Debug)]
pub(crate) struct Asset {
    kind: &'static str,
    text: &'static str,
    gzip: OnceLock<Bytes>,
}

/// The page; `{{name}}` is the last segment of its path.
pub(crate) const HTML: &str = include_str!("../page/page.html");

/// The program, with uPlot. `page/build.mjs` writes it.
pub(crate) static SCRIPT: Asset = Asset::new("text/javascript; charset=utf-8", include_str!("../assets/live.js"));

/// The style.
pub(crate) static STYLE: Asset = Asset::new("text/css; charset=utf-8", include_str!("../assets/live.css"));

impl Asset {
    const fn new(kind: &'static str, text: &'static str) -> Self {
        Self { kind, text, gzip: OnceLock::new() }
    }

    /// Returns the file, compressed if the request accepts that.
    pub(crate) fn response(&self, request: &HeaderMap) -> Response<Body> {
        if !accepts_gzip(request) {
            return response(self.kind, self.text);
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
    use super::*;

    #[test]
    fn the_files_are_small() {
        let compressed: usize = [SCRIPT.text, STYLE.text, HTML].iter().map(|text| gzip(text.as_bytes()).len()).sum();
        assert!(compressed <= 100 << 10, "the page has {compressed} bytes, more than 100 KiB");
    }

    #[test]
    fn the_page_has_neither_code_nor_style_of_its_own_nor_other_origins() {
        for forbidden in ["<style", "style=", "onclick", "onload", "http:", "https:", "javascript:"] {
            assert!(!HTML.contains(forbidden), "{forbidden}");
        }
        assert_eq!(HTML.matches("<script").count(), HTML.matches("<script type=\"module\" src=\"{{name}}/").count());
    }
}
