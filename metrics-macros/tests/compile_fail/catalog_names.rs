//! The link sections of the catalog, and the macros of the same names that put statics into them, are private.

metrics_runtime::__private::CALLSITES! {
    #![linkme_macro = metrics_runtime::__private::CALLSITES]
    static BYTES: [u8; 8] = [0; 8];
}

metrics_runtime::__private::ENTRIES! {
    #![linkme_macro = metrics_runtime::__private::ENTRIES]
    static REFERENCE: [u8; 16] = [0; 16];
}

fn main() {
    metrics_runtime::__private::CALLSITES.len();
    metrics_runtime::__private::ENTRIES.len();
}
