//! Runs every command of `docs/grpcurl.md`, and the first minutes of other documents, each against a server of its own, and compares
//! what it prints with what is shown there.
//!
//! A block of `sh` is a command; the block of `json` or `text` directly behind it is what it prints, both its outputs; without
//! one it prints nothing. It has to fail where that has a line `ERROR:`, and to succeed where not. What differs between runs is
//! compared as `shape.rs` says. A block `json any order` is compared without regard to the order of its lines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by failing")]

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
use shell::{Ran, Shell};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const DOCUMENT: &str = include_str!("../../docs/grpcurl.md");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_prints_what_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(&dir.path().join("data")).await;
    let shell = Shell::new(dir.path(), &server.address).await;

    let (mut shapes, mut wrong) = (Shapes::default(), Vec::new());
    for step in document::steps(DOCUMENT) {
        let ran = shell.run(&step.command).await;
        if let Err(why) = check(&step, &ran, &mut shapes) {
            let Step { line, command, shown, .. } = &step;
            wrong.push(format!("line {line}: {why}\n{command}\n--- shown\n{shown}\n--- printed\n{}\n", ran.printed));
        }
    }
    server.drain(Duration::from_secs(5)).await;
    // All of them, since what changed on purpose is put into the document from here.
    assert!(wrong.is_empty(), "docs/grpcurl.md is wrong in {} places\n\n{}", wrong.len(), wrong.join("\n"));
}

/// The parts of other documents that are run, each on a new server: what stands between two texts.
const FIRST_MINUTES: [(&str, &str, &str); 2] = [
    (include_str!("../../README.md"), "With\n[grpcurl]", "More by hand:"),
    (include_str!("../../docs/command-line.md"), "## The first minute", "## URIs"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_minutes_go_as_printed() {
    for (document, from, to) in FIRST_MINUTES {
        let dir = tempfile::tempdir().unwrap();
        let server = serve(&dir.path().join("data")).await;
        let shell = Shell::new(dir.path(), &server.address).await;
        let (_, rest) = document.split_once(from).unwrap();
        let steps = document::steps(rest.split_once(to).unwrap().0);
        assert!(steps.iter().any(|step| step.command.contains("ommit")), "it has no transaction");
        let mut shapes = Shapes::default();
        for step in steps {
            let ran = shell.run(&step.command).await;
            let agreed = match step.shown.lines().any(|line| line.trim() == "…") {
                false => check(&step, &ran, &mut shapes),
                true => holds_what_is_shown(&step, &ran),
            };
            assert_eq!(agreed, Ok(()), "{}\n{}", step.command, ran.printed);
        }
        server.drain(Duration::from_secs(5)).await;
    }
}

/// Every line that is shown whole is printed, but for IDs.
fn holds_what_is_shown(step: &Step, ran: &Ran) -> Result<(), String> {
    let printed: BTreeSet<&str> = ran.printed.lines().map(str::trim).collect();
    let shown = step.shown.lines().map(str::trim).filter(|line| !line.contains('…') && !line.contains("commitId"));
    let missing: Vec<&str> = shown.filter(|line| !printed.contains(line)).collect();
    if ran.succeeded && missing.is_empty() { Ok(()) } else { Err(format!("it does not print {missing:?}")) }
}

#[test]
fn every_rpc_of_the_contract_has_a_command() {
    let commands: String = document::steps(DOCUMENT).into_iter().map(|step| step.command + "\n").collect();
    let called: BTreeSet<&str> = commands.split_whitespace().collect();
    let missing: Vec<String> = rpcs().into_iter().filter(|rpc| !called.contains(rpc.as_str())).collect();
    assert!(missing.is_empty(), "docs/grpcurl.md does not call {missing:?}");
}

/// Each as grpcurl takes it: `lakeport.v1.FileService/Stat`.
fn rpcs() -> Vec<String> {
    let set = FileDescriptorSet::decode(lakeport_proto::FILE_DESCRIPTOR_SET).unwrap();
    let ours = set.file.iter().filter(|file| file.package() == "lakeport.v1");
    let rpcs: Vec<String> = ours
        .flat_map(|file| &file.service)
        .flat_map(|service| service.method.iter().map(|rpc| format!("lakeport.v1.{}/{}", service.name(), rpc.name())))
        .collect();
    assert!(!rpcs.is_empty(), "the descriptors hold no service of lakeport.v1");
    rpcs
}

fn check(step: &Step, ran: &Ran, shapes: &mut Shapes) -> Result<(), String> {
    let is_error = step.shown.lines().any(|line| line == "ERROR:");
    match (is_error, ran.succeeded) {
        (true, true) => return Err("succeeds, but an error is shown".into()),
        (false, false) => return Err("fails, but no error is shown".into()),
        _ => {}
    }
    if step.any_order {
        shape::agree_in_any_order(&step.shown, &ran.printed)
    } else {
        shapes.agree(&step.shown, &ran.printed)
    }
}

/// A new server on a lake of its own, as without any setting.
async fn serve(data_dir: &Path) -> Serving {
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    App::build(config(data_dir.to_owned()), metrics).await.unwrap().serve().await.unwrap()
}
