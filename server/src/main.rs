//! lakeport, as a process: settings, parts, serving, a signal, the drain.

use lakeport_server::app::{App, Serving, is_in_use};
use lakeport_server::config::{Command, Config};
use lakeport_server::error::BoxError;
use lakeport_server::{sweep, telemetry, welcome};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long calls may take to end once the server is asked to: Kubernetes kills it behind 30 s.
const DRAIN: Duration = Duration::from_secs(25);

/// The exit code when another server has the transactions: who started this one may wait for its end. `EX_TEMPFAIL` of sysexits.h.
const IN_USE: u8 = 75;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lakeport-server: {error}");
            if is_in_use(&error) { ExitCode::from(IN_USE) } else { ExitCode::FAILURE }
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
    let unneeded = async {
        match exit_when_idle {
            Some(span) => serving.unneeded(span).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        asked = asked_to_end() => asked,
        () = unneeded => Ok("nobody calls"),
    }
}

/// Returns when the system asks, or a person does.
#[cfg(unix)]
async fn asked_to_end() -> Result<&'static str, BoxError> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok("asked to end"),
        _ = interrupt.recv() => Ok("interrupted"),
    }
}

/// Returns when a person asks.
#[cfg(not(unix))]
async fn asked_to_end() -> Result<&'static str, BoxError> {
    tokio::signal::ctrl_c().await?;
    Ok("interrupted")
}
