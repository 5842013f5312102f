//! Programs that send their metrics themselves: to a Pushgateway, and with remote write.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the counts of a test are small")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod gateway;
mod remote_write;
mod stores;
