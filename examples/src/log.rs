//! The log: lines on stderr.

use std::fmt::Display;
use std::io::Write as _;

/// The maximum length of a logged text, in characters.
const MAX_CHARS: usize = 500;

/// Writes a line to stderr. Not with `eprintln!`, which panics if stderr is closed.
pub fn line(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Returns the start of a text that somebody else wrote, on one line. Control characters are escaped, so that the text
/// cannot imitate a line of the log.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut start: String = text.chars().take(MAX_CHARS).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_has_one_line() {
        assert_eq!(excerpt("as it is: ΣVAULT"), "as it is: ΣVAULT");
        assert_eq!(excerpt("one\ntwo\u{1b}[2J"), "one\\ntwo\\u{1b}[2J");
        let long = "é".repeat(3_000_000);
        assert_eq!(excerpt(&long).chars().count(), MAX_CHARS + 1);
    }
}
