//! Errors of remote write.

use metrics_runtime::__shared::{shown_address, without_secrets};
use metrics_runtime::{NameError, RegistryError};

/// Implements `Debug` through `Display`, because a `main` that returns an error prints its `Debug` output.
macro_rules! debug_as_display {
    ($error:ty) => {
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}

/// An invalid setting.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is not a valid address of a receiver.
    #[error(
        "the remote write address{} {problem}; expected an address such as http://prometheus:9090/api/v1/write",
        shown_address(.url)
    )]
    #[non_exhaustive]
    Url {
        /// The address without its query. Empty if it may contain a password.
        url: String,
        /// The problem with it.
        problem: &'static str,
    },
    /// The job is empty.
    #[error("the job is empty; set it to the name of the service or job that writes")]
    Job,
    /// The label `instance` is not set.
    #[error(
        "the label `instance` is not set, and two processes would write into the same series; set it with \
         `RemoteWrite::instance`, to an empty text if there is never more than one process"
    )]
    Instance,
    /// The name of an external label is not a valid label name.
    #[error("external label: {0}")]
    Label(NameError),
    /// A token cannot be sent in a header.
    #[error("the bearer token is empty or has a character that no header can have; set it to the text of the token")]
    Token,
    /// The interval is zero.
    #[error("the interval between two writes is zero; set it to some seconds")]
    Interval,
    /// A number of samples or bytes is zero.
    #[error("`{0}` is zero; set it to at least 1")]
    Zero(&'static str),
    /// The registry has another metric of the name of one of this crate.
    #[error("the metrics of remote write: {0}")]
    Metric(RegistryError),
    /// The certificate authorities cannot be read.
    #[cfg(feature = "tls")]
    #[error("cannot read the certificate authorities: {0}; `RemoteWrite::ca_file` sets a file of your own")]
    Certificates(String),
    /// The call is made outside of a tokio runtime.
    #[error("no tokio runtime is running; call this from within one")]
    NoRuntime,
}

debug_as_display!(ConfigError);

impl ConfigError {
    pub(crate) fn url(url: &str, problem: &'static str) -> Self {
        Self::Url { url: without_secrets(url), problem }
    }
}

/// An error of [`Writing::finish`](crate::Writing::finish).
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum FinishError {
    /// Samples did not reach the receiver.
    #[error(
        "{} of {} samples did not reach {url}: it refused {failed}, and {dropped} were dropped{}",
        .failed + .dropped,
        .written + .failed + .dropped,
        .cause.as_ref().map(|cause| format!("; last error: {cause}")).unwrap_or_default()
    )]
    #[non_exhaustive]
    Lost {
        /// The address of the receiver, without its query.
        url: String,
        /// The samples that the receiver has accepted since the start.
        written: u64,
        /// The samples that it has refused for good.
        failed: u64,
        /// The samples that had no room in the queue, or were not accepted by the deadline of the shutdown. A receiver that
        /// did not answer may have stored some of the latter.
        dropped: u64,
        /// The last error.
        cause: Option<String>,
    },
    /// The tokio runtime shut down before everything was sent.
    #[error("the tokio runtime shut down before all samples were sent; finish writing first")]
    Stopped,
}

debug_as_display!(FinishError);
