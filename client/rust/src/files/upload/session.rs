//! The parts transaction of an upload: its labels describe the file and the destination.

use super::UploadOptions;
use super::outage::retry;
use super::plan::{Part, Plan};
use super::source::SourceFile;
use crate::v1::{BeginTransactionRequest, ErrorReason, Transaction, TransactionState};
use crate::{Client, Code, Error, Place, Result};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The server allows no longer idle timeout: an interrupted upload can be resumed for a day.
const IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// The server allows no longer lifetime.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// Maximum size of a label in bytes.
const MAX_LABEL_BYTES: usize = 256;

/// Maximum version of a part in its path. The pauses between retries limit the versions to far fewer.
const MAX_VERSION: u32 = 999;

/// Label: size and modification time of the file.
const FILE: &str = "upload-file";
/// Label: size of a part in bytes.
const PART_BYTES: &str = "upload-part-bytes";
/// Label: hash of the destination, whose path may be longer than a label.
const DESTINATION: &str = "upload-destination";
/// Label for people: the start of the destination path.
const PATH: &str = "upload-path";

/// Destination of an upload.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    /// Always with a repository.
    pub(super) place: Place,
    pub(super) path: String,
    base_branch: String,
}

/// The transaction that holds the parts of an upload, as ordinary objects.
#[derive(Debug)]
pub(super) struct PartsTransaction {
    pub(super) id: String,
    pub(super) plan: Plan,
    prefix: String,
}

/// Sizes of stored parts in bytes, by path.
pub(super) type StoredSizes = BTreeMap<String, u64>;

impl Destination {
    /// Fails if `place` is a transaction that has ended: its upload would fail only after all parts are sent.
    pub(super) async fn resolve(client: &Client, place: &Place, path: &str, retry_for: Duration) -> Result<Self> {
        let path = path.to_owned();
        if place.transaction_id().is_empty() {
            return Ok(Self { place: place.clone(), path, base_branch: place.ref_name().to_owned() });
        }
        let transaction = retry(retry_for, || client.keep_alive(place.transaction_id())).await?;
        let place = Place::transaction_in(transaction.repository, transaction.transaction_id);
        Ok(Self { place, path, base_branch: transaction.base_branch })
    }

    fn hash(&self) -> String {
        let (repository, reference, transaction_id) = self.place.fields();
        hash(&[&repository, &reference, &transaction_id, &self.path])
    }
}

impl PartsTransaction {
    /// Begins the transaction of a new upload.
    pub(super) async fn begin(
        client: &Client,
        file: &SourceFile,
        destination: &Destination,
        options: &UploadOptions,
    ) -> Result<Self> {
        let plan = Plan::new(file.size(), options.part_bytes);
        let request = BeginTransactionRequest {
            repository: destination.place.repository().to_owned(),
            base_branch: destination.base_branch.clone(),
            idle_timeout: IDLE_TIMEOUT.try_into().ok(),
            lifetime: LIFETIME.try_into().ok(),
            labels: labels(file, destination, plan),
            ..BeginTransactionRequest::default()
        };
        let transaction = retry(options.retry_for, || client.begin(request.clone())).await?;
        Ok(Self::new(transaction.transaction_id, file, destination, plan))
    }

    /// Returns the transaction of an earlier run.
    ///
    /// # Errors
    /// `NotFound` or `FailedPrecondition` if it is unknown or has ended; `Aborted` if the file has changed; `InvalidArgument` if it
    /// is not an upload, or has another destination.
    pub(super) async fn resume(
        client: &Client,
        file: &SourceFile,
        destination: &Destination,
        options: &UploadOptions,
    ) -> Result<Self> {
        let id = &options.resume_id;
        let transaction = retry(options.retry_for, || client.transaction(id)).await;
        let transaction = transaction.map_err(|error| start_again(id, error))?;
        let part_bytes = check_resumable(&transaction, file, destination)?;
        Ok(Self::new(transaction.transaction_id, file, destination, Plan::new(file.size(), part_bytes)))
    }

    fn new(id: String, file: &SourceFile, destination: &Destination, plan: Plan) -> Self {
        let hash = hash(&[&id, &destination.hash(), &file.version(), &plan.part_bytes().to_string()]);
        Self { id, plan, prefix: format!("lakeport-upload/{hash}/") }
    }

    pub(super) fn place(&self) -> Place {
        Place::transaction(&self.id)
    }

    /// Returns the prefix of the paths of all parts. It contains a hash of the destination, of the size and modification time of
    /// the file, and of the part size, so that parts of different uploads are never mixed.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns a path for a part. Different versions have the same bytes.
    pub(super) fn path(&self, part: Part, version: u32) -> String {
        format!("{}{:05}.{version:03}", self.prefix, part.index)
    }

    /// Returns the path of a stored part. If there are several versions, returns the last one: an earlier one may have been stored
    /// late, after a run composed the last one. The same request to compose needs the same paths.
    pub(super) fn find<'a>(&self, part: Part, stored: &'a StoredSizes) -> Option<&'a str> {
        let versions = self.path(part, 0)..=self.path(part, MAX_VERSION);
        let complete = stored.range(versions).rev().find(|(_, size)| **size == part.length);
        complete.map(|(path, _)| path.as_str())
    }

    /// Returns the idempotency key of the `Compose` of this upload.
    pub(super) fn request_id(&self, destination: &Destination) -> String {
        hash(&["compose", &self.id, &destination.hash()])
    }
}

/// Explains an error that means that the parts are gone.
pub(super) fn start_again(id: &str, error: Error) -> Error {
    use ErrorReason as R;
    let (code, why) = match error.reason() {
        Some(R::TransactionNotFound) => (Code::NotFound, "is unknown"),
        Some(R::TransactionExpired) => (Code::FailedPrecondition, "has expired"),
        Some(R::TransactionRolledBack | R::TransactionCommitted) => {
            (Code::FailedPrecondition, "has ended (it succeeded or was rolled back)")
        }
        _ => return error,
    };
    ended(id, code, why).with_source(error)
}

fn ended(id: &str, code: Code, why: &str) -> Error {
    Error::new(code, format!("upload {id} {why} and cannot be resumed: start again, without its ID"))
}

/// Returns the part size of the upload.
fn check_resumable(transaction: &Transaction, file: &SourceFile, destination: &Destination) -> Result<u64> {
    let id = &transaction.transaction_id;
    match transaction.state() {
        TransactionState::Open => {}
        TransactionState::Expired => return Err(ended(id, Code::FailedPrecondition, "has expired")),
        _ => return Err(ended(id, Code::FailedPrecondition, "has ended (it succeeded or was rolled back)")),
    }
    let label = |name| transaction.labels.get(name).map(String::as_str).unwrap_or_default();
    let Ok(part_bytes) = label(PART_BYTES).parse() else {
        return Err(Error::invalid(&format!("transaction {id} is not an upload")));
    };
    if label(DESTINATION) != destination.hash() {
        let path = label(PATH);
        return Err(Error::invalid(&format!("upload {id} has another destination; its path is {path:?}")));
    }
    if label(FILE) != file.version() {
        let file = file.path().display();
        let why = "its size or modification time differs";
        return Err(Error::new(
            Code::Aborted,
            format!("{file} has changed since upload {id} began: {why}; start again, without the ID"),
        ));
    }
    Ok(part_bytes)
}

fn labels(file: &SourceFile, destination: &Destination, plan: Plan) -> HashMap<String, String> {
    let path = &destination.path[..destination.path.floor_char_boundary(MAX_LABEL_BYTES)];
    let labels = [
        (FILE, file.version()),
        (PART_BYTES, plan.part_bytes().to_string()),
        (DESTINATION, destination.hash()),
        (PATH, path.to_owned()),
    ];
    labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns 128 bits of the SHA-256 of a list of texts, in hexadecimal.
fn hash(texts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        // With its length, ("a", "bc") and ("ab", "c") differ.
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    digest.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(place: Place, path: &str) -> Destination {
        Destination { place, path: path.to_owned(), base_branch: "main".to_owned() }
    }

    #[tokio::test]
    async fn prefix_depends_on_destination_file_and_part_size() {
        let directory = tempfile::tempdir().unwrap();
        let (one, two) = (directory.path().join("1"), directory.path().join("2"));
        std::fs::write(&one, "one").unwrap();
        std::fs::write(&two, "other").unwrap();
        let (one, two) = (SourceFile::open(&one).await.unwrap(), SourceFile::open(&two).await.unwrap());
        let main = destination(Place::reference("r", "main"), "a");
        let prefixes = [
            PartsTransaction::new("id".into(), &one, &main, Plan::new(9, 4)),
            PartsTransaction::new("other".into(), &one, &main, Plan::new(9, 4)),
            PartsTransaction::new("id".into(), &two, &main, Plan::new(9, 4)),
            PartsTransaction::new("id".into(), &one, &main, Plan::new(9, 5)),
            PartsTransaction::new("id".into(), &one, &destination(Place::reference("r", "main"), "b"), Plan::new(9, 4)),
            PartsTransaction::new(
                "id".into(),
                &one,
                &destination(Place::transaction_in("r", "main"), "a"),
                Plan::new(9, 4),
            ),
        ];
        let distinct: std::collections::BTreeSet<_> = prefixes.iter().map(PartsTransaction::prefix).collect();
        assert_eq!(distinct.len(), prefixes.len());
        let again = PartsTransaction::new("id".into(), &one, &main, Plan::new(9, 4));
        assert_eq!(again.prefix(), prefixes[0].prefix());
        assert_eq!(again.request_id(&main).len(), 32);
    }

    #[test]
    fn last_complete_version_of_a_part_is_found() {
        let plan = Plan::new(9, 4);
        let parts = PartsTransaction { id: "id".into(), plan, prefix: "p/".into() };
        let (first, second) = (plan.parts().next().unwrap(), plan.parts().nth(1).unwrap());
        let stored: StoredSizes = (0..).zip([4, 4, 4, 3]).map(|(n, size)| (parts.path(first, n), size)).collect();
        assert_eq!(parts.find(first, &stored), Some("p/00000.002"));
        assert_eq!(parts.find(second, &stored), None);
    }

    #[tokio::test]
    async fn only_an_open_upload_of_the_same_file_is_resumable() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let file = SourceFile::open(&path).await.unwrap();
        let main = destination(Place::reference("r", "main"), &"ü".repeat(200));
        let labels = labels(&file, &main, Plan::new(3, 2));
        assert_eq!(labels[PATH].len(), MAX_LABEL_BYTES);
        let open = Transaction { transaction_id: "t".into(), state: 1, labels, ..Transaction::default() };
        assert_eq!(check_resumable(&open, &file, &main).unwrap(), 2);

        let code = |transaction: &Transaction, file: &SourceFile, destination: &Destination| {
            check_resumable(transaction, file, destination).unwrap_err().code()
        };
        let other = destination(Place::reference("r", "main"), "b");
        assert_eq!(code(&open, &file, &other), Code::InvalidArgument);
        let expired = Transaction { state: TransactionState::Expired.into(), ..open.clone() };
        assert_eq!(code(&expired, &file, &main), Code::FailedPrecondition);
        let no_upload = Transaction { labels: HashMap::new(), ..open.clone() };
        assert_eq!(code(&no_upload, &file, &main), Code::InvalidArgument);
        std::fs::write(&path, "changed").unwrap();
        assert_eq!(code(&open, &SourceFile::open(&path).await.unwrap(), &main), Code::Aborted);
    }
}
