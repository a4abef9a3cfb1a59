//! Objects: reading, writing, copying and deleting them.

use super::branches::{Branch, check_branch_name};
use super::staging::{self, Staging};
use super::{Lake, Repository, branches, checksums, now};
use crate::blobs::{BlobReader, BlobSource, BlobWriter, Checksums, NewBlob};
use crate::tree::Entry;
use crate::{Error, Result};
use bytes::Bytes;
use http::StatusCode;
use std::collections::BTreeMap;
use std::ops::Range;

/// Maximum length of a key, in bytes.
pub(super) const MAX_PATH: usize = 1024;

/// Object to stage once its bytes are durable.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) path: Vec<u8>,
    pub(crate) content_type: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Fail if an object exists at the path.
    pub(crate) create_only: bool,
    pub(crate) force: bool,
}

/// Object whose bytes a client claims to have written to an address.
#[derive(Debug, Clone)]
pub(crate) struct LinkRequest {
    pub(crate) upload: Upload,
    pub(crate) address: String,
    pub(crate) checksum: String,
    pub(crate) size: i64,
    pub(crate) mtime: Option<i64>,
}

pub(super) fn path_too_long(argument: &str, path: &[u8]) -> Error {
    Error::invalid(format!(
        "argument {argument}: invalid value: validation error: {} is above maximum length ({MAX_PATH})",
        path.len()
    ))
}

fn check_path(path: &[u8]) -> Result<()> {
    if path.len() > MAX_PATH { Err(path_too_long("path", path)) } else { Ok(()) }
}

fn gone() -> Error {
    Error::refused(StatusCode::GONE, "No data")
}

fn exists(message: &str) -> Error {
    Error::precondition(message)
}

impl Lake {
    /// Returns the entry of a path at a ref, including staged changes.
    pub(crate) async fn object(&self, repository: &Repository, expression: &str, path: &[u8]) -> Result<Entry> {
        check_path(path)?;
        let (commit_id, staged) = match staging::on_branch(self.store.pool(), repository, expression, path).await? {
            Some(found) => found,
            // The expression is not just the name of a branch.
            None => self.staged_on(repository, expression, path).await?,
        };
        let entry = match staged {
            Some(entry) => entry,
            None => {
                let tree = self.tree_of(repository, &commit_id).await?;
                self.trees.get(repository.number, &tree, path).await?
            }
        };
        entry.ok_or_else(|| Error::not_found("not found"))
    }

    /// Returns the commit that an expression resolves to, and the staged change of a key.
    async fn staged_on(
        &self,
        repository: &Repository,
        expression: &str,
        key: &[u8],
    ) -> Result<(String, Option<Staging>)> {
        let mut snapshot = self.store.snapshot().await?;
        let resolved = self.resolve_on(snapshot.connection(), repository, expression).await?;
        let staged = match &resolved.staged {
            Some(branch) => staging::staged_at(snapshot.connection(), branch.number, key).await?,
            None => None,
        };
        Ok((resolved.commit_id, staged))
    }

    /// Opens a range of the bytes of an entry, and returns the first piece, which is verified.
    pub(crate) async fn bytes(
        &self,
        repository: &Repository,
        entry: &Entry,
        range: Range<u64>,
    ) -> Result<(Bytes, BlobReader)> {
        let source = self.blob_source(repository, entry).await?;
        self.blobs.open(source, range).await?.ok_or_else(gone)
    }

    async fn blob_source(&self, repository: &Repository, entry: &Entry) -> Result<BlobSource> {
        let id = blob_of(repository, &entry.address).ok_or_else(gone)?;
        let checksums = self.checksums(id).await?;
        Ok(BlobSource { id: id.to_owned(), size: entry.size.try_into().unwrap_or_default(), checksums })
    }

    /// Makes the checks that are possible before the body of an upload is read.
    pub(crate) async fn check_upload(&self, repository: &Repository, branch: &str, upload: &Upload) -> Result<Branch> {
        check_branch_name(branch, "name")?;
        let mut snapshot = self.store.snapshot().await?;
        let found = branches::find(snapshot.connection(), repository, branch).await?;
        let found = found.ok_or_else(|| Error::not_found(format!("branch '{branch}' not found")))?;
        let conflicts = upload.create_only
            && upload.path.len() <= MAX_PATH
            && self.current(snapshot.connection(), repository, &found, &upload.path).await?.is_some();
        if conflicts { Err(exists("path already exists")) } else { Ok(found) }
    }

    /// Creates a blob for the bytes of an upload.
    pub(crate) async fn write_bytes(&self) -> Result<BlobWriter> {
        self.blobs.create().await
    }

    /// Stages an object whose bytes are durable.
    pub(crate) async fn put_object(
        &self,
        repository: &Repository,
        branch: &str,
        upload: Upload,
        blob: NewBlob,
    ) -> Result<Entry> {
        let entry = Entry {
            address: address_of(repository, &blob.id),
            checksum: blob.md5.clone(),
            size: blob.checksums.as_ref().map_or(0, |checksums| checksums.size).cast_signed(),
            mtime: now(),
            content_type: upload.content_type.clone(),
            metadata: upload.metadata.clone(),
        };
        self.check_stageable(repository, branch, &upload).await?;
        self.publish(repository, branch, &upload, &entry, Some(blob), "path already exists").await?;
        Ok(entry)
    }

    /// Stages an object whose bytes a client wrote to an address. As in lakeFS, the bytes are not checked.
    pub(crate) async fn link_object(&self, repository: &Repository, branch: &str, link: LinkRequest) -> Result<Entry> {
        if link.checksum.is_empty() {
            return Err(Error::invalid("checksum is required"));
        }
        let inside = format!("{}/", repository.storage_namespace.trim_end_matches('/'));
        let is_ours = blob_of(repository, &link.address).is_some();
        if link.address.starts_with(&inside) && !is_ours {
            return Err(Error::invalid("address is not signed: link address invalid"));
        }
        let entry = Entry {
            address: link.address,
            checksum: link.checksum,
            size: link.size,
            mtime: link.mtime.unwrap_or_else(now),
            content_type: link.upload.content_type.clone(),
            metadata: link.upload.metadata.clone(),
        };
        self.check_stageable(repository, branch, &link.upload).await?;
        self.publish(repository, branch, &link.upload, &entry, None, "Precondition failed").await?;
        Ok(entry)
    }

    /// Returns a new address to which a client can write bytes.
    pub(crate) fn new_address(&self, repository: &Repository) -> String {
        address_of(repository, &super::random_hex())
    }

    async fn check_stageable(&self, repository: &Repository, branch: &str, upload: &Upload) -> Result<()> {
        repository.writable(upload.force)?;
        self.ensure_unprotected(repository, branch, "cannot write to protected branch").await?;
        check_path(&upload.path)
    }

    /// Publishes the blob of an entry and stages the entry. Garbage collection does not run between the two steps. If the
    /// entry is not staged, the blob is deleted, because it may have filled the disk.
    async fn publish(
        &self,
        repository: &Repository,
        branch: &str,
        upload: &Upload,
        entry: &Entry,
        blob: Option<NewBlob>,
        exists_message: &str,
    ) -> Result<()> {
        let publishing = self.blobs.publishing().await;
        let Some(blob) = blob else {
            return self.stage_upload(repository, branch, upload, entry, None, exists_message).await;
        };
        let (id, checksums) = (blob.id.clone(), blob.checksums.clone());
        self.blobs.publish(&publishing, blob).await?;
        let checksums = checksums.as_deref().map(|checksums| (id.as_str(), checksums));
        let staged = self.stage_upload(repository, branch, upload, entry, checksums, exists_message).await;
        if staged.as_ref().is_err_and(Error::is_without_effect)
            && let Err(error) = self.blobs.remove(&id).await
        {
            tracing::warn!(%error, blob = id, "cannot delete the bytes of a failed upload; garbage collection will");
        }
        staged
    }

    /// Stages an entry, and stores the checksums of its blob.
    async fn stage_upload(
        &self,
        repository: &Repository,
        branch: &str,
        upload: &Upload,
        entry: &Entry,
        blob: Option<(&str, &Checksums)>,
        exists_message: &str,
    ) -> Result<()> {
        let mut write = self.store.write().await?;
        let found = branches::find(write.connection(), repository, branch).await?;
        let found = found.ok_or_else(|| Error::not_found("branch not found"))?;
        if upload.create_only && self.current(write.connection(), repository, &found, &upload.path).await?.is_some() {
            return Err(exists(exists_message));
        }
        if let Some((id, checksums)) = blob {
            checksums::insert(write.connection(), id, checksums).await?;
        }
        self.stage(&mut write, found.number, &upload.path, Some(entry)).await?;
        write.commit().await
    }

    /// Copies an object within a repository. The copy has its own address.
    pub(crate) async fn copy_object(
        &self,
        repository: &Repository,
        branch: &str,
        destination: Vec<u8>,
        source: (&str, &[u8]),
        force: bool,
    ) -> Result<Entry> {
        check_branch_name(branch, "name")?;
        let mut snapshot = self.store.snapshot().await?;
        if branches::find(snapshot.connection(), repository, branch).await?.is_none() {
            return Err(Error::not_found(format!("branch '{branch}' not found")));
        }
        drop(snapshot);
        let (expression, path) = source;
        if path.is_empty() {
            return Err(Error::invalid("argument path: missing path: required value: validation error"));
        }
        let expression = if expression.is_empty() { branch } else { expression };
        let original = self.object(repository, expression, path).await?;
        let upload = Upload {
            path: destination,
            content_type: original.content_type.clone(),
            metadata: original.metadata.clone(),
            create_only: false,
            force,
        };
        self.check_stageable(repository, branch, &upload).await?;
        let source = self.blob_source(repository, &original).await?;
        let blob = self.blobs.link(source).await?.ok_or_else(gone)?;
        let entry = Entry { address: address_of(repository, &blob.id), mtime: now(), ..original };
        self.publish(repository, branch, &upload, &entry, Some(blob), "path already exists").await?;
        Ok(entry)
    }

    /// Replaces the user metadata of an object.
    pub(crate) async fn set_metadata(
        &self,
        repository: &Repository,
        branch: &str,
        path: &[u8],
        metadata: BTreeMap<String, String>,
    ) -> Result<()> {
        repository.writable(false)?;
        self.branch(repository, branch, "branch").await?;
        self.ensure_unprotected(repository, branch, "cannot write to protected branch").await?;
        check_path(path)?;
        let mut write = self.store.write().await?;
        let found = branches::find(write.connection(), repository, branch).await?;
        let found = found.ok_or_else(|| Error::not_found("branch not found"))?;
        let Some(entry) = self.current(write.connection(), repository, &found, path).await? else {
            let path = String::from_utf8_lossy(path);
            return Err(Error::not_found(format!(
                "update user metadata on {}/{branch}/{path}: not found",
                repository.id
            )));
        };
        self.stage(&mut write, found.number, path, Some(&Entry { metadata, ..entry })).await?;
        write.commit().await
    }

    /// Deletes an object. Succeeds if the object does not exist.
    pub(crate) async fn delete_object(
        &self,
        repository: &Repository,
        branch: &str,
        path: &[u8],
        force: bool,
    ) -> Result<()> {
        check_branch_name(branch, "branch")?;
        check_path(path)?;
        self.delete_objects(repository, branch, &[path.to_vec()], force).await
    }

    /// Deletes objects. Objects that do not exist are ignored.
    pub(crate) async fn delete_objects(
        &self,
        repository: &Repository,
        branch: &str,
        paths: &[Vec<u8>],
        force: bool,
    ) -> Result<()> {
        check_branch_name(branch, "branch")?;
        repository.writable(force)?;
        self.branch(repository, branch, "branch").await?;
        self.ensure_unprotected(repository, branch, "cannot write to protected branch").await?;
        for (at, path) in paths.iter().enumerate() {
            if path.len() > MAX_PATH {
                return Err(path_too_long(&format!("path[{at}]"), path));
            }
        }
        let mut write = self.store.write().await?;
        let found = branches::find(write.connection(), repository, branch).await?;
        let found = found.ok_or_else(|| Error::not_found("branch not found"))?;
        for path in paths {
            self.stage(&mut write, found.number, path, None).await?;
        }
        write.commit().await
    }
}

/// Returns the address of a blob, in the format of lakeFS.
fn address_of(repository: &Repository, blob: &str) -> String {
    format!("{}/data/{blob}", repository.storage_namespace.trim_end_matches('/'))
}

/// Returns the ID of the blob at an address, or `None` if the address is not that of a blob of this repository.
pub(super) fn blob_of<'a>(repository: &Repository, address: &'a str) -> Option<&'a str> {
    let blob = address.strip_prefix(repository.storage_namespace.trim_end_matches('/'))?.strip_prefix("/data/")?;
    blob_name(blob)
}

/// Returns the name if it has the format of a blob ID: 32 lower-case hex digits.
pub(super) fn blob_name(name: &str) -> Option<&str> {
    (name.len() == 32 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))).then_some(name)
}
