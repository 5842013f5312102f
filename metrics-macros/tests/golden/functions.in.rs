#[track(in_flight)]
fn longest<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.len() < second.len() { second } else { first }
}

#[track]
pub(crate) unsafe fn tick() {
    work();
}

#[track]
fn numbers(limit: u8) -> Result<impl Iterator<Item = u8>, Error> {
    Ok(0..limit)
}

#[track]
fn with_items(first: String, (second, _third): (String, u8)) -> String {
    #![allow(clippy::items_after_statements)]
    use std::fmt::Write as _;
    let mut text = first;
    write!(text, "{second}").unwrap();
    text
}

#[track(crate = facade::telemetry)]
fn elsewhere() -> u8 {
    1
}
