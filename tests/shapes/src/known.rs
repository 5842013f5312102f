//! Differences that are known: shapes with them are not drawn. An entry is removed when its class is fixed.

use crate::shape::{Kind, Output, Param, Shape, Tail, Track, Use};

/// A class of differences.
pub(crate) struct Known {
    pub(crate) class: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) has: fn(&Shape) -> bool,
}

pub(crate) const KNOWN: &[Known] = &[
    Known {
        class: "closures",
        reason: "with an argument that uses the result, or in another type than a tuple, or from an async function, a \
                 closure that is returned needs the types of its parameters",
        has: |shape| {
            shape.output.is_closure()
                && (shape.kind != Kind::Sync || shape.output == Output::ResultImplFn || shape.uses_result())
        },
    },
    Known {
        class: "todo",
        reason: "a `todo!()` does not give an `impl Trait` a type",
        has: |shape| shape.output.has_impl() && !shape.output.is_closure() && shape.tail == Tail::Todo,
    },
    Known {
        class: "borrows",
        reason: "a parameter of a synchronous function may be assigned a shorter borrow",
        has: |shape| shape.params.iter().any(|param| param.usage == Use::Rebind),
    },
    Known {
        class: "lints",
        reason: "a parameter that only a label uses is used",
        has: |shape| {
            let is_unused = |param: &Param| matches!(param.usage, Use::Unused | Use::Discard);
            shape.attributes.track == Track::FirstLabel && shape.params.first().is_some_and(is_unused)
        },
    },
];

/// Returns the first class that the shape has.
pub(crate) fn class(shape: &Shape) -> Option<&'static Known> {
    KNOWN.iter().find(|known| (known.has)(shape))
}
