//! The log in the body of a request: the file of a multipart form, or the whole body.

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use examples::error::{ApiError, Checked};
use headers::{ContentType, HeaderMapExt as _};
use metrics_runtime::track_histogram;

/// The maximum size of a log: 50 MiB, which is hours of driving.
pub(crate) const MAX_UPLOAD_BYTES: usize = 50 << 20;

/// Returns the content of the log.
#[track_histogram(
    name = "file_upload_bytes",
    help = "Size of uploaded logs.",
    unit = "bytes",
    buckets = [1024, 10240, 102_400, 1_048_576, 10_485_760, 52_428_800],
    value = Bytes::len,
)]
pub(crate) async fn read(request: Request) -> Result<Bytes, ApiError> {
    let content_type = request.headers().typed_get::<ContentType>().map(mime::Mime::from);
    let log = match content_type.as_ref().map(mime::Mime::essence_str) {
        Some("multipart/form-data") => file(Checked::<Multipart>::from_request(request, &()).await?).await?,
        Some("text/csv") => Checked::<Bytes>::from_request(request, &()).await?.0,
        _ => {
            let message = "send the log as the field `file` of `multipart/form-data`, or as a body of type `text/csv`";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
    };
    if log.len() > MAX_UPLOAD_BYTES {
        let message = format!("the log is too large; the limit is {MAX_UPLOAD_BYTES} bytes");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(log)
}

/// Returns the content of the first field that is called `file` or has a file name.
async fn file(Checked(mut form): Checked<Multipart>) -> Result<Bytes, ApiError> {
    while let Some(field) = form.next_field().await? {
        if field.name() == Some("file") || field.file_name().is_some() {
            return Ok(field.bytes().await?);
        }
    }
    Err(ApiError::bad_request("the form has no file; send the log as the field `file`"))
}
