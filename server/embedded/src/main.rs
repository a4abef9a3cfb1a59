//! Standalone server of the embedded lake.

use clap::{Parser, Subcommand};
use lakeport_embedded::{BackedUp, Faults, Lake, LakeFiles, Scrubbed, serve};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
    /// Read all data, verify it, and list what is damaged. Exit with status 1 if anything is. A server may be running.
    Scrub,
    /// Copy the lake to a directory, and verify all bytes. Exit with status 1 if any are damaged. A server may be running.
    Backup {
        /// Directory of the backup. It must be empty or not exist. To restore, use it as the data directory.
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lakeport-embedded: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: &Arguments) -> lakeport_embedded::Result<ExitCode> {
    let dir = &arguments.data_dir;
    match &arguments.command {
        Some(Command::Gc) => {
            let lake = Lake::open(dir).await?;
            let collected = lake.gc().await?;
            println!("{} blobs kept, {} removed", collected.kept, collected.removed);
            lake.close().await;
        }
        Some(Command::Scrub) => return scrub(&LakeFiles::open(dir).await?).await,
        Some(Command::Backup { directory }) => return backup(&LakeFiles::open(dir).await?, directory).await,
        Some(Command::Serve) | None => {
            let lake = Arc::new(Lake::open(dir).await?);
            serve_until_signal(&lake, arguments.listen).await?;
            lake.close().await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn scrub(files: &LakeFiles) -> lakeport_embedded::Result<ExitCode> {
    let Scrubbed { blobs, new_checksums, unverified, damage } = files.scrub().await?;
    files.close().await;
    println!(
        "{blobs} blobs read, {new_checksums} got checksums, {unverified} cannot be verified, {} damaged",
        damage.len()
    );
    Ok(reported(&damage))
}

async fn backup(files: &LakeFiles, directory: &Path) -> lakeport_embedded::Result<ExitCode> {
    let BackedUp { blobs, damage } = files.backup(directory).await?;
    files.close().await;
    println!("{blobs} blobs copied to {}, {} damaged", directory.display(), damage.len());
    Ok(reported(&damage))
}

/// Prints the damage, and returns the exit status.
fn reported(damage: &[String]) -> ExitCode {
    for line in damage {
        println!("damaged: {line}");
    }
    if damage.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
