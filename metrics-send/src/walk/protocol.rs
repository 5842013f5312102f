//! The parts of sending that depend on the protocol.

use std::fmt::Debug;

use bytes::Bytes;
use http::HeaderMap;
use metrics_runtime::__shared::Answer;
use metrics_runtime::visit;

use super::Current;
use crate::error::ConfigError;
use crate::outcome::Outcome;
use crate::sample::Millis;
use crate::source::Source;

/// A protocol: the bodies of requests, and the meaning of answers. Everything else about sending is the same for all.
pub trait Protocol: Clone + Debug + Send + Sync + 'static {
    /// The part of a series that a sample has, such as the bucket of a histogram.
    type Part: Copy + PartialEq + Debug + Send;
    /// The identity of a sample, prepared once for all requests: its name and labels, encoded.
    type Identity: Debug + Send;
    /// A request while it is written.
    type Body: Debug + Send;

    /// An address of a receiver, for the texts of errors.
    const EXAMPLE: &'static str;

    /// Completes the settings before the start.
    ///
    /// # Errors
    /// Returns an error if a setting is missing.
    fn ready(&self, source: &Source) -> Result<Self, ConfigError>;

    /// Creates an empty request.
    fn body(&self) -> Self::Body;

    /// Adds the samples of a series to the request.
    fn add(series: &mut Current<'_, Self>, value: visit::Value<'_>);

    /// Adds a marker that a sample has ended.
    fn mark(body: &mut Self::Body, part: Self::Part, identity: &Self::Identity, time: Millis);

    /// Returns the compressed request, and starts the next one.
    fn take(&self, body: &mut Self::Body) -> Option<Bytes>;

    /// Sets the headers of a request.
    fn set_headers(&self, headers: &mut HeaderMap);

    /// Returns the meaning of the answer to a request with so many samples.
    fn outcome(&self, answer: &Answer, samples: u64) -> Outcome;
}
