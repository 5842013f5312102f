//! Code shared by the example services.
//!
//! - [`run`]: command line, tokio runtime and exit codes.
//! - [`serve`]: a listener with helpful errors, and a server with timeouts and graceful shutdown.
//! - [`body`]: limits of request bodies.
//! - [`error`]: one JSON body for all error responses, axum's rejections included.
//! - [`json`]: JSON objects, checked.
//! - [`log`]: lines on stderr.
//! - [`mod@env`]: environment variables. An empty value counts as unset, an invalid one is an error.
//! - [`secret`]: random identifiers that cannot be guessed.
//! - [`upstream`]: HTTP clients of other services.
//! - [`traffic`]: requests of a service to itself.

pub mod body;
pub mod env;
pub mod error;
pub mod json;
pub mod log;
pub mod run;
pub mod secret;
pub mod serve;
pub mod traffic;
pub mod upstream;
