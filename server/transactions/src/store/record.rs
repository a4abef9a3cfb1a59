//! A transaction as the table has it: what the store itself looks at in columns, the rest as JSON.

use super::database::Database;
use super::statement::Statement;
use crate::error::{Error, Result};
use crate::row::{CommitRequest, Failure, Inside, Millis, Options, State, Transaction};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;

pub(super) const COLUMNS: &str = "owner, id, state, version, epoch, repository, base_branch, base_commit_id, branch, lease_until, \
                                  is_clean, create_time, idle_expire_time, expire_time, end_time, details, idle_timeout, commit_time, \
                                  is_attended, is_kept_in_place";

#[derive(Debug, sqlx::FromRow)]
pub(super) struct Record {
    owner: String,
    id: String,
    state: String,
    version: i64,
    epoch: i64,
    repository: String,
    base_branch: String,
    /// Empty until it is known.
    base_commit_id: String,
    branch: String,
    lease_until: Millis,
    is_clean: i64,
    create_time: Millis,
    idle_expire_time: Millis,
    expire_time: Millis,
    end_time: Option<Millis>,
    details: String,
    idle_timeout: Millis,
    commit_time: Option<Millis>,
    is_attended: i64,
    is_kept_in_place: i64,
    read_at: Millis,
}

#[derive(Serialize, Deserialize)]
struct Details {
    options: Options,
    labels: BTreeMap<String, String>,
    mark: String,
    worker: Option<String>,
    commit_request: Option<CommitRequest>,
    prepared_commit_id: Option<String>,
    merge_branches: Vec<String>,
    #[serde(default)]
    inside: Option<(String, bool)>,
    commit_in_doubt: bool,
    merge_in_doubt: bool,
    fence_until: Option<Millis>,
    #[serde(default)]
    refusal: Option<Failure>,
    unsettled: BTreeMap<String, Millis>,
    commit_id: Option<String>,
    merged: bool,
    failure: Option<Failure>,
    failed_tags: Vec<String>,
    kept_branch: Option<String>,
}

fn corrupt(error: impl Display) -> Error {
    Error::Corrupt(error.to_string())
}

fn parsed<T: TryFrom<String>>(text: String) -> Result<T>
where
    T::Error: Display,
{
    T::try_from(text).map_err(corrupt)
}

fn inside((commit, is_first): (String, bool)) -> Result<Inside> {
    Ok(Inside { commit: parsed(commit)?, is_first })
}

impl Record {
    pub(super) fn of(transaction: &Transaction) -> Result<Self> {
        let text = |value: &dyn Display| value.to_string();
        let details = Details {
            options: transaction.options.clone(),
            labels: transaction.labels.clone(),
            mark: transaction.mark.clone(),
            worker: transaction.worker.clone(),
            commit_request: transaction.commit_request.clone(),
            prepared_commit_id: transaction.prepared_commit_id.as_ref().map(|commit| text(commit)),
            merge_branches: transaction.merge_branches.iter().map(|branch| text(branch)).collect(),
            inside: transaction.inside.as_ref().map(|inside| (text(&inside.commit), inside.is_first)),
            commit_in_doubt: transaction.commit_in_doubt,
            merge_in_doubt: transaction.merge_in_doubt,
            fence_until: transaction.fence_until,
            refusal: transaction.refusal.clone(),
            unsettled: transaction.unsettled.clone(),
            commit_id: transaction.commit_id.as_ref().map(|commit| text(commit)),
            merged: transaction.merged,
            failure: transaction.failure.clone(),
            failed_tags: transaction.failed_tags.clone(),
            kept_branch: transaction.kept_branch.as_ref().map(|branch| text(branch)),
        };
        Ok(Self {
            owner: transaction.owner.clone(),
            id: text(&transaction.id),
            state: transaction.state.as_str().to_owned(),
            version: transaction.version,
            epoch: transaction.epoch,
            repository: text(&transaction.repository),
            base_branch: text(&transaction.base_branch),
            base_commit_id: transaction.base_commit_id.as_ref().map(|commit| text(commit)).unwrap_or_default(),
            branch: text(&transaction.branch),
            lease_until: transaction.lease_until,
            is_clean: transaction.is_clean.into(),
            create_time: transaction.create_time,
            idle_expire_time: transaction.idle_expire_time,
            expire_time: transaction.expire_time,
            end_time: transaction.end_time,
            details: serde_json::to_string(&details).map_err(corrupt)?,
            idle_timeout: transaction.options.idle_timeout,
            commit_time: transaction.commit_time,
            is_attended: transaction.worker.is_some().into(),
            is_kept_in_place: transaction.is_kept_in_place().into(),
            read_at: transaction.read_at,
        })
    }

    pub(super) fn transaction(self) -> Result<Transaction> {
        let details: Details = serde_json::from_str(&self.details).map_err(corrupt)?;
        Ok(Transaction {
            id: parsed(self.id)?,
            owner: self.owner,
            repository: parsed(self.repository)?,
            base_branch: parsed(self.base_branch)?,
            base_commit_id: Some(self.base_commit_id).filter(|commit| !commit.is_empty()).map(parsed).transpose()?,
            branch: parsed(self.branch)?,
            options: details.options,
            labels: details.labels,
            mark: details.mark,
            state: State::parse(&self.state).ok_or_else(|| corrupt(format!("state {:?}", self.state)))?,
            epoch: self.epoch,
            version: self.version,
            worker: details.worker,
            lease_until: self.lease_until,
            commit_request: details.commit_request,
            prepared_commit_id: details.prepared_commit_id.map(parsed).transpose()?,
            merge_branches: details.merge_branches.into_iter().map(parsed).collect::<Result<_>>()?,
            inside: details.inside.map(inside).transpose()?,
            commit_in_doubt: details.commit_in_doubt,
            merge_in_doubt: details.merge_in_doubt,
            fence_until: details.fence_until,
            refusal: details.refusal,
            unsettled: details.unsettled,
            commit_id: details.commit_id.map(parsed).transpose()?,
            merged: details.merged,
            failure: details.failure,
            failed_tags: details.failed_tags,
            kept_branch: details.kept_branch.map(parsed).transpose()?,
            is_clean: self.is_clean != 0,
            create_time: self.create_time,
            idle_expire_time: self.idle_expire_time,
            expire_time: self.expire_time,
            end_time: self.end_time,
            commit_time: self.commit_time,
            read_at: self.read_at,
        })
    }

    /// Whether there was none of that owner and ID.
    pub(super) async fn insert(self, database: &Database) -> Result<bool> {
        let sql = format!(
            "INSERT INTO transactions ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
             $16, $17, $18, $19, $20) ON CONFLICT DO NOTHING"
        );
        let insert = Statement::new(sql)
            .bind(self.owner)
            .bind(self.id)
            .bind(self.state)
            .bind(self.version)
            .bind(self.epoch)
            .bind(self.repository)
            .bind(self.base_branch)
            .bind(self.base_commit_id)
            .bind(self.branch)
            .bind(self.lease_until)
            .bind(self.is_clean)
            .bind(self.create_time)
            .bind(self.idle_expire_time)
            .bind(self.expire_time)
            .bind(self.end_time)
            .bind(self.details)
            .bind(self.idle_timeout)
            .bind(self.commit_time)
            .bind(self.is_attended)
            .bind(self.is_kept_in_place);
        Ok(database.run(&insert).await?.changed == 1)
    }

    /// Whether the row was `current`, and as `condition` says. What never changes is left alone. A version alone does not tell rows of
    /// one ID apart, where one was forgotten since: their branches do.
    pub(super) async fn replace(self, database: &Database, current: &Transaction, condition: &str) -> Result<bool> {
        let update = "UPDATE transactions SET state = $1, version = $2, epoch = $3, branch = $4, lease_until = $5, \
                   is_clean = $6, idle_expire_time = CASE WHEN idle_expire_time > $7 THEN idle_expire_time ELSE $7 END, \
                   end_time = $8, details = $9, commit_time = $10, is_attended = $11, is_kept_in_place = $12, \
                   base_commit_id = $13, write_id = $14 WHERE owner = $15 AND id = $16 AND version = $17 \
                   AND branch = $18";
        let write_id: i64 = rand::rng().random();
        let replace = Statement::new(format!("{update}{condition}"))
            .bind(self.state)
            .bind(self.version)
            .bind(self.epoch)
            .bind(self.branch)
            .bind(self.lease_until)
            .bind(self.is_clean)
            .bind(self.idle_expire_time)
            .bind(self.end_time)
            .bind(self.details)
            .bind(self.commit_time)
            .bind(self.is_attended)
            .bind(self.is_kept_in_place)
            .bind(self.base_commit_id)
            .bind(write_id)
            .bind(self.owner.as_str())
            .bind(self.id.as_str())
            .bind(current.version)
            .bind(current.branch.as_str());
        if database.run(&replace).await?.changed == 1 {
            return Ok(true);
        }
        // Somebody else was faster, or an earlier try of this very statement, whose answer was lost.
        let own = Statement::new("SELECT count(*) FROM transactions WHERE owner = $1 AND id = $2 AND write_id = $3");
        Ok(database.number(&own.bind(self.owner).bind(self.id).bind(write_id)).await? == 1)
    }
}
