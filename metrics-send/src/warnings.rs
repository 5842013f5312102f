//! Warnings that are not repeated for a while.

use std::time::{Duration, Instant};

/// The time for which a warning is not repeated.
const PAUSE: Duration = Duration::from_secs(600);

/// The last time of each kind of warning.
#[derive(Debug, Default)]
pub(crate) struct Warnings([Option<Instant>; 5]);

/// A kind of warning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Unavailable,
    Refused,
    /// The receiver has accepted metrics, and says something about them.
    Advice,
    QueueFull,
    NotRead,
}

impl Warnings {
    /// Returns `true` if a warning of this kind is due.
    pub(crate) fn is_due(&mut self, kind: Kind) -> bool {
        let last = &mut self.0[kind as usize];
        let is_due = last.is_none_or(|last| last.elapsed() >= PAUSE);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_due_once_for_a_while() {
        let mut warnings = Warnings::default();
        assert!(warnings.is_due(Kind::Refused) && warnings.is_due(Kind::NotRead));
        assert!(!warnings.is_due(Kind::Refused));
        warnings.0[Kind::Refused as usize] = Instant::now().checked_sub(PAUSE);
        assert!(warnings.is_due(Kind::Refused) || Instant::now().checked_sub(PAUSE).is_none());
    }
}
