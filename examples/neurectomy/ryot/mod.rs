//! Ryot, the language model behind `POST /v1/generate`.
//!
//! [`client`] calls it over HTTP. [`server`] is a small server that starts in this process if `RYOT_URL` is not set,
//! and [`model`] is its language model.

pub(crate) mod client;
mod model;
pub(crate) mod server;
