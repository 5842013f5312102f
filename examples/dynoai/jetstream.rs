//! Jetstream: analyses for a pipeline, which sends samples or the identifier of an earlier upload.

use std::sync::Arc;

use axum::http::StatusCode;
use examples::error::ApiError;
use examples::json::Object;
use metrics_runtime::track_counter;
use serde::Deserialize;

use crate::analysis::{Analysis, AnalysisError, Source, Status, analyze};
use crate::log::{Log, Sample};
use crate::runs::Runs;

/// The body of a request. Exactly one of the two fields is required.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    run_id: Option<String>,
    samples: Option<Vec<Object<Sample>>>,
}

/// A valid request.
#[derive(Debug)]
pub(crate) enum Job {
    Stored(String),
    Inline(Vec<Sample>),
}

impl TryFrom<Request> for Job {
    type Error = ApiError;

    fn try_from(request: Request) -> Result<Self, ApiError> {
        match (request.run_id, request.samples) {
            (Some(run_id), None) => Ok(Self::Stored(run_id)),
            (None, Some(samples)) => Ok(Self::Inline(samples.into_iter().map(|Object(sample)| sample).collect())),
            _ => Err(ApiError::bad_request("send either `run_id`, as /api/analyze returned it, or `samples`")),
        }
    }
}

/// An error of a run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunError {
    #[error("there is no run with this identifier; only the latest uploads are kept")]
    Unknown,
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
}

impl From<RunError> for ApiError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Unknown => Self::new(StatusCode::NOT_FOUND, error.to_string()),
            RunError::Analysis(error) => error.into(),
        }
    }
}

/// Runs a job. Like [`analyze`], this must not run on a thread of the async runtime.
#[track_counter(
    name = "jetstream_runs_total",
    help = "Jetstream runs, by status.",
    labels(status: Status = |outcome| Status::of(outcome.as_ref().ok())),
)]
pub(crate) fn run(runs: &Arc<Runs>, job: Job) -> Result<Analysis, RunError> {
    let log = match job {
        Job::Stored(run_id) => Log::Csv(runs.find(&run_id).ok_or(RunError::Unknown)?),
        Job::Inline(samples) => Log::Samples(samples),
    };
    Ok(analyze(&log, Source::Jetstream)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(json: &str) -> Option<Job> {
        let request: Request = serde_json::from_str(json).ok()?;
        Job::try_from(request).ok()
    }

    #[test]
    fn a_request_has_exactly_one_of_run_id_and_samples() {
        assert!(matches!(job(r#"{"run_id":"a"}"#), Some(Job::Stored(_))));
        assert!(matches!(job(r#"{"samples":[]}"#), Some(Job::Inline(_))));
        for json in [
            "{}",
            r#"{"run_id":"a","samples":[]}"#,
            r#"{"run_id":1}"#,
            r#"{"run":"a"}"#,
            r#"{"samples":[{"rpm":1}]}"#,
            r#"{"samples":[[1,2,3,4]]}"#,
        ] {
            assert!(job(json).is_none(), "{json}");
        }
    }

    #[test]
    fn a_stored_log_can_be_run_again() {
        let runs = Arc::new(Runs::default());
        let row = "3000,80,12.6,12.0\n".repeat(3);
        let log = format!("rpm,load,measured_afr,target_afr\n{row}");
        let run_id = runs.keep(log.into()).expect("randomness");
        let analysis = run(&runs, Job::Stored(run_id)).expect("a run");
        assert_eq!(analysis.status, Status::Success);
        let unknown = run(&runs, Job::Stored("run_0".to_owned()));
        assert_eq!(unknown, Err(RunError::Unknown));
    }

    #[test]
    fn a_sample_can_have_map_kpa_in_place_of_load() {
        let sample = r#"{"rpm":3000,"map_kpa":80,"measured_afr":12.6,"target_afr":12}"#;
        let job = job(&format!(r#"{{"samples":[{sample},{sample},{sample}]}}"#));
        let analysis = run(&Arc::default(), job.expect("a job")).expect("a run");
        assert_eq!(analysis.corrections.len(), 1);
    }
}
