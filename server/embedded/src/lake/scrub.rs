//! Scrubs: reads all data of a lake, and verifies it.

use super::commits::Commit;
use super::files::{LakeFiles, Referenced, Repositories};
use super::gc::referenced_blobs;
use super::references::{Holder, for_each_reference};
use super::{Repository, checksums};
use crate::blobs::Verified;
use crate::tree::{self, RangeInfo};
use crate::{Error, Result};
use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Result of a scrub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Number of blobs that were read.
    pub blobs: usize,
    /// Number of blobs of earlier releases that have checksums from now on.
    pub new_checksums: usize,
    /// Number of blobs with neither checksums nor an MD5.
    pub unverified: usize,
    /// One line for each damaged item, with the repository and the path or the commit.
    pub damage: Vec<String>,
}

/// Node of a tree: its repository and its ID.
type Node = (i64, Vec<u8>);

/// Metadata of a lake at one moment.
struct Metadata {
    repositories: Repositories,
    blobs: BTreeMap<String, Referenced>,
}

impl LakeFiles {
    /// Reads all metadata and all referenced blobs, and verifies them. Blobs of earlier releases get checksums, if they match
    /// their MD5. It is safe to call this while a server uses the lake.
    ///
    /// # Errors
    /// Returns an error if the database or a file operation fails. Damage is not an error.
    pub async fn scrub(&self) -> Result<Scrubbed> {
        let mut result = Scrubbed::default();
        let metadata = self.scrub_metadata(&mut result.damage).await?;
        let (mut damaged, mut missing) = (BTreeMap::new(), Vec::new());
        for (id, blob) in &metadata.blobs {
            let source = self.source(id, blob).await;
            let read = match source {
                Ok(source) => self.blobs.read_whole(source, blob.md5, |_| Ok(())).await,
                Err(error) => Err(error),
            };
            result.blobs += 1;
            match read {
                Ok(Some(Verified::Matches)) => {}
                Ok(Some(Verified::Unknown)) => result.unverified += 1,
                Ok(Some(Verified::New(checksums))) => {
                    let mut write = self.store.write().await?;
                    checksums::insert(write.connection(), id, &checksums).await?;
                    write.commit().await?;
                    result.new_checksums += 1;
                }
                Ok(None) => missing.push(id),
                Err(Error::Damaged(damage)) => {
                    damaged.insert(id.clone(), damage);
                }
                Err(error) => return Err(error),
            }
        }
        if !missing.is_empty() {
            // Garbage collection may have removed the file since the references were read.
            let referenced = referenced_blobs(self.store.snapshot().await?.connection()).await;
            let is_lost = |id: &&String| referenced.as_ref().map_or(true, |referenced| referenced.contains(*id));
            let lost = missing.into_iter().filter(is_lost);
            damaged.extend(lost.map(|id| (id.clone(), format!("the file of blob {id} is missing"))));
        }
        let mut snapshot = self.store.snapshot().await?;
        result.damage.extend(objects_of(snapshot.connection(), &metadata.repositories, &damaged).await?);
        Ok(result)
    }

    async fn scrub_metadata(&self, damage: &mut Vec<String>) -> Result<Metadata> {
        let mut snapshot = self.store.snapshot().await?;
        let connection = snapshot.connection();
        let problems: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut *connection).await?;
        damage.extend(
            problems.into_iter().filter(|problem| problem != "ok").map(|problem| format!("lake.db: {problem}")),
        );
        let repositories = Repositories::read(connection).await?;
        scrub_versions(connection, &repositories, damage).await?;
        let mut blobs = BTreeMap::new();
        for_each_reference(connection, |reference| {
            match reference {
                Ok(reference) => {
                    if let Some(blob) = repositories.blob(&reference) {
                        blobs.entry(blob.to_owned()).or_insert_with(|| Referenced::by(&reference));
                    }
                }
                Err(error) => damage.push(error.to_string()),
            }
            Ok(())
        })
        .await?;
        Ok(Metadata { repositories, blobs })
    }
}

/// Returns a line for each object whose blob is damaged.
pub(super) async fn objects_of(
    connection: &mut SqliteConnection,
    repositories: &Repositories,
    damaged: &BTreeMap<String, String>,
) -> Result<Vec<String>> {
    if damaged.is_empty() {
        return Ok(Vec::new());
    }
    let mut objects = BTreeSet::new();
    for_each_reference(&mut *connection, |reference| {
        let Ok(reference) = reference else { return Ok(()) };
        if let Some((blob, why)) = repositories.blob(&reference).and_then(|blob| damaged.get_key_value(blob)) {
            let path = String::from_utf8_lossy(reference.path).into_owned();
            objects.insert((blob.clone(), path, reference.holder.clone(), why.clone()));
        }
        Ok(())
    })
    .await?;
    let commits = last_commits(connection, repositories).await?;
    let lines = objects.into_iter().filter_map(|(_, path, holder, why)| {
        let repository = &repositories.of(&holder)?.id;
        let place = match &holder {
            Holder::Branch(number) => format!("uncommitted on branch {}", repositories.branch(*number)?),
            Holder::Range { repository, id } => match commits.get(&(*repository, id.clone())) {
                Some((commit, 1)) => format!("commit {commit}"),
                Some((commit, count)) => format!("commit {commit} and {} earlier", count - 1),
                None => "in no commit".to_owned(),
            },
        };
        Some(format!("repository {repository}, path {path:?}, {place}: {why}"))
    });
    Ok(lines.collect::<BTreeSet<_>>().into_iter().collect())
}
/// Verifies commits, the trees of commits, and the commits of branches and tags.
async fn scrub_versions(
    connection: &mut SqliteConnection,
    repositories: &Repositories,
    damage: &mut Vec<String>,
) -> Result<()> {
    let mut known = HashSet::new();
    let mut nodes: HashSet<Node> = HashSet::new();
    let mut rows = sqlx::query("SELECT repository, id, is_range FROM nodes").fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        nodes.insert((row.try_get("repository")?, row.try_get("id")?));
    }
    drop(rows);
    let mut referenced = Vec::new();
    for_each_commit(connection, repositories, |repository, commit| match commit {
        Ok(commit) => {
            let names = commit.parents.iter().map(|parent| (parent.clone(), format!("a parent of {}", commit.id)));
            referenced.extend(names.map(|(parent, by)| (repository.number, parent, by)));
            if let Some(tree) = commit.tree.node()
                && !nodes.contains(&(repository.number, tree.to_vec()))
            {
                damage.push(format!("repository {}, commit {}: its tree is missing", repository.id, commit.id));
            }
            known.insert((repository.number, commit.id));
        }
        Err(error) => damage.push(format!("repository {}: {error}", repository.id)),
    })
    .await?;
    for (kind, sql) in [
        ("branch", "SELECT repository, commit_id, name FROM branches"),
        ("tag", "SELECT repository, commit_id, name FROM tags"),
    ] {
        let rows: Vec<(i64, String, String)> = sqlx::query_as(sql).fetch_all(&mut *connection).await?;
        referenced.extend(rows.into_iter().map(|(number, commit, name)| (number, commit, format!("{kind} {name}"))));
    }
    for (number, commit, by) in referenced {
        if let Some(repository) = repositories.get(number)
            && !known.contains(&(number, commit.clone()))
        {
            damage.push(format!("repository {}, {by}: commit {commit} is missing or damaged", repository.id));
        }
    }
    scrub_metaranges(connection, repositories, &nodes, damage).await
}

async fn scrub_metaranges(
    connection: &mut SqliteConnection,
    repositories: &Repositories,
    nodes: &HashSet<Node>,
    damage: &mut Vec<String>,
) -> Result<()> {
    let mut missing = BTreeSet::new();
    for_each_metarange(connection, |(number, _), metarange| match metarange {
        Ok(ranges) => {
            let lost = ranges.iter().filter(|range| !nodes.contains(&(number, range.id.to_vec())));
            missing.extend(lost.map(|range| (number, hex::encode(range.id))));
        }
        Err(error) => damage.push(error.to_string()),
    })
    .await?;
    for (number, range) in missing {
        let repository = repositories.get(number).map_or("(deleted)", |repository| &repository.id);
        damage.push(format!("repository {repository}: the node {range} of a tree is missing"));
    }
    Ok(())
}

async fn for_each_commit(
    connection: &mut SqliteConnection,
    repositories: &Repositories,
    mut visit: impl FnMut(&Repository, Result<Commit>),
) -> Result<()> {
    let mut rows = sqlx::query("SELECT * FROM commits ORDER BY creation_date, generation").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if let Some(repository) = repositories.get(row.try_get("repository")?) {
            visit(repository, Commit::decode(&row));
        }
    }
    Ok(())
}

async fn for_each_metarange(
    connection: &mut SqliteConnection,
    mut visit: impl FnMut(Node, Result<Vec<RangeInfo>>),
) -> Result<()> {
    let mut rows = sqlx::query("SELECT repository, id, data FROM nodes WHERE NOT is_range").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let node: Node = (row.try_get("repository")?, row.try_get("id")?);
        let decoded = tree::decode(&node.1, row.try_get("data")?);
        visit(node, decoded);
    }
    Ok(())
}

/// Returns the last commit of each range, and the number of commits that have the range.
async fn last_commits(
    connection: &mut SqliteConnection,
    repositories: &Repositories,
) -> Result<HashMap<Node, (String, usize)>> {
    let mut ranges: HashMap<Node, Vec<RangeInfo>> = HashMap::new();
    for_each_metarange(connection, |node, metarange| {
        ranges.extend(metarange.map(|metarange| (node, metarange)));
    })
    .await?;
    let mut last: HashMap<Node, (String, usize)> = HashMap::new();
    for_each_commit(connection, repositories, |repository, commit| {
        let Ok(commit) = commit else { return };
        let metarange = commit.tree.node().and_then(|tree| ranges.get(&(repository.number, tree.to_vec())));
        for range in metarange.into_iter().flatten() {
            let (id, count) = last.entry((repository.number, range.id.to_vec())).or_default();
            id.clone_from(&commit.id);
            *count += 1;
        }
    })
    .await?;
    Ok(last)
}
