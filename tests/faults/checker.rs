//! Compares the outcomes that clients observed with the history of the lake. Each acknowledged commit must be exactly one
//! merge with exactly its writes. A failed commit must have no merge. A commit in doubt can have one merge or none.

use crate::history::{Observation, Outcome};
use crate::lake::Lake;
use lakeport_lakefs::Commit;
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Maximum time until all transaction branches are deleted after the last client has ended. It covers the idle timeout, the
/// grace period, and the shortened waiting times of the server.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the ID of the transaction that a commit on the base merged, or `None` if the commit is not a merge of a transaction.
pub(crate) fn merged_transaction(commit: &Commit) -> Option<&str> {
    let mark = commit.metadata.get("lakeport.transaction_id")?;
    mark.split_once('/').map(|(id, _branch)| id)
}

/// Checks all outcomes and the content of the base. Panics with a list of all violations.
pub(crate) async fn check(lake: &Lake, observed: &[Observation]) {
    let history = lake.history().await;
    let mut violations = Vec::new();
    let mut merges: BTreeMap<&str, Vec<&Commit>> = BTreeMap::new();
    for commit in &history {
        if let Some(id) = merged_transaction(commit) {
            merges.entry(id).or_default().push(commit);
        }
    }
    for one in observed {
        let merges = merges.get(one.id.as_str()).map_or(&[][..], Vec::as_slice);
        violations.extend(check_outcome(lake, one, merges).await);
    }
    violations.extend(check_content(lake, observed, &history).await);
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

async fn check_outcome(lake: &Lake, observed: &Observation, merges: &[&Commit]) -> Vec<String> {
    let mut violations = Vec::new();
    let allowed = match &observed.outcome {
        Outcome::Committed { .. } => 1..=1,
        Outcome::Ended => 0..=0,
        Outcome::InDoubt => 0..=1,
    };
    if !allowed.contains(&merges.len()) {
        violations.push(format!(
            "{}: {} merges, but its client observed {:?}",
            observed.id,
            merges.len(),
            observed.outcome
        ));
    }
    for merge in merges {
        let changed = lake.changed(merge).await;
        if !changed.iter().eq(observed.writes.keys()) {
            violations.push(format!("{}: merged {changed:?}, but wrote {:?}", observed.id, observed.writes.keys()));
        }
    }
    if let Outcome::Committed { commit, failed_tags } = &observed.outcome {
        if merges.iter().any(|merge| merge.id != *commit) {
            violations.push(format!("{}: its client received another commit ID, {commit}", observed.id));
        }
        for tag in observed.tag.iter().filter(|tag| !failed_tags.contains(tag)) {
            if !lake.names(tag, commit).await {
                violations.push(format!("{}: {tag} does not name {commit}", observed.id));
            }
        }
    }
    violations
}

/// Replays the merges in the order of the base's history. The base must contain exactly the resulting objects.
async fn check_content(lake: &Lake, observed: &[Observation], history: &[Commit]) -> Vec<String> {
    let by_id: BTreeMap<&str, &Observation> =
        observed.iter().map(|observed| (observed.id.as_str(), observed)).collect();
    let mut expected = BTreeMap::new();
    for id in history.iter().filter_map(merged_transaction) {
        let Some(observed) = by_id.get(id) else { return vec![format!("{id} is merged, but no client began it")] };
        expected.extend(observed.writes.iter().map(|(path, text)| (path.clone(), hex::encode(Md5::digest(text)))));
    }
    let found = lake.objects().await;
    let differs = |path: &&String| expected.get(*path) != found.get(*path);
    let mut paths: Vec<&String> = expected.keys().chain(found.keys()).filter(differs).collect();
    paths.dedup();
    paths
        .into_iter()
        .map(|path| format!("{path}: the base contains {:?}, expected {:?}", found.get(path), expected.get(path)))
        .collect()
}

/// Waits until all transaction branches are deleted. Returns the time that this took.
pub(crate) async fn wait_for_branch_cleanup(lake: &Lake) -> Duration {
    let began = Instant::now();
    loop {
        let left = lake.branches().await;
        if left.is_empty() {
            return began.elapsed();
        }
        assert!(began.elapsed() < CLEANUP_TIMEOUT, "these branches still exist: {left:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
