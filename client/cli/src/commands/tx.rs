//! `lakeport tx`.

mod begin;
mod commit;
mod ls;
mod watch;
mod write;

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::views::transactions::{changed, shown};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Begin a transaction on a branch, and print its ID
    Begin(begin::Args),
    /// Write standard input to an object in a transaction
    Write(write::Args),
    /// Commit a transaction: publish all of its changes or none, and print the commit ID
    Commit(commit::Args),
    /// Roll back a transaction: end it and publish nothing
    Rollback {
        /// Transaction ID
        id: String,
    },
    /// Show a transaction
    Show {
        /// Transaction ID
        id: String,
    },
    /// Print a line for each state change of a transaction, until it ends
    Watch {
        /// Transaction ID
        id: String,
    },
    /// List your transactions, newest first
    Ls(ls::Args),
    /// Show the changes of a transaction; ! marks paths that the base branch changed too
    Changes {
        /// Transaction ID
        id: String,
        /// Show only paths with this prefix
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
}

pub(super) async fn run(session: &mut Session, command: Command) -> Result<()> {
    match command {
        Command::Begin(args) => begin::run(session, args).await,
        Command::Write(args) => write::run(session, args).await,
        Command::Commit(args) => commit::run(session, args).await,
        Command::Rollback { id } => {
            let ended = session.client.rollback(&id).await.with_context(|| format!("roll back {id}"))?;
            session.out.print(&shown(&ended))
        }
        Command::Show { id } => {
            let found = session.client.transaction(&id).await.with_context(|| format!("get {id}"))?;
            session.out.print(&shown(&found))
        }
        Command::Watch { id } => watch::run(session, &id).await,
        Command::Ls(args) => ls::run(session, args).await,
        Command::Changes { id, prefix } => {
            let what = || format!("read the changes of {id}");
            let changes = session.client.transaction_changes(&id, &prefix).await.with_context(what)?;
            session.print_all(changes, changed, what).await
        }
    }
}
