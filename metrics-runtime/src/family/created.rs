//! The time at which a series was created.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::visit::Millis;

/// The time at which a series was created, in whole seconds. It takes four bytes, which fit into gaps of the structures
/// around a series, so it costs no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Created(u32);

/// The start of the year 2020, in seconds since 1970. With it, 30 bits last until 2054.
const START: u64 = 1_577_836_800;

impl Created {
    /// The number of bits.
    pub(super) const BITS: u32 = 30;

    /// Returns the current time. It is unknown if the clock is before 2020.
    pub(super) fn now() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let seconds = u32::try_from(now.saturating_sub(START)).ok().filter(|seconds| seconds >> Self::BITS == 0);
        Self(seconds.unwrap_or(0))
    }

    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    /// Returns the time, or `None` if it is unknown.
    #[inline]
    pub(super) fn millis(self) -> Option<Millis> {
        (self.0 != 0).then(|| (START + u64::from(self.0)) * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::removable::Removable;
    use crate::family::series::Held;
    use crate::metric::Counter;
    use crate::schema::{LabelText, OpenLabels};

    #[test]
    fn the_time_has_whole_seconds() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let created = Created::now().millis().unwrap();
        assert_eq!(created % 1000, 0);
        assert!((now..=now + 60).contains(&(created / 1000)), "{created}");
        assert_eq!(Created::from_bits(0).millis(), None);
    }

    #[test]
    fn it_takes_no_memory() {
        enum Before {
            _Own(Counter),
            _Adopted(std::sync::Arc<u8>),
        }
        assert_eq!(size_of::<Held<Counter>>(), size_of::<Before>());
        let fields = size_of::<LabelText>() + size_of::<Counter>() + size_of::<OpenLabels>() + size_of::<u32>();
        assert_eq!(size_of::<Removable<Counter>>(), fields);
    }
}
