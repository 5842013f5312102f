//! The time between two attempts.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// The shortest time that can be set. Without it, a receiver that fails gets requests without a pause.
const SHORTEST: Duration = Duration::from_millis(1);

/// The longest time that a receiver can ask for.
const LONGEST: Duration = Duration::from_secs(300);

/// A time that doubles with each attempt. Half of it is random, so that many senders do not return at once.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(shortest: Duration, longest: Duration) -> Self {
        let [shortest, longest] = [shortest, longest].map(|time| time.max(SHORTEST));
        Self { shortest, longest, next: shortest }
    }

    /// Starts again after a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.shortest;
    }

    /// Returns the time until the next attempt, which is at least what the receiver has asked for.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let next = self.next.min(self.longest);
        self.next = next.saturating_mul(2);
        next.mul_f64(0.5 + 0.5 * random()) + asked.unwrap_or_default().min(LONGEST)
    }
}

/// Returns a random number in 0..1. The standard library seeds its hashes at random.
pub(crate) fn random() -> f64 {
    RandomState::new().hash_one(()) as f64 / 2_f64.powi(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_doubles_up_to_a_limit_and_differs() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 4 * second);
        for longest in [1, 2, 4, 4, 4] {
            let next = backoff.next(None);
            assert!((second * longest / 2..=second * longest).contains(&next), "{next:?} of {longest} s");
        }
        let asked = backoff.next(Some(10 * second));
        assert!((12 * second..=14 * second).contains(&asked), "{asked:?}");
        assert!(backoff.next(Some(Duration::MAX)) <= LONGEST + 4 * second);
        backoff.reset();
        assert!(backoff.next(None) <= second);
        assert!(Backoff::new(Duration::ZERO, Duration::ZERO).next(None) >= SHORTEST / 2);
        let numbers: Vec<_> = (0..20).map(|_| random()).collect();
        assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)), "{numbers:?}");
        assert!(numbers.iter().any(|number| number.to_bits() != numbers[0].to_bits()), "{numbers:?}");
    }
}
