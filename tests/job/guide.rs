//! Checks that the guide to the command line is correct and that its example script works.

use crate::command::Shell;
use crate::fixture::{TestRepo, argument};
use crate::flights::{self, assert_same};
use std::path::Path;

const GUIDE: &str = include_str!("../../docs/command-line.md");
const SCRIPT: &str = include_str!("../../docs/examples/flights.sh");

#[test]
fn the_guide_contains_the_example_script_verbatim() {
    assert!(GUIDE.contains(SCRIPT), "docs/command-line.md does not contain the current docs/examples/flights.sh");
}

#[tokio::test]
async fn the_guide_lists_the_exit_codes_of_the_help_text() {
    let home = tempfile::tempdir().unwrap();
    let help = Shell::new("http://127.0.0.1:1".into(), home.path()).lakeport(&["--help"], b"").await.stdout;
    let help = String::from_utf8(help).unwrap();
    let codes = help.split_once("Exit codes:\n").expect("the help text has no exit codes").1.trim_end().lines();
    let rows = codes.map(|line| line.trim().split_once(' ').unwrap());
    let rows: Vec<_> = rows.map(|(code, meaning)| format!("\n| {code} | {}", meaning.trim())).collect();
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| GUIDE.contains(row)), "docs/command-line.md does not contain all of {rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_script_publishes_everything_or_rolls_back() {
    let (months, repo) = (flights::months().await, TestRepo::start().await);
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/flights.sh"));
    let csv = flights::csv().await.to_str().unwrap();

    let ended = repo.shell.script(script, &[csv, &repo.at("main"), "flights-2013"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let printed = String::from_utf8(ended.stdout).unwrap();
    let changes: String = months.keys().map(|name| format!("+ flights/2013/{name}\n")).collect();
    assert_eq!(printed, format!("{changes}{}\n", repo.head("main").await));
    let folder = repo.folder("down");
    repo.ok(&["cp", "-r", &repo.at("flights-2013/flights/2013/"), argument(&folder)]).await;
    assert_same(&flights::read(&folder), &months);

    // The tag exists already, so the script publishes nothing and rolls its transaction back.
    let head = repo.head("main").await;
    let again = repo.shell.script(script, &[csv, &repo.at("main"), "flights-2013"]).await;
    assert!(again.code == 4 && again.stderr.contains("(TAG_EXISTS)"), "{} {}", again.code, again.stderr);
    assert_eq!(repo.head("main").await, head);
    let states = repo.json(&["tx", "ls", &repo.lake, "--label", "job=flights"]).await;
    let states: Vec<_> = states.iter().map(|transaction| &transaction["state"]).collect();
    assert_eq!(states, ["rolled-back", "committed"]);
    repo.stop().await;
}
