//! Responses to scrapes: access control, format, encoding, and one gather for all requests that arrive together.
//!
//! Pages are gathered and written on separate threads, because collectors can block. A worker of the runtime must not
//! block. A runtime waits for its blocking threads before it shuts down, so a blocked collector on one of them would
//! keep the process from exiting. Starting a thread takes about ten microseconds, and scrapes are seconds apart.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use tokio::sync::{OnceCell, oneshot, watch};

use super::access::{Access, Decision};
use super::compression::Coding;
use super::filter::{names, select};
use super::response::{EncodedPage, PageBody, Permit, Scrape, error_response, page_response};
use super::settings::Endpoint;
use crate::encode::Format;
use crate::metric::First;
use crate::registry::CollectorTimeouts;
use crate::registry::Registry;
use crate::schema::Naming;

/// The header with the seconds that Prometheus waits for the page.
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// The endpoint of one registry: the state that all scrapes of its page share.
pub(crate) struct Scraper {
    registry: Registry,
    naming: Naming,
    endpoint: Endpoint,
    access: Access,
    enabled: bool,
    in_flight: Arc<AtomicUsize>,
    /// The gathers that requests can still join: none of them has started to read the registry's families.
    gathers: Mutex<HashMap<GatherKey, PageReceiver>>,
    /// Held while the registry's families are read. Meanwhile, new requests join one further gather.
    read_lock: Mutex<()>,
    no_peer_warning: First,
}

/// The format and the time limit of a page. Requests with the same key can share a gather.
type GatherKey = (Format, Duration);
type PageReceiver = watch::Receiver<Option<Arc<Page>>>;

/// A written page, with its encodings. Each is computed when it is first requested.
struct Page {
    text: Bytes,
    /// `false` if families of a collector are missing.
    complete: bool,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

/// The error of a page that could not be written.
struct Failed;

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scraper").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Scraper {
    pub(crate) fn new(registry: Registry, naming: Naming, endpoint: Endpoint, access: Access, enabled: bool) -> Self {
        if enabled {
            // Adds the metrics of the endpoint to the page before the first scrape.
            registry.scrapes();
        }
        let (in_flight, gathers, read_lock) = (Arc::default(), Mutex::default(), Mutex::default());
        Self {
            registry,
            naming,
            endpoint,
            access,
            enabled,
            in_flight,
            gathers,
            read_lock,
            no_peer_warning: First::new(),
        }
    }

    /// Returns `true` if access is restricted, or explicitly open to everyone.
    #[cfg(feature = "serve")]
    pub(super) fn may_be_public(&self) -> bool {
        self.access.is_restricted() || self.endpoint.is_open()
    }

    /// Returns `true` if a request needs a token.
    pub(crate) fn requires_token(&self) -> bool {
        !self.access.tokens.is_empty()
    }

    #[cfg(feature = "serve")]
    pub(super) fn time_limit(&self) -> Duration {
        self.endpoint.time_limit()
    }

    /// Responds to one request. A request that is refused gathers nothing.
    pub(super) fn respond(
        self: Arc<Self>,
        request: &Parts,
        peer: Option<IpAddr>,
    ) -> impl Future<Output = Response<PageBody>> + Send + use<> {
        let scrape = Scrape::begin(&self.registry);
        let is_head = request.method == Method::HEAD;
        let admitted = self.admit(request, peer);
        let names = request.uri.query().and_then(names);
        let format = Format::negotiate(&list(&request.headers, &ACCEPT));
        let coding = Coding::negotiate(&list(&request.headers, &ACCEPT_ENCODING));
        let limit = time_limit(&request.headers, self.endpoint.time_limit());
        let admitted = admitted.map(|permit| (permit, self.join_or_start_gather((format, limit))));
        async move {
            let (permit, receiver) = match admitted {
                Ok(admitted) => admitted,
                Err((code, text)) => return error_response(scrape, code, text, is_head),
            };
            let encoded = async {
                let mut page = receive(receiver?).await?;
                if !page.complete && self.endpoint.is_strict() {
                    return Err(Failed);
                }
                if let Some(names) = names {
                    page = on_thread(move || Page::new(select(page.as_str(), &names), page.complete).into()).await?;
                }
                page.encoded(coding).await
            };
            match encoded.await {
                Ok((coding, bytes)) => page_response(scrape, permit, EncodedPage { format, coding, bytes, is_head }),
                Err(Failed) => error_response(scrape, StatusCode::INTERNAL_SERVER_ERROR, FAILED, is_head),
            }
        }
    }

    fn admit(&self, request: &Parts, peer: Option<IpAddr>) -> Result<Permit, (StatusCode, &'static str)> {
        let mut authorization = request.headers.get_all(AUTHORIZATION).iter();
        let only = authorization.next().filter(|_| authorization.next().is_none());
        match self.access.decide(peer, only.map(http::HeaderValue::as_bytes)) {
            Decision::Allowed => {}
            Decision::Unauthorized => return Err((StatusCode::UNAUTHORIZED, "a valid bearer token is required\n")),
            Decision::Forbidden => return Err((StatusCode::FORBIDDEN, "this address is not allowed\n")),
            Decision::UnknownPeer => {
                if self.no_peer_warning.is_now() {
                    tracing::warn!(
                        "scrapes are refused, because the server does not provide the address of the peer; serve the \
                         router with `into_make_service_with_connect_info::<SocketAddr>()`, or the page with \
                         `Metrics::serve`"
                    );
                }
                return Err((StatusCode::FORBIDDEN, "this address is not allowed\n"));
            }
        }
        if !self.enabled {
            return Err((StatusCode::NOT_FOUND, "metrics are switched off\n"));
        }
        if request.method != Method::GET && request.method != Method::HEAD {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD\n"));
        }
        let permit = Permit::acquire(&self.in_flight, self.endpoint.max_scrapes());
        permit.ok_or((StatusCode::SERVICE_UNAVAILABLE, "too many concurrent scrapes; try again later\n"))
    }

    /// Joins a gather with this key that has not started to read the registry's families, or starts a new one.
    fn join_or_start_gather(self: &Arc<Self>, key: GatherKey) -> Result<PageReceiver, Failed> {
        let (receiver, new) = match self.gathers().entry(key) {
            Entry::Occupied(gather) => (gather.get().clone(), None),
            Entry::Vacant(entry) => {
                let (sender, receiver) = watch::channel(None);
                let gather = Gather { scraper: Arc::clone(self), key, sender };
                (entry.insert(receiver).clone(), Some(gather))
            }
        };
        // The lock is released here: if no thread starts, dropping the gather removes it from the map.
        if let Some(gather) = new {
            spawn(move || gather.run())?;
        }
        Ok(receiver)
    }

    fn gathers(&self) -> MutexGuard<'_, HashMap<GatherKey, PageReceiver>> {
        // No code panics while it holds the lock.
        self.gathers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gathers and writes a page. Calls `stop_joining` before it reads the registry's families.
    fn write(&self, (format, limit): GatherKey, stop_joining: impl FnOnce()) -> Page {
        let now = Instant::now();
        // A limit beyond the range of `Instant` becomes one day.
        let deadline = now.checked_add(limit).unwrap_or(now + Duration::from_secs(86_400));
        let timeouts = CollectorTimeouts { deadline, overdue: self.endpoint.time_limit() };
        let gathered = self.registry.gather_within(timeouts);
        let reading = self.read_lock.lock().unwrap_or_else(PoisonError::into_inner);
        stop_joining();
        let (text, complete) = self.registry.page_with(format, &self.naming, gathered);
        drop(reading);
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        self.registry.scrapes().written(series as u64);
        Page::new(text, complete)
    }
}

/// Waits for the page of a gather. Fails if the gather panicked.
async fn receive(mut receiver: PageReceiver) -> Result<Arc<Page>, Failed> {
    let page = receiver.wait_for(Option::is_some).await.map_err(|_| Failed)?;
    page.clone().ok_or(Failed)
}

const FAILED: &str = "the page could not be completed; see the log and metrics_runtime_scrape_errors_total\n";

/// A gather in progress, shared by all requests that wait for its page.
struct Gather {
    scraper: Arc<Scraper>,
    key: GatherKey,
    sender: watch::Sender<Option<Arc<Page>>>,
}

impl Gather {
    fn run(self) {
        // Stops joining before the registry's families are read, so that no scrape returns values older than its
        // request.
        let page = self.scraper.write(self.key, || self.stop_joining());
        self.sender.send_replace(Some(Arc::new(page)));
    }

    fn stop_joining(&self) {
        self.scraper.gathers().remove(&self.key);
    }
}

impl Drop for Gather {
    /// After a panic, waiting requests fail because the sender is dropped, and the next request starts a new gather.
    fn drop(&mut self) {
        if self.sender.borrow().is_none() {
            self.stop_joining();
        }
    }
}

impl Page {
    fn new(text: String, complete: bool) -> Self {
        Self { text: text.into(), complete, gzip: OnceCell::new(), zstd: OnceCell::new() }
    }

    fn as_str(&self) -> &str {
        // The bytes are those of a `String`.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// Returns the page in this coding, which is encoded once. Returns the plain text if encoding fails.
    async fn encoded(self: Arc<Self>, coding: Coding) -> Result<(Coding, Bytes), Failed> {
        let cell = match coding {
            Coding::Identity => return Ok((coding, self.text.clone())),
            Coding::Gzip => &self.gzip,
            Coding::Zstd => &self.zstd,
        };
        let encode = || async {
            let text = self.text.clone();
            on_thread(move || coding.encode(&text)).await?.map(Bytes::from).ok_or(Failed)
        };
        match cell.get_or_try_init(encode).await {
            Ok(encoded) => Ok((coding, encoded.clone())),
            Err(Failed) => Ok((Coding::Identity, self.text.clone())),
        }
    }
}

/// Runs a function on a new thread and waits for its result.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
    let (sender, receiver) = oneshot::channel();
    // Sending fails if the request was cancelled.
    spawn(move || drop(sender.send(work())))?;
    receiver.await.map_err(|_| Failed)
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Failed> {
    let spawned = thread::Builder::new().name("metrics-scrape".to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| {
        tracing::warn!(%error, "a scrape failed, because no thread could be started");
        Failed
    })
}

/// Joins the values of a list header, which may be sent several times. Values that are not text are ignored.
fn list(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// Returns the time limit of a page: the deadline of the endpoint, or the scraper's timeout minus time for the response
/// (a quarter of the timeout, at most half a second), whichever is shorter. An invalid header is ignored.
fn time_limit(headers: &HeaderMap, deadline: Duration) -> Duration {
    let seconds = headers.get(SCRAPE_TIMEOUT).and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(timeout)) if !timeout.is_zero() => {
            let response = (timeout / 4).min(Duration::from_millis(500));
            timeout.saturating_sub(response).min(deadline)
        }
        _ => deadline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_of_the_scraper_limits_the_time_for_the_page() {
        let deadline = Duration::from_secs(10);
        for (header, millis) in [
            ("1", 750),
            ("10", 9_500),
            ("10.5", 10_000),
            ("0.4", 300),
            ("100", 10_000),
            ("1e300", 10_000),
            ("inf", 10_000),
            ("NaN", 10_000),
            ("0", 10_000),
            ("-1", 10_000),
            ("soon", 10_000),
            ("", 10_000),
        ] {
            let headers = HeaderMap::from_iter([(SCRAPE_TIMEOUT, header.parse().expect("a value"))]);
            assert_eq!(time_limit(&headers, deadline), Duration::from_millis(millis), "{header}");
        }
        assert_eq!(time_limit(&HeaderMap::new(), deadline), deadline);
    }
}
