//! lakeport, as a process: settings, parts, serving, a signal, the drain.

use lakeport_server::app::{App, Serving};
use lakeport_server::config::{Command, Config};
use lakeport_server::error::BoxError;
use lakeport_server::{sweep, telemetry, welcome};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long calls may take to end once the server is asked to: Kubernetes kills it behind 30 s.
const DRAIN: Duration = Duration::from_secs(25);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lakeport-server: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run() -> Result<(), BoxError> {
    match Command::load()? {
        Command::Serve(config) => serve(config).await,
        Command::Sweep(config, asked) => {
            telemetry::start_logs(config.log_format, &config.log)?;
            sweep::look_for(&config)?;
            let app = App::build(config, telemetry::start_metrics()?).await?;
            sweep::run(app, &asked, &mut std::io::stdout().lock()).await
        }
    }
}

async fn serve(config: Config) -> Result<(), BoxError> {
    telemetry::start_logs(config.log_format, &config.log)?;
    let metrics = telemetry::start_metrics()?;
    let app = App::build(config.clone(), metrics).await?;
    #[cfg(all(feature = "fault-points", debug_assertions))]
    let app = app.timed(lakeport_server::timing::Timing::default().hastened());
    let serving = app.serve().await?; // listening, janitor running, ready
    // Whether anybody reads what it says does not matter.
    let _ = welcome::write(&mut std::io::stdout().lock(), &config, &serving);
    let why = end(&serving, config.exit_when_idle).await?;
    let _ = writeln!(std::io::stderr(), "lakeport-server: {why}: finishing calls, at most {} s", DRAIN.as_secs());
    serving.drain(DRAIN).await; // not ready, GOAWAY, calls and commits finish, the store closes
    Ok(())
}

/// Returns when the server is to end, and says why.
async fn end(serving: &Serving, exit_when_idle: Option<Duration>) -> Result<&'static str, BoxError> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let unneeded = async {
        match exit_when_idle {
            Some(span) => serving.unneeded(span).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => Ok("asked to end"),
        _ = interrupt.recv() => Ok("interrupted"),
        () = unneeded => Ok("nobody calls"),
    }
}
