//! Holds what clients were told against what the lake says: each commit that was acknowledged is exactly one merge with exactly its
//! writes, each refusal is none, and what is in doubt is one or the other.

use crate::history::{Outcome, Told};
use crate::lake::Lake;
use lakeport_lakefs::Commit;
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long after the end of all clients a branch may be left: idle timeout, grace, and what a server waits for, hastened.
const CLEAN: Duration = Duration::from_secs(60);

/// The transaction that a commit of the base is the merge of.
pub(crate) fn merged(commit: &Commit) -> Option<&str> {
    let mark = commit.metadata.get("lakeport.transaction_id")?;
    mark.split_once('/').map(|(id, _branch)| id)
}

/// Checks everything, and says what was wrong.
pub(crate) async fn check(lake: &Lake, told: &[Told]) {
    let history = lake.history().await;
    let mut wrong = Vec::new();
    let mut merges: BTreeMap<&str, Vec<&Commit>> = BTreeMap::new();
    for commit in &history {
        if let Some(id) = merged(commit) {
            merges.entry(id).or_default().push(commit);
        }
    }
    for one in told {
        let merges = merges.get(one.id.as_str()).map_or(&[][..], Vec::as_slice);
        wrong.extend(wrong_about(lake, one, merges).await);
    }
    wrong.extend(wrong_content(lake, told, &history).await);
    assert!(wrong.is_empty(), "{} violations:\n{}", wrong.len(), wrong.join("\n"));
}

async fn wrong_about(lake: &Lake, told: &Told, merges: &[&Commit]) -> Vec<String> {
    let mut wrong = Vec::new();
    let allowed = match &told.outcome {
        Outcome::Committed { .. } => 1..=1,
        Outcome::Ended => 0..=0,
        Outcome::InDoubt => 0..=1,
    };
    if !allowed.contains(&merges.len()) {
        wrong.push(format!("{}: {} merges, and its client was told {:?}", told.id, merges.len(), told.outcome));
    }
    for merge in merges {
        let changed = lake.changed(merge).await;
        if !changed.iter().eq(told.writes.keys()) {
            wrong.push(format!("{}: merged {changed:?}, and wrote {:?}", told.id, told.writes.keys()));
        }
    }
    if let Outcome::Committed { commit, failed_tags } = &told.outcome {
        if merges.iter().any(|merge| merge.id != *commit) {
            wrong.push(format!("{}: its client was told another commit, {commit}", told.id));
        }
        for tag in told.tag.iter().filter(|tag| !failed_tags.contains(tag)) {
            if !lake.names(tag, commit).await {
                wrong.push(format!("{}: {tag} does not name {commit}", told.id));
            }
        }
    }
    wrong
}

/// Replays the merges in the order of the base's history: what it holds has to be that, and nothing else.
async fn wrong_content(lake: &Lake, told: &[Told], history: &[Commit]) -> Vec<String> {
    let by_id: BTreeMap<&str, &Told> = told.iter().map(|told| (told.id.as_str(), told)).collect();
    let mut expected = BTreeMap::new();
    for id in history.iter().filter_map(merged) {
        let Some(told) = by_id.get(id) else { return vec![format!("{id} is merged, and nobody began it")] };
        expected.extend(told.writes.iter().map(|(path, text)| (path.clone(), hex::encode(Md5::digest(text)))));
    }
    let found = lake.objects().await;
    let differs = |path: &&String| expected.get(*path) != found.get(*path);
    let mut paths: Vec<&String> = expected.keys().chain(found.keys()).filter(differs).collect();
    paths.dedup();
    paths
        .into_iter()
        .map(|path| format!("{path}: the base holds {:?}, not {:?}", found.get(path), expected.get(path)))
        .collect()
}

/// Waits until no branch of a transaction is left.
pub(crate) async fn no_branches_left(lake: &Lake) -> Duration {
    let began = Instant::now();
    loop {
        let left = lake.branches().await;
        if left.is_empty() {
            return began.elapsed();
        }
        assert!(began.elapsed() < CLEAN, "branches are left: {left:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
