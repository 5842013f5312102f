#[track(crate = facade::telemetry)]
fn elsewhere() -> u8 {
    1
}
