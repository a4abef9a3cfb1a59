//! One transaction in four languages: begun in Python, written from Go, watched in a browser, committed from TypeScript in Node.js, and
//! verified here.
//!
//! `cargo xtask test --only together` runs it. The environment has the commands of the languages.

use futures_util::TryStreamExt as _;
use lakeport_client::{Client, Endpoint, ListOptions, Place, ReadOptions, v1};
use lakeport_server::app::App;
use lakeport_server::config::Config;
use lakeport_server::listen::Address;
use lakeport_tests::server::config;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Repository that the server makes at its first start.
const REPOSITORY: &str = "quickstart";
/// Longest time of the drain at the end.
const DRAIN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result {
    let dir = tempfile::tempdir()?;
    let origin = required("LAKEPORT_TEST_WEB_ORIGIN")?;
    let config = Config { web_origins: vec![origin.parse()?], admin_listen: None, ..config(dir.path().to_owned()) };
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let serving = App::build(config, metrics).await.map_err(|error| error.to_string())?;
    let serving = serving.serve().await.map_err(|error| error.to_string())?;
    let Address::Tcp(address) = serving.address.clone() else { return Err("the server has no TCP address".into()) };
    let address = address.to_string();
    let result = tokio::task::spawn_blocking({
        let address = address.clone();
        move || publish(&address).map_err(|error| error.to_string())
    });
    let transaction = result.await??;
    verify(&address, &transaction).await?;
    serving.drain(DRAIN).await;
    println!("one transaction in four languages: ok");
    Ok(())
}

/// Begins, writes, watches and commits a transaction. Returns its ID.
fn publish(address: &str) -> Result<String> {
    let (root, endpoint) = (PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."), format!("grpc://{address}"));
    let python = Command::new(required("LAKEPORT_TEST_PYTHON")?)
        .arg(root.join("client/python/tests/begin_together.py"))
        .args([&endpoint, REPOSITORY])
        .stderr(Stdio::inherit())
        .output()?;
    let transaction = String::from_utf8(python.stdout)?.trim().to_owned();
    if !python.status.success() || transaction.is_empty() {
        return Err("the Python program failed".into());
    }
    let mut watch = node(&root, "watch.js").args([address, &transaction]).stdout(Stdio::piped()).spawn()?;
    let mut seen = BufReader::new(watch.stdout.take().ok_or("the browser prints nothing")?);
    expect(&mut seen, "open")?;
    let go = Command::new("go")
        .args(["run", "./examples/write", &transaction, "from-go.txt", "Go"])
        .current_dir(root.join("client/go"))
        .env("LAKEPORT_ENDPOINT", &endpoint)
        .status()?;
    if !go.success() {
        return Err("the Go program failed".into());
    }
    let committed = node(&root, "commit.js").args([&endpoint, &transaction]).status()?;
    if !committed.success() {
        return Err("the TypeScript program failed".into());
    }
    expect(&mut seen, "committed")?;
    ended(&mut watch)?;
    Ok(transaction)
}

/// Returns the command that runs a compiled program of `client/typescript/tests/together`.
fn node(root: &Path, program: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(root.join("client/typescript/out/tests/together").join(program));
    command
}

/// Reads states of the transaction that the browser sees, until this one.
fn expect(seen: &mut BufReader<ChildStdout>, state: &str) -> Result {
    let mut states = Vec::new();
    loop {
        let mut line = String::new();
        if seen.read_line(&mut line)? == 0 {
            return Err(format!("the browser saw {states:?}, and not {state}").into());
        }
        if line.trim() == state {
            return Ok(());
        }
        states.push(line);
    }
}

fn ended(watch: &mut Child) -> Result {
    match watch.wait()?.success() {
        true => Ok(()),
        false => Err("the browser failed".into()),
    }
}

/// Checks that the base has both files, and that one merge published them.
async fn verify(address: &str, id: &str) -> Result {
    let client = Client::connect(&Endpoint::new(format!("grpc://{address}"))).await?;
    let transaction = client.transaction(id).await?;
    if transaction.state() != v1::TransactionState::Committed || !transaction.merged {
        return Err(format!("the transaction is {:?}", transaction.state()).into());
    }
    let main = Place::reference(REPOSITORY, "main");
    if client.get_commit(&main).await?.commit_id != transaction.commit_id {
        return Err("the merge of the transaction is not the head of main".into());
    }
    let options = ListOptions { prefix: "from-".to_owned(), ..ListOptions::default() };
    let entries = client.list(&main, options).await?.map_ok(|entry| entry.path);
    let mut contents = Vec::new();
    for path in entries.try_collect::<Vec<_>>().await? {
        let bytes = client.read(&main, &path, ReadOptions::default()).await?.into_stream();
        let bytes: Vec<_> = bytes.try_collect().await?;
        contents.push((path, String::from_utf8(bytes.concat())?));
    }
    let expected = [("from-go.txt", "Go"), ("from-python.txt", "Python"), ("from-typescript.txt", "TypeScript")];
    let expected = expected.map(|(path, text)| (path.to_owned(), text.to_owned()));
    match contents == expected {
        true => Ok(()),
        false => Err(format!("the base has {contents:?}").into()),
    }
}

fn required(variable: &str) -> Result<String> {
    std::env::var(variable).map_err(|_| format!("{variable} is not set: run `cargo xtask test --only together`").into())
}
