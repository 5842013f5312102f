//! Families that are registered at run time.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

use metrics_runtime::{Descriptor, Registry};

#[test]
fn a_wrong_number_of_values_is_an_error_that_names_the_labels() {
    let descriptor = Descriptor::counter("x_total", "x").labels(["a", "b"]);
    let family = Registry::new().counter(descriptor).unwrap();
    let error = family.get_or_create(&["x"]).map(|_| ()).expect_err("one value for two labels");
    assert_eq!(error.to_string(), "`x_total` has 2 label(s) (a, b), but 1 value(s) were given");
}
