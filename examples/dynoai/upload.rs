//! The file out of a multipart form.

use axum::body::Bytes;
use axum::extract::Multipart;
use axum::http::StatusCode;
use examples::error::ApiError;
use metrics_runtime::track_histogram;

/// The largest log: 50 MiB are hours of driving.
pub(crate) const LARGEST_UPLOAD: usize = 50 << 20;

/// Reads the field `file`, or whichever comes first with a file name.
#[track_histogram(
    name = "file_upload_bytes",
    help = "Size of uploaded logs.",
    unit = "bytes",
    buckets = [1024, 10240, 102_400, 1_048_576, 10_485_760, 52_428_800],
    value = Bytes::len,
)]
pub(crate) async fn read(mut form: Multipart) -> Result<Bytes, ApiError> {
    while let Some(field) = form.next_field().await? {
        if field.name() != Some("file") && field.file_name().is_none() {
            continue;
        }
        let content = field.bytes().await?;
        if content.len() > LARGEST_UPLOAD {
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a log may have {LARGEST_UPLOAD} bytes")));
        }
        return Ok(content);
    }
    Err(ApiError::bad_request("the form has no file; send the log as the field `file`"))
}
