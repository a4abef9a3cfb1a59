//! INSERT and compare-and-set UPDATE of a row, from the columns of the transaction.

use super::database::Database;
use crate::error::Result;
use crate::statement::Statement;
use crate::transaction::{Column, Transaction, Update};
use rand::RngExt;

/// Inserts a row. Returns whether its owner had no transaction with that ID.
pub(super) async fn insert(database: &Database, row: &Transaction) -> Result<bool> {
    let columns = row.columns()?;
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let values: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
    let sql = format!(
        "INSERT INTO transactions ({}) VALUES ({}) ON CONFLICT DO NOTHING",
        names.join(", "),
        values.join(", ")
    );
    let insert = columns.into_iter().fold(Statement::new(sql), |insert, column| insert.bind(column.value));
    Ok(database.run(&insert).await?.changed == 1)
}

/// Writes `next` if the row is still `current` and fulfils `condition`. Returns whether the row was written.
///
/// A version alone does not identify a row. If a row is deleted and a transaction with the same ID begins, the new row may reach the
/// same version, but its branch differs.
pub(super) async fn replace(
    database: &Database,
    current: &Transaction,
    next: &Transaction,
    condition: &str,
) -> Result<bool> {
    let write_id: i64 = rand::rng().random();
    let columns = next.columns()?.into_iter().filter(|column| column.update != Update::Keep);
    let (assignments, values): (Vec<_>, Vec<_>) =
        columns.enumerate().map(|(at, column)| (assignment(at + 1, &column), column.value)).unzip();
    let last = values.len();
    let sql = format!(
        "UPDATE transactions SET {}, write_id = ${} WHERE owner = ${} AND id = ${} AND version = ${} AND branch = ${}{condition}",
        assignments.join(", "),
        last + 1,
        last + 2,
        last + 3,
        last + 4,
        last + 5,
    );
    let replace = values.into_iter().fold(Statement::new(sql), Statement::bind);
    let replace = replace
        .bind(write_id)
        .bind(current.owner.as_str())
        .bind(current.id.as_str())
        .bind(current.version)
        .bind(current.branch.as_str());
    if database.run(&replace).await?.changed == 1 {
        return Ok(true);
    }
    // Another writer changed the row first, or an earlier attempt of this statement succeeded and its response was lost.
    let own = Statement::new("SELECT count(*) FROM transactions WHERE owner = $1 AND id = $2 AND write_id = $3");
    Ok(database.number(&own.bind(next.owner.as_str()).bind(next.id.as_str()).bind(write_id)).await? == 1)
}

fn assignment(number: usize, Column { name, update, .. }: &Column) -> String {
    match update {
        Update::Max => format!("{name} = CASE WHEN {name} > ${number} THEN {name} ELSE ${number} END"),
        Update::Set | Update::Keep => format!("{name} = ${number}"),
    }
}
