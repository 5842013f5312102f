//! The logs of the latest uploads, which Jetstream can run again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use examples::secret::secret;
use rand::rngs::SysError;

/// The maximum number of stored logs.
const MAX_RUNS: usize = 32;

/// The maximum size of all stored logs together, in bytes.
const MAX_BYTES: usize = 128 << 20;

/// The stored logs, oldest first, each with its identifier.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    kept: Mutex<VecDeque<(String, Bytes)>>,
}

impl Runs {
    /// Stores a log, removes the oldest ones beyond the limits, and returns the new log's identifier.
    pub(crate) fn keep(&self, log: Bytes) -> Result<String, SysError> {
        let id = secret("run")?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((id.clone(), log));
        let mut bytes: usize = kept.iter().map(|(_, log)| log.len()).sum();
        while kept.len() > MAX_RUNS || bytes > MAX_BYTES {
            let Some((_, oldest)) = kept.pop_front() else {
                break;
            };
            bytes -= oldest.len();
        }
        Ok(id)
    }

    /// Returns the log with this identifier, or `None` if it was never stored or has been removed.
    pub(crate) fn find(&self, id: &str) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(stored, _)| stored == id);
        found.map(|(_, log)| log.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(runs: &Runs, log: Bytes) -> String {
        runs.keep(log).expect("randomness")
    }

    #[test]
    fn the_oldest_log_is_removed_first() {
        let runs = Runs::default();
        let names: Vec<_> = (0..=MAX_RUNS).map(|number| keep(&runs, Bytes::from(number.to_string()))).collect();
        assert_eq!(runs.find(&names[0]), None);
        assert_eq!(runs.find(&names[1]).as_deref(), Some(&b"1"[..]));
        assert_eq!(runs.find("run_0"), None);
    }

    #[test]
    fn logs_are_removed_beyond_the_limit_of_bytes() {
        let runs = Runs::default();
        let large = Bytes::from(vec![0; MAX_BYTES / 2]);
        let names = [(); 3].map(|()| keep(&runs, large.clone()));
        assert_eq!(names.map(|name| runs.find(&name).is_some()), [false, true, true]);
    }
}
