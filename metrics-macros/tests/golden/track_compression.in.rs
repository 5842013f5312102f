#[track_compression]
fn compress(data: &[u8]) -> Result<Compressed, Error> {
    zstd(data)
}

#[track_compression(ratio = |compressed| compressed.ratio())]
fn compress_fast(data: &[u8]) -> Compressed {
    lz4(data)
}
