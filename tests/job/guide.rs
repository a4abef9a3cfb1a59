//! The guide to the command line says what is so, and the script in it works.

use crate::command::Shell;
use crate::fixture::{Desk, argument};
use crate::flights::{self, assert_same};
use std::path::Path;

const GUIDE: &str = include_str!("../../docs/command-line.md");
const SCRIPT: &str = include_str!("../../docs/examples/flights.sh");

#[test]
fn the_guide_shows_the_script_as_it_is() {
    assert!(GUIDE.contains(SCRIPT), "docs/command-line.md shows another docs/examples/flights.sh");
}

#[tokio::test]
async fn the_guide_tells_the_exit_codes_of_the_help() {
    let home = tempfile::tempdir().unwrap();
    let help = Shell::new("http://127.0.0.1:1".into(), home.path()).lakeport(&["--help"], b"").await.stdout;
    let help = String::from_utf8(help).unwrap();
    let codes = help.split_once("Exit codes:\n").expect("the help has no exit codes").1.trim_end().lines();
    let rows = codes.map(|line| line.trim().split_once(' ').unwrap());
    let rows: Vec<_> = rows.map(|(code, meaning)| format!("\n| {code} | {}", meaning.trim())).collect();
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| GUIDE.contains(row)), "docs/command-line.md says otherwise than {rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_publishes_all_and_leaves_nothing_when_it_fails() {
    let (months, desk) = (flights::months().await, Desk::start().await);
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/flights.sh"));
    let csv = flights::csv().await.to_str().unwrap();

    let ended = desk.shell.script(script, &[csv, &desk.at("main"), "flights-2013"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let printed = String::from_utf8(ended.stdout).unwrap();
    let changes: String = months.keys().map(|name| format!("+ flights/2013/{name}\n")).collect();
    assert_eq!(printed, format!("{changes}{}\n", desk.head("main").await));
    let folder = desk.folder("down");
    desk.ok(&["cp", "-r", &desk.at("flights-2013/flights/2013/"), argument(&folder)]).await;
    assert_same(&flights::read(&folder), &months);

    // The tag is taken, so nothing more is published, and nothing is left open.
    let head = desk.head("main").await;
    let again = desk.shell.script(script, &[csv, &desk.at("main"), "flights-2013"]).await;
    assert!(again.code == 4 && again.stderr.contains("(TAG_EXISTS)"), "{} {}", again.code, again.stderr);
    assert_eq!(desk.head("main").await, head);
    let states = desk.json(&["tx", "ls", &desk.lake, "--label", "job=flights"]).await;
    let states: Vec<_> = states.iter().map(|transaction| &transaction["state"]).collect();
    assert_eq!(states, ["rolled-back", "committed"]);
    desk.stop().await;
}
