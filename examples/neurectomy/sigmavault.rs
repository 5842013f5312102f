//! ΣVAULT: files in an object store, behind a circuit breaker. The store is a local directory or memory, and with the
//! feature `cloud` also S3, Google Cloud Storage or Azure.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use examples::log;
use examples::run::chain;
use futures::stream::{self, BoxStream, StreamExt as _};
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen, Settings};
use metrics_runtime::{Classify, Outcome, circuit_breaker, track_storage};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _, parse_url_opts};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, oneshot};
use url::Url;

/// The maximum size of a file that a client stores.
pub(crate) const MAX_FILE_BYTES: usize = 32 << 20;

/// The size of the parts in which a large file is stored: the minimum of S3.
const PART_BYTES: usize = 5 << 20;

/// The memory that storing a file takes: one part that arrives, and one that is being stored.
pub(crate) const HELD_BYTES: usize = 2 * PART_BYTES;

/// The maximum length of a path. Object stores allow 1024 bytes.
const MAX_PATH_BYTES: usize = 1024;

/// The maximum length of a segment. File systems allow 255 bytes, and the local store appends `#` and a number while it
/// writes.
const MAX_NAME_BYTES: usize = 240;

/// The breaker of the store opens if half of the last 20 operations failed.
pub(crate) const BREAKER: Settings = Settings::ratio_of_calls(0.5, 20).open(Duration::from_secs(5));

/// The location of the store.
#[derive(Debug)]
pub(crate) enum Location {
    Folder(PathBuf),
    Url(Url),
}

/// An error of opening the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the directory {} cannot be used: {source}", folder.display())]
    Folder { folder: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(
        "`{url}` is not a store that this build can open ({source}); {choices}",
        choices = supported()
    )]
    Url { url: Box<Url>, source: Box<object_store::Error> },
}

fn supported() -> &'static str {
    if cfg!(feature = "cloud") {
        "expected file:///folder, memory:///, s3://bucket/path, gs://bucket/path or az://container/path"
    } else {
        "expected file:///folder or memory:///, or, if built with --features cloud, s3://, gs:// or az://"
    }
}

/// An error of an operation on the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// The circuit breaker rejected the call.
    #[error(transparent)]
    Open(#[from] CircuitOpen),
    #[error("this is not a valid path of a file: {0}")]
    Path(String),
    #[error("there is no file at this path")]
    NotFound,
    #[error("a file and a directory cannot have the same path")]
    Conflict,
    /// The body that the client sends has a problem.
    #[error("the body cannot be read")]
    Body(#[source] axum::Error),
    #[error("the store did not answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("the store is not there: {0}")]
    Missing(io::Error),
    #[error("the file became shorter while it was read")]
    Short,
    #[error("the store failed")]
    Store(#[source] object_store::Error),
}

/// Judges an error for the metrics and for the breaker: only an outage is an error. The others are answers of a working
/// store, or the client's.
impl Classify for VaultError {
    fn classify(&self) -> Outcome {
        match self {
            Self::TimedOut(_) | Self::Missing(_) | Self::Short | Self::Store(_) => Outcome::Error,
            Self::Open(_) | Self::Path(_) | Self::NotFound | Self::Conflict | Self::Body(_) => Outcome::Success,
        }
    }
}

impl VaultError {
    /// Returns `true` if the body of the client failed, which says nothing about the store.
    fn is_the_clients(&self) -> bool {
        matches!(self, Self::Body(_))
    }
}

impl From<object_store::Error> for VaultError {
    fn from(error: object_store::Error) -> Self {
        let bucket_is_missing = || {
            let text = chain(&error);
            MISSING_BUCKET.iter().any(|code| text.contains(code))
        };
        if matches!(error, object_store::Error::NotFound { .. }) {
            return if bucket_is_missing() { Self::Store(error) } else { Self::NotFound };
        }
        match io_kind(&error) {
            // The path is a directory, or is below a file. For reading and deleting, `absent` turns this into not
            // found.
            Some(
                io::ErrorKind::NotADirectory
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::AlreadyExists
                | io::ErrorKind::DirectoryNotEmpty,
            ) => Self::Conflict,
            _ => Self::Store(error),
        }
    }
}

/// The errors of S3, Google Cloud Storage and Azure for a bucket that does not exist. The crate `object_store` returns
/// them as a missing file.
const MISSING_BUCKET: [&str; 2] = ["NoSuchBucket", "ContainerNotFound"];

fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// A file that is read while its client receives it.
#[derive(Debug)]
pub(crate) struct Download {
    /// The size of the file in bytes.
    pub(crate) size: u64,
    pub(crate) content: Body,
}

/// The open store.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    store: Arc<dyn ObjectStore>,
    /// The directory of the store, if it is one.
    folder: Option<PathBuf>,
    /// The time limit of each step of an operation.
    timeout: Duration,
    breaker: CircuitBreaker,
}

impl Vault {
    /// Opens the store at `location`. A local directory is created if it does not exist. Each step of an operation,
    /// such as reading a part of a file, fails after `timeout`.
    pub(crate) fn open(location: Location, timeout: Duration, breaker: CircuitBreaker) -> Result<Self, OpenError> {
        let (store, folder) = match location {
            Location::Folder(folder) => directory(folder)?,
            Location::Url(url) => match url.to_file_path() {
                Ok(folder) if url.scheme() == "file" => directory(folder)?,
                _ => (remote(url)?, None),
            },
        };
        Ok(Self { store, folder, timeout, breaker })
    }

    /// Stores a file while its content arrives, and returns its size. The file is replaced at the end, as a whole.
    #[circuit_breaker(breaker = self.breaker, ignore_if = VaultError::is_the_clients)]
    #[track_storage("store")]
    pub(crate) async fn store(&self, file: &Path, content: Body) -> Result<u64, VaultError> {
        self.check_folder().await?;
        // Smaller files are stored by one request, larger ones in parts.
        let mut upload = BufWriter::with_capacity(Arc::clone(&self.store), file.clone(), PART_BYTES);
        upload = upload.with_max_concurrency(1);
        let mut size = 0;
        let mut parts = content.into_data_stream();
        while let Some(part) = parts.next().await {
            let written = match &part {
                Ok(part) => self.step(upload.write_all(part)).await.map(|()| part.len() as u64),
                Err(_) => Ok(0),
            };
            match part.map_err(VaultError::Body).and(written) {
                Ok(bytes) => size += bytes,
                Err(error) => {
                    let _ = self.step(async { Ok(upload.abort().await?) }).await;
                    return Err(error);
                }
            }
        }
        self.step(upload.shutdown()).await?;
        Ok(size)
    }

    /// Opens a file, and reads it while the client receives it.
    pub(crate) async fn retrieve(&self, file: Path) -> Result<Download, VaultError> {
        let (opened, download) = oneshot::channel();
        let vault = self.clone();
        let reading = tokio::spawn(async move { vault.read(&file, opened).await });
        match download.await {
            Ok(download) => Ok(download),
            // The reader ended before it had a part.
            Err(_) => match reading.await {
                Ok(ended) => Err(ended.err().unwrap_or(VaultError::NotFound)),
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            },
        }
    }

    /// Reads a file to its end, or until the client leaves. All of it is one operation of the store, so an error in the
    /// middle counts.
    #[circuit_breaker(breaker = self.breaker, ignore_if = VaultError::is_the_clients)]
    #[track_storage("retrieve")]
    async fn read(&self, file: &Path, opened: oneshot::Sender<Download>) -> Result<(), VaultError> {
        self.check_folder().await?;
        let found = self.step(async { Ok(self.store.get(file).await?) }).await.map_err(VaultError::absent)?;
        let size = found.meta.size;
        let mut left = size;
        let mut stored = found.into_stream();
        // The first part is read before the response starts, so that most errors have a status.
        let mut next = self.part(&mut stored, &mut left).await.map_err(VaultError::absent)?;
        let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(1);
        let content = Body::from_stream(stream::poll_fn(move |cx| receiver.poll_recv(cx)));
        if opened.send(Download { size, content }).is_err() {
            return Ok(());
        }
        while let Some(part) = next {
            if sender.send(Ok(part)).await.is_err() {
                return Ok(());
            }
            next = match self.part(&mut stored, &mut left).await {
                Ok(next) => next,
                Err(error) => {
                    log::line(format_args!("ΣVAULT, within a file: {}", log::excerpt(&chain(&error))));
                    let _ = sender.send(Err(io::Error::other("the store failed"))).await;
                    return Err(error);
                }
            };
        }
        Ok(())
    }

    #[circuit_breaker(breaker = self.breaker, ignore_if = VaultError::is_the_clients)]
    #[track_storage("delete")]
    pub(crate) async fn delete(&self, file: &Path) -> Result<(), VaultError> {
        self.check_folder().await?;
        // Some stores do not report that the file was missing.
        let found = self.step(async { Ok(self.store.head(file).await?) }).await.map_err(VaultError::absent);
        match found {
            // A bucket answers in the same way if it is missing itself, but not when it has to delete.
            Err(VaultError::NotFound) if self.folder.is_none() => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        self.step(async { Ok(self.store.delete(file).await?) }).await.map_err(VaultError::absent)?;
        found.map(drop)
    }

    /// Returns the next part of a file of which `left` bytes are left, or `None` at its end.
    async fn part(
        &self,
        stored: &mut BoxStream<'static, object_store::Result<Bytes>>,
        left: &mut u64,
    ) -> Result<Option<Bytes>, VaultError> {
        if *left == 0 {
            return Ok(None);
        }
        match self.step(async { Ok(stored.next().await.transpose()?) }).await? {
            Some(part) if !part.is_empty() => {
                *left = left.saturating_sub(part.len() as u64);
                Ok(Some(part))
            }
            // The crate `object_store` returns empty parts for ever if a local file became shorter.
            _ => Err(VaultError::Short),
        }
    }

    /// Runs one step of an operation, with the time limit.
    async fn step<T>(&self, step: impl Future<Output = io::Result<T>>) -> Result<T, VaultError> {
        let result = tokio::time::timeout(self.timeout, step).await.map_err(|_| VaultError::TimedOut(self.timeout))?;
        result.map_err(|error| match error.downcast::<object_store::Error>() {
            Ok(error) => error.into(),
            Err(error) => VaultError::from(object_store::Error::Generic { store: "ΣVAULT", source: error.into() }),
        })
    }

    /// Returns an error if the directory of the store is gone. Without this check every file would just be missing, and
    /// new files would be in a new directory.
    async fn check_folder(&self) -> Result<(), VaultError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        match tokio::fs::metadata(folder).await {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(VaultError::Missing(io::ErrorKind::NotADirectory.into())),
            Err(error) => Err(VaultError::Missing(error)),
        }
    }
}

impl VaultError {
    /// Converts an error of reading or deleting a file. A path that is a directory, or below a file, is not found.
    fn absent(self) -> Self {
        match self {
            Self::Conflict => Self::NotFound,
            other => other,
        }
    }
}

/// Opens a directory as a store, and creates it if it does not exist.
fn directory(folder: PathBuf) -> Result<(Arc<dyn ObjectStore>, Option<PathBuf>), OpenError> {
    let store = std::fs::create_dir_all(&folder)
        .map_err(Box::from)
        .and_then(|()| LocalFileSystem::new_with_prefix(&folder).map_err(Box::from));
    match store {
        // Removes empty directories, since other stores have no directories.
        Ok(store) => Ok((Arc::new(store.with_automatic_cleanup(true)), Some(folder))),
        Err(source) => Err(OpenError::Folder { folder, source }),
    }
}

/// Opens the store at a URL.
fn remote(url: Url) -> Result<Arc<dyn ObjectStore>, OpenError> {
    match parse_url_opts(&url, credentials()) {
        Ok((store, prefix)) => Ok(Arc::new(PrefixStore::new(store, prefix))),
        Err(source) => Err(OpenError::Url { source: Box::new(source), url: Box::new(url) }),
    }
}

/// Parses a path within the store. The same paths are valid for every store, and no path is outside of the store.
pub(crate) fn file(path: &str) -> Result<Path, VaultError> {
    let invalid = |reason: String| VaultError::Path(reason);
    let path = Path::parse(path).map_err(|error| invalid(error.to_string()))?;
    let Some(name) = path.filename() else {
        return Err(invalid("it is empty".to_owned()));
    };
    if path.as_ref().len() > MAX_PATH_BYTES {
        return Err(invalid(format!("it is longer than {MAX_PATH_BYTES} bytes")));
    }
    if path.as_ref().split('/').any(|part| part.len() > MAX_NAME_BYTES) {
        return Err(invalid(format!("a part of it is longer than {MAX_NAME_BYTES} bytes")));
    }
    // The local store uses these names for incomplete files.
    let numbered = name
        .split_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    if numbered {
        return Err(invalid("it ends with # and a number".to_owned()));
    }
    Ok(path)
}

/// Returns the environment variables for cloud stores. Only those with the prefixes of the stores: the stores would
/// also read `REGION` or `TOKEN`.
fn credentials() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        let prefixes = ["AWS_", "GOOGLE_", "AZURE_"];
        prefixes.iter().any(|prefix| name.starts_with(prefix)).then_some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_runtime::test::Scope;
    use metrics_runtime::{assert_metric, assert_no_metric};

    const TIMEOUT: Duration = Duration::from_secs(60);

    fn open(location: Location) -> Result<Vault, OpenError> {
        Vault::open(location, TIMEOUT, CircuitBreaker::new("test", BREAKER).expect("a breaker"))
    }

    fn is_outage(error: &VaultError) -> bool {
        error.classify() == Outcome::Error
    }

    /// Retrieves a whole file.
    async fn read(vault: &Vault, name: &Path) -> Result<Bytes, VaultError> {
        let download = vault.retrieve(name.clone()).await?;
        let content = axum::body::to_bytes(download.content, usize::MAX).await.expect("the whole file");
        assert_eq!(content.len() as u64, download.size);
        Ok(content)
    }

    fn local() -> (tempfile::TempDir, Vault) {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("vault");
        let vault = open(Location::Folder(inside)).expect("a vault");
        (folder, vault)
    }

    fn at(url: &str) -> Result<Vault, OpenError> {
        open(Location::Url(Url::parse(url).expect("a URL")))
    }

    fn named(path: &str) -> Path {
        file(path).expect(path)
    }

    async fn check_operations(vault: &Vault) {
        let name = named("a/b c/ü.txt");
        let content = Bytes::from_static(b"\0binary\xff");
        vault.store(&name, content.clone().into()).await.expect("stored");
        assert_eq!(read(vault, &name).await.expect("there"), content);
        vault.store(&name, Body::empty()).await.expect("replaced");
        assert_eq!(read(vault, &name).await.expect("there"), "");
        let large: Bytes = vec![7; PART_BYTES * 2 + 1].into();
        assert_eq!(vault.store(&name, large.clone().into()).await.expect("stored"), large.len() as u64);
        assert_eq!(read(vault, &name).await.expect("there"), large);
        vault.delete(&name).await.expect("deleted");
        for outcome in
            [vault.delete(&name).await, read(vault, &name).await.map(drop), read(vault, &named("a")).await.map(drop)]
        {
            assert!(matches!(outcome, Err(VaultError::NotFound)), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn a_directory_stores_files() {
        let (_folder, vault) = local();
        check_operations(&vault).await;
    }

    #[tokio::test]
    async fn a_file_url_is_a_directory() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("deep/vault");
        let url = Url::from_directory_path(&inside).expect("an absolute path");
        check_operations(&at(url.as_str()).expect("a vault")).await;
        assert!(inside.is_dir());
    }

    #[tokio::test]
    async fn memory_stores_files() {
        check_operations(&at("memory:///").expect("a vault")).await;
        check_operations(&at("memory:///below").expect("a vault")).await;
    }

    #[metrics_runtime::test]
    async fn operations_are_counted_by_status(metrics: Scope) {
        let vault = at("memory:///").expect("a vault");
        let name = named("a");
        vault.store(&name, "content".into()).await.expect("stored");
        read(&vault, &name).await.expect("there");
        vault.delete(&name).await.expect("deleted");
        vault.delete(&name).await.expect_err("it is gone");
        for (operation, calls) in [("store", 1), ("retrieve", 1), ("delete", 2)] {
            assert_metric!(metrics, sigmavault_operations_total { operation = operation, status = "success" } == calls);
        }
        assert_no_metric!(metrics, sigmavault_operations_total { status = "error" } > 0);
    }

    #[tokio::test]
    async fn no_path_leaves_the_store() {
        let (folder, vault) = local();
        for path in ["../out", "a/../../out", "..", ".", "a/./b", "a//b", "", "/", "a\0b", "x#12"] {
            assert!(matches!(file(path), Err(VaultError::Path(_))), "{path:?}");
        }
        // These are valid, if unusual, names. A path that was encoded twice arrives with its percent signs.
        for path in ["%2e%2e/out", "%2e%2e%2fout", "..%2fout", "\\..\\out", "...", "~"] {
            let name = named(path);
            let content = Bytes::from_static(b"!");
            vault.store(&name, content.clone().into()).await.expect(path);
            assert_eq!(read(&vault, &name).await.expect(path), content);
        }
        let beside: Vec<_> = std::fs::read_dir(folder.path())
            .expect("readable")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(beside, ["vault"]);
    }

    #[tokio::test]
    async fn names_beyond_the_limit_are_errors() {
        let (_folder, vault) = local();
        let name = "n".repeat(MAX_NAME_BYTES);
        let longest = vault.store(&named(&name), Body::empty()).await;
        longest.expect("a long name");
        for path in [format!("{name}n"), "p/".repeat(600) + "p"] {
            assert!(matches!(file(&path), Err(VaultError::Path(_))), "{path}");
        }
    }

    #[tokio::test]
    async fn a_file_and_a_directory_cannot_have_the_same_path() {
        let (_folder, vault) = local();
        vault.store(&named("a"), Body::empty()).await.expect("stored");
        vault.store(&named("b/c"), Body::empty()).await.expect("stored");
        for path in ["a/b", "b"] {
            let name = named(path);
            let outcome = vault.store(&name, Body::empty()).await;
            assert!(matches!(outcome, Err(VaultError::Conflict)), "{path}: {outcome:?}");
            for outcome in [vault.delete(&name).await, read(&vault, &name).await.map(drop)] {
                assert!(matches!(outcome, Err(VaultError::NotFound)), "{path}: {outcome:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_upload_whose_client_leaves_is_no_outage_and_changes_nothing() {
        let (folder, vault) = local();
        let name = named("kept");
        vault.store(&name, "before".into()).await.expect("stored");
        for sent in [10, PART_BYTES * 2] {
            let parts = [Ok(Bytes::from(vec![1; sent])), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
            let error = vault.store(&name, Body::from_stream(stream::iter(parts))).await.expect_err("half a body");
            assert_eq!((is_outage(&error), error.is_the_clients()), (false, true), "{error}");
        }
        assert_eq!(read(&vault, &name).await.expect("there"), "before");
        let files = std::fs::read_dir(folder.path().join("vault")).expect("readable").count();
        assert_eq!(files, 1, "no part is left");
    }

    #[tokio::test]
    async fn a_store_that_is_gone_is_an_outage() {
        let (folder, vault) = local();
        let name = named("a");
        vault.store(&name, Body::empty()).await.expect("stored");
        let inside = folder.path().join("vault");
        std::fs::remove_dir_all(&inside).expect("removed");
        for replace in [false, true] {
            if replace {
                std::fs::write(&inside, "a file").expect("written");
            }
            for outcome in [
                vault.store(&name, Body::empty()).await.map(drop),
                read(&vault, &name).await.map(drop),
                vault.delete(&name).await,
            ] {
                let error = outcome.expect_err("no store");
                assert_eq!((is_outage(&error), error.is_the_clients()), (true, false), "{error}");
            }
        }
    }

    #[test]
    fn a_missing_bucket_is_an_outage_and_a_missing_file_is_not() {
        let error = |text: &str| {
            let source = io::Error::other(format!("404 Not Found: <Error><Code>{text}</Code></Error>")).into();
            VaultError::from(object_store::Error::NotFound { path: "a".to_owned(), source })
        };
        assert!(is_outage(&error("NoSuchBucket")));
        assert!(!is_outage(&error("NoSuchKey")));
    }

    #[test]
    fn an_unsupported_store_is_an_error_that_lists_the_supported_ones() {
        let mut urls = vec!["ftp://host/files", "memory://host/"];
        if cfg!(not(feature = "cloud")) {
            urls.push("s3://bucket/files");
        }
        for url in urls {
            let error = at(url).expect_err(url).to_string();
            assert!(error.contains(url) && error.contains("memory:///"), "{error}");
        }
    }

    #[test]
    fn a_directory_below_a_file_cannot_be_opened() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let folder = file.path().join("vault");
        let error = open(Location::Folder(folder.clone())).expect_err("no folder");
        assert!(error.to_string().contains(&*folder.to_string_lossy()), "{error}");
    }
}
