//! A small `OpenAI`-compatible completions server on a loopback port: `POST /v1/completions`, `GET /v1/models`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use examples::error::{ApiError, Checked, with_json_fallbacks};
use examples::json::Object;
use examples::log;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use super::model::{Finish, Model};

/// The maximum of `max_tokens`.
const MAX_TOKENS: usize = 2048;

/// The default of `max_tokens`, as in the protocol.
const DEFAULT_TOKENS: usize = 16;

struct Ryot {
    name: String,
    model: Model,
    completions: AtomicU64,
}

/// The supported fields of a request. `n` and `stream` are read to reject values that would change the form of the
/// answer.
#[derive(Deserialize)]
struct Request {
    model: String,
    prompt: String,
    max_tokens: Option<usize>,
    temperature: Option<f64>,
    seed: Option<u64>,
    n: Option<u32>,
    stream: Option<bool>,
}

/// Trains the model and serves it under `name` until the process ends. Returns the base URL.
///
/// # Errors
/// Returns an error if no loopback port can be bound.
pub(crate) async fn start(name: &str) -> io::Result<Url> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = Url::parse(&format!("http://{}", listener.local_addr()?)).map_err(io::Error::other)?;
    let router = router(name);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            log::line(format_args!("ryot: {error}"));
        }
    });
    Ok(url)
}

fn router(name: &str) -> Router {
    let ryot = Arc::new(Ryot {
        name: name.to_owned(),
        model: Model::train(include_str!("corpus.txt")),
        completions: AtomicU64::new(0),
    });
    let router = Router::new().route("/v1/completions", post(complete)).route("/v1/models", get(models));
    with_json_fallbacks(router).with_state(ryot)
}

async fn models(State(ryot): State<Arc<Ryot>>) -> Json<Value> {
    Json(json!({
        "object": "list",
        "data": [{ "id": ryot.name, "object": "model", "owned_by": "neurectomy" }]
    }))
}

async fn complete(
    State(ryot): State<Arc<Ryot>>,
    Checked(Json(Object(request))): Checked<Json<Object<Request>>>,
) -> Result<Json<Value>, ApiError> {
    if request.model != ryot.name {
        return Err(ApiError::not_found(format!(
            "there is no model `{}`; GET /v1/models lists the models",
            request.model
        )));
    }
    if request.stream == Some(true) || request.n.is_some_and(|n| n != 1) {
        return Err(ApiError::bad_request(
            "this server returns one complete completion: `stream` must be false and `n` must be 1",
        ));
    }
    let max_tokens = request.max_tokens.unwrap_or(DEFAULT_TOKENS);
    if max_tokens > MAX_TOKENS {
        return Err(ApiError::bad_request(format!("`max_tokens` is {max_tokens}; the maximum is {MAX_TOKENS}")));
    }
    let temperature = request.temperature.unwrap_or(1.0);
    if !(0.0..=2.0).contains(&temperature) {
        return Err(ApiError::bad_request(format!("`temperature` is {temperature}; expected a number from 0 to 2")));
    }

    let id = ryot.completions.fetch_add(1, Ordering::Relaxed);
    let state = Arc::clone(&ryot);
    // Generating two thousand tokens takes milliseconds, which would block the runtime's worker thread.
    let generated = tokio::task::spawn_blocking(move || {
        let mut rng = request.seed.map_or_else(rand::make_rng::<StdRng>, StdRng::seed_from_u64);
        state.model.generate(&request.prompt, max_tokens, temperature, &mut rng)
    })
    .await
    .map_err(|error| ApiError::internal("generating", error))?;

    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(Json(json!({
        "id": format!("cmpl-{id}"),
        "object": "text_completion",
        "created": created,
        "model": ryot.name,
        "choices": [{
            "index": 0,
            "text": generated.text,
            "logprobs": null,
            "finish_reason": match generated.finish {
                Finish::Stop => "stop",
                Finish::Length => "length",
            }
        }],
        "usage": {
            "prompt_tokens": generated.prompt_tokens,
            "completion_tokens": generated.completion_tokens,
            "total_tokens": generated.prompt_tokens + generated.completion_tokens
        }
    })))
}
