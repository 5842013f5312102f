//! Routes, handlers and body limits.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use examples::body::BodyLimits;
use examples::error::{ApiError, Checked, with_json_fallbacks};
use examples::json::Object;
use serde::Serialize;
use serde_json::{Value, json};

use crate::analysis::{Analysis, Source, analyze};
use crate::jetstream::{self, Job};
use crate::log::Log;
use crate::runs::Runs;
use crate::upload;

/// The allowance for the parts of a multipart form around the file, in bytes.
const FORM_OVERHEAD: usize = 64 << 10;

/// The maximum size of a JSON body: some hundred thousand samples.
const MAX_JSON_BYTES: usize = 16 << 20;

/// Returns the router of the service.
pub(crate) fn router(limits: &BodyLimits) -> Router {
    let upload = Router::new().route("/api/analyze", post(analyze_upload));
    let json = Router::new().route("/api/health", get(health)).route("/api/jetstream/run", post(run_jetstream));
    let upload_bytes = upload::MAX_UPLOAD_BYTES + FORM_OVERHEAD;
    let router =
        limits.apply(json, MAX_JSON_BYTES, MAX_JSON_BYTES).merge(limits.apply(upload, upload_bytes, upload_bytes));
    with_json_fallbacks(router).with_state(Arc::default())
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// The analysis of an upload, and the identifier under which it can be run again.
#[derive(Serialize)]
struct Analyzed {
    run_id: String,
    #[serde(flatten)]
    analysis: Analysis,
}

async fn analyze_upload(State(runs): State<Arc<Runs>>, request: Request) -> Result<Json<Analyzed>, ApiError> {
    let csv = upload::read(request).await?;
    let log = Log::Csv(csv.clone());
    let analysis = blocking(move || analyze(&log, Source::Upload)).await??;
    let run_id = runs.keep(csv).map_err(|error| ApiError::internal("creating the run's identifier", error))?;
    Ok(Json(Analyzed { run_id, analysis }))
}

async fn run_jetstream(
    State(runs): State<Arc<Runs>>,
    Checked(Json(Object(request))): Checked<Json<Object<jetstream::Request>>>,
) -> Result<Json<Analysis>, ApiError> {
    let job = Job::try_from(request)?;
    let analysis = blocking(move || jetstream::run(&runs, job)).await??;
    Ok(Json(analysis))
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal("the analysis", error))
}
