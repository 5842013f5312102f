//! The messages in the bytes of a body.

/// Counts the messages that end in a stream of bytes. Each message has a [prefix of five bytes][1]: a flag, and its
/// length.
///
/// [1]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The bytes of the prefix that were read.
    prefix: u8,
    /// The length, as far as the prefix was read.
    length: u32,
    /// The bytes of the message that are to come, after its prefix.
    remaining: u32,
}

const PREFIX: u8 = 5;

impl Messages {
    /// Returns the number of messages that end in these bytes.
    #[inline]
    pub(super) fn ended(&mut self, bytes: &[u8]) -> u64 {
        // Most frames are one message.
        if self.prefix == 0
            && let Some(([_, length @ ..], message)) = bytes.split_first_chunk::<{ PREFIX as usize }>()
            && u32::from_be_bytes(*length) as usize == message.len()
        {
            return 1;
        }
        self.ended_among(bytes)
    }

    #[inline(never)]
    fn ended_among(&mut self, mut bytes: &[u8]) -> u64 {
        let mut ended = 0;
        loop {
            if self.prefix < PREFIX {
                let Some((&byte, rest)) = bytes.split_first() else { return ended };
                bytes = rest;
                if self.prefix > 0 {
                    self.length = self.length << 8 | u32::from(byte);
                }
                self.prefix += 1;
                if self.prefix < PREFIX {
                    continue;
                }
                self.remaining = self.length;
            }
            let read = bytes.len().min(self.remaining as usize);
            bytes = &bytes[read..];
            // At most `remaining`.
            self.remaining -= u32::try_from(read).unwrap_or(self.remaining);
            if self.remaining > 0 {
                return ended;
            }
            ended += 1;
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_wherever_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        for length in [0_u32, 1, 300, 5, 0] {
            bytes.push(0);
            bytes.extend(length.to_be_bytes());
            bytes.extend(std::iter::repeat_n(7, length as usize));
        }
        for size in 1..=bytes.len() {
            let mut messages = Messages::default();
            let ended: u64 = bytes.chunks(size).map(|chunk| messages.ended(chunk)).sum();
            assert_eq!(ended, 5, "in chunks of {size}");
        }
    }

    #[test]
    fn a_message_that_breaks_off_is_not_counted() {
        let mut messages = Messages::default();
        assert_eq!(messages.ended(&[0, 0, 0, 0, 3, 1, 2]), 0);
        assert_eq!(messages.ended(&[]), 0);
        assert_eq!(messages.ended(&[3, 0, 0]), 1);
    }

    #[test]
    fn the_longest_message_does_not_overflow() {
        let mut messages = Messages::default();
        assert_eq!(messages.ended(&[1, 255, 255, 255, 255, 0]), 0);
        assert_eq!(messages.remaining, u32::MAX - 1);
    }
}
