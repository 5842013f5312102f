//! Differences that are known: shapes with them are not drawn. An entry is removed when its class is fixed.

use crate::shape::{Bound, Carrier, Name, Output, ParamType, Pattern, Receiver, Shape, Statement, Tail, Use};

/// A class of differences.
pub(crate) struct Known {
    pub(crate) class: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) has: fn(&Shape) -> bool,
}

pub(crate) const KNOWN: &[Known] = &[
    Known {
        class: "E1",
        reason: "the output of a returned future is not known while its block is checked",
        has: |shape| {
            use Output::{Array, BorrowedParam, Byte, ExplicitUnit, ItsSelf, Static, Unit};
            let is_inferred =
                !matches!(shape.output, Unit | ExplicitUnit | Byte | Static | Array | BorrowedParam | ItsSelf);
            shape.is_future() && (is_inferred || shape.tail == Tail::Todo)
        },
    },
    Known {
        class: "E2",
        reason: "an `impl Trait` that is returned does not type the closure in it",
        has: |shape| shape.output.is_closure() || shape.output.has_impl() && shape.tail == Tail::Todo,
    },
    Known {
        class: "E3",
        reason: "a borrowed parameter cannot be rebound",
        has: |shape| shape.params.iter().any(|param| param.usage == Use::Rebind),
    },
    Known { class: "E5", reason: "futures are not `UnwindSafe`", has: |shape| shape.bound == Bound::UnwindSafe },
    Known {
        class: "lints",
        reason: "an unused parameter that is named as a variable of generated code has no warning",
        has: |shape| {
            shape.params.iter().any(|param| {
                matches!(param.usage, Use::Unused | Use::Discard) && !matches!(param.name, Name::Usual | Name::Raw)
            })
        },
    },
    Known {
        class: "lints",
        reason: "a redundant semicolon has no warning in an async function",
        has: |shape| shape.statements.contains(&Statement::Semicolon),
    },
    Known {
        class: "drop order",
        reason: "a parameter that is bound by reference is dropped too late",
        has: |shape| shape.params.iter().any(|param| matches!(param.pattern, Pattern::Ref | Pattern::RefMut)),
    },
    Known {
        class: "drop order",
        reason: "a parameter that the body does not use is dropped too late",
        has: |shape| shape.params.iter().any(|param| param.ty == ParamType::Noisy && param.usage == Use::Unused),
    },
    Known {
        class: "never",
        reason: "the type `!` that a macro passes on is not recognized",
        has: |shape| shape.carrier == Carrier::MacroParts && shape.output == Output::Never,
    },
];

/// Returns the first class that the shape has.
pub(crate) fn class(shape: &Shape) -> Option<&'static Known> {
    KNOWN.iter().find(|known| (known.has)(shape))
}

/// Returns `true` if the future of the function is larger than it may be: class W7, a parameter is stored twice.
pub(crate) fn has_larger_future(shape: &Shape) -> bool {
    let owned = !matches!(shape.receiver, Receiver::Absent | Receiver::Shared | Receiver::Exclusive);
    owned || !shape.params.is_empty() || shape.output == Output::BorrowedParam
}
