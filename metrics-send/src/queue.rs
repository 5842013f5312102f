//! The batches that wait for the receiver.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::sample::Millis;

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) body: Bytes,
    /// The number of samples.
    pub(crate) samples: u64,
    /// The time of the newest sample.
    pub(crate) newest: Millis,
}

/// A queue of batches, the oldest first.
#[derive(Debug)]
pub(crate) struct Queue {
    batches: VecDeque<Batch>,
    limit: usize,
    bytes: usize,
    samples: u64,
}

impl Queue {
    /// Creates an empty queue with room for so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { batches: VecDeque::new(), limit, bytes: 0, samples: 0 }
    }

    pub(crate) fn first(&self) -> Option<&Batch> {
        self.batches.front()
    }

    /// Returns the number of samples of all batches.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// Adds a batch. Drops the oldest ones beyond the limit, and returns the number of their samples. The newest batch
    /// stays, and so does the first one while it is sent.
    pub(crate) fn push(&mut self, batch: Batch, first_is_sent: bool) -> u64 {
        self.bytes += batch.body.len();
        self.samples += batch.samples;
        self.batches.push_back(batch);
        let kept = usize::from(first_is_sent);
        let mut dropped = 0;
        while self.bytes > self.limit && self.batches.len() > kept + 1 {
            dropped += self.remove(kept).map_or(0, |batch| batch.samples);
        }
        dropped
    }

    /// Removes the oldest batch.
    pub(crate) fn pop(&mut self) -> Option<Batch> {
        self.remove(0)
    }

    fn remove(&mut self, at: usize) -> Option<Batch> {
        let batch = self.batches.remove(at)?;
        self.bytes -= batch.body.len();
        self.samples -= batch.samples;
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(samples: u64) -> Batch {
        Batch { body: vec![0; 10].into(), samples, newest: 0 }
    }

    #[test]
    fn the_oldest_batches_are_dropped_and_counted() {
        let mut queue = Queue::new(25);
        assert_eq!([1, 2, 4, 8].map(|samples| queue.push(batch(samples), false)), [0, 0, 1, 2]);
        assert_eq!((queue.samples(), queue.bytes), (12, 20));
        assert_eq!(queue.pop().map(|batch| batch.samples), Some(4));
    }

    #[test]
    fn a_batch_that_is_sent_and_the_newest_one_are_kept() {
        let mut queue = Queue::new(1);
        assert_eq!([1, 2, 4].map(|samples| queue.push(batch(samples), true)), [0, 0, 2]);
        assert_eq!(queue.first().map(|batch| batch.samples), Some(1));
        assert_eq!((queue.samples(), queue.bytes), (5, 20));
    }
}
