//! Ref expressions: a branch, a tag, or a commit ID or prefix of one, followed by the modifiers `~N`, `^N`, `@` and `$`.

use super::branches::{self, Branch};
use super::{Commit, Lake, Repository};
use crate::tree::TreeId;
use crate::{Error, Result};
use sqlx::SqliteConnection;

/// Result of resolving an expression.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) commit_id: String,
    /// Branch whose staged changes the expression includes, if any.
    pub(crate) staged: Option<Branch>,
    /// Whether the expression has the modifier `$`.
    staging: bool,
}

/// Modifier of a ref expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modifier {
    Ancestor(usize),
    Parent(usize),
    Committed,
    Staging,
}

fn invalid() -> Error {
    Error::invalid("ref: invalid value: validation error")
}

fn parse(expression: &str) -> Result<(&str, Vec<Modifier>)> {
    let is_modifier = |c| matches!(c, '~' | '^' | '@' | '$');
    let end = expression.find(is_modifier).unwrap_or(expression.len());
    let (base, mut rest) = expression.split_at(end);
    if base.is_empty() {
        return Err(invalid());
    }
    let mut modifiers = Vec::new();
    while let Some(kind) = rest.chars().next() {
        let end = rest[1..].find(is_modifier).map_or(rest.len(), |at| at + 1);
        let (modifier, after) = rest.split_at(end);
        let count = match &modifier[1..] {
            "" => 1,
            digits => digits.parse().map_err(|_| invalid().context(format!("could not parse modifier {modifier}")))?,
        };
        modifiers.push(match kind {
            '~' => Modifier::Ancestor(count),
            '^' => Modifier::Parent(count),
            '@' => Modifier::Committed,
            _ => Modifier::Staging,
        });
        rest = after;
    }
    Ok((base, modifiers))
}

impl Resolved {
    /// Returns whether the expression refers to the staging area, which is not a commit.
    pub(crate) fn staging_only(&self) -> bool {
        self.staging
    }

    pub(crate) fn must_be_a_commit(&self, expression: &str) -> Result<()> {
        if self.staging {
            let message = format!("reference '{expression}': reference to staging area with $ is not a commit");
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    pub(crate) fn must_point_to_a_commit(&self) -> Result<()> {
        if self.staging {
            Err(Error::invalid("ref: invalid value: validation error: should point to a commit"))
        } else {
            Ok(())
        }
    }
}

impl Lake {
    /// Resolves an expression. Fails with `not found` if it refers to nothing.
    pub(crate) async fn resolve(&self, repository: &Repository, expression: &str) -> Result<Resolved> {
        let mut snapshot = self.store.snapshot().await?;
        self.resolve_on(snapshot.connection(), repository, expression).await
    }

    pub(super) async fn resolve_on(
        &self,
        connection: &mut SqliteConnection,
        repository: &Repository,
        expression: &str,
    ) -> Result<Resolved> {
        let (base, modifiers) = parse(expression)?;
        let not_found = || Error::not_found("not found");
        let branch = branches::find(&mut *connection, repository, base).await?;
        let commit_id = match &branch {
            Some(branch) => branch.commit_id.clone(),
            None => self.tag_or_commit(connection, repository, base).await?.ok_or_else(not_found)?,
        };
        match (modifiers.as_slice(), branch) {
            ([], staged) => Ok(Resolved { commit_id, staged, staging: false }),
            ([Modifier::Committed], Some(_)) => Ok(Resolved { commit_id, staged: None, staging: false }),
            ([Modifier::Staging], Some(branch)) => Ok(Resolved { commit_id, staged: Some(branch), staging: true }),
            (steps, _) => {
                let commit_id = self.walk(connection, repository, commit_id, steps).await?;
                Ok(Resolved { commit_id, staged: None, staging: false })
            }
        }
    }

    async fn walk(
        &self,
        connection: &mut SqliteConnection,
        repository: &Repository,
        mut commit_id: String,
        steps: &[Modifier],
    ) -> Result<String> {
        if steps.iter().any(|step| matches!(step, Modifier::Committed | Modifier::Staging)) {
            return Err(invalid());
        }
        for step in steps {
            let (times, parent) = match *step {
                Modifier::Ancestor(times) => (times, 1),
                Modifier::Parent(parent) => (parent.min(1), parent),
                Modifier::Committed | Modifier::Staging => return Err(invalid()),
            };
            for _ in 0..times {
                let parents = self.existing_commit(connection, repository, &commit_id).await?.parents;
                let missing = if parents.is_empty() { Error::not_found("not found") } else { invalid() };
                commit_id = parents.into_iter().nth(parent - 1).ok_or(missing)?;
            }
        }
        Ok(commit_id)
    }

    async fn tag_or_commit(
        &self,
        connection: &mut SqliteConnection,
        repository: &Repository,
        name: &str,
    ) -> Result<Option<String>> {
        let tag: Option<String> = sqlx::query_scalar("SELECT commit_id FROM tags WHERE repository = $1 AND name = $2")
            .bind(repository.number)
            .bind(name)
            .fetch_optional(&mut *connection)
            .await?;
        let is_hex = name.len() <= 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if tag.is_some() || !is_hex {
            return Ok(tag);
        }
        let mut matching: Vec<String> =
            sqlx::query_scalar("SELECT id FROM commits WHERE repository = $1 AND id >= $2 AND id < $2 || 'g' LIMIT 2")
                .bind(repository.number)
                .bind(name)
                .fetch_all(connection)
                .await?;
        Ok(if matching.len() == 1 { matching.pop() } else { None })
    }

    /// Returns the tree of a commit.
    pub(super) async fn tree_of(&self, repository: &Repository, commit_id: &str) -> Result<TreeId> {
        Ok(self.commit(repository, commit_id).await?.tree)
    }

    /// Returns the commit with this full ID. The commit must exist.
    pub(super) async fn commit(&self, repository: &Repository, id: &str) -> Result<Commit> {
        let key = (repository.number, id.to_owned());
        if let Some(cached) = self.commits.get(&key) {
            return Ok(cached);
        }
        let mut snapshot = self.store.snapshot().await?;
        let commit = self.existing_commit(snapshot.connection(), repository, id).await?;
        self.commits.insert(key, commit.clone());
        Ok(commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_parsed_into_a_base_and_modifiers() {
        assert_eq!(parse("main").unwrap(), ("main", vec![]));
        assert_eq!(parse("main~").unwrap(), ("main", vec![Modifier::Ancestor(1)]));
        assert_eq!(parse("main~2^3").unwrap(), ("main", vec![Modifier::Ancestor(2), Modifier::Parent(3)]));
        assert_eq!(parse("main@").unwrap(), ("main", vec![Modifier::Committed]));
        assert_eq!(parse("main$").unwrap(), ("main", vec![Modifier::Staging]));
        assert!(parse("~1").is_err());
        assert!(parse("main~x").unwrap_err().to_string().starts_with("could not parse modifier ~x: "));
    }
}
