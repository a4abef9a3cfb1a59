//! What every operation needs: lakeFS, the store, limits, and the tasks of the server.

use crate::auth::Access;
use crate::auth::Principals;
use crate::limits::Limits;
use crate::ops::batch_memory::BatchMemory;
use crate::ops::merge_queue::MergeQueues;
use crate::timing::Timing;
use lakeport_lakefs::{Client, Lakefs};
use lakeport_transactions::{SessionStore, Worker};
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
    pub queues: MergeQueues,
    /// Memory for the objects of batches.
    pub batch_memory: BatchMemory,
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

impl Ops {
    /// Whether a right is the service's own, where callers have rights of theirs, and the transaction not its own: it may clean up
    /// after them, and not do what they may not. Who calls with the service's own key is nobody else.
    pub(in crate::ops) async fn is_for_another(&self, lakefs: &Lakefs, owner: &str) -> bool {
        self.access == Access::PassThrough
            && lakefs.is_same_account(&self.service)
            && !self.service.user().await.is_ok_and(|user| user.id == owner)
    }
}
