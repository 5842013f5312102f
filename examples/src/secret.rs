//! Random identifiers that cannot be guessed, for API keys, sessions and runs.

use rand::TryRng as _;
use rand::rngs::{SysError, SysRng};

/// Returns `prefix_` and 128 random bits of the operating system in hexadecimal. The prefix shows the purpose of a
/// secret that is found in the wrong place.
///
/// # Errors
/// Returns an error if the operating system provides no random numbers.
pub fn secret(prefix: &str) -> Result<String, SysError> {
    let (high, low) = (SysRng.try_next_u64()?, SysRng.try_next_u64()?);
    Ok(format!("{prefix}_{high:016x}{low:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn secrets_are_unique() {
        let secrets = [(); 100].map(|()| secret("nk").expect("randomness"));
        let distinct: BTreeSet<_> = secrets.iter().collect();
        assert_eq!(distinct.len(), secrets.len());
        assert!(secrets.iter().all(|secret| secret.len() == 35));
    }
}
