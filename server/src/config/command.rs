//! What the program is asked to do.

use super::{Config, Mistakes, Settings};
use clap::{Args, Parser, Subcommand};
use lakeport_types::RepositoryId;

/// One gRPC service that gives every language a filesystem and real transactions on lakeFS.
///
/// Without any setting it serves a lake of its own, kept in ./lakeport-data, on 127.0.0.1:50051. With --lakefs-url and a key
/// pair it serves a lakeFS. Each flag is an environment variable too, and a key of the file that --config names.
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
    /// List branches of transactions that no transaction knows any more, and delete them if asked to.
    ///
    /// There are none unless the session store was lost, or lakeFS made a branch long after it was asked to. Settings are those of
    /// the server; a lake of its own must not be open in a server meanwhile. Replicas of another lakeport, with another store, know
    /// branches that this one does not: look before you delete.
    Sweep {
        #[command(flatten)]
        settings: Box<Settings>,
        #[command(flatten)]
        sweep: Sweep,
    },
}

/// How to sweep.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Sweep {
    /// Delete those that are older than --older-than, and what is in them.
    #[arg(long)]
    pub delete: bool,
    /// How old a branch must be to be deleted. No transaction lives longer than 168 hours.
    #[arg(long, value_name = "HOURS", default_value_t = 168)]
    pub older_than: u32,
    /// Look only into this repository; repeat it for several.
    #[arg(long, value_name = "REPOSITORY")]
    pub repository: Vec<RepositoryId>,
}

/// What the program is to do.
#[derive(Debug)]
pub enum Command {
    /// Serve.
    Serve(Config),
    /// Look for branches that no transaction knows.
    Sweep(Config, Sweep),
}

impl Command {
    /// From flags, environment and file.
    ///
    /// # Errors
    /// Every mistake in the settings, not the first.
    pub fn load() -> Result<Self, Mistakes> {
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
    fn settings_stand_behind_the_verb() {
        let line = CommandLine::try_parse_from(["x", "sweep", "--data-dir", "d", "--delete", "--older-than", "36"]);
        let Some(Verb::Sweep { settings, sweep }) = line.unwrap().verb else { panic!("no sweep") };
        assert_eq!(settings.data_dir, Some("d".into()));
        assert!(sweep.delete && sweep.older_than == 36);
        assert!(CommandLine::try_parse_from(["x", "--data-dir", "d", "sweep"]).is_err(), "taken and ignored");
    }
}
