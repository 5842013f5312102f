//! The fields of a line of CSV.
//!
//! A line is parsed by itself: no logger writes values of several lines, and a quote that is never closed must not take
//! the rest of the log with it.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// The maximum length of a line in bytes. A longer one has no fields.
const MAX_LINE_BYTES: usize = 64 << 10;

/// The maximum number of fields of a line. Further ones are left out.
const MAX_FIELDS: usize = 1024;

/// A parser of lines with one delimiter.
#[derive(Debug)]
pub(crate) struct Parser {
    reader: Reader,
    text: Vec<u8>,
    /// The end of each field in the text.
    ends: Vec<usize>,
}

impl Parser {
    /// Creates a parser for the delimiter that gives the header the most fields: a comma, a semicolon or a tab.
    pub(crate) fn of_header(header: &[u8]) -> Self {
        let parsers = [b'\t', b';', b','].map(|delimiter| {
            let reader = ReaderBuilder::new().delimiter(delimiter).build();
            let mut parser = Self { reader, text: Vec::new(), ends: vec![0; MAX_FIELDS] };
            (parser.fields(header).count(), parser)
        });
        let [first, second, third] = parsers;
        let best = if second.0 > first.0 { second } else { first };
        if third.0 >= best.0 { third.1 } else { best.1 }
    }

    /// Returns the trimmed fields of a line.
    pub(crate) fn fields(&mut self, line: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
        self.reader.reset();
        let line = if line.len() <= MAX_LINE_BYTES { line } else { &[] };
        // Fields are never longer than the line; an empty buffer would be full from the start.
        self.text.resize(self.text.len().max(line.len() + 1), 0);
        let (result, _, written, mut fields) = self.reader.read_record(line, &mut self.text, &mut self.ends);
        if result == ReadRecordResult::InputEmpty {
            // No input ends the last field.
            fields += self.reader.read_record(&[], &mut self.text[written..], &mut self.ends[fields..]).3;
        }
        let ends = &self.ends[..fields];
        let starts = std::iter::once(&0).chain(ends);
        starts.zip(ends).map(|(start, end)| self.text[*start..*end].trim_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(header: &str, line: &str) -> Vec<String> {
        let mut parser = Parser::of_header(header.as_bytes());
        parser.fields(line.as_bytes()).map(|field| String::from_utf8_lossy(field).into_owned()).collect()
    }

    #[test]
    fn the_delimiter_is_that_of_the_header() {
        assert_eq!(fields("a,b", "1, 2 ,"), ["1", "2", ""]);
        assert_eq!(fields("a;b;c", "1,5;2;3"), ["1,5", "2", "3"]);
        assert_eq!(fields("a\tb", "\t2"), ["", "2"]);
        assert_eq!(fields("\"a, b\";\"c, d\";e", "1;2"), ["1", "2"], "delimiters in quotes do not count");
        assert_eq!(fields("a", "1,2"), ["1", "2"]);
    }

    #[test]
    fn quotes_belong_to_their_line() {
        assert_eq!(fields("a,b", "\"1,5\",\"say \"\"two\"\"\""), ["1,5", "say \"two\""]);
        let mut parser = Parser::of_header(b"a,b");
        assert_eq!(parser.fields(b"1,\"2").count(), 2);
        assert_eq!(parser.fields(b"3,4,5").count(), 3);
    }

    #[test]
    fn a_line_is_limited_in_bytes_and_fields() {
        let long = "1".repeat(MAX_LINE_BYTES);
        assert_eq!(fields("a,b", &long), [long.as_str()]);
        assert!(fields("a,b", &format!("{long}1")).iter().all(String::is_empty));
        assert_eq!(fields("a,b", &"1,".repeat(MAX_FIELDS + 1)).len(), MAX_FIELDS);
        assert_eq!(fields("a,b", &"1,".repeat(MAX_FIELDS - 1)).len(), MAX_FIELDS);
    }
}
