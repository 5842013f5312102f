//! The families of a layer.

use crate::family::{AnyFamily as _, Family, Metric};
use crate::metric::{Counter, Histogram, InFlight};

/// Declares the families of a layer. The methods have them in the order of the declaration.
macro_rules! families {
    ($($name:ident: $metric:ty,)*) => {
        /// The families of a layer, `None` for each metric that is switched off.
        #[derive(Default)]
        pub(super) struct Families {
            $(pub(super) $name: Option<Family<$metric>>,)*
        }

        impl Families {
            pub(super) const COUNT: usize = [$(stringify!($name)),*].len();

            /// Returns the families that are not excluded.
            pub(super) fn without(&self, excluded: [bool; Self::COUNT]) -> Self {
                let [$($name),*] = excluded;
                Self { $($name: self.$name.clone().filter(|_| !$name),)* }
            }

            /// Returns the addresses that distinguish the families.
            pub(super) fn addresses(&self) -> [Option<usize>; Self::COUNT] {
                [$(self.$name.as_ref().map(address)),*]
            }
        }
    };
}

families! {
    requests: Counter,
    duration: Histogram,
    first_byte: Histogram,
    in_flight: InFlight,
    request_size: Histogram,
    response_size: Histogram,
    aborted: Counter,
    overdue: Counter,
    upgrades: Counter,
    upgrades_open: InFlight,
    opentelemetry: Histogram,
}

fn address<M: Metric>(family: &Family<M>) -> usize {
    std::ptr::from_ref(family.descriptor()).addr()
}
