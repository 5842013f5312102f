//! Extraction of the file from a multipart form.

use axum::body::Bytes;
use axum::extract::Multipart;
use axum::http::StatusCode;
use examples::error::ApiError;
use metrics_runtime::track_histogram;

/// The maximum size of a log: 50 MiB, which is hours of driving.
pub(crate) const MAX_UPLOAD_BYTES: usize = 50 << 20;

/// Returns the content of the first field that is called `file` or has a file name.
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
        if content.len() > MAX_UPLOAD_BYTES {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the log is too large; the limit is {MAX_UPLOAD_BYTES} bytes"),
            ));
        }
        return Ok(content);
    }
    Err(ApiError::bad_request("the form has no file; send the log as the field `file`"))
}
