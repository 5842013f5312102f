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
    field("x");
    let _ = field_async("x");
}
