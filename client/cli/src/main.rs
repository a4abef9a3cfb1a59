//! The command line of lakeport.

mod commands;
mod config;
mod confirm;
mod failure;
mod globs;
mod hints;
mod local;
mod output;
mod progress;
mod session;
mod sources;
mod terminal;
mod transfer;
mod uri;
mod values;
mod views;

use clap::Parser;
use commands::Command;
use failure::{Exit, Failure, Result, While as _};
use session::Global;
use std::process::ExitCode;

/// Ends `--help`.
const HELP: &str = "\
Objects are named lakefs://REPOSITORY/REF/PATH, where REF is a branch, a tag, a commit ID or an expression such as main~1.
Within a transaction, tx:ID stands in place of the ref: lakefs://REPOSITORY/tx:ID/PATH. `-` is standard input or output.
In paths, * and ? stay within a /, ** does not; write [*] for a star that is part of a key.

A job that publishes all of its results, or none:
  ID=$(lakeport tx begin lakefs://lake/main)
  lakeport cp -r results/ lakefs://lake/tx:$ID/results/
  lakeport tx write $ID results/_SUCCESS < /dev/null
  lakeport tx commit $ID -m 'Add results' --tag v1

Credentials are those of lakectl: LAKECTL_CREDENTIALS_ACCESS_KEY_ID and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY, else
~/.lakectl.yaml, or the file that LAKECTL_CONFIG_FILE names.

Exit codes:
  0    done
  1    failed
  2    the command makes no sense
  3    something was not found
  4    something is there already, was changed, or conflicts
  5    not authenticated, or not permitted
  6    unavailable, or in doubt: try again
  130  interrupted";

/// Files, versions and transactions of lakeFS, by lakeport
#[derive(Debug, Parser)]
#[command(name = "lakeport", version, after_long_help = HELP)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => {
            failure.report();
            failure.exit().into()
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().during(|| "start".to_owned())?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = cli.command.run(&cli.global) => result,
            // Uploads that are not finished publish nothing, and temporary files go with the futures that own them.
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    });
    // A read of standard input may still block a thread.
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_of_all_commands_agree() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_destroys_has_long_names_only() {
        let dangerous = ["yes", "delete", "no-clobber", "dry-run"];
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            for argument in command
                .get_arguments()
                .filter(|argument| argument.get_long().is_some_and(|name| dangerous.contains(&name)))
            {
                assert_eq!(argument.get_short(), None, "{} {}", command.get_name(), argument.get_id());
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn the_flow_of_a_job_is_understood() {
        for line in [
            "lakeport tx begin lakefs://lake/main",
            "lakeport tx write id key",
            "lakeport tx write --tx id key",
            "lakeport cp -r dir lakefs://lake/tx:id/prefix/",
            "lakeport tx commit id -m msg --tag v1",
            "lakeport ls -o json lakefs://lake/main",
            "lakeport --endpoint http://h:1 rm --recursive --yes lakefs://lake/main/a",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        assert!(Cli::try_parse_from(["lakeport", "ls", "lake/main"]).is_err());
    }
}
