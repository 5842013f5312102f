//! The logs that were uploaded lately, so that Jetstream can run one again by its name.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use examples::secret::secret;
use rand::rngs::SysError;

/// As many logs as are kept.
const MOST_RUNS: usize = 32;

/// As many bytes as they may have together, whatever their number.
const MOST_BYTES: usize = 128 << 20;

/// The logs, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    kept: Mutex<VecDeque<(String, Bytes)>>,
}

impl Runs {
    /// Keeps a log, at the cost of the oldest ones, and names it.
    pub(crate) fn keep(&self, log: Bytes) -> Result<String, SysError> {
        let name = secret("run")?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((name.clone(), log));
        let mut bytes: usize = kept.iter().map(|(_, log)| log.len()).sum();
        while kept.len() > MOST_RUNS || bytes > MOST_BYTES {
            let Some((_, oldest)) = kept.pop_front() else {
                break;
            };
            bytes -= oldest.len();
        }
        Ok(name)
    }

    /// The log of that name, if it is still there.
    pub(crate) fn find(&self, name: &str) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(kept, _)| kept == name);
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
    fn the_oldest_goes_first() {
        let runs = Runs::default();
        let names: Vec<_> = (0..=MOST_RUNS).map(|number| keep(&runs, Bytes::from(number.to_string()))).collect();
        assert_eq!(runs.find(&names[0]), None);
        assert_eq!(runs.find(&names[1]).as_deref(), Some(&b"1"[..]));
        assert_eq!(runs.find("run_0"), None);
    }

    #[test]
    fn large_logs_take_the_room_of_several() {
        let runs = Runs::default();
        let large = Bytes::from(vec![0; MOST_BYTES / 2]);
        let names = [(); 3].map(|()| keep(&runs, large.clone()));
        assert_eq!(names.map(|name| runs.find(&name).is_some()), [false, true, true]);
    }
}
