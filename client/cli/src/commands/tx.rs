//! `tx`.

mod begin;
mod commit;
mod ls;
mod watch;
mod write;

use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::views::transactions::{changed, shown};

/// What to do with transactions.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Begin a transaction on a branch, and print its ID
    Begin(begin::Args),
    /// Store standard input as an object in a transaction
    Write(write::Args),
    /// Publish a transaction, whole or not at all, and print the commit's ID
    Commit(commit::Args),
    /// End a transaction without publishing anything
    Rollback {
        /// The transaction
        id: String,
    },
    /// Show a transaction
    Show {
        /// The transaction
        id: String,
    },
    /// Print a line at each change of a transaction, until it ends
    Watch {
        /// The transaction
        id: String,
    },
    /// List your transactions, newest first
    Ls(ls::Args),
    /// Show what a transaction changed; ! marks what its base branch changed too
    Changes {
        /// The transaction
        id: String,
        /// Only paths that begin so
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
}

/// Does it.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, command: Command) -> Result<()> {
    match command {
        Command::Begin(args) => begin::run(session, args).await,
        Command::Write(args) => write::run(session, args).await,
        Command::Commit(args) => commit::run(session, args).await,
        Command::Rollback { id } => {
            let ended = session.client.rollback(&id).await.during(|| format!("roll back {id}"))?;
            session.out.put(&shown(&ended))
        }
        Command::Show { id } => {
            let found = session.client.transaction(&id).await.during(|| format!("look at {id}"))?;
            session.out.put(&shown(&found))
        }
        Command::Watch { id } => watch::run(session, &id).await,
        Command::Ls(args) => ls::run(session, args).await,
        Command::Changes { id, prefix } => {
            let what = || format!("read the changes of {id}");
            let changes = session.client.transaction_changes(&id, &prefix).await.during(what)?;
            session.put_all(changes, changed, what).await
        }
    }
}
