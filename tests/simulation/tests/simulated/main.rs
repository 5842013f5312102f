//! The simulation in its short form, and the pages that it uses.
#![allow(clippy::unwrap_used, reason = "a failure fails the test")]

mod pages;
mod short;
