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
