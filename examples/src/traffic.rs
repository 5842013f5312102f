//! `--traffic N`: a service sends N requests a second to itself, so that its metrics change.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

/// The maximum number of concurrent requests. Beyond it, new requests wait.
const MAX_CONCURRENT_REQUESTS: usize = 256;

/// Starts `rate` requests a second until the future is dropped.
pub async fn send<F>(rate: u32, mut request: impl FnMut() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS));
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    // Do not catch up after a pause, which would send a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let request = request();
        tokio::spawn(async move {
            request.await;
            drop(slot);
        });
    }
}

/// Returns the URL for requests to a listener on `address`. The unspecified address is replaced by the loopback
/// address.
#[must_use]
pub fn base_url(address: SocketAddr) -> String {
    let port = address.port();
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("http://127.0.0.1:{port}"),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("http://[::1]:{port}"),
        address => format!("http://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unspecified_address_is_replaced_by_the_loopback_address() {
        for (address, expected) in [
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("[::1]:8000", "http://[::1]:8000"),
        ] {
            assert_eq!(base_url(address.parse().expect("an address")), expected);
        }
    }
}
