//! Output records of repositories, branches, tags, commits and diffs.

use super::{lines, pairs, text_or_null, time, time_text};
use crate::output::Record;
use lakeport_client::v1::path_change::Kind;
use lakeport_client::v1::{Branch, Commit, PathChange, Repository, Tag};
use serde_json::json;

/// A repository.
pub(crate) fn repository(repository: &Repository) -> Record {
    let read_only = if repository.read_only { "  read-only" } else { "" };
    let text =
        format!("{}  {}  {}{read_only}", repository.name, repository.default_branch, repository.storage_namespace);
    let json = json!({
        "repository": repository.name,
        "storage_namespace": repository.storage_namespace,
        "default_branch": repository.default_branch,
        "create_time": time(repository.create_time.as_ref()),
        "read_only": repository.read_only,
    });
    Record { text, json }
}

/// A branch.
pub(crate) fn branch(branch: &Branch) -> Record {
    let text = format!("{}  {}", branch.commit_id, branch.name);
    Record { text, json: json!({ "branch": branch.name, "commit_id": branch.commit_id }) }
}

/// A tag.
pub(crate) fn tag(tag: &Tag) -> Record {
    let text = format!("{}  {}", tag.commit_id, tag.name);
    Record { text, json: json!({ "tag": tag.name, "commit_id": tag.commit_id }) }
}

/// A commit of a log.
pub(crate) fn commit(commit: &Commit) -> Record {
    let head = lines(&[
        ("commit", commit.commit_id.clone()),
        ("parents", commit.parent_commit_ids.join(" ")),
        ("committer", commit.committer.clone()),
        ("date", time_text(commit.create_time.as_ref())),
        ("metadata", pairs(&commit.metadata)),
    ]);
    let message: String = commit.message.lines().map(|line| format!("\n    {line}")).collect();
    let json = json!({
        "commit_id": commit.commit_id,
        "parent_commit_ids": commit.parent_commit_ids,
        "committer": commit.committer,
        "message": commit.message,
        "create_time": time(commit.create_time.as_ref()),
        "metadata": commit.metadata,
    });
    Record { text: format!("{head}\n{message}\n"), json }
}

/// A new commit. The text is only its ID, for scripts.
pub(crate) fn made_commit(commit: &Commit) -> Record {
    Record { text: commit.commit_id.clone(), ..self::commit(commit) }
}

/// The head of a branch. The text is only the commit ID, for scripts.
pub(crate) fn head(branch: &str, commit_id: &str) -> Record {
    Record { text: commit_id.to_owned(), json: json!({ "branch": branch, "commit_id": text_or_null(commit_id) }) }
}

/// A deleted branch, tag or repository, or with `is_dry_run` one that the command would delete.
pub(crate) fn removed(kind: &str, name: &str, is_dry_run: bool) -> Record {
    let done = if is_dry_run { "would delete" } else { "deleted" };
    Record {
        text: format!("{done} {kind} {name}"),
        json: json!({ "action": "delete", kind: name, "dry_run": is_dry_run }),
    }
}

/// A path that differs between two refs.
pub(crate) fn difference(entry: &PathChange) -> Record {
    let (sign, word) = match entry.kind() {
        Kind::Added => ('+', "added"),
        Kind::Changed => ('~', "changed"),
        Kind::Removed => ('-', "removed"),
        Kind::Conflict => ('!', "conflict"),
        Kind::Unspecified => ('?', "unknown"),
    };
    change(sign, word, &entry.path, entry.size_bytes)
}

/// A changed path. `sign` marks the kind of change in the text, `word` in JSON.
pub(super) fn change(sign: char, word: &str, path: &str, size_bytes: i64) -> Record {
    let json = json!({ "path": path, "kind": word, "size_bytes": size_bytes });
    Record { text: format!("{sign} {path}"), json }
}
