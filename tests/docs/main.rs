//! Runs all commands of `docs/grpcurl.md` and the quick starts of other documents, each document against a new server, and
//! compares the output with the documented output.
//!
//! An `sh` block is a command. A `json` or `text` block directly after it is the output of the command, standard output
//! followed by standard error. Without such a block, the command must print nothing. If the block has a line `ERROR:`, the
//! command must fail; otherwise it must succeed. `shape.rs` describes how values that differ between runs are compared. The
//! lines of a block `json any order` or `text any order` can come in any order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports failures by panicking")]

mod document;
mod shape;
mod shell;

use document::Step;
use lakeport_server::app::{App, Serving};
use lakeport_tests::server::config;
use metrics_exporter_prometheus::PrometheusBuilder;
use prost::Message;
use prost_types::FileDescriptorSet;
use shape::Shapes;
use shell::{CommandOutput, Shell};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const DOCUMENT: &str = include_str!("../../docs/grpcurl.md");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_grpcurl_command_prints_the_documented_output() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(&dir.path().join("data")).await;
    let shell = Shell::new(dir.path(), &server.address).await;

    let (mut shapes, mut differences) = (Shapes::default(), Vec::new());
    for step in document::steps(DOCUMENT) {
        let ran = shell.run(&step.command).await;
        if let Err(why) = check(&step, &ran, &mut shapes) {
            let Step { line, command, shown, .. } = &step;
            differences
                .push(format!("line {line}: {why}\n{command}\n--- shown\n{shown}\n--- printed\n{}\n", ran.printed));
        }
    }
    server.drain(Duration::from_secs(5)).await;
    // Report all differences, so that intended changes can be copied into the document.
    assert!(
        differences.is_empty(),
        "docs/grpcurl.md has {} differences\n\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// Quick starts in other documents: the document, and the texts before and after the part to run.
const QUICK_STARTS: [(&str, &str, &str); 3] = [
    (include_str!("../../README.md"), "With\n[grpcurl]", "More guides:"),
    (include_str!("../../docs/command-line.md"), "## The first minute", "## URIs"),
    (include_str!("../../docs/uploads.md"), "### An example with grpcurl", "The Rust client does"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quick_starts_print_the_documented_output() {
    for (document, from, to) in QUICK_STARTS {
        let dir = tempfile::tempdir().unwrap();
        let server = serve(&dir.path().join("data")).await;
        let shell = Shell::new(dir.path(), &server.address).await;
        let (_, rest) = document.split_once(from).unwrap();
        let steps = document::steps(rest.split_once(to).unwrap().0);
        assert!(steps.iter().any(|step| step.command.contains("ommit")), "the quick start commits nothing");
        let mut shapes = Shapes::default();
        for step in steps {
            let ran = shell.run(&step.command).await;
            let result = match step.shown.lines().any(|line| line.trim() == "…") {
                false => check(&step, &ran, &mut shapes),
                true => contains_shown_lines(&step, &ran),
            };
            assert_eq!(result, Ok(()), "{}\n{}", step.command, ran.printed);
        }
        server.drain(Duration::from_secs(5)).await;
    }
}

/// Checks that the output contains every shown line, except lines with `…` and lines with commit IDs.
fn contains_shown_lines(step: &Step, ran: &CommandOutput) -> Result<(), String> {
    let printed: BTreeSet<&str> = ran.printed.lines().map(str::trim).collect();
    let shown = step.shown.lines().map(str::trim).filter(|line| !line.contains('…') && !line.contains("commitId"));
    let missing: Vec<&str> = shown.filter(|line| !printed.contains(line)).collect();
    if ran.succeeded && missing.is_empty() { Ok(()) } else { Err(format!("the output lacks {missing:?}")) }
}

#[test]
fn every_rpc_has_a_documented_command() {
    let commands: String = document::steps(DOCUMENT).into_iter().map(|step| step.command + "\n").collect();
    let called: BTreeSet<&str> = commands.split_whitespace().collect();
    let missing: Vec<String> = rpcs().into_iter().filter(|rpc| !called.contains(rpc.as_str())).collect();
    assert!(missing.is_empty(), "docs/grpcurl.md does not call {missing:?}");
}

/// Returns the names of all RPCs as grpcurl expects them, for example `lakeport.v1.FileService/Stat`.
fn rpcs() -> Vec<String> {
    let set = FileDescriptorSet::decode(lakeport_proto::FILE_DESCRIPTOR_SET).unwrap();
    let ours = set.file.iter().filter(|file| file.package() == "lakeport.v1");
    let rpcs: Vec<String> = ours
        .flat_map(|file| &file.service)
        .flat_map(|service| service.method.iter().map(|rpc| format!("lakeport.v1.{}/{}", service.name(), rpc.name())))
        .collect();
    assert!(!rpcs.is_empty(), "the descriptors contain no service of lakeport.v1");
    rpcs
}

fn check(step: &Step, ran: &CommandOutput, shapes: &mut Shapes) -> Result<(), String> {
    let is_error = step.shown.lines().any(|line| line == "ERROR:");
    match (is_error, ran.succeeded) {
        (true, true) => return Err("the command succeeds, but the document shows an error".into()),
        (false, false) => return Err("the command fails, but the document shows no error".into()),
        _ => {}
    }
    if step.any_order {
        shape::compare_in_any_order(&step.shown, &ran.printed)
    } else {
        shapes.compare(&step.shown, &ran.printed)
    }
}

/// Starts a server with an embedded lake and default settings.
async fn serve(data_dir: &Path) -> Serving {
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    App::build(config(data_dir.to_owned()), metrics).await.unwrap().serve().await.unwrap()
}
