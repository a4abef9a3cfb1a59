//! What the product does: one file for each verb. Nothing here knows how it is asked or answered.

mod absent;
mod access;
mod across;
mod batch;
mod begin;
mod branches;
mod branching;
mod changes;
mod commit;
mod commits;
mod delete;
mod end;
mod info;
mod inside;
mod list;
mod locate;
mod merge;
mod metadata;
mod presign;
mod read;
mod repositories;
mod revert;
mod room;
mod settle;
mod stat;
mod sweep;
mod tags;
mod transfer;
mod watch;
mod write;

pub use absent::unknown_transaction;
pub use access::{Access, Caller, Claim, Principals, Token};
pub use batch::{BatchItem, read_many, stat_many, write_many};
pub use begin::{Begin, begin};
pub use branches::{Reset, create_branch, delete_branch, get_branch, list_branches, reset};
pub use changes::list_changes;
pub use commit::{BaseQueues, Commit, Resolution, commit, resolve_abandoned};
pub use commits::{DiffTarget, LogTarget, NewCommit, create_commit, diff, get_commit, log};
pub use delete::{Deletion, DeletionProgress, delete};
pub use end::{clean, expire, get, keep_alive, list_transactions, rollback};
pub use info::{ServerInfo, server_info};
pub use list::{List, ListPage, check_batch, glob, list};
pub use locate::{At, Place, Reading, Writing};
pub use merge::{MergeRequest, cherry_pick, merge};
pub use metadata::set_metadata;
pub use presign::presign;
pub use read::{Conditions, ReadObject, changed, read};
pub use repositories::{create_repository, delete_repository, get_repository, list_repositories};
pub use revert::{NewRevert, revert};
pub use room::BatchRoom;
pub use settle::failure_of;
pub use stat::{FileInfo, stat};
pub use sweep::{Stray, all_repositories, delete_stray, strays};
pub use tags::{create_tag, delete_tag, get_tag, list_tags};
pub use transfer::{Transfer, TransferProgress, Transferring, copy, rename};
pub use watch::watch;
pub use write::{UploadHeader, write};

use crate::limits::Limits;
use crate::timing::Timing;
use lakeport_lakefs::{Client, Lakefs};
use lakeport_session::{SessionStore, Worker};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What every operation needs. One for the life of the server.
pub struct Ops {
    /// The connections to lakeFS.
    pub lakefs: Client,
    /// The service's own account there.
    pub service: Lakefs,
    /// The transactions.
    pub store: SessionStore,
    /// Whose right a call uses.
    pub access: Access,
    /// Who callers are.
    pub principals: Principals,
    /// Merges of one base take turns here.
    pub queues: BaseQueues,
    /// Memory for the objects of batches.
    pub batch_room: BatchRoom,
    /// Tasks that outlive their call, and are awaited at the end.
    pub tasks: TaskTracker,
    /// The server is going away.
    pub stopping: CancellationToken,
    /// How much of what.
    pub limits: Limits,
    /// How long what may take.
    pub timing: Timing,
    /// This process among the workers of the store.
    pub worker: Worker,
    /// Whether the lake runs in this process.
    pub is_embedded: bool,
}

/// A handle on [`Ops`].
pub type Shared = Arc<Ops>;
