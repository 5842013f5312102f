//! The scrape endpoint: it serves the page to those who may have it.

mod access;
mod coalesce;
mod compression;
#[cfg(feature = "serve")]
mod connections;
mod filter;
mod mount;
mod negotiate;
mod path;
mod probe;
mod response;
#[cfg(feature = "serve")]
mod server;
mod settings;

pub use access::EndpointSettingError;
pub(crate) use coalesce::Scraper;
pub use mount::EndpointError;
pub(crate) use mount::instrument;
pub use path::PathError;
pub(crate) use path::check_path;
pub use response::PageBody;
#[cfg(feature = "serve")]
pub use server::{ServeError, Server};
#[cfg(feature = "serve")]
pub(crate) use server::{check_exposure, serve};
pub use settings::{Endpoint, EndpointService};
