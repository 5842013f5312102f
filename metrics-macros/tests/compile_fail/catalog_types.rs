//! Only a value of the element's type gets into a link section of the catalog.

mod shadowed {
    // The type is the one of the runtime, whatever these names mean where the macro is used.
    type Callsite = [u8; 8];
    trait Declare {}
    impl Declare for u64 {}
    mod metrics_runtime {
        pub mod __private {
            pub type Callsite = [u8; 8];
        }
    }

    ::metrics_runtime::__private::listed! { callsite BYTES = [0_u8; 8] }
    ::metrics_runtime::__private::listed! { callsite ALIAS = Callsite::default() }
    ::metrics_runtime::__private::listed! { entry NUMBER = &7_u64 as &'static dyn Declare }
}

struct Undeclared;

metrics_runtime::__private::listed! { callsite NUMBER = 7_u64 }
metrics_runtime::__private::listed! { entry REFERENCE = &7_u64 }
metrics_runtime::__private::listed! { entry STRUCT = &Undeclared }
metrics_runtime::__private::listed! { entry BYTES = [0_u8; 16] }

fn main() {}
