//! `lakeport tx write`.

use crate::failure::{Context as _, Result};
use crate::session::{Session, usage_error};
use crate::values::{Pair, map, parse_content_type};
use crate::views::files::transferred;
use lakeport_client::{Place, WriteOptions};

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "lakeport tx write [OPTIONS] <ID> <KEY>\n       lakeport tx write [OPTIONS] --tx <ID> <KEY>"
)]
pub(crate) struct Args {
    /// Transaction ID, unless --tx is set, and key of the object
    #[arg(required = true, num_args = 1..=2, value_name = "ID KEY")]
    names: Vec<String>,
    /// Transaction ID
    #[arg(long, value_name = "ID")]
    tx: Option<String>,
    /// MIME type of the object
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TYPE", value_parser = parse_content_type)]
    content_type: String,
    /// User metadata of the object
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<Pair>,
    /// Do not overwrite: fail if the object exists
    #[arg(long)]
    no_clobber: bool,
}

/// Stores all of standard input as an object. If it fails, the object is not stored.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let (id, key) = id_and_key(args.tx, args.names)?;
    let options = WriteOptions {
        content_type: args.content_type,
        metadata: map(args.meta),
        create_only: args.no_clobber,
        ..WriteOptions::default()
    };
    let written = session.client.write(&Place::transaction(&id), &key, tokio::io::stdin(), options).await;
    written.with_context(|| format!("write {key} in {id}"))?;
    session.out.print(&transferred("copy", "-", &format!("tx:{id}/{key}"), false))
}

/// Returns the transaction ID and the key.
fn id_and_key(tx: Option<String>, mut names: Vec<String>) -> Result<(String, String)> {
    match (tx, names.pop(), names.pop()) {
        (Some(id), Some(key), None) | (None, Some(key), Some(id)) => Ok((id, key)),
        _ => usage_error("set the transaction ID once, either as ID KEY or as --tx ID KEY"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_id_must_be_set_exactly_once() {
        let words = |names: &[&str]| names.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let expected = ("id".to_owned(), "key".to_owned());
        assert_eq!(id_and_key(None, words(&["id", "key"])).unwrap(), expected);
        assert_eq!(id_and_key(Some("id".into()), words(&["key"])).unwrap(), expected);
        assert!(id_and_key(None, words(&["key"])).is_err());
        assert!(id_and_key(Some("id".into()), words(&["id", "key"])).is_err());
    }
}
