//! SQL statements with their bound values. A statement can be sent more than once.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, Arguments, AssertSqlSafe, FromRow};

/// A statement. Its text comes only from this crate. Values from callers are bound.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    sql: String,
    values: Vec<Value>,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
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

/// The result of a statement.
#[derive(Default)]
pub(crate) struct StatementResult {
    /// Number of changed rows.
    pub(crate) changed: u64,
    /// Returned rows.
    pub(crate) rows: Vec<AnyRow>,
}

impl Statement {
    pub(crate) fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    #[must_use]
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(crate) fn query(&self) -> sqlx::Result<sqlx::query::Query<'static, Any, AnyArguments>> {
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

impl StatementResult {
    pub(crate) fn with(mut self, part: sqlx::Either<sqlx::any::AnyQueryResult, AnyRow>) -> Self {
        match part {
            sqlx::Either::Left(done) => self.changed += done.rows_affected(),
            sqlx::Either::Right(row) => self.rows.push(row),
        }
        self
    }

    pub(crate) fn all<T>(self) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, AnyRow>,
    {
        self.rows.iter().map(T::from_row).collect()
    }
}
