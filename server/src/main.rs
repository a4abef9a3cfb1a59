//! Process of the server: reads the settings, serves, waits for a signal and drains.

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

/// Maximum time for calls to finish during shutdown. By default, Kubernetes kills a container 30 s after the termination
/// signal.
const DRAIN: Duration = Duration::from_secs(25);

/// Exit code if another server uses the session store. The program that started this server can wait until the other server
/// ends. The value is `EX_TEMPFAIL` of sysexits.h.
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
        Command::Sweep(config, options) => {
            telemetry::start_logs(config.log_format, &config.log)?;
            sweep::ensure_data_exists(&config)?;
            let app = App::build(config, telemetry::start_metrics()?).await?;
            sweep::run(app, &options, &mut std::io::stdout().lock()).await
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
    // The server also runs if its output is closed.
    let _ = welcome::write(&mut std::io::stdout().lock(), &config, &serving);
    let reason = shutdown_reason(&serving, config.exit_when_idle).await?;
    let _ = writeln!(std::io::stderr(), "lakeport-server: {reason}: finishing calls, at most {} s", DRAIN.as_secs());
    serving.drain(DRAIN).await; // not ready, GOAWAY, calls and commits finish, the store closes
    Ok(())
}

/// Waits until the server must shut down, and returns the reason.
async fn shutdown_reason(serving: &Serving, exit_when_idle: Option<Duration>) -> Result<&'static str, BoxError> {
    let idle = async {
        match exit_when_idle {
            Some(span) => serving.idle(span).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        signal = shutdown_signal() => signal,
        () = idle => Ok("idle"),
    }
}

/// Waits for SIGTERM or SIGINT.
#[cfg(unix)]
async fn shutdown_signal() -> Result<&'static str, BoxError> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok("terminated"),
        _ = interrupt.recv() => Ok("interrupted"),
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
async fn shutdown_signal() -> Result<&'static str, BoxError> {
    tokio::signal::ctrl_c().await?;
    Ok("interrupted")
}
