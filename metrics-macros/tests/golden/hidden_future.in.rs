#[track(returns = future)]
fn hidden() -> Hidden {
    Box::pin(async { 1 })
}
