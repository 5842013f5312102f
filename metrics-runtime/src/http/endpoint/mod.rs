//! The scrape endpoint: access control, content negotiation and shared gathers of the metrics page.
//!
//! [`Endpoint`] holds the settings and [`Scraper`] responds to requests. [`EndpointService`] and the listener in
//! [`server`] both call the scraper.

mod access;
mod compression;
#[cfg(feature = "serve")]
mod connections;
mod filter;
mod mount;
mod negotiate;
mod pages;
mod path;
mod probe;
mod response;
mod rules;
mod scraper;
#[cfg(feature = "serve")]
mod server;
mod service;
mod settings;
#[cfg(feature = "tls")]
mod tls;
mod writer;

pub use access::EndpointSettingError;
pub use mount::EndpointError;
pub(crate) use mount::{has_route, instrument};
pub use path::PathError;
pub(crate) use path::check_path;
pub use response::{PageBody, SlowReader};
pub use rules::{AccessRules, Refused};
pub(crate) use scraper::Scraper;
#[cfg(feature = "serve")]
pub use server::{ServeError, Server};
#[cfg(feature = "serve")]
pub(crate) use server::{check_exposure, serve};
pub use service::EndpointService;
pub use settings::Endpoint;
#[cfg(feature = "tls")]
pub use tls::TlsError;
