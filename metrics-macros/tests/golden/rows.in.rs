#[track_histogram(name = "analysis_duration_seconds", help = "Duration.", unit = "seconds", buckets = [0.1, 1, LIMIT])]
fn analyze(log: &str) -> usize {
    log.len()
}

#[track_histogram(buckets = exponential(1024, 4, 5), unit = "bytes", value = |upload| upload.len())]
async fn upload() -> Result<Vec<u8>, Error> {
    Ok(Vec::new())
}

#[track_histogram(name = NAME, buckets = limits::SIZES, value = |size| *size)]
fn size() -> usize {
    1
}

#[track_counter(name = "jobs_total")]
fn job() {}

#[track_counter(name = "sent_bytes_total", unit = "bytes", value = |bytes| *bytes)]
fn send() -> u64 {
    1
}

#[track_in_flight(labels(tenant = tenant))]
async fn handle(tenant: &str) {}

#[track_ryot]
async fn generate(prompt: &str) -> Result<Completion, Error> {
    complete(prompt).await
}

#[track_ryot(model = MODEL, tokens = |completion| completion.tokens)]
async fn generate_counted(prompt: &str) -> Result<Completion, Error> {
    complete(prompt).await
}

#[track_compression]
fn compress(data: &[u8]) -> Result<Compressed, Error> {
    zstd(data)
}

#[track_compression(ratio = |compressed| compressed.ratio())]
fn compress_fast(data: &[u8]) -> Compressed {
    lz4(data)
}

#[track_storage("store", timed)]
async fn store(key: &str) -> Result<(), Error> {
    write(key).await
}

#[track(preset = crate::metrics::LLM, labels(model = model), value = |answer| answer.tokens, timed, in_flight)]
async fn ask(model: &str) -> Answer {
    Answer { tokens: 7 }
}
