//! The command `agent`: the configuration of an agent that scrapes the instances of a service in one cluster, and writes
//! their samples to central stores.
//!
//! `options` reads the options, `limits` are the bounds of a scrape, `scraper` writes the files of Prometheus and vmagent,
//! and `operator` the objects of the Prometheus operator.

mod limits;
mod operator;
mod options;
mod scraper;
#[cfg(test)]
mod tests;

pub(crate) use self::options::Options;

use self::limits::{Limits, limits};
use self::options::Form;
use crate::budget::{Values, check_values};
use crate::histograms::Histograms;
use crate::kubernetes::JobError;
use crate::model::Model;
use crate::scrape::Scrape;

/// The label that tells the agents of a cluster apart, unless another one is given.
const REPLICA: &str = "replica";

/// The settings of the queue in front of each store, with the names of Prometheus and of its operator.
///
/// They are the defaults of Prometheus 3: fewer and larger requests than those of 2.42, in the same memory.
/// A store that answers 429 is asked again, since a sample that it refuses for now would be lost.
const QUEUE: [(&str, &str, i64); 3] = [
    ("capacity", "capacity", 10_000),
    ("max_shards", "maxShards", 50),
    ("max_samples_per_send", "maxSamplesPerSend", 2_000),
];

/// The error of a configuration that cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    /// The job is not a valid Kubernetes label value.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The options do not fit the program.
    #[error("{0}")]
    Options(String),
}

/// The settings of a configuration.
pub(crate) struct Request<'a> {
    pub(crate) model: &'a Model,
    pub(crate) job: &'a str,
    pub(crate) scrape: &'a Scrape,
    pub(crate) options: &'a Options,
    /// The numbers of values of labels whose values are only known at run time.
    pub(crate) values: &'a Values,
}

/// Returns the configuration.
///
/// # Errors
/// Returns an error if options are missing, or do not fit the program.
pub(crate) fn run(request: &Request<'_>) -> Result<String, AgentError> {
    let form = request.options.checked().map_err(|problem| AgentError::Options(problem.to_owned()))?;
    request.check_labels()?;
    check_values(request.model, request.values).map_err(AgentError::Options)?;
    match form {
        Form::Kubernetes => operator::yaml(request),
        Form::Prometheus | Form::Vmagent => scraper::yaml(request, form),
    }
}

impl Request<'_> {
    /// Returns the label that tells the agents of a cluster apart.
    fn replica_label(&self) -> &str {
        self.scrape.replicas.first().map_or(REPLICA, String::as_str)
    }

    /// Returns an error if a label of the agent is one of the program, which would hide it.
    fn check_labels(&self) -> Result<(), AgentError> {
        if self.scrape.replicas.len() > 1 {
            return Err(AgentError::Options("--replica-label is given twice; an agent has one name".to_owned()));
        }
        let (replica, cluster) = (self.replica_label(), self.scrape.cluster());
        if replica == cluster {
            let problem = format!("`{replica}` is the label of replicas and of clusters; expected two labels");
            return Err(AgentError::Options(problem));
        }
        for (option, label) in [("--replica-label", replica), ("--cluster-label", cluster)] {
            if let Some(metric) = self.model.with_label(label) {
                return Err(AgentError::Options(format!(
                    "{option} is `{label}`, which {metric} has; expected a label that only the agents add"
                )));
            }
        }
        Ok(())
    }

    /// Returns the form in which histograms are scraped. Those without classic buckets need the native form.
    fn histograms(&self) -> Histograms {
        let form = self.scrape.histograms();
        if self.options.form == Some(Form::Vmagent) {
            // It asks for text.
            return Histograms::Classic;
        }
        let has = |classic: bool| {
            self.model.metrics.iter().any(|metric| metric.native && metric.buckets.is_empty() != classic)
        };
        match (has(true), has(false)) {
            // Native buckets alone, or no buckets at all.
            (false, true) => Histograms::Native,
            (false, false) => Histograms::Classic,
            (true, true) if form == Histograms::Classic => Histograms::Both,
            (true, _) => form,
        }
    }

    /// Returns the bounds of a scrape.
    fn limits(&self) -> Limits {
        limits(self.model, self.values, self.histograms())
    }
}
