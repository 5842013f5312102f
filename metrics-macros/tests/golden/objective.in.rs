#[track(name = "login", objective(success = 99.9, latency(1, 99)))]
fn login(user: &str) -> Result<(), String> {
    Ok(())
}
