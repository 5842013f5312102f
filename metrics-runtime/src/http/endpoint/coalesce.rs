//! From a request to the page: who may have it, which form of it, and one gather for all who ask at the same time.
//!
//! Pages are written on threads of their own. A runtime's workers are for what does not block, and of its blocking
//! threads it waits for each before it ends; a collector that blocks must not keep a process from ending. A thread costs
//! some ten microseconds, a scrape comes every few seconds.

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

use super::access::{Access, Verdict};
use super::compression::Coding;
use super::filter::{names, select};
use super::response::{PageBody, Place, Scrape, Sent, page, refusal};
use super::settings::Endpoint;
use crate::encode::Format;
use crate::metric::First;
use crate::registry::Patience;
use crate::registry::Registry;
use crate::schema::Naming;

/// How long Prometheus waits for this page, in seconds.
const TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// The endpoint of one registry: what all requests for its page share.
pub(crate) struct Scraper {
    registry: Registry,
    naming: Naming,
    endpoint: Endpoint,
    access: Access,
    enabled: bool,
    places: Arc<AtomicUsize>,
    /// Where one can board: pages whose own numbers have not been read yet.
    flights: Mutex<HashMap<Flight, Landing>>,
    /// Held while numbers are read. Who comes meanwhile boards the next page, all of them the same.
    writing: Mutex<()>,
    no_peer: First,
}

/// What pages have in common that can be one: whoever asks for the same joins.
type Flight = (Format, Duration);
type Landing = watch::Receiver<Option<Arc<Written>>>;

/// A page, in the encodings that somebody has asked for.
struct Written {
    text: Bytes,
    whole: bool,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

/// No page came of it.
struct Failed;

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scraper").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Scraper {
    pub(crate) fn new(registry: Registry, naming: Naming, endpoint: Endpoint, access: Access, enabled: bool) -> Self {
        if enabled {
            // From the start, so that whoever looks at the page before its first scrape sees what every scrape brings.
            registry.scrapes();
        }
        let (places, flights, writing, no_peer) = (Arc::default(), Mutex::default(), Mutex::default(), First::new());
        Self { registry, naming, endpoint, access, enabled, places, flights, writing, no_peer }
    }

    /// Whether there is a token or a list, or nobody wants one.
    #[cfg(feature = "serve")]
    pub(crate) fn may_be_public(&self) -> bool {
        self.access.is_restricted() || self.endpoint.is_open()
    }

    #[cfg(feature = "export")]
    pub(crate) fn asks_for_token(&self) -> bool {
        !self.access.tokens.is_empty()
    }

    #[cfg(feature = "serve")]
    pub(crate) fn longest(&self) -> Duration {
        self.endpoint.longest()
    }

    /// The answer to one request. What can be refused is refused before anything is gathered.
    pub(crate) fn answer(
        self: Arc<Self>,
        request: &Parts,
        peer: Option<IpAddr>,
    ) -> impl Future<Output = Response<PageBody>> + Send + use<> {
        let scrape = Scrape::begin(&self.registry);
        let head = request.method == Method::HEAD;
        let admitted = self.admit(request, peer);
        let names = request.uri.query().and_then(names);
        let format = Format::negotiate(&list(&request.headers, &ACCEPT));
        let coding = Coding::negotiate(&list(&request.headers, &ACCEPT_ENCODING));
        let budget = budget(&request.headers, self.endpoint.longest());
        let admitted = admitted.map(|place| (place, self.board((format, budget))));
        async move {
            let (place, landing) = match admitted {
                Ok(admitted) => admitted,
                Err((code, text)) => return refusal(scrape, code, text, head),
            };
            let made = async {
                let mut written = landed(landing?).await?;
                if !written.whole && self.endpoint.is_strict() {
                    return Err(Failed);
                }
                if let Some(names) = names {
                    written =
                        apart(move || Written::new(select(text(&written.text), &names), written.whole).into()).await?;
                }
                written.encoded(coding).await
            };
            match made.await {
                Ok((coding, page_bytes)) => page(scrape, place, Sent { format, coding, page: page_bytes, head }),
                Err(Failed) => refusal(scrape, StatusCode::INTERNAL_SERVER_ERROR, FAILED, head),
            }
        }
    }

    fn admit(&self, request: &Parts, peer: Option<IpAddr>) -> Result<Place, (StatusCode, &'static str)> {
        let mut authorization = request.headers.get_all(AUTHORIZATION).iter();
        let only = authorization.next().filter(|_| authorization.next().is_none());
        match self.access.judge(peer, only.map(http::HeaderValue::as_bytes)) {
            Verdict::Welcome => {}
            Verdict::Unauthorized => return Err((StatusCode::UNAUTHORIZED, "a valid bearer token is needed\n")),
            Verdict::Forbidden => return Err((StatusCode::FORBIDDEN, "not for this address\n")),
            Verdict::Unknown => {
                if self.no_peer.is_now() {
                    tracing::warn!(
                        "scrapes are refused, since the server does not tell where they come from; serve the router with \
                         `into_make_service_with_connect_info::<SocketAddr>()`, or the page with `Metrics::serve`"
                    );
                }
                return Err((StatusCode::FORBIDDEN, "not for this address\n"));
            }
        }
        if !self.enabled {
            return Err((StatusCode::NOT_FOUND, "metrics are switched off\n"));
        }
        if request.method != Method::GET && request.method != Method::HEAD {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "the page is there for GET and HEAD\n"));
        }
        let place = Place::take(&self.places, self.endpoint.most_scrapes());
        place.ok_or((StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at a time; try again later\n"))
    }

    /// The page that is about to be written for somebody who asked for the same, or a new one.
    fn board(self: &Arc<Self>, flight: Flight) -> Result<Landing, Failed> {
        let (landing, departure) = match self.flights().entry(flight) {
            Entry::Occupied(there) => (there.get().clone(), None),
            Entry::Vacant(entry) => {
                let (ready, landing) = watch::channel(None);
                let departure = Departure { scraper: Arc::clone(self), flight, ready };
                (entry.insert(landing).clone(), Some(departure))
            }
        };
        // The board is free again: a flight that never gets off the ground has to be able to leave it.
        if let Some(departure) = departure {
            spawn(move || departure.fly())?;
        }
        Ok(landing)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Flight, Landing>> {
        // Nothing panics while it is held.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page, and what has to be done before the first of its own numbers is read.
    fn write(&self, (format, budget): Flight, close: impl FnOnce()) -> Written {
        let now = Instant::now();
        // A deadline that no clock reaches is none.
        let deadline = now.checked_add(budget).unwrap_or(now + Duration::from_secs(86_400));
        let patience = Patience { deadline, overdue: self.endpoint.longest() };
        let gathered = self.registry.gather_within(patience);
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        close();
        let (page, whole) = self.registry.page_with(format, &self.naming, gathered);
        drop(writing);
        let series = page.lines().filter(|line| !line.starts_with('#')).count();
        self.registry.scrapes().written(series as u64);
        Written::new(page, whole)
    }
}

async fn landed(mut landing: Landing) -> Result<Arc<Written>, Failed> {
    let written = landing.wait_for(Option::is_some).await.map_err(|_| Failed)?;
    written.clone().ok_or(Failed)
}

const FAILED: &str = "the page could not be written whole; the log and metrics_runtime_scrape_errors_total say why\n";

/// A page under way.
struct Departure {
    scraper: Arc<Scraper>,
    flight: Flight,
    ready: watch::Sender<Option<Arc<Written>>>,
}

impl Departure {
    fn fly(self) {
        // Off the board first: nobody is shown a number of ours from before it asked.
        let written = self.scraper.write(self.flight, || self.off());
        self.ready.send_replace(Some(Arc::new(written)));
    }

    fn off(&self) {
        self.scraper.flights().remove(&self.flight);
    }
}

impl Drop for Departure {
    /// Where writing panicked, those who wait see the sender go, and the next one begins anew.
    fn drop(&mut self) {
        if self.ready.borrow().is_none() {
            self.off();
        }
    }
}

impl Written {
    fn new(text: String, whole: bool) -> Self {
        Self { text: text.into(), whole, gzip: OnceCell::new(), zstd: OnceCell::new() }
    }

    /// The page in this coding, encoded once; as it is, if that fails.
    async fn encoded(self: Arc<Self>, coding: Coding) -> Result<(Coding, Bytes), Failed> {
        let cell = match coding {
            Coding::Identity => return Ok((coding, self.text.clone())),
            Coding::Gzip => &self.gzip,
            Coding::Zstd => &self.zstd,
        };
        let encode = || async {
            let plain = self.text.clone();
            apart(move || coding.encode(&plain)).await?.map(Bytes::from).ok_or(Failed)
        };
        match cell.get_or_try_init(encode).await {
            Ok(encoded) => Ok((coding, encoded.clone())),
            Err(Failed) => Ok((Coding::Identity, self.text.clone())),
        }
    }
}

/// What was written as text.
fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Runs what takes time on a thread of its own.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
    let (ready, done) = oneshot::channel();
    // Nobody may be left to take it.
    spawn(move || drop(ready.send(work())))?;
    done.await.map_err(|_| Failed)
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Failed> {
    let spawned = thread::Builder::new().name("metrics-scrape".to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| {
        tracing::warn!(%error, "a scrape fails for want of a thread");
        Failed
    })
}

/// A list may be spread over several headers. What is no text names nothing.
fn list(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// How long this page may take: the endpoint's own deadline, or what the scraper leaves after the way back, which takes a
/// quarter of its time and half a second at most. A header that says nothing sensible says nothing.
fn budget(headers: &HeaderMap, longest: Duration) -> Duration {
    let seconds = headers.get(TIMEOUT).and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(theirs)) if !theirs.is_zero() => {
            let back = (theirs / 4).min(Duration::from_millis(500));
            theirs.saturating_sub(back).min(longest)
        }
        _ => longest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scraper_says_how_long_it_waits() {
        let longest = Duration::from_secs(10);
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
            let headers = HeaderMap::from_iter([(TIMEOUT, header.parse().expect("a value"))]);
            assert_eq!(budget(&headers, longest), Duration::from_millis(millis), "{header}");
        }
        assert_eq!(budget(&HeaderMap::new(), longest), longest);
    }
}
