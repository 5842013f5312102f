//! The macro that lists a static writes its type: neither a type nor another item has a place in it.

metrics_runtime::__private::listed! { callsite TYPED: [u8; 8] = [0; 8] }

metrics_runtime::__private::listed! { callsite mut MUTABLE = [0_u8; 8] }

metrics_runtime::__private::listed! { callsite FIRST = todo!(); static SECOND: [u8; 8] = [0; 8] }

metrics_runtime::__private::listed! { callsite FIRST = todo!(), static SECOND: [u8; 8] = [0; 8] }

metrics_runtime::__private::listed! { metrics_runtime::__private::CALLSITES, static ITEM: [u8; 8] = [0; 8]; }

fn main() {}
