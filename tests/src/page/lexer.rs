//! The tokens of a line: names, label sets, quoted strings, numbers.
//!
//! Both formats allow parsers to be lenient about spaces and commas. Writers need no leniency, so this lexer accepts
//! exactly one space.

use super::Labels;

pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { rest: line }
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    pub(super) fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.eat(token) { Ok(()) } else { Err(format!("expected {token:?} before {:?}", self.rest)) }
    }

    pub(super) fn rest(self) -> &'a str {
        self.rest
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the text up to the next space.
    pub(super) fn word(&mut self) -> &'a str {
        let end = self.rest.find(' ').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    pub(super) fn metric_name(&mut self) -> Result<&'a str, String> {
        self.name("metric", |byte| byte == b':')
    }

    fn name(&mut self, what: &str, also: impl Fn(u8) -> bool) -> Result<&'a str, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || also(byte);
        let end = self.rest.bytes().position(|byte| !allowed(byte)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
            return Err(format!("expected a {what} name before {:?}", self.rest));
        }
        self.rest = rest;
        Ok(name)
    }

    /// Reads `{name="value",..}`; the braces are required.
    pub(super) fn labels(&mut self) -> Result<Labels, String> {
        let mut labels = Labels::new();
        self.expect("{")?;
        if self.eat("}") {
            return Ok(labels);
        }
        loop {
            let name = self.name("label", |_| false)?;
            if name.starts_with("__") {
                return Err(format!("label name {name:?} is reserved: a leading __ belongs to Prometheus"));
            }
            self.expect("=")?;
            let value = self.quoted()?;
            if labels.insert(name.to_owned(), value).is_some() {
                return Err(format!("label {name:?} appears more than once"));
            }
            if self.eat("}") {
                return Ok(labels);
            }
            self.expect(",")?;
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.expect("\"")?;
        let mut escaped = false;
        let end = self.rest.find(|char| {
            let ends = char == '"' && !escaped;
            escaped = char == '\\' && !escaped;
            ends
        });
        let end = end.ok_or_else(|| format!("label value \"{} has no closing quote", self.rest))?;
        let value = unescape(&self.rest[..end], true)?;
        self.rest = &self.rest[end + 1..];
        Ok(value)
    }
}

/// Replaces the escapes `\\` and `\n`, and `\"` if quotes have to be escaped. Every other backslash is an error.
pub(super) fn unescape(text: &str, quotes: bool) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' if quotes => return Err(format!("unescaped quote in {text:?}")),
            '\\' => match chars.next() {
                Some('\\') => out.push('\\'),
                Some('n') => out.push('\n'),
                Some('"') if quotes => out.push('"'),
                Some(other) => {
                    return Err(format!("escape \\{other} in {text:?} does not exist in this format"));
                }
                None => return Err(format!("{text:?} ends in a lone backslash")),
            },
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Parses a number as both formats write it. Rust alone would also accept `inf`, `nan` and `infinity`.
pub(super) fn number(text: &str) -> Result<f64, String> {
    match text {
        "+Inf" => return Ok(f64::INFINITY),
        "-Inf" => return Ok(f64::NEG_INFINITY),
        "NaN" => return Ok(f64::NAN),
        _ => {}
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let value = if plain { text.parse::<f64>().ok() } else { None };
    // A number that is too large would become an infinity.
    value
        .filter(|value| value.is_finite())
        .ok_or_else(|| format!("{text:?} is not a number; use a decimal, +Inf, -Inf or NaN"))
}
