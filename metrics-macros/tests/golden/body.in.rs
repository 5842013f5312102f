#[track]
fn with_items(first: String, (second, _third): (String, u8)) -> String {
    #![allow(clippy::items_after_statements)]
    use std::fmt::Write as _;
    let mut text = first;
    write!(text, "{second}").unwrap();
    text
}
