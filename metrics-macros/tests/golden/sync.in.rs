#[track(in_flight)]
fn longest<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.len() < second.len() { second } else { first }
}
