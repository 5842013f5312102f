//! The first paragraph of a doc comment.

/// The first paragraph of a text of `N` bytes, on one line. Generated code finds it at compile time, for doc comments with
/// a macro such as `include_str!`.
#[derive(Debug)]
pub struct Paragraph<const N: usize> {
    text: [u8; N],
    len: usize,
}

impl<const N: usize> Paragraph<N> {
    /// Finds the first paragraph: the lines up to the first empty one, without spaces around them.
    #[must_use]
    pub const fn new(doc: &str) -> Self {
        let mut paragraph = Self { text: [0; N], len: 0 };
        let mut rest = doc.as_bytes();
        while let Some(end) = end_of_line(rest) {
            let (line, after) = rest.split_at(end);
            let line = line.trim_ascii();
            if line.is_empty() && paragraph.len > 0 {
                break;
            }
            if !line.is_empty() && paragraph.len > 0 {
                paragraph.push(b" ");
            }
            paragraph.push(line);
            rest = match after {
                [_, next @ ..] => next,
                [] => &[],
            };
        }
        paragraph
    }

    const fn push(&mut self, bytes: &[u8]) {
        let mut i = 0;
        // The paragraph is never longer than the text.
        while i < bytes.len() && self.len < N {
            self.text[self.len] = bytes[i];
            self.len += 1;
            i += 1;
        }
    }

    /// Returns the paragraph.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.text.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }

    /// Returns the paragraph, or `None` if it is empty.
    #[must_use]
    pub const fn text(&self) -> Option<&str> {
        if self.len == 0 { None } else { Some(self.as_str()) }
    }
}

/// Returns the length of the first line, or `None` at the end of the text.
const fn end_of_line(text: &[u8]) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    let mut end = 0;
    while end < text.len() && text[end] != b'\n' {
        end += 1;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::Paragraph;

    #[test]
    fn the_first_paragraph_is_on_one_line() {
        let paragraph = |text: &str| Paragraph::<64>::new(text).as_str().to_owned();
        assert_eq!(paragraph(" Counts jobs\n that are\tdone. \n\n More.\n"), "Counts jobs that are\tdone.");
        assert_eq!(paragraph("\n \r\n Größe.\r\n \r\nMore."), "Größe.");
        assert_eq!(paragraph("one"), "one");
        assert_eq!(Paragraph::<2>::new("\n ").text(), None);
        assert_eq!(Paragraph::<0>::new("").text(), None);
    }
}
