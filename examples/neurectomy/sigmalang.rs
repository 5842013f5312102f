//! ΣLANG: compression with Zstandard.

use std::io;

use axum::body::Bytes;
use metrics_runtime::{CompressionRatio, track_compression};

/// Zstandard's default level: nearly the ratio of the higher levels, in a fraction of their time.
const LEVEL: i32 = zstd::DEFAULT_COMPRESSION_LEVEL;

/// A compressed body, and the size of the original.
#[derive(Debug)]
pub(crate) struct Compressed {
    pub(crate) data: Vec<u8>,
    pub(crate) original_size: usize,
}

impl Compressed {
    /// Returns the original size divided by the compressed size.
    pub(crate) fn ratio(&self) -> f64 {
        // Never divides by zero, because a Zstandard frame has a header.
        self.original_size as f64 / self.data.len() as f64
    }
}

impl CompressionRatio for Compressed {
    fn compression_ratio(&self) -> f64 {
        self.ratio()
    }
}

/// Compresses `original` on a thread for blocking work.
///
/// # Errors
/// Returns an error if Zstandard fails, which means that it is out of memory.
#[track_compression]
pub(crate) async fn compress(original: Bytes) -> io::Result<Compressed> {
    tokio::task::spawn_blocking(move || {
        Ok(Compressed { data: zstd::bulk::compress(&original, LEVEL)?, original_size: original.len() })
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_runtime::assert_metric;
    use metrics_runtime::test::Scope;
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    #[tokio::test]
    async fn a_compressed_text_can_be_restored() {
        let text = "a counter only goes up. ".repeat(100);
        let compressed = compress(Bytes::from(text.clone())).await.expect("memory");
        assert_eq!(compressed.original_size, text.len());
        assert!(compressed.ratio() > 20.0, "{}", compressed.ratio());
        let restored = zstd::bulk::decompress(&compressed.data, text.len()).expect("a frame");
        assert_eq!(restored, text.as_bytes());
    }

    #[metrics_runtime::test]
    async fn the_ratio_is_observed(metrics: Scope) {
        let compressed = compress(Bytes::from("a counter only goes up. ".repeat(100))).await.expect("memory");
        assert_metric!(metrics, sigmalang_compression_ratio count == 1, sum == compressed.ratio());
    }

    #[tokio::test]
    async fn random_bytes_grow_a_little() {
        let mut noise = vec![0; 1000];
        StdRng::seed_from_u64(1).fill_bytes(&mut noise);
        let ratio = compress(noise.into()).await.expect("memory").ratio();
        assert!((0.9..1.1).contains(&ratio), "{ratio}");
    }
}
