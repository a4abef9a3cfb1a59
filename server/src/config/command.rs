//! Command line of the server.

use super::{Config, InvalidSettings, Settings};
use clap::{Args, Parser, Subcommand};
use lakeport_types::RepositoryId;

/// gRPC service that gives every language a file system and transactions on lakeFS.
///
/// Without settings, the server serves an embedded lake in ./lakeport-data on 127.0.0.1:50051. With --lakefs-url and a key
/// pair, it serves a lakeFS. Each flag can also be set by an environment variable, or by a key in the file of --config.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List orphaned transaction branches, and delete them with --delete.
    ///
    /// A transaction branch is orphaned if no transaction in the session store refers to it. This happens only if the
    /// session store was lost, or if lakeFS created a branch long after the request. Use the settings of the server. If the
    /// lake is embedded, stop the server first. If another lakeport with another session store uses the same lakeFS, its
    /// branches are listed as well: check the list before you delete.
    Sweep {
        #[command(flatten)]
        settings: Box<Settings>,
        #[command(flatten)]
        sweep: Sweep,
    },
}

/// Options of `sweep`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Sweep {
    /// Delete the listed branches that are at least as old as --older-than, with all their contents.
    #[arg(long)]
    pub delete: bool,
    /// Set the minimum age of a branch to delete, in hours. The maximum lifetime of a transaction is 168 hours.
    #[arg(long, value_name = "HOURS", default_value_t = 168)]
    pub older_than: u32,
    /// Check only this repository. Repeat the flag for several repositories.
    #[arg(long, value_name = "REPOSITORY")]
    pub repository: Vec<RepositoryId>,
}

/// Command of the program.
#[derive(Debug)]
pub enum Command {
    /// Run the server.
    Serve(Config),
    /// List or delete orphaned transaction branches.
    Sweep(Config, Sweep),
}

impl Command {
    /// Reads the command from flags, environment variables and the configuration file.
    ///
    /// # Errors
    /// Returns all errors in the settings, not only the first.
    pub fn load() -> Result<Self, InvalidSettings> {
        let line = CommandLine::parse();
        match line.verb {
            None => Ok(Self::Serve(Config::of_settings(line.settings)?)),
            Some(Verb::Sweep { settings, sweep }) => Ok(Self::Sweep(Config::of_settings(*settings)?, sweep)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_accepted_only_after_the_subcommand() {
        let line = CommandLine::try_parse_from(["x", "sweep", "--data-dir", "d", "--delete", "--older-than", "36"]);
        let Some(Verb::Sweep { settings, sweep }) = line.unwrap().verb else { panic!("no sweep") };
        assert_eq!(settings.data_dir, Some("d".into()));
        assert!(sweep.delete && sweep.older_than == 36);
        assert!(
            CommandLine::try_parse_from(["x", "--data-dir", "d", "sweep"]).is_err(),
            "settings before the subcommand would be ignored"
        );
    }
}
