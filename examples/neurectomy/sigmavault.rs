//! ΣVAULT: files in an object store, behind a circuit breaker: a local folder, memory, or with the feature `cloud` S3,
//! Google Cloud and Azure.

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

/// The largest file that goes in, and so the largest that comes out.
pub(crate) const LARGEST_FILE: usize = 32 << 20;

/// Object stores stop at 1024 bytes.
const LONGEST_PATH: usize = 1024;

/// File systems stop at 255 bytes; while writing, the local store appends `#` and a number.
const LONGEST_NAME: usize = 240;

/// Where the files are.
#[derive(Debug)]
pub(crate) enum Location {
    Folder(PathBuf),
    Url(Url),
}

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the folder {} cannot be used: {source}", folder.display())]
    Folder { folder: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(
        "`{url}` names no store that this build can open ({source}); {choices}",
        choices = supported()
    )]
    Url { url: Box<Url>, source: Box<object_store::Error> },
}

fn supported() -> &'static str {
    if cfg!(feature = "cloud") {
        "it takes file:///folder, memory:///, s3://bucket/path, gs://bucket/path and az://container/path"
    } else {
        "it takes file:///folder and memory:///, and when built with --features cloud also s3://, gs:// and az://"
    }
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// The store was not asked.
    #[error(transparent)]
    Open(#[from] CircuitOpen),
    #[error("this path names no file: {0}")]
    Path(String),
    #[error("there is no file at this path")]
    NotFound,
    #[error("a file cannot be where a folder is, nor a folder where a file is")]
    Conflict,
    #[error("the file has {0} bytes, more than this service handles")]
    TooLarge(u64),
    #[error("the store failed")]
    Store(#[source] object_store::Error),
}

impl VaultError {
    /// Whether the store is to blame: everything else is an answer.
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
            // Looking for `a/b` where `a` is a file, or reading a folder, finds nothing; writing there is a conflict.
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
    /// Opens the store at `location`; a local folder is created where it is missing.
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
            // Stores without folders forget them with their last file, and the local one shall not differ.
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
        // Others may put files into the same bucket, and this one goes through memory.
        if found.meta.size > LARGEST_FILE as u64 {
            return Err(VaultError::TooLarge(found.meta.size));
        }
        found.bytes().await.map_err(absent)
    }

    #[circuit_breaker(service = "sigmavault", ratio = 0.5, calls = 20, open = "5s", failure_if = VaultError::is_outage)]
    #[track_storage("delete", error_if = |result| result.as_ref().is_err_and(VaultError::is_outage))]
    pub(crate) async fn delete(&self, file: &Path) -> Result<(), VaultError> {
        // Half of the stores say nothing about a file that was not there, so each of them is asked first.
        self.store.head(file).await.map_err(absent)?;
        self.store.delete(file).await.map_err(absent)
    }
}

/// An error of an operation on a file that is there or not: what is a folder is not a file.
fn absent(error: object_store::Error) -> VaultError {
    match VaultError::from(error) {
        VaultError::Conflict => VaultError::NotFound,
        other => other,
    }
}

/// A path inside the store. Never one that leaves it, and the same ones for each store.
pub(crate) fn file(path: &str) -> Result<Path, VaultError> {
    let invalid = |reason: String| VaultError::Path(reason);
    let path = Path::parse(path).map_err(|error| invalid(error.to_string()))?;
    let Some(name) = path.filename() else {
        return Err(invalid("it is empty".to_owned()));
    };
    if path.as_ref().len() > LONGEST_PATH {
        return Err(invalid(format!("it is longer than {LONGEST_PATH} bytes")));
    }
    if path.as_ref().split('/').any(|part| part.len() > LONGEST_NAME) {
        return Err(invalid(format!("a part of it is longer than {LONGEST_NAME} bytes")));
    }
    // That is how the local store names files that are not yet complete.
    let numbered = name
        .split_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    if numbered {
        return Err(invalid("it ends with # and a number".to_owned()));
    }
    Ok(path)
}

/// The environment's word on the cloud stores. Only the names that belong to them: they also take `REGION` or `TOKEN`.
fn credentials() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        let ours = ["AWS_", "GOOGLE_", "AZURE_"];
        ours.iter().any(|prefix| name.starts_with(prefix)).then_some((name, value))
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

    async fn holds(vault: &Vault) {
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
    async fn a_folder_holds_files() {
        let (_folder, vault) = local();
        holds(&vault).await;
    }

    #[tokio::test]
    async fn a_file_url_is_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("deep/vault");
        let url = Url::from_directory_path(&inside).expect("an absolute path");
        holds(&at(url.as_str()).expect("a vault")).await;
        assert!(inside.is_dir());
    }

    #[tokio::test]
    async fn memory_holds_files() {
        holds(&at("memory:///").expect("a vault")).await;
        holds(&at("memory:///below").expect("a vault")).await;
    }

    #[tokio::test]
    async fn no_path_leads_out() {
        let (folder, vault) = local();
        for path in ["../out", "a/../../out", "..", ".", "a/./b", "a//b", "", "/", "a\0b", "x#12"] {
            assert!(matches!(file(path), Err(VaultError::Path(_))), "{path:?}");
        }
        // Encoded twice on the wire these arrive with their percent signs, and are odd names but names.
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
    async fn names_too_long_are_refused_and_the_longest_works() {
        let (_folder, vault) = local();
        let name = "n".repeat(LONGEST_NAME);
        let longest = vault.store(&named(&name), Bytes::new()).await;
        longest.expect("a long name");
        for path in [format!("{name}n"), "p/".repeat(600) + "p"] {
            assert!(matches!(file(&path), Err(VaultError::Path(_))), "{path}");
        }
    }

    #[tokio::test]
    async fn files_and_folders_do_not_mix() {
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
    fn stores_that_cannot_be_opened_say_what_can() {
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
    fn a_folder_below_a_file_cannot_be_opened() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let folder = file.path().join("vault");
        let error = Vault::open(Location::Folder(folder.clone())).expect_err("no folder");
        assert!(error.to_string().contains(&*folder.to_string_lossy()), "{error}");
    }
}
