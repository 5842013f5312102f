//! An incomplete body leaves the function in place.

use metrics_runtime::{track, track_ryot};

#[track]
fn field(x: &str) -> usize {
    x.
}

#[track_ryot]
async fn field_async(x: &str) -> usize {
    let y = x.;
    y
}

fn main() {
    let () = field("x");
    let () = field_async("x");
}
