//! Errors of pushing.

use std::error::Error;
use std::time::Duration;

use super::client::{root_cause, shown_address, without_secrets};
use crate::error::debug_as_display;
use crate::schema::NameError;

/// An invalid setting of a push.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is not a valid address of a gateway.
    #[error("the push address{} {problem}; expected an address such as http://pushgateway:9091", shown_address(.url))]
    #[non_exhaustive]
    Url {
        /// The address without its query. Empty if it may contain a password.
        url: String,
        /// The problem with it.
        problem: &'static str,
    },
    /// The job is empty, which gateways reject.
    #[error("the job is empty; set it to the name of the job that pushes")]
    Job,
    /// The name of a grouping label is not a valid label name, or is given twice.
    #[error("grouping key: {0}")]
    Label(NameError),
    /// The interval is zero.
    #[error("the interval between two pushes is zero; set it to some seconds")]
    Interval,
    /// The call is made outside of a tokio runtime.
    #[error("no tokio runtime is running; call this from within one")]
    NoRuntime,
}

debug_as_display!(ConfigError);

impl ConfigError {
    pub(super) fn url(url: &str, problem: &'static str) -> Self {
        Self::Url { url: without_secrets(url), problem }
    }
}

/// An error of a push.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The gateway answered with an error.
    #[error("{url} answered with status {status}: {body:?}")]
    #[non_exhaustive]
    Refused {
        /// The address of the push, grouping key included.
        url: String,
        /// The status code, not a 2xx. A Pushgateway responds with 400 if the metrics conflict with those of another
        /// push.
        status: u16,
        /// The first 1,024 bytes of the answer.
        body: String,
    },
    /// The gateway gave no answer: it cannot be reached, or the connection broke.
    #[error("cannot push to {url}: {}", root_cause(&**.error))]
    #[non_exhaustive]
    Failed {
        /// The address of the push, grouping key included.
        url: String,
        /// The error of the HTTP client.
        #[source]
        error: Box<dyn Error + Send + Sync>,
    },
    /// The push took longer than its timeout.
    #[error("pushing to {url} took longer than {after:?}")]
    #[non_exhaustive]
    TimedOut {
        /// The address of the push, grouping key included.
        url: String,
        /// The timeout. See [`Push::timeout`](super::Push::timeout).
        after: Duration,
    },
    /// A sample has a label of the grouping key, which the gateway would overwrite.
    #[error(
        "metric `{metric}` has the label `{label}`, which the gateway would overwrite with that of the grouping key; \
         rename one of the two"
    )]
    #[non_exhaustive]
    LabelTaken {
        /// The name of the sample.
        metric: String,
        /// The label.
        label: String,
    },
    /// The tokio runtime shut down before the push completed.
    #[error("the tokio runtime shut down before the push completed; finish pushing first")]
    Stopped,
}

debug_as_display!(PushError);
