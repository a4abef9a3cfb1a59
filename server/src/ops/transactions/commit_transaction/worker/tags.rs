//! Step 4: the tags on the published commit.

use crate::ops::transactions::commit_transaction::in_doubt;
use crate::ops::transactions::commit_transaction::worker::{Stop, Worker, pause};
use lakeport_lakefs::{self as lakefs, Lakefs, Retry};
use lakeport_transactions::Transaction;
use lakeport_types::{CommitId, Ref, TagName};
use std::time::{Duration, Instant};

/// Maximum time for attempts to create a tag.
const BUDGET: Duration = Duration::from_secs(60);

/// Number of attempts to create a tag that lakeFS fails at.
const FAILED_TRIES: u32 = 5;

/// Unit of the pauses between attempts.
const BACKOFF: Duration = Duration::from_millis(100);

impl Worker {
    /// Creates the tags, and returns the names of those that do not exist. No request for a tag can take effect any more then.
    pub(super) async fn tag(&mut self, commit: &CommitId) -> Result<Vec<String>, Stop> {
        let mut failed = Vec::new();
        for tag in self.request().tag_names() {
            // The owner of the transaction may lack a permission that the service has.
            let exists = match self.ops.is_for_another(&self.lakefs, &self.row.owner).await {
                false => self.create_tag(&tag, commit).await?,
                true => self.find_tag(&tag, commit, self.is_tag_in_doubt()).await?,
            };
            if !exists {
                failed.push(tag.to_string());
            }
        }
        Ok(failed)
    }

    /// Returns whether a request of an earlier worker may still create a tag.
    fn is_tag_in_doubt(&self) -> bool {
        self.row.merge_in_doubt
    }

    /// Repeats the request for a tag until its response is definite. lakeFS refuses a second request for the same tag, so a
    /// repeat changes nothing. Returns whether the tag exists.
    async fn create_tag(&mut self, tag: &TagName, commit: &CommitId) -> Result<bool, Stop> {
        let began = Instant::now();
        let (mut is_in_doubt, mut failed) = (self.is_tag_in_doubt(), 0);
        for attempt in 1.. {
            let (name, target) = (tag.clone(), Ref::from(commit));
            let created = self.change("tag", async move |lakefs: Lakefs, row: Transaction| {
                lakefs.create_tag(&row.repository, &name, &target).await
            });
            let error = match created.await? {
                Ok(_) => return Ok(true),
                Err(error) => error,
            };
            is_in_doubt |= error.is_lost();
            failed += u32::from(error.is_ambiguous() && !error.is_lost());
            let may_help = error.retry() != Retry::Never && failed < FAILED_TRIES;
            if !may_help {
                // If a ref has the name, no earlier request can create the tag any more.
                let is_taken = error.kind() == lakefs::Kind::AlreadyExists;
                return self.find_tag(tag, commit, is_in_doubt && !is_taken).await;
            }
            if began.elapsed() > BUDGET {
                break;
            }
            self.while_renewing(tokio::time::sleep(pause(BACKOFF, attempt))).await?;
        }
        Err(Stop::Suspended(in_doubt(&self.row.id)))
    }

    /// Returns whether the tag exists on the commit. If an earlier request may still create it, waits until that request has
    /// ended.
    async fn find_tag(&mut self, tag: &TagName, commit: &CommitId, is_in_doubt: bool) -> Result<bool, Stop> {
        if self.is_tagged(tag, commit).await? {
            return Ok(true);
        }
        if !is_in_doubt {
            return Ok(false);
        }
        let settle = self.ops.timing.settle;
        self.while_renewing(tokio::time::sleep(settle)).await?;
        self.is_tagged(tag, commit).await
    }

    async fn is_tagged(&self, tag: &TagName, commit: &CommitId) -> Result<bool, Stop> {
        match self.lakefs.tag(&self.row.repository, tag).await {
            Ok(found) => Ok(found.commit_id == commit.as_str()),
            Err(error) if matches!(error.kind(), lakefs::Kind::TagNotFound | lakefs::Kind::RepositoryNotFound) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}
