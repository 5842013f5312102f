//! Protobuf messages, written field by field without generated code.

use micropb::{PbEncoder, Tag, WIRE_TYPE_I64, WIRE_TYPE_LEN, WIRE_TYPE_VARINT};

use crate::schema::NativeBuckets;

/// The fields of a message, appended to a buffer.
#[derive(Debug)]
pub struct Message<'a>(&'a mut Vec<u8>);

impl<'a> Message<'a> {
    /// Starts at the end of the buffer.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    fn encoder(&mut self) -> PbEncoder<&mut Vec<u8>> {
        PbEncoder::new(&mut *self.0)
    }

    // Writing to a `Vec` cannot fail.
    fn tag(&mut self, field: u32, wire_type: u8) {
        let Ok(()) = self.encoder().encode_tag(Tag::from_parts(field, wire_type));
    }

    /// Writes a field of type `uint32`, `uint64`, `int64` without negative values, or an enum.
    pub fn uint(&mut self, field: u32, value: u64) {
        self.tag(field, WIRE_TYPE_VARINT);
        let Ok(()) = self.encoder().encode_varint64(value);
    }

    /// Writes a field of type `sint32`.
    pub fn sint(&mut self, field: u32, value: i32) {
        self.tag(field, WIRE_TYPE_VARINT);
        let Ok(()) = self.encoder().encode_sint32(value);
    }

    /// Writes a field of type `double`.
    pub fn double(&mut self, field: u32, value: f64) {
        self.tag(field, WIRE_TYPE_I64);
        let Ok(()) = self.encoder().encode_double(value);
    }

    /// Writes a field of type `fixed64`.
    pub fn fixed(&mut self, field: u32, value: u64) {
        self.tag(field, WIRE_TYPE_I64);
        self.fixed_element(value);
    }

    /// Writes a field of type `bytes`.
    pub fn bytes(&mut self, field: u32, value: &[u8]) {
        self.header(field, value.len());
        self.encoded(value);
    }

    /// Writes a field of type `string`.
    pub fn string(&mut self, field: u32, value: &str) {
        self.tag(field, WIRE_TYPE_LEN);
        let Ok(()) = self.encoder().encode_string(value);
    }

    /// Writes a field that is a message, or a packed list of numbers.
    pub fn message(&mut self, field: u32, write: impl FnOnce(&mut Message<'_>)) {
        self.tag(field, WIRE_TYPE_LEN);
        let start = self.start();
        write(self);
        self.end(start);
    }

    /// Starts a message with one byte for its length, which is enough for most, and returns its start.
    pub(super) fn start(&mut self) -> usize {
        self.0.push(0);
        self.0.len() - 1
    }

    /// Ends the message that was started here: writes its length, and moves it if the length takes more than one byte.
    pub(super) fn end(&mut self, start: usize) {
        let (first, end) = (start + 1, self.0.len());
        let Ok(()) = self.encoder().encode_varint64((end - first) as u64);
        self.0[start] = self.0[end];
        if self.0.len() - end == 1 {
            self.0.truncate(end);
        } else {
            let prefix = self.0.len() - end - 1;
            self.0.remove(end);
            self.0[first..].rotate_right(prefix);
        }
    }

    /// Starts a message of this length, whose bytes follow.
    pub fn header(&mut self, field: u32, length: usize) {
        self.tag(field, WIRE_TYPE_LEN);
        self.element(length as u64);
    }

    /// Writes a number of a packed list, inside of [`message`](Self::message).
    pub fn element(&mut self, value: u64) {
        let Ok(()) = self.encoder().encode_varint64(value);
    }

    /// Writes a number of a packed list of type `fixed64`, or the bits of one of type `double`.
    pub fn fixed_element(&mut self, value: u64) {
        let Ok(()) = self.encoder().encode_fixed64(value);
    }

    /// Writes bytes that are encoded fields.
    pub fn encoded(&mut self, fields: &[u8]) {
        self.0.extend_from_slice(fields);
    }

    /// Writes a message with a name and a value.
    pub fn label(&mut self, field: u32, name: &str, value: &str) {
        self.message(field, |pair| {
            pair.string(1, name);
            pair.string(2, value);
        });
    }

    /// Writes native buckets. `first` is the number of the field `schema`. Those of the other fields follow, in the same
    /// order in all messages of Prometheus.
    pub fn native(&mut self, first: u32, native: &NativeBuckets) {
        self.sint(first, native.schema.into());
        self.double(first + 1, native.zero_threshold);
        self.uint(first + 2, native.zero_count);
        self.spans(first + 4, first + 5, &native.negative);
        self.spans(first + 7, first + 8, &native.positive);
    }

    /// Writes buckets as spans of consecutive ones, with the difference of each count to the one before.
    fn spans(&mut self, spans: u32, deltas: u32, buckets: &[(i32, u64)]) {
        let mut rest = Filled::new(buckets).peekable();
        let mut end = 0;
        let mut last = 0;
        while let Some((start, _)) = rest.peek().copied() {
            let mut length = 0;
            while rest.next_if(|(index, _)| *index == start.saturating_add_unsigned(length)).is_some() {
                length += 1;
            }
            self.span(spans, start - end, length);
            end = start.saturating_add_unsigned(length);
        }
        if !buckets.is_empty() {
            self.message(deltas, |list| {
                for (_, count) in Filled::new(buckets) {
                    let Ok(()) = list.encoder().encode_sint64(count.wrapping_sub(last).cast_signed());
                    last = count;
                }
            });
        }
    }

    pub(super) fn span(&mut self, field: u32, offset: i32, length: u32) {
        self.message(field, |span| {
            span.sint(1, offset);
            span.uint(2, length.into());
        });
    }
}

/// The buckets, with empty ones in gaps that are shorter than a span: up to two, as in Go's client.
struct Filled<'a> {
    buckets: &'a [(i32, u64)],
    /// The index after the last bucket.
    next: Option<i32>,
}

impl<'a> Filled<'a> {
    fn new(buckets: &'a [(i32, u64)]) -> Self {
        Self { buckets, next: None }
    }
}

impl Iterator for Filled<'_> {
    type Item = (i32, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let (&(index, count), rest) = self.buckets.split_first()?;
        let bucket = match self.next {
            Some(next) if next < index && index - next <= 2 => (next, 0),
            _ => {
                self.buckets = rest;
                (index, count)
            }
        };
        self.next = Some(bucket.0 + 1);
        Some(bucket)
    }
}
