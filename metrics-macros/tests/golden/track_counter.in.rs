#[track_counter(name = "jobs_total")]
fn job() {}

#[track_counter(name = "sent_bytes_total", unit = "bytes", value = |bytes| *bytes)]
fn send() -> u64 {
    1
}
