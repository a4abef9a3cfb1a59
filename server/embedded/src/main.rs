//! Standalone server of the embedded lake.

use clap::{Parser, Subcommand};
use lakeport_embedded::{Faults, Lake, serve};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Small lakeFS-compatible server on SQLite and files.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Directory of the lake. Created if it does not exist.
    #[arg(long, global = true, env = "LAKEPORT_EMBEDDED_DIR", default_value = "./lakeport-data/lake")]
    data_dir: PathBuf,
    /// Address to listen on.
    #[arg(long, global = true, env = "LAKEPORT_EMBEDDED_LISTEN", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the REST API (the default).
    Serve,
    /// Delete the bytes to which no commit and no uncommitted change refers.
    Gc,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lakeport-embedded: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: &Arguments) -> lakeport_embedded::Result<()> {
    let lake = Arc::new(Lake::open(&arguments.data_dir).await?);
    match &arguments.command {
        Some(Command::Gc) => {
            let collected = lake.gc().await?;
            println!("{} blobs kept, {} removed", collected.kept, collected.removed);
        }
        Some(Command::Serve) | None => serve_until_signal(&lake, arguments.listen).await?,
    }
    lake.close().await;
    Ok(())
}

async fn serve_until_signal(lake: &Arc<Lake>, listen: SocketAddr) -> lakeport_embedded::Result<()> {
    let serving = serve(Arc::clone(lake), TcpListener::bind(listen).await?, Faults::default())?;
    let account = lake.account();
    println!("lakeFS API        http://{}/api/v1", serving.address());
    println!("access key ID     {}", account.access_key_id);
    println!("secret access key {}", account.secret_access_key);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        () = lake.gc_regularly() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    serving.stop().await;
    Ok(())
}
