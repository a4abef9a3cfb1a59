//! A statement with what is bound to it, which can be sent again.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, Arguments, AssertSqlSafe, FromRow};

/// One statement of the one SQL text that both databases take. The text is ours; what callers say is bound.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    sql: String,
    values: Vec<Value>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Number(Option<i64>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

/// What a statement was answered with.
#[derive(Default)]
pub(super) struct Answer {
    /// Rows that it changed.
    pub(super) changed: u64,
    rows: Vec<AnyRow>,
}

impl Statement {
    pub(super) fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    #[must_use]
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(super) fn query(&self) -> sqlx::Result<sqlx::query::Query<'static, Any, AnyArguments>> {
        let mut arguments = AnyArguments::default();
        for value in &self.values {
            match value {
                Value::Text(text) => arguments.add(text.clone()),
                Value::Number(number) => arguments.add(*number),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok(sqlx::query_with(AssertSqlSafe(self.sql.clone()), arguments))
    }
}

impl Answer {
    pub(super) fn with(mut self, part: sqlx::Either<sqlx::any::AnyQueryResult, AnyRow>) -> Self {
        match part {
            sqlx::Either::Left(done) => self.changed += done.rows_affected(),
            sqlx::Either::Right(row) => self.rows.push(row),
        }
        self
    }

    pub(super) fn all<T>(self) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, AnyRow>,
    {
        self.rows.iter().map(T::from_row).collect()
    }
}
