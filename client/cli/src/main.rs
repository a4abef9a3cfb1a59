//! Command-line client of lakeport.

mod commands;
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
use failure::{Context as _, Exit, Failure, Result};
use session::Global;
use std::process::ExitCode;

/// Text at the end of `--help`.
const HELP: &str = "\
Objects are named lakefs://REPOSITORY/REF/PATH, where REF is a branch, a tag, a commit ID or an expression such as main~1.
Within a transaction, write tx:ID instead of the ref: lakefs://REPOSITORY/tx:ID/PATH. `-` is standard input or output.
In paths, * and ? do not match /, but ** does; to match a literal star in a key, write [*].

Publish all results of a job, or none:
  ID=$(lakeport tx begin lakefs://lake/main)
  lakeport cp -r results/ lakefs://lake/tx:$ID/results/
  lakeport tx write $ID results/_SUCCESS < /dev/null
  lakeport tx commit $ID -m 'Add results' --tag v1

Credentials are the same as for lakectl: LAKECTL_CREDENTIALS_ACCESS_KEY_ID and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY, or else the
file in LAKECTL_CONFIG_FILE, by default ~/.lakectl.yaml.

Exit codes:
  0    success
  1    other failure
  2    invalid command
  3    not found
  4    already exists, was changed, or conflicts
  5    not authenticated, or permission denied
  6    unavailable, or outcome unknown: try again
  130  interrupted";

/// Work with files, versions and transactions of lakeFS through a lakeport server
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
    let runtime = tokio::runtime::Runtime::new().with_context(|| "start the runtime".to_owned())?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = cli.command.run(&cli.global) => result,
            // Unfinished uploads publish nothing. Dropping the futures deletes their temporary files.
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    });
    // A read of standard input may still block a thread, so do not wait for it.
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn dangerous_flags_have_no_short_form() {
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
    fn commands_of_a_typical_job_are_parsed() {
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
