//! Parsers for arguments and annotated items. They generate no tokens and know no attribute.

pub(crate) mod buckets;
pub(crate) mod control_flow;
pub(crate) mod docs;
pub(crate) mod duration;
pub(crate) mod item;
pub(crate) mod key;
pub(crate) mod label;
pub(crate) mod module;
pub(crate) mod objective;
pub(crate) mod returns;
pub(crate) mod signature;
pub(crate) mod text;
pub(crate) mod value;
