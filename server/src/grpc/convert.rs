//! Conversions between wire types and domain types that several RPCs use.

use crate::error::{Error, FieldViolation, Result};
use crate::ops::files::file_info::FileInfo;
use crate::ops::place::{At, Place};
use lakeport_lakefs as lakefs;
use lakeport_proto::v1;
use lakeport_transactions::{Millis, Retention, State, Strategy, Transaction};
use lakeport_types::{BranchName, ObjectPath, Prefix, Ref, RepositoryId, TransactionId};
use prost_types::{Duration as WireDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::time::SystemTime;

/// Collects all invalid fields of a request, so that one error reports them all.
#[derive(Default)]
pub(super) struct Fields(Vec<FieldViolation>);

impl Fields {
    /// Adds an invalid field. The description continues the name of the field.
    pub(super) fn wrong(&mut self, field: &str, description: impl Display) {
        self.0.push(FieldViolation { field: field.to_owned(), description: description.to_string() });
    }

    /// Parses a required field.
    pub(super) fn parse<T>(&mut self, field: &str, text: String) -> Option<T>
    where
        T: TryFrom<String>,
        T::Error: Display,
    {
        let is_empty = text.is_empty();
        match T::try_from(text) {
            Ok(parsed) => Some(parsed),
            // The wire format does not distinguish a field that the caller did not set.
            Err(_) if is_empty => {
                self.wrong(field, "is missing");
                None
            }
            Err(error) => {
                self.wrong(field, error);
                None
            }
        }
    }

    /// Parses a field, unless it is empty.
    pub(super) fn optional<T>(&mut self, field: &str, text: String) -> Option<T>
    where
        T: TryFrom<String>,
        T::Error: Display,
    {
        if text.is_empty() { None } else { self.parse(field, text) }
    }

    /// Parses the target of a request: a ref of a repository, or a transaction.
    pub(super) fn place(&mut self, repository: String, reference: String, transaction_id: String) -> Option<Place> {
        self.place_on(repository, ("ref", reference), transaction_id)
    }

    /// Parses the target of a request whose ref has another field name.
    pub(super) fn place_on(
        &mut self,
        repository: String,
        (field, reference): (&str, String),
        transaction_id: String,
    ) -> Option<Place> {
        self.place_named(repository, (field, reference), ("transaction_id", transaction_id))
    }

    /// Parses the version that `source_ref` or `source_transaction_id` names.
    pub(super) fn source_place(
        &mut self,
        repository: String,
        reference: String,
        transaction_id: String,
    ) -> Option<Place> {
        let transaction = ("source_transaction_id", transaction_id);
        self.place_named(repository, ("source_ref", reference), transaction)
    }

    fn place_named(
        &mut self,
        repository: String,
        (field, reference): (&str, String),
        (transaction_field, transaction_id): (&str, String),
    ) -> Option<Place> {
        if transaction_id.is_empty() {
            let repository = self.parse::<RepositoryId>("repository", repository);
            if reference.is_empty() {
                self.wrong(field, format!("is missing: set it, or {transaction_field}"));
                return None;
            }
            let reference = self.parse::<Ref>(field, reference);
            return Some(Place { repository: Some(repository?), at: At::Ref(reference?) });
        }
        if !reference.is_empty() {
            self.wrong(field, format!("must be empty with {transaction_field}: the transaction has its own branch"));
        }
        let id = self.parse::<TransactionId>(transaction_field, transaction_id);
        let repository = self.optional("repository", repository);
        Some(Place { repository, at: At::Transaction(id?) })
    }

    /// Parses a number that must not be negative.
    pub(super) fn count(&mut self, field: &str, number: i64) -> Option<u64> {
        match u64::try_from(number) {
            Ok(count) => Some(count),
            Err(_) => {
                self.wrong(field, format!("is {number}: it must not be negative"));
                None
            }
        }
    }

    /// Parses a value of an enum. Fails for values that this version of the contract does not have.
    pub(super) fn known<T: TryFrom<i32>>(&mut self, field: &str, number: i32) -> Option<T> {
        match T::try_from(number) {
            Ok(value) => Some(value),
            Err(_) => {
                self.wrong(field, format!("{number} is not a value of the enum"));
                None
            }
        }
    }

    /// Returns the parsed value if all fields are valid.
    ///
    /// # Errors
    /// `InvalidField`, with every invalid field.
    pub(super) fn done<T>(self, parsed: Option<T>) -> Result<T> {
        match parsed {
            Some(parsed) if self.0.is_empty() => Ok(parsed),
            _ => Err(Error::fields(self.0)),
        }
    }
}

/// Parses a page size: 1 to 1,000; 0 means 100.
pub(super) fn page_size(fields: &mut Fields, number: i32) -> Option<usize> {
    match number {
        0 => Some(100),
        1..=1000 => usize::try_from(number).ok(),
        _ => {
            fields.wrong("page_size", format!("is {number}: it must be 1 to 1000, or 0 for 100"));
            None
        }
    }
}

pub(super) fn paths(fields: &mut Fields, name: &str, paths: Vec<String>) -> Vec<ObjectPath> {
    let parsed = paths.into_iter().enumerate().map(|(at, path)| fields.parse(&format!("{name}[{at}]"), path));
    parsed.flatten().collect()
}

pub(super) fn sorted(map: HashMap<String, String>) -> BTreeMap<String, String> {
    map.into_iter().collect()
}

fn unsorted(map: BTreeMap<String, String>) -> HashMap<String, String> {
    map.into_iter().collect()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn file_info(info: FileInfo) -> v1::FileInfo {
    let kind = if info.is_prefix { v1::FileKind::Prefix } else { v1::FileKind::Object };
    v1::FileInfo {
        path: info.path,
        kind: kind.into(),
        size_bytes: signed(info.size),
        etag: info.etag,
        content_type: info.content_type,
        metadata: unsorted(info.metadata),
        update_time: info.modified.map(time),
        commit_id: info.commit_id.unwrap_or_default(),
    }
}

fn time(time: SystemTime) -> Timestamp {
    Timestamp::from(time)
}

pub(super) fn seconds(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn millis(millis: Millis) -> Timestamp {
    let nanos = i32::try_from(millis.rem_euclid(1000) * 1_000_000).unwrap_or_default();
    Timestamp { seconds: millis.div_euclid(1000), nanos }
}

/// Parses a duration to milliseconds, from 10 s to `max`; `default` if it is not set.
pub(super) fn span(
    fields: &mut Fields,
    field: &str,
    span: Option<WireDuration>,
    default: Millis,
    max: Millis,
) -> Option<Millis> {
    const MIN: Millis = 10_000;
    let Some(span) = span else { return Some(default) };
    let millis = span.seconds.saturating_mul(1000).saturating_add(i64::from(span.nanos) / 1_000_000);
    if (MIN..=max).contains(&millis) {
        return Some(millis);
    }
    fields.wrong(field, format!("is {millis} ms: it must be {} s to {} s", MIN / 1000, max / 1000));
    None
}

pub(super) fn retention(retention: v1::BranchRetention) -> Retention {
    match retention {
        v1::BranchRetention::Unspecified | v1::BranchRetention::Delete => Retention::Delete,
        v1::BranchRetention::KeepOnFailure => Retention::KeepOnFailure,
        v1::BranchRetention::Keep => Retention::Keep,
    }
}

pub(super) fn strategy(strategy: v1::MergeStrategy) -> Strategy {
    match strategy {
        v1::MergeStrategy::Unspecified | v1::MergeStrategy::Fail => Strategy::Fail,
        v1::MergeStrategy::SourceWins => Strategy::SourceWins,
        v1::MergeStrategy::DestinationWins => Strategy::DestinationWins,
    }
}

pub(super) fn lakefs_strategy(strategy: v1::MergeStrategy) -> lakefs::Strategy {
    match strategy {
        v1::MergeStrategy::Unspecified | v1::MergeStrategy::Fail => lakefs::Strategy::Fail,
        v1::MergeStrategy::SourceWins => lakefs::Strategy::SourceWins,
        v1::MergeStrategy::DestinationWins => lakefs::Strategy::DestinationWins,
    }
}

pub(super) fn state(state: v1::TransactionState) -> Option<State> {
    Some(match state {
        v1::TransactionState::Unspecified => return None,
        v1::TransactionState::Open => State::Open,
        v1::TransactionState::Committing => State::Committing,
        v1::TransactionState::Committed => State::Committed,
        v1::TransactionState::RolledBack => State::RolledBack,
        v1::TransactionState::Expired => State::Expired,
    })
}

pub(super) fn transaction(row: &Transaction) -> v1::Transaction {
    let state = match row.state {
        State::Open => v1::TransactionState::Open,
        State::Committing => v1::TransactionState::Committing,
        State::Committed => v1::TransactionState::Committed,
        State::RolledBack => v1::TransactionState::RolledBack,
        State::Expired => v1::TransactionState::Expired,
    };
    let live = (!row.state.is_final() && !row.options.read_only).then(|| row.branch.to_string());
    let failure = crate::ops::transactions::failure::failure_of(row).map(super::item_status);
    v1::Transaction {
        transaction_id: row.id.to_string(),
        repository: row.repository.to_string(),
        base_branch: row.base_branch.to_string(),
        base_commit_id: row.base_commit_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        branch: row.kept_branch.as_ref().map(ToString::to_string).or(live).unwrap_or_default(),
        state: state.into(),
        commit_id: row.ended_with().map(ToString::to_string).unwrap_or_default(),
        merged: row.merged,
        failure,
        owner: row.owner.clone(),
        labels: unsorted(row.labels.clone()),
        create_time: Some(millis(row.create_time)),
        idle_expire_time: Some(millis(row.idle_expire_time)),
        expire_time: Some(millis(row.expire_time)),
        end_time: row.end_time.map(millis),
        epoch: row.epoch,
        failed_tags: row.failed_tags.clone(),
        read_only: row.options.read_only,
    }
}

pub(super) fn commit(commit: lakefs::Commit) -> v1::Commit {
    v1::Commit {
        commit_id: commit.id,
        parent_commit_ids: commit.parents,
        committer: commit.committer,
        message: commit.message,
        create_time: Some(seconds(commit.creation_date)),
        metadata: unsorted(commit.metadata),
    }
}

pub(super) fn repository(repository: lakefs::Repository) -> v1::Repository {
    v1::Repository {
        name: repository.id,
        storage_namespace: repository.storage_namespace,
        default_branch: repository.default_branch,
        create_time: Some(seconds(repository.creation_date)),
        read_only: repository.read_only,
    }
}

pub(super) fn branch(branch: lakefs::Branch) -> v1::Branch {
    v1::Branch { name: branch.id, commit_id: branch.commit_id }
}

pub(super) fn tag(tag: lakefs::Tag) -> v1::Tag {
    v1::Tag { name: tag.id, commit_id: tag.commit_id }
}

pub(super) fn path_change(difference: lakefs::Difference) -> v1::PathChange {
    use lakefs::DifferenceKind as From;
    use v1::path_change::Kind;
    let kind = match difference.kind {
        From::Added => Kind::Added,
        From::Removed => Kind::Removed,
        From::Changed | From::PrefixChanged => Kind::Changed,
        From::Conflict => Kind::Conflict,
    };
    v1::PathChange { path: difference.path, kind: kind.into(), size_bytes: difference.size_bytes }
}

pub(super) fn prefix(fields: &mut Fields, prefix: String) -> Option<Prefix> {
    fields.parse("prefix", prefix)
}

/// Maximum size of a text that is part of a URL of lakeFS, in bytes: that of a key or a name.
const MAX_TEXT: usize = 1024;

/// Checks the size of a text that is part of a URL of lakeFS.
pub(super) fn text(fields: &mut Fields, field: &str, text: &str) {
    if text.len() > MAX_TEXT {
        fields.wrong(field, format!("has {} bytes, and at most {MAX_TEXT} are allowed", text.len()));
    }
}

/// Parses a repository and a branch.
pub(super) fn branch_of(
    fields: &mut Fields,
    repository: String,
    (field, branch): (&str, String),
) -> Option<(RepositoryId, BranchName)> {
    let (repository, branch) = (fields.parse("repository", repository), fields.parse(field, branch));
    Some((repository?, branch?))
}
