//! Three-way merges: merge, revert and cherry-pick.

use super::branches::check_branch_name;
use super::commits::{MAX_ATTEMPTS, too_many_attempts};
use super::diffs::same_outcome;
use super::{Branch, Commit, CommitRequest, Lake, Repository};
use crate::tree::{Change, Edits, NewTree, TreeId};
use crate::{Error, Result};
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// Resolution of conflicts: which version of a key is kept if both sides changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Strategy {
    /// Neither: the merge fails.
    #[default]
    Default,
    SourceWins,
    DestinationWins,
}

impl Strategy {
    /// Parses lakeFS's name of a strategy.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        match name {
            "" => Ok(Self::Default),
            "source-wins" => Ok(Self::SourceWins),
            "dest-wins" => Ok(Self::DestinationWins),
            _ => Err(Error::invalid("argument strategy: invalid value: validation error")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::SourceWins => "source-wins",
            Self::DestinationWins => "dest-wins",
        }
    }
}

/// Parameters of a merge.
#[derive(Debug, Clone, Default)]
pub(crate) struct MergeRequest {
    pub(crate) commit: CommitRequest,
    pub(crate) strategy: Strategy,
    pub(crate) squash: bool,
}

/// Two commits and their best common ancestor.
pub(crate) struct MergeBase {
    pub(crate) source: Commit,
    pub(crate) destination: Commit,
    pub(crate) base: Commit,
}

/// Difference between two trees, for application to a branch.
struct Patch<'a> {
    from: &'a TreeId,
    to: &'a TreeId,
    strategy: Strategy,
}

impl Lake {
    /// Returns the merge base of two refs.
    pub(crate) async fn merge_base(
        &self,
        repository: &Repository,
        source: &str,
        destination: &str,
    ) -> Result<MergeBase> {
        let source = self.head_of(repository, source, "get commit by branch").await?;
        let destination = self.head_of(repository, destination, "get commit by ref").await?;
        let base = self.common_ancestor(repository, &source, &destination).await?;
        Ok(MergeBase { source, destination, base })
    }

    async fn head_of(&self, repository: &Repository, expression: &str, action: &str) -> Result<Commit> {
        let context = |error: Error| error.context(format!("{action} {expression}"));
        let resolved = self.resolve(repository, expression).await.map_err(context)?;
        resolved.must_be_a_commit(expression).map_err(context)?;
        self.commit(repository, &resolved.commit_id).await
    }

    /// Returns the common ancestor with the highest generation. Commits are visited by decreasing generation, so that all
    /// descendants of a commit are visited before it. The first commit that both sides have reached is therefore the result.
    async fn common_ancestor(&self, repository: &Repository, a: &Commit, b: &Commit) -> Result<Commit> {
        const A: u8 = 1;
        const B: u8 = 2;
        let mut reached: HashMap<String, u8> = HashMap::new();
        let mut queue = BinaryHeap::new();
        for (commit, side) in [(a, A), (b, B)] {
            *reached.entry(commit.id.clone()).or_default() |= side;
            queue.push((commit.generation, commit.id.clone()));
        }
        while let Some((_, id)) = queue.pop() {
            let sides = reached.get(&id).copied().unwrap_or_default();
            let commit = self.commit(repository, &id).await?;
            if sides == A | B {
                return Ok(commit);
            }
            for parent in commit.parents {
                let parent = self.commit(repository, &parent).await?;
                let seen = reached.entry(parent.id.clone()).or_default();
                if *seen == 0 {
                    queue.push((parent.generation, parent.id));
                }
                *seen |= sides;
            }
        }
        Err(Error::not_found("merge base: not found"))
    }

    /// Merges a ref into a branch, and returns the ID of the new head.
    pub(crate) async fn merge(
        &self,
        repository: &Repository,
        source: &str,
        destination: &str,
        request: &MergeRequest,
    ) -> Result<String> {
        check_branch_name(destination, "destination")?;
        repository.writable(request.commit.force)?;
        let branch = self.branch(repository, destination, "destination").await?;
        let message = match request.commit.message.as_str() {
            "" => format!("Merge '{source}' into '{destination}'"),
            message => message.to_owned(),
        };
        let mut metadata = request.commit.metadata.clone();
        metadata.insert(".lakefs.merge.strategy".into(), request.strategy.name().into());
        for _ in 0..MAX_ATTEMPTS {
            let sequence = self.ensure_clean(repository, &branch).await?;
            let source = self
                .head_of(repository, source, "get commit by ref")
                .await
                .map_err(|error| error.context(format!("update branch {destination}")))?;
            let head = self.current_head(repository, &branch).await?;
            let base = self.common_ancestor(repository, &source, &head).await?;
            if source.tree == base.tree && !request.commit.allow_empty {
                return Err(Error::invalid(format!("update branch {destination}: no changes")));
            }
            let patch = Patch { from: &base.tree, to: &source.tree, strategy: request.strategy };
            let tree = self.patched(repository, &head.tree, &patch).await?;
            let parents = if request.squash { vec![&head] } else { vec![&head, &source] };
            // The generation of a squash commit is that of a merge commit, although a squash commit has only one parent.
            let mut commit = Commit::on(
                &parents,
                &self.account.user,
                message.clone(),
                request.commit.date,
                tree.id.clone(),
                metadata.clone(),
            );
            commit.generation = head.generation.max(source.generation) + 1;
            if self.land(repository, &branch, sequence, &head, &commit, &tree).await? {
                return Ok(commit.id);
            }
        }
        Err(too_many_attempts())
    }

    /// Reverts the changes of a commit relative to one of its parents.
    pub(crate) async fn revert(
        &self,
        repository: &Repository,
        branch: &str,
        target: &str,
        parent: usize,
        request: &CommitRequest,
    ) -> Result<Commit> {
        repository.writable(request.force)?;
        let branch = self.branch(repository, branch, "branch").await?;
        let target_commit = self.target(repository, target).await?;
        if target_commit.parents.len() > 1 && parent == 0 {
            return Err(Error::conflict("must specify 1-based parent number for reverting merge commit"));
        }
        let parent_tree = match target_commit.parents.get(parent.max(1) - 1) {
            Some(id) => self.tree_of(repository, id).await?,
            None if parent > 1 => {
                return Err(Error::invalid(format!(
                    "given commit does not have the given parent number: parent {parent}"
                )));
            }
            None => TreeId::default(),
        };
        let request = CommitRequest {
            message: if request.message.is_empty() { format!("Revert {target}") } else { request.message.clone() },
            ..request.clone()
        };
        let patch = Patch { from: &target_commit.tree, to: &parent_tree, strategy: Strategy::Default };
        self.land_patch(repository, &branch, &patch, &request).await
    }

    /// Applies the changes of a commit to a branch.
    pub(crate) async fn cherry_pick(
        &self,
        repository: &Repository,
        branch: &str,
        target: &str,
        parent: Option<usize>,
        request: &CommitRequest,
        overrides: bool,
    ) -> Result<Commit> {
        repository.writable(request.force)?;
        let branch = self.branch(repository, branch, "branch").await?;
        let target = self.target(repository, target).await?;
        if target.parents.len() > 1 && parent.is_none() {
            return Err(Error::invalid("must specify 1-based parent number for cherry-picking merge commit"));
        }
        let number = parent.unwrap_or(1);
        let parent_tree = match target.parents.get(number.max(1) - 1) {
            Some(id) => self.tree_of(repository, id).await?,
            None if number > 1 => {
                return Err(Error::invalid(format!(
                    "parent {number}: given commit does not have the given parent number"
                )));
            }
            None => TreeId::default(),
        };
        let mut request = request.clone();
        if !overrides {
            request.message.clone_from(&target.message);
            request.metadata.clone_from(&target.metadata);
        }
        request.metadata.insert("cherry-pick-origin".into(), target.id.clone());
        request.metadata.insert("cherry-pick-committer".into(), target.committer.clone());
        // lakeFS creates a commit even if the branch already has all the changes.
        request.allow_empty = true;
        let patch = Patch { from: &parent_tree, to: &target.tree, strategy: Strategy::Default };
        self.land_patch(repository, &branch, &patch, &request).await
    }

    async fn target(&self, repository: &Repository, expression: &str) -> Result<Commit> {
        let context = |error: Error| error.context(format!("get commit from ref {expression}"));
        let resolved = self.resolve(repository, expression).await.map_err(context)?;
        resolved.must_be_a_commit(expression).map_err(context)?;
        self.commit(repository, &resolved.commit_id).await
    }

    /// Applies a patch to a branch, as one commit.
    async fn land_patch(
        &self,
        repository: &Repository,
        branch: &Branch,
        patch: &Patch<'_>,
        request: &CommitRequest,
    ) -> Result<Commit> {
        for _ in 0..MAX_ATTEMPTS {
            let sequence = self.ensure_clean(repository, branch).await?;
            let head = self.current_head(repository, branch).await?;
            let tree = self.patched(repository, &head.tree, patch).await.map_err(|error| match error {
                Error::MergeConflict => Error::conflict("update branch: conflict found"),
                other => other,
            })?;
            if tree.id == head.tree && !request.allow_empty {
                return Err(Error::invalid("update branch: no changes"));
            }
            let (message, metadata) = (request.message.clone(), request.metadata.clone());
            let commit = Commit::on(&[&head], &self.account.user, message, request.date, tree.id.clone(), metadata);
            if self.land(repository, branch, sequence, &head, &commit, &tree).await? {
                return Ok(commit);
            }
        }
        Err(too_many_attempts())
    }

    /// Returns an error if a branch has uncommitted changes. Otherwise returns the sequence number of its last staged write.
    async fn ensure_clean(&self, repository: &Repository, branch: &Branch) -> Result<i64> {
        let staged = self.staged(repository, branch).await?;
        if staged.changes.is_empty() {
            Ok(staged.sequence)
        } else {
            Err(Error::invalid("uncommitted changes (dirty branch)"))
        }
    }

    async fn current_head(&self, repository: &Repository, branch: &Branch) -> Result<Commit> {
        let branch = self.branch(repository, &branch.name, "branch").await?;
        self.commit(repository, &branch.commit_id).await
    }

    /// Moves a branch to a commit, if the branch still points to `head` and nothing was staged after `sequence`. Returns
    /// whether it did.
    async fn land(
        &self,
        repository: &Repository,
        branch: &Branch,
        sequence: i64,
        head: &Commit,
        commit: &Commit,
        tree: &NewTree,
    ) -> Result<bool> {
        let mut write = self.store.write().await?;
        if !Self::nothing_staged_since(&mut write, branch.number, sequence).await?
            || !self.advance(&mut write, repository, branch.number, &head.id, commit, tree).await?
        {
            return Ok(false);
        }
        write.commit().await?;
        Ok(true)
    }

    /// Returns the result of applying a patch to the tree `onto`.
    async fn patched(&self, repository: &Repository, onto: &TreeId, patch: &Patch<'_>) -> Result<NewTree> {
        if onto == patch.from {
            return Ok(NewTree { id: patch.to.clone(), nodes: Vec::new() });
        }
        let theirs = self.trees.diff(repository.number, patch.from, patch.to).await?;
        let ours = self.trees.diff(repository.number, patch.from, onto).await?;
        let ours: BTreeMap<_, _> = ours.into_iter().map(|change| (change.key.clone(), change)).collect();
        let edits = combine(theirs, &ours, patch.strategy)?;
        self.trees.apply(repository.number, onto, edits).await
    }
}

/// Returns the edits that apply their changes to a tree that already has our changes.
fn combine(theirs: Vec<Change>, ours: &BTreeMap<Vec<u8>, Change>, strategy: Strategy) -> Result<Edits> {
    let mut edits = Edits::new();
    for change in theirs {
        match ours.get(&change.key) {
            None => {}
            // If both sides have the same content, lakeFS takes the entry of the source.
            Some(our) if same_outcome(our, &change) => {}
            Some(_) if strategy == Strategy::SourceWins => {}
            Some(_) if strategy == Strategy::DestinationWins => continue,
            Some(_) => return Err(Error::MergeConflict),
        }
        edits.insert(change.key, change.right);
    }
    Ok(edits)
}
