//! Idempotency keys of version calls: the state of lakeFS before the first attempt, and the result.

use super::SessionStore;
use crate::error::Result;
use crate::model::Millis;
use crate::statement::Statement;
use lakeport_types::IdempotencyKey;
use rand::RngExt;
use sqlx::FromRow;

/// Retention of results: 24 h.
const RETENTION: Millis = 24 * 3_600_000;
/// Maximum number of expired rows deleted by one statement.
const MAX_DELETED: i64 = 1000;

/// A call with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Request {
    /// ID of the lakeFS user that made the call.
    pub owner: String,
    /// The idempotency key, unique per owner.
    pub id: String,
    /// Hash of the method and the parameters of the call.
    pub fingerprint: String,
    /// State of lakeFS before the first attempt, as JSON.
    pub state_before: String,
    outcome: String,
    attempt: i64,
    /// Time until which the current attempt may take effect.
    pub until: Millis,
    /// Time of this read, by the database's clock.
    pub read_at: Millis,
}

impl Request {
    /// Returns the result as JSON; `None` if it is not known yet.
    pub fn outcome(&self) -> Option<&str> {
        Some(self.outcome.as_str()).filter(|outcome| !outcome.is_empty())
    }

    /// Returns whether the current attempt may still take effect.
    pub fn is_in_progress(&self) -> bool {
        self.until > self.read_at
    }
}

impl SessionStore {
    /// Returns the call of an owner with this key, unless the key has expired.
    ///
    /// # Errors
    /// The database failed.
    pub async fn request(&self, owner: &str, id: &IdempotencyKey) -> Result<Option<Request>> {
        let now = self.now();
        let sql = format!(
            "SELECT owner, id, fingerprint, state_before, outcome, attempt, until, {now} AS read_at FROM requests \
             WHERE owner = $1 AND id = $2 AND expire_time > {now}"
        );
        let found: Vec<Request> = self.database.rows(&Statement::new(sql).bind(owner).bind(id.as_str())).await?;
        Ok(found.into_iter().next())
    }

    /// Stores a call before its first attempt. The attempt may take effect within `span`. Returns `None` if a call with this key exists.
    ///
    /// # Errors
    /// The database failed.
    pub async fn start_request(
        &self,
        owner: &str,
        id: &IdempotencyKey,
        fingerprint: &str,
        before: &str,
        span: Millis,
    ) -> Result<Option<Request>> {
        let (now, attempt): (_, i64) = (self.now(), rand::rng().random());
        let expired =
            Statement::new(format!("DELETE FROM requests WHERE owner = $1 AND id = $2 AND expire_time <= {now}"));
        self.database.run(&expired.bind(owner).bind(id.as_str())).await?;
        let sql = format!(
            "INSERT INTO requests (owner, id, fingerprint, attempt, state_before, outcome, until, expire_time) \
             VALUES ($1, $2, $3, $4, $5, '', {now} + $6, {now} + $7) ON CONFLICT DO NOTHING"
        );
        let insert = Statement::new(sql).bind(owner).bind(id.as_str()).bind(fingerprint).bind(attempt);
        self.database.run(&insert.bind(before).bind(span).bind(RETENTION)).await?;
        // The number of inserted rows is 0 if the statement was retried after a lost response, so this reads the row.
        Ok(self.request(owner, id).await?.filter(|request| request.attempt == attempt))
    }

    /// Starts another attempt of a call, after the last attempt can no longer take effect. Returns `None` if another caller started an
    /// attempt first, or if the result is known.
    ///
    /// # Errors
    /// The database failed.
    pub async fn restart_request(&self, request: &Request, span: Millis) -> Result<Option<Request>> {
        let (now, attempt): (_, i64) = (self.now(), rand::rng().random());
        let sql = format!(
            "UPDATE requests SET attempt = $1, until = {now} + $2, expire_time = {now} + $3 \
             WHERE owner = $4 AND id = $5 AND attempt = $6 AND outcome = '' AND until <= {now}"
        );
        let update = Statement::new(sql).bind(attempt).bind(span).bind(RETENTION);
        let update = update.bind(request.owner.as_str()).bind(request.id.as_str()).bind(request.attempt);
        self.database.run(&update).await?;
        let Ok(id) = IdempotencyKey::try_from(request.id.as_str()) else { return Ok(None) };
        Ok(self.request(&request.owner, &id).await?.filter(|request| request.attempt == attempt))
    }

    /// Stores the result of a call.
    ///
    /// # Errors
    /// The database failed.
    pub async fn finish_request(&self, request: &Request, outcome: &str) -> Result<()> {
        let sql = "UPDATE requests SET outcome = $1 WHERE owner = $2 AND id = $3 AND outcome = ''";
        let update = Statement::new(sql).bind(outcome).bind(request.owner.as_str()).bind(request.id.as_str());
        self.database.run(&update).await.map(drop)
    }

    /// Records that the current attempt may take effect within `span` from now.
    ///
    /// # Errors
    /// The database failed.
    pub async fn extend_request(&self, request: &Request, span: Millis) -> Result<()> {
        let sql =
            format!("UPDATE requests SET until = {} + $1 WHERE owner = $2 AND id = $3 AND attempt = $4", self.now());
        let update = Statement::new(sql).bind(span).bind(request.owner.as_str()).bind(request.id.as_str());
        self.database.run(&update.bind(request.attempt)).await.map(drop)
    }

    /// Deletes a call that failed without an effect, so that a retry runs it again.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forget_request(&self, request: &Request) -> Result<()> {
        let sql = "DELETE FROM requests WHERE owner = $1 AND id = $2 AND attempt = $3 AND outcome = ''";
        let delete = Statement::new(sql).bind(request.owner.as_str()).bind(request.id.as_str()).bind(request.attempt);
        self.database.run(&delete).await.map(drop)
    }

    /// Deletes some expired calls, and returns their number.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forget_expired_requests(&self) -> Result<u64> {
        let sql = format!(
            "DELETE FROM requests WHERE (owner, id) IN (SELECT owner, id FROM requests WHERE expire_time <= {} LIMIT $1)",
            self.now()
        );
        Ok(self.database.run(&Statement::new(sql).bind(MAX_DELETED)).await?.changed)
    }
}
