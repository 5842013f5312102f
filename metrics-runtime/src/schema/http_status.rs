//! The outcome of values that carry an HTTP status: the status decides it.

use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};

use super::outcome::{Classify, Outcome};

impl Classify for StatusCode {
    fn classify(&self) -> Outcome {
        if self.is_server_error() { Outcome::Error } else { Outcome::Success }
    }
}

impl<B> Classify for Response<B> {
    fn classify(&self) -> Outcome {
        self.status().classify()
    }
}

impl Classify for Parts {
    fn classify(&self) -> Outcome {
        self.status.classify()
    }
}

/// Implements the trait for tuples of these types, of two elements and more. The status is that of the axum response:
/// the first element if it has one, else the last element.
macro_rules! tuples {
    (first: $head:ty, $($generics:ident)*;) => {};
    (first: $head:ty, $($generics:ident)*; $element:ident $($rest:ident)*) => {
        #[doc(hidden)]
        impl<$($generics,)* $element, $($rest),*> Classify for ($head, $element, $($rest),*) {
            fn classify(&self) -> Outcome {
                self.0.classify()
            }
        }
        tuples!(first: $head, $($generics)*; $($rest)*);
    };
    (last: $head:ty, [$($generics:tt)*];) => {};
    (last: $head:ty, [$($generics:tt)*]; $element:ident $($rest:ident)*) => {
        #[doc(hidden)]
        impl<$($rest,)* $element: Classify, $($generics)*> Classify for ($head, $($rest,)* $element) {
            fn classify(&self) -> Outcome {
                let (.., last) = self;
                last.classify()
            }
        }
        tuples!(last: $head, [$($generics)*]; $($rest)*);
    };
}

tuples!(first: StatusCode,; T1 T2 T3 T4 T5 T6 T7 T8);
tuples!(first: Parts,; T1 T2 T3 T4 T5 T6 T7 T8);
tuples!(first: Response<B>, B; T1 T2 T3 T4 T5 T6 T7 T8);
tuples!(last: HeaderMap, []; T1 T2 T3 T4 T5 T6 T7 T8);
tuples!(last: [(K, V); N], [K, V, const N: usize]; T1 T2 T3 T4 T5 T6 T7 T8);

#[cfg(feature = "axum")]
mod axum_types {
    use axum::Extension;
    use axum::extract::rejection::{
        BytesRejection, ExtensionRejection, MatchedPathRejection, PathRejection, RawPathParamsRejection,
        StringRejection,
    };
    use axum::response::{AppendHeaders, Redirect};

    use super::{Classify, Outcome};

    tuples!(last: Extension<X>, [X]; T1 T2 T3 T4 T5 T6 T7 T8);
    tuples!(last: AppendHeaders<I>, [I]; T1 T2 T3 T4 T5 T6 T7 T8);

    impl Classify for Redirect {
        fn classify(&self) -> Outcome {
            self.status_code().classify()
        }
    }

    macro_rules! rejections {
        ($($rejection:ident),*) => {$(
            impl Classify for $rejection {
                fn classify(&self) -> Outcome {
                    self.status().classify()
                }
            }
        )*};
    }
    rejections!(
        BytesRejection,
        ExtensionRejection,
        MatchedPathRejection,
        PathRejection,
        RawPathParamsRejection,
        StringRejection
    );
}
