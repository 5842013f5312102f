//! Names that nobody can guess: API keys, sessions, runs.

use rand::TryRng as _;
use rand::rngs::{SysError, SysRng};

/// 128 bits from the operating system behind `prefix`, which says what it is where one turns up in the wrong place.
///
/// # Errors
/// If the operating system gives no random numbers.
pub fn secret(prefix: &str) -> Result<String, SysError> {
    let (high, low) = (SysRng.try_next_u64()?, SysRng.try_next_u64()?);
    Ok(format!("{prefix}_{high:016x}{low:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn secrets_differ() {
        let secrets = [(); 100].map(|()| secret("nk").expect("randomness"));
        let distinct: BTreeSet<_> = secrets.iter().collect();
        assert_eq!(distinct.len(), secrets.len());
        assert!(secrets.iter().all(|secret| secret.len() == 35));
    }
}
