#[circuit_breaker(service = "ryot", failures = 5, open = "30s", half_open = 1)]
async fn generate(prompt: &str, retries: Retries) -> Result<Completion, Error> {
    complete(prompt, retries).await
}

impl Ryot {
    async fn untouched() {}
}

#[circuit_breaker(breaker = BREAKER, classify = |r| Verdict::of(r), on_reject = Error::open)]
async fn of_an_existing_breaker() -> Result<impl Display, Error> {
    Ok(1)
}

#[circuit_breaker(
    service = VAULT, ratio = 1, window = "1m30s", minimum = 3, open = "1s", max_open = LONGEST, jitter = 0.25,
    lease = "10s", failure_if = |e| e.is_fatal(), fallback = elsewhere
)]
async fn with_fallback(_key: String, mut bytes: Vec<u8>) -> Result<(), Error> {
    store(bytes).await
}

#[circuit_breaker(service = "stacked", ratio = 0.5, calls = 20)]
#[cfg(all())]
#[metrics_runtime::track_counter(name = "stacked_total")]
#[must_use]
async fn stacked() -> Result<u8, Error> {
    Ok(1)
}

#[circuit_breaker(
    service = "patient", ratio = 0.5, calls = 20, slow = "2s", slow_ratio = 0.8, cancelled_fails,
    failure_if = |e| e.is_fatal(), ignore_if = Error::is_refusal
)]
async fn patient() -> Result<u8, Error> {
    Ok(1)
}
