//! The shared state of all operations: lakeFS, the store, limits, and the tasks of the server.

use crate::auth::Access;
use crate::auth::Principals;
use crate::limits::Limits;
use crate::ops::batch_memory::BatchMemory;
use crate::ops::known_commits::KnownCommits;
use crate::ops::merge_queue::MergeQueues;
use crate::timing::Timing;
use lakeport_lakefs::{Client, Lakefs};
use lakeport_transactions::{InFlight, SessionStore, Worker};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The shared state of all operations. It lives as long as the server.
pub struct Ops {
    /// Client of lakeFS, without credentials.
    pub lakefs: Client,
    /// Client of lakeFS with the service's account.
    pub service: Lakefs,
    /// Session store with the transactions.
    pub store: SessionStore,
    /// Whose permissions a call uses.
    pub access: Access,
    /// Cache of verified credentials.
    pub principals: Principals,
    /// Queues of merges into the same base.
    pub queues: MergeQueues,
    /// Commit IDs that lakeFS has confirmed.
    pub known_commits: KnownCommits,
    /// Memory budget for the objects of batches.
    pub batch_memory: BatchMemory,
    /// Tasks that outlive their call. The shutdown waits for them.
    pub tasks: TaskTracker,
    /// Cancelled when the server begins to shut down.
    pub stopping: CancellationToken,
    /// Limits of requests.
    pub limits: Limits,
    /// Timeouts and intervals.
    pub timing: Timing,
    /// Records of the requests of this process that change a path in a transaction.
    pub in_flight: InFlight,
    /// Identity of this process among the workers, and the length of its leases.
    pub worker: Worker,
    /// Whether the embedded lake runs in this process.
    pub is_embedded: bool,
}

/// A handle on [`Ops`].
pub type Shared = Arc<Ops>;

impl Ops {
    /// Returns whether `lakefs` uses the service's account for a transaction of another user, while callers use their
    /// own permissions (`--auth passthrough`). The service may then clean up, but must not do what the owner may not
    /// do. A caller with the service's own key is the same user.
    pub(in crate::ops) async fn is_for_another(&self, lakefs: &Lakefs, owner: &str) -> bool {
        self.access == Access::PassThrough
            && lakefs.is_same_account(&self.service)
            && !self.service.user().await.is_ok_and(|user| user.id == owner)
    }
}
