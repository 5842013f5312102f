//! The README contains the compiled quickstart.

#[test]
fn the_readme_contains_the_source_of_the_quickstart() {
    let readme = include_str!("../../README.md");
    let quickstart = include_str!("../quickstart/main.rs");
    assert!(
        readme.contains(&format!("```rust\n{quickstart}```\n")),
        "README.md does not contain the current examples/quickstart/main.rs"
    );
}
