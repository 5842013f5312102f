//! Errors are the interface: each is at the word that is wrong, and says what is allowed.

#[test]
fn compile_fail() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
