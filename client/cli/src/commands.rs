//! The commands, each in a file with its flags.

mod branch;
mod cat;
mod cherry_pick;
mod commit;
mod completion;
mod cp;
mod diff;
mod du;
mod log;
mod ls;
mod merge;
mod mv;
mod presign;
mod repo;
mod reset;
mod revert;
mod rm;
mod server_info;
mod stat;
mod sync;
mod tag;
mod tx;

use crate::failure::Result;
use crate::session::{Global, Session};
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what is below a prefix
    Ls(ls::Args),
    /// Print objects
    Cat(cat::Args),
    /// Copy files and objects: to a lake, from a lake, or within and between lakes
    Cp(cp::Args),
    /// Move objects within a branch or a transaction
    Mv(mv::Args),
    /// Delete objects
    Rm(rm::Args),
    /// Show what objects are
    Stat(stat::Args),
    /// Print a URL that reads an object straight from its store, where the store has such
    Presign(presign::Args),
    /// Make one directory or prefix equal to another
    Sync(sync::Args),
    /// Sum up how much is below a prefix
    Du(du::Args),
    /// List, create, delete and show branches
    #[command(subcommand)]
    Branch(branch::Command),
    /// List, create, delete and show tags
    #[command(subcommand)]
    Tag(tag::Command),
    /// Show the history of a ref, newest first
    Log(log::Args),
    /// Show what differs between two refs, or what is uncommitted
    Diff(diff::Args),
    /// Commit what is uncommitted on a branch, or in a transaction, which stays open
    Commit(commit::Args),
    /// Merge a ref into a branch
    Merge(merge::Args),
    /// Undo a commit on a branch, by a new commit
    Revert(revert::Args),
    /// Make the change of a commit once more, on another branch
    CherryPick(cherry_pick::Args),
    /// Drop what is uncommitted on a branch, or let it point elsewhere
    Reset(reset::Args),
    /// Work in transactions: private until they are committed, whole or not at all
    #[command(subcommand)]
    Tx(tx::Command),
    /// List, create, delete and show repositories
    #[command(subcommand)]
    Repo(repo::Command),
    /// Show versions, limits and abilities of the server
    ServerInfo,
    /// Print the completions for a shell
    Completion(completion::Args),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// When it failed.
    pub(crate) async fn run(self, global: &Global) -> Result<()> {
        if let Self::Completion(args) = self {
            return completion::run(&args);
        }
        let mut session = Session::open(global).await?;
        let result = self.run_in(&mut session).await;
        // What was found before a failure is printed in any case.
        let flushed = session.out.flush();
        result.and(flushed)
    }

    async fn run_in(self, session: &mut Session) -> Result<()> {
        match self {
            Self::Ls(args) => ls::run(session, args).await,
            Self::Cat(args) => cat::run(session, args).await,
            Self::Cp(args) => cp::run(session, args).await,
            Self::Mv(args) => mv::run(session, args).await,
            Self::Rm(args) => rm::run(session, args).await,
            Self::Stat(args) => stat::run(session, args).await,
            Self::Presign(args) => presign::run(session, args).await,
            Self::Sync(args) => sync::run(session, args).await,
            Self::Du(args) => du::run(session, args).await,
            Self::Branch(command) => branch::run(session, command).await,
            Self::Tag(command) => tag::run(session, command).await,
            Self::Log(args) => log::run(session, args).await,
            Self::Diff(args) => diff::run(session, args).await,
            Self::Commit(args) => commit::run(session, args).await,
            Self::Merge(args) => merge::run(session, args).await,
            Self::Revert(args) => revert::run(session, args).await,
            Self::CherryPick(args) => cherry_pick::run(session, args).await,
            Self::Reset(args) => reset::run(session, args).await,
            Self::Tx(command) => tx::run(session, command).await,
            Self::Repo(command) => repo::run(session, command).await,
            Self::ServerInfo => server_info::run(session).await,
            Self::Completion(args) => completion::run(&args),
        }
    }
}
