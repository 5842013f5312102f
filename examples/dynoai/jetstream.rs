//! Jetstream: analyses on behalf of a pipeline, which sends samples or names a log that was uploaded before.

use std::sync::Arc;

use axum::http::StatusCode;
use examples::error::ApiError;
use metrics_runtime::track_counter;
use serde::Deserialize;

use crate::analysis::{Analysis, AnalysisError, Source, Status, analyze};
use crate::log::{Log, Sample};
use crate::runs::Runs;

/// What to run: exactly one of the two.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    run_id: Option<String>,
    samples: Option<Vec<Sample>>,
}

/// What a well-formed request asks for.
#[derive(Debug)]
pub(crate) enum Job {
    Kept(String),
    Inline(Vec<Sample>),
}

impl TryFrom<Request> for Job {
    type Error = ApiError;

    fn try_from(request: Request) -> Result<Self, ApiError> {
        match (request.run_id, request.samples) {
            (Some(name), None) => Ok(Self::Kept(name)),
            (None, Some(samples)) => Ok(Self::Inline(samples)),
            _ => Err(ApiError::bad_request("send either `run_id`, as /api/analyze returned it, or `samples`")),
        }
    }
}

/// Why a run failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunError {
    #[error("there is no run of this name; only the latest uploads are kept")]
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

/// Runs a job. Like the analysis inside it, not on a thread that serves sockets.
#[track_counter(
    name = "jetstream_runs_total",
    help = "Jetstream runs, by how they went.",
    labels(status: Status = |outcome| Status::of(outcome.as_ref().ok())),
)]
pub(crate) fn run(runs: &Arc<Runs>, job: Job) -> Result<Analysis, RunError> {
    let log = match job {
        Job::Kept(name) => Log::Csv(runs.find(&name).ok_or(RunError::Unknown)?),
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
    fn exactly_one_of_the_two() {
        assert!(matches!(job(r#"{"run_id":"a"}"#), Some(Job::Kept(_))));
        assert!(matches!(job(r#"{"samples":[]}"#), Some(Job::Inline(_))));
        for json in
            ["{}", r#"{"run_id":"a","samples":[]}"#, r#"{"run_id":1}"#, r#"{"run":"a"}"#, r#"{"samples":[{"rpm":1}]}"#]
        {
            assert!(job(json).is_none(), "{json}");
        }
    }

    #[test]
    fn a_kept_log_runs_again() {
        let runs = Arc::new(Runs::default());
        let row = "3000,80,12.6,12.0\n".repeat(3);
        let log = format!("rpm,load,measured_afr,target_afr\n{row}");
        let name = runs.keep(log.into()).expect("randomness");
        let analysis = run(&runs, Job::Kept(name)).expect("a run");
        assert_eq!(analysis.status, Status::Success);
        let unknown = run(&runs, Job::Kept("run_0".to_owned()));
        assert_eq!(unknown, Err(RunError::Unknown));
    }

    #[test]
    fn samples_may_speak_of_manifold_pressure() {
        let sample = r#"{"rpm":3000,"map_kpa":80,"measured_afr":12.6,"target_afr":12}"#;
        let job = job(&format!(r#"{{"samples":[{sample},{sample},{sample}]}}"#));
        let analysis = run(&Arc::default(), job.expect("a job")).expect("a run");
        assert_eq!(analysis.corrections.len(), 1);
    }
}
