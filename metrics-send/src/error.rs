//! Errors of sending.

use metrics_runtime::__shared::{shown_address, without_secrets};
#[cfg(feature = "remote-write")]
use metrics_runtime::NameError;
use metrics_runtime::RegistryError;

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
    #[error("the address of the receiver{} {problem}; expected an address such as {example}", shown_address(.url))]
    #[non_exhaustive]
    Url {
        /// The address without its query. Empty if it may contain a password.
        url: String,
        /// The problem with it.
        problem: &'static str,
        /// A valid address.
        example: &'static str,
    },
    /// The job is empty.
    #[cfg(feature = "remote-write")]
    #[error("the job is empty; set it to the name of the service or job that sends")]
    Job,
    /// The name of the service is not set, and the metrics have no namespace.
    #[cfg(feature = "otlp")]
    #[error("the name of the service is not set, and the metrics have no namespace; set it with `Otlp::service_name`")]
    Service,
    /// The key of a resource attribute is empty.
    #[cfg(feature = "otlp")]
    #[error("the key of an attribute is empty; expected one such as `deployment.environment.name`")]
    Attribute,
    /// An environment variable has an invalid value.
    #[cfg(feature = "otlp")]
    #[error("{variable}: {problem}")]
    #[non_exhaustive]
    Variable {
        /// The name of the variable.
        variable: &'static str,
        /// The problem with its value.
        problem: String,
    },
    /// The instance is not set. It holds the name of the type with the setting.
    #[error(
        "the instance is not set, and two processes would write into the same series; set it with `{0}::instance`, to an \
         empty text if there is never more than one process"
    )]
    Instance(&'static str),
    /// A pattern of metrics to leave out matches no metric.
    #[error(
        "the pattern {0:?} matches no metric; expected a name such as `process_threads`, or a prefix with `*` at its end \
         such as `process_*`"
    )]
    Pattern(String),
    /// Another task sends metrics of the registry under this name.
    #[error(
        "another task sends metrics of this registry under the name {0:?}, and the two would share the series about \
         sending; set another name with `name`"
    )]
    Name(String),
    /// The name of an external label is not a valid label name.
    #[cfg(feature = "remote-write")]
    #[error("external label: {0}")]
    Label(NameError),
    /// A token cannot be sent in a header.
    #[error("the bearer token is empty or has a character that no header can have; set it to the text of the token")]
    Token,
    /// The interval is zero.
    #[error("the interval between two walks is zero; set it to some seconds")]
    Interval,
    /// A number of samples or bytes is zero.
    #[error("`{0}` is zero; set it to at least 1")]
    Zero(&'static str),
    /// The registry has another metric of the name of one of this crate.
    #[error("the metrics about sending: {0}")]
    Metric(RegistryError),
    /// The certificate authorities cannot be read.
    #[cfg(feature = "tls")]
    #[error("cannot read the certificate authorities: {0}; `ca_file` sets a file of your own")]
    Certificates(String),
    /// The call is made outside of a tokio runtime.
    #[error("no tokio runtime is running; call this from within one")]
    NoRuntime,
}

debug_as_display!(ConfigError);

impl ConfigError {
    pub(crate) fn url(url: &str, problem: &'static str, example: &'static str) -> Self {
        Self::Url { url: without_secrets(url), problem, example }
    }
}

/// An error of [`Sending::finish`](crate::Sending::finish).
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum FinishError {
    /// Samples did not reach the receiver.
    #[error(
        "{} of {} samples did not reach {url}: it refused {failed}, and {dropped} were dropped{}",
        .failed + .dropped,
        .sent + .failed + .dropped,
        .cause.as_ref().map(|cause| format!("; last error: {cause}")).unwrap_or_default()
    )]
    #[non_exhaustive]
    Lost {
        /// The address of the receiver, without its query.
        url: String,
        /// The samples that the receiver has accepted since the start.
        sent: u64,
        /// The samples that it has refused for good.
        failed: u64,
        /// The samples that had no room in the queue, or were not accepted by the deadline of the shutdown. A receiver that
        /// did not answer may have stored some of the latter.
        dropped: u64,
        /// The last error.
        cause: Option<String>,
    },
    /// The tokio runtime shut down before everything was sent.
    #[error("the tokio runtime shut down before all samples were sent; finish sending first")]
    Stopped,
}

debug_as_display!(FinishError);
