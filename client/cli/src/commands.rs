//! The subcommands. Each has its own file, with its flags.

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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List objects and prefixes
    Ls(ls::Args),
    /// Print the content of objects
    Cat(cat::Args),
    /// Copy files and objects to, from, within or between repositories
    Cp(cp::Args),
    /// Move objects within a branch or a transaction
    Mv(mv::Args),
    /// Delete objects
    Rm(rm::Args),
    /// Show the properties of objects
    Stat(stat::Args),
    /// Print a URL that reads an object directly from its store, if the store supports it
    Presign(presign::Args),
    /// Make a directory or prefix equal to another
    Sync(sync::Args),
    /// Show the number and total size of objects below a prefix
    Du(du::Args),
    /// List, create, delete and show branches
    #[command(subcommand)]
    Branch(branch::Command),
    /// List, create, delete and show tags
    #[command(subcommand)]
    Tag(tag::Command),
    /// Show the history of a ref, newest first
    Log(log::Args),
    /// Show the differences between two refs, or uncommitted changes
    Diff(diff::Args),
    /// Commit the uncommitted changes of a branch or a transaction; the transaction stays open
    Commit(commit::Args),
    /// Merge a ref into a branch
    Merge(merge::Args),
    /// Revert a commit with a new commit
    Revert(revert::Args),
    /// Apply the changes of a commit to another branch
    CherryPick(cherry_pick::Args),
    /// Discard uncommitted changes of a branch, or move the branch to another commit
    Reset(reset::Args),
    /// Work in transactions: their changes are private until a commit publishes all of them
    #[command(subcommand)]
    Tx(tx::Command),
    /// List, create, delete and show repositories
    #[command(subcommand)]
    Repo(repo::Command),
    /// Show the versions, limits and features of the server
    ServerInfo,
    /// Print shell completions
    Completion(completion::Args),
}

impl Command {
    /// Runs the subcommand.
    pub(crate) async fn run(self, global: &Global) -> Result<()> {
        if let Self::Completion(args) = self {
            return completion::run(&args);
        }
        let mut session = Session::open(global).await?;
        let result = self.run_in(&mut session).await;
        // Print the results that precede a failure, too.
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
