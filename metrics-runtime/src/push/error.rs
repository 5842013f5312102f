//! What can go wrong.

use std::error::Error;
use std::time::Duration;

use crate::error::debug_as_display;
use crate::schema::name::NameError;

/// Why a push cannot be set up.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is none that a gateway could have.
    #[error("the push address{} {problem}; it has to be like http://pushgateway:9091", quoted(.url))]
    #[non_exhaustive]
    Url {
        /// The address; empty where it may hold a password.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A gateway takes no empty job.
    #[error("the job is empty; it has to be the name of what pushes")]
    Job,
    /// The name of a grouping label is none that Prometheus allows.
    #[error("grouping key: {0}")]
    Label(NameError),
    /// A label is in the grouping key already.
    #[error("grouping key: label `{0}` is there already; leave one of the two out")]
    Repeated(String),
    /// The interval is zero.
    #[error("the interval between two pushes is zero; some seconds are usual")]
    Interval,
    /// There is no tokio runtime to push from.
    #[error("there is no tokio runtime here; call this within one")]
    NoRuntime,
}

debug_as_display!(ConfigError);

impl ConfigError {
    pub(super) fn url(url: &str, problem: &'static str) -> Self {
        let url = if url.contains('@') { String::new() } else { url.to_owned() };
        Self::Url { url, problem }
    }
}

fn quoted(url: &str) -> String {
    if url.is_empty() { String::new() } else { format!(" {url:?}") }
}

/// Why a push did not succeed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The gateway answered, and did not take it.
    #[error("{url} answered with status {status}: {body:?}")]
    #[non_exhaustive]
    Refused {
        /// Where it was pushed to.
        url: String,
        /// The status, not one of the 2xx. A Pushgateway has 400 for metrics that contradict what others have pushed.
        status: u16,
        /// How its answer begins: at most 1,024 bytes.
        body: String,
    },
    /// There was no answer: no connection, or one that broke.
    #[error("cannot push to {url}: {}", root(&**.error))]
    #[non_exhaustive]
    Failed {
        /// Where it was pushed to.
        url: String,
        /// What the client says.
        #[source]
        error: Box<dyn Error + Send + Sync>,
    },
    /// It took longer than it may.
    #[error("pushing to {url} was not done after {after:?}")]
    #[non_exhaustive]
    TimedOut {
        /// Where it was pushed to.
        url: String,
        /// How long it may take, see [`Push::timeout`](super::Push::timeout).
        after: Duration,
    },
    /// A sample has a label that is in the grouping key, which the gateway would overwrite.
    #[error(
        "metric `{metric}` has the label `{label}`, which the gateway would overwrite with that of the grouping key; \
         rename one of the two"
    )]
    #[non_exhaustive]
    LabelTaken {
        /// The sample's name.
        metric: String,
        /// The label.
        label: String,
    },
    /// The tokio runtime ended before the push did.
    #[error("the tokio runtime ended before the push did; finish pushing before it ends")]
    Stopped,
}

debug_as_display!(PushError);

/// The innermost of an error's causes says what happened.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}
