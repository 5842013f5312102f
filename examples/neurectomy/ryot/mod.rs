//! Ryot, the language model behind `POST /v1/generate`.
//!
//! [`client`] speaks to it over HTTP, wherever it runs. [`server`] is the small one that starts in this process when
//! `RYOT_URL` names no other, and [`model`] is what it generates with.

pub(crate) mod client;
mod model;
pub(crate) mod server;
