//! `tx write`.

use crate::failure::{Result, While as _};
use crate::session::{Session, usage};
use crate::values::{Pair, map};
use crate::views::files::transferred;
use lakeport_client::{Place, WriteOptions};

/// Flags.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "lakeport tx write [OPTIONS] <ID> <KEY>\n       lakeport tx write [OPTIONS] --tx <ID> <KEY>"
)]
pub(crate) struct Args {
    /// The transaction, unless --tx names it, and the key of the object
    #[arg(required = true, num_args = 1..=2, value_name = "ID KEY")]
    words: Vec<String>,
    /// The transaction
    #[arg(long, value_name = "ID")]
    tx: Option<String>,
    /// MIME type
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TYPE")]
    content_type: String,
    /// User metadata
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<Pair>,
    /// Write only if the object is not there
    #[arg(long)]
    no_clobber: bool,
}

/// Stores standard input, to its end.
///
/// # Errors
/// When it failed; then nothing is stored.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let (id, key) = names(args.tx, args.words)?;
    let options = WriteOptions {
        content_type: args.content_type,
        metadata: map(args.meta),
        create_only: args.no_clobber,
        ..WriteOptions::default()
    };
    let written = session.client.write(&Place::transaction(&id), &key, tokio::io::stdin(), options).await;
    written.during(|| format!("write {key} in {id}"))?;
    session.out.put(&transferred("copy", "-", &format!("tx:{id}/{key}"), false))
}

/// The transaction and the key.
fn names(tx: Option<String>, mut words: Vec<String>) -> Result<(String, String)> {
    match (tx, words.pop(), words.pop()) {
        (Some(id), Some(key), None) | (None, Some(key), Some(id)) => Ok((id, key)),
        _ => usage("name the transaction once, as ID KEY or as --tx ID KEY"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transaction_is_named_once() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let expected = ("id".to_owned(), "key".to_owned());
        assert_eq!(names(None, words(&["id", "key"])).unwrap(), expected);
        assert_eq!(names(Some("id".into()), words(&["key"])).unwrap(), expected);
        assert!(names(None, words(&["key"])).is_err());
        assert!(names(Some("id".into()), words(&["id", "key"])).is_err());
    }
}
