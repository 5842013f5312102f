//! What the example services share, so that each of them is left with its own domain.
//!
//! - [`run`]: the way in: arguments, runtime, exit codes.
//! - [`serve`]: a listener that says where it is and a server that drains before it stops.
//! - [`error`]: one JSON shape for everything that is not a success, axum's own rejections included.
//! - [`mod@env`]: environment variables, where empty counts as unset and nonsense is an error.
//! - [`secret`]: names that nobody can guess.

pub mod env;
pub mod error;
pub mod run;
pub mod secret;
pub mod serve;
