//! Choices with names: a shape is a map from places, such as `parameter 1 type`, to the choice made there.
//!
//! The choices are independent: if one changes, all others keep their meaning. The shrinker depends on that.

use std::collections::BTreeMap;

use crate::random::Random;

/// The options at a place. The first one is the simplest.
pub(crate) trait Choice: Copy + 'static {
    const ALL: &'static [Self];
}

/// Declares an enum of options.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::enum_variant_names, reason = "options are named as the code that they print")]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $crate::choices::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}
pub(crate) use choice;

impl Choice for bool {
    const ALL: &'static [Self] = &[false, true];
}

/// The choices of one shape, as indices of their options.
pub(crate) type Made = BTreeMap<String, usize>;

/// The choices of a shape while it is drawn.
#[derive(Debug)]
pub(crate) struct Choices {
    given: Made,
    random: Option<Random>,
    made: Made,
}

impl Choices {
    /// Draws all choices.
    pub(crate) fn random(random: Random) -> Self {
        Self { given: Made::new(), random: Some(random), made: Made::new() }
    }

    /// Repeats choices. A place without one gets the first option.
    pub(crate) fn given(given: Made) -> Self {
        Self { given, random: None, made: Made::new() }
    }

    pub(crate) fn made(self) -> Made {
        self.made
    }

    /// Chooses one of the options that are allowed, which must include one.
    pub(crate) fn choose<C: Choice>(&mut self, place: &str, allowed: impl Fn(C) -> bool) -> C {
        let options: Vec<usize> = (0..C::ALL.len()).filter(|index| allowed(C::ALL[*index])).collect();
        let index = match &mut self.random {
            // The first option is drawn more often, so that most shapes are simple in most places.
            Some(random) => match random.below(10) {
                0 => options[0],
                _ => options[random.below(options.len())],
            },
            None => self.given.get(place).copied().filter(|index| options.contains(index)).unwrap_or(options[0]),
        };
        self.made.insert(place.to_owned(), index);
        C::ALL[index]
    }

    pub(crate) fn any<C: Choice>(&mut self, place: &str) -> C {
        self.choose(place, |_| true)
    }

    /// Chooses a number up to the maximum.
    pub(crate) fn number(&mut self, place: &str, maximum: usize) -> usize {
        let number = match &mut self.random {
            Some(random) => random.below(maximum + 1),
            None => self.given.get(place).copied().unwrap_or(0).min(maximum),
        };
        self.made.insert(place.to_owned(), number);
        number
    }
}
