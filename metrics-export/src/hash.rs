//! A hash that is the same in every build.

/// Returns the FNV-1a hash of a text (<http://www.isthe.com/chongo/tech/comp/fnv/>).
///
/// The hash of the standard library may differ between releases.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
