//! ΣVAULT: files in an object store, behind a circuit breaker. The store is a local directory or memory, and with the
//! feature `cloud` also S3, Google Cloud Storage or Azure.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use metrics_runtime::circuit_breaker::CircuitOpen;
use metrics_runtime::{circuit_breaker, track_storage};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _, parse_url_opts};
use url::Url;

/// The maximum size of a file, for storing and retrieving.
pub(crate) const MAX_FILE_BYTES: usize = 32 << 20;

/// The maximum length of a path. Object stores allow 1024 bytes.
const MAX_PATH_BYTES: usize = 1024;

/// The maximum length of a segment. File systems allow 255 bytes, and the local store appends `#` and a number while it
/// writes.
const MAX_NAME_BYTES: usize = 240;

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
    #[error("the file has {0} bytes; the limit is {MAX_FILE_BYTES}")]
    TooLarge(u64),
    #[error("the store failed")]
    Store(#[source] object_store::Error),
}

impl VaultError {
    /// Returns `true` if the store failed. The other errors are answers of a working store.
    fn is_outage(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}

impl From<object_store::Error> for VaultError {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return Self::NotFound;
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

/// The open store.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    store: Arc<dyn ObjectStore>,
}

impl Vault {
    /// Opens the store at `location`. A local directory is created if it does not exist.
    pub(crate) fn open(location: Location) -> Result<Self, OpenError> {
        match location {
            Location::Folder(folder) => Self::folder(folder),
            Location::Url(url) => match url.to_file_path() {
                Ok(folder) if url.scheme() == "file" => Self::folder(folder),
                _ => Self::url(url),
            },
        }
    }

    fn folder(folder: PathBuf) -> Result<Self, OpenError> {
        let store = std::fs::create_dir_all(&folder)
            .map_err(Box::from)
            .and_then(|()| LocalFileSystem::new_with_prefix(&folder).map_err(Box::from))
            .map_err(|source| OpenError::Folder { folder, source })?;
        Ok(Self {
            // Removes empty directories, since other stores have no directories.
            store: Arc::new(store.with_automatic_cleanup(true)),
        })
    }

    fn url(url: Url) -> Result<Self, OpenError> {
        match parse_url_opts(&url, credentials()) {
            Ok((store, prefix)) => Ok(Self { store: Arc::new(PrefixStore::new(store, prefix)) }),
            Err(source) => Err(OpenError::Url { source: Box::new(source), url: Box::new(url) }),
        }
    }

    #[circuit_breaker(service = "sigmavault", ratio = 0.5, calls = 20, open = "5s", failure_if = VaultError::is_outage)]
    #[track_storage("store", error_if = |result| result.as_ref().is_err_and(VaultError::is_outage))]
    pub(crate) async fn store(&self, file: &Path, content: Bytes) -> Result<(), VaultError> {
        self.store.put(file, content.into()).await?;
        Ok(())
    }

    #[circuit_breaker(service = "sigmavault", ratio = 0.5, calls = 20, open = "5s", failure_if = VaultError::is_outage)]
    #[track_storage("retrieve", error_if = |result| result.as_ref().is_err_and(VaultError::is_outage))]
    pub(crate) async fn retrieve(&self, file: &Path) -> Result<Bytes, VaultError> {
        let found = self.store.get(file).await.map_err(absent)?;
        // Other programs can write larger files to the same bucket, and the file is read into memory.
        if found.meta.size > MAX_FILE_BYTES as u64 {
            return Err(VaultError::TooLarge(found.meta.size));
        }
        found.bytes().await.map_err(absent)
    }

    #[circuit_breaker(service = "sigmavault", ratio = 0.5, calls = 20, open = "5s", failure_if = VaultError::is_outage)]
    #[track_storage("delete", error_if = |result| result.as_ref().is_err_and(VaultError::is_outage))]
    pub(crate) async fn delete(&self, file: &Path) -> Result<(), VaultError> {
        // Some stores do not report that a deleted file did not exist, so this checks first.
        self.store.head(file).await.map_err(absent)?;
        self.store.delete(file).await.map_err(absent)
    }
}

/// Converts an error of reading or deleting a file. A path that is a directory, or below a file, is not found.
fn absent(error: object_store::Error) -> VaultError {
    match VaultError::from(error) {
        VaultError::Conflict => VaultError::NotFound,
        other => other,
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

    fn local() -> (tempfile::TempDir, Vault) {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("vault");
        let vault = Vault::open(Location::Folder(inside)).expect("a vault");
        (folder, vault)
    }

    fn at(url: &str) -> Result<Vault, OpenError> {
        Vault::open(Location::Url(Url::parse(url).expect("a URL")))
    }

    fn named(path: &str) -> Path {
        file(path).expect(path)
    }

    async fn check_operations(vault: &Vault) {
        let name = named("a/b c/ü.txt");
        let content = Bytes::from_static(b"\0binary\xff");
        vault.store(&name, content.clone()).await.expect("stored");
        assert_eq!(vault.retrieve(&name).await.expect("there"), content);
        vault.store(&name, Bytes::new()).await.expect("replaced");
        assert_eq!(vault.retrieve(&name).await.expect("there"), "");
        vault.delete(&name).await.expect("deleted");
        for outcome in [
            vault.delete(&name).await,
            vault.retrieve(&name).await.map(drop),
            vault.retrieve(&named("a")).await.map(drop),
        ] {
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
            vault.store(&name, content.clone()).await.expect(path);
            assert_eq!(vault.retrieve(&name).await.expect(path), content);
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
        let longest = vault.store(&named(&name), Bytes::new()).await;
        longest.expect("a long name");
        for path in [format!("{name}n"), "p/".repeat(600) + "p"] {
            assert!(matches!(file(&path), Err(VaultError::Path(_))), "{path}");
        }
    }

    #[tokio::test]
    async fn a_file_and_a_directory_cannot_have_the_same_path() {
        let (_folder, vault) = local();
        vault.store(&named("a"), Bytes::new()).await.expect("stored");
        vault.store(&named("b/c"), Bytes::new()).await.expect("stored");
        for path in ["a/b", "b"] {
            let name = named(path);
            let outcome = vault.store(&name, Bytes::new()).await;
            assert!(matches!(outcome, Err(VaultError::Conflict)), "{path}: {outcome:?}");
            for outcome in [vault.delete(&name).await, vault.retrieve(&name).await.map(drop)] {
                assert!(matches!(outcome, Err(VaultError::NotFound)), "{path}: {outcome:?}");
            }
        }
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
        let error = Vault::open(Location::Folder(folder.clone())).expect_err("no folder");
        assert!(error.to_string().contains(&*folder.to_string_lossy()), "{error}");
    }
}
