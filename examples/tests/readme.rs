//! The README shows what is compiled.

#[test]
fn the_readme_shows_the_quickstart_as_it_is() {
    let readme = include_str!("../../README.md");
    let quickstart = include_str!("../quickstart/main.rs");
    assert!(readme.contains(&format!("```rust\n{quickstart}```\n")), "README.md shows another quickstart");
}
