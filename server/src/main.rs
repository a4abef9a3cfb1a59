//! lakeport, as a process: settings, parts, serving, a signal, the drain.

use lakeport_server::app::{App, Serving};
use lakeport_server::config::{Auth, Command, Config, Lake};
use lakeport_server::error::BoxError;
use lakeport_server::{sweep, telemetry};
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
    welcome(&config, &serving);
    stopped().await?;
    eprintln!("lakeport-server: finishing calls, at most {} s", DRAIN.as_secs());
    serving.drain(DRAIN).await; // not ready, GOAWAY, calls and commits finish, the store closes
    Ok(())
}

async fn stopped() -> Result<(), BoxError> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// What a person wants to know first. Whether anybody reads it does not matter.
fn welcome(config: &Config, serving: &Serving) {
    let _ = write_welcome(&mut std::io::stdout().lock(), config, serving);
}

fn write_welcome(out: &mut impl Write, config: &Config, serving: &Serving) -> std::io::Result<()> {
    writeln!(out, "lakeport {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  gRPC   {}  (plaintext, with reflection and gRPC-Web)", serving.address)?;
    writeln!(out, "  admin  http://{}/readyz, /livez, /metrics", serving.admin_address)?;
    match &config.lake {
        Lake::Remote { url, .. } => writeln!(out, "  lake   lakeFS at {url}")?,
        Lake::Embedded { .. } => writeln!(out, "  lake   its own, in {}", config.data_dir.join("lake").display())?,
    }
    let account = config.data_dir.join("lake").join(lakeport_embedded::ACCOUNT_FILE);
    if let Some(address) = serving.embedded_address {
        writeln!(out, "  REST   http://{address}/api/v1  (key pair in {})", account.display())?;
    }
    let is_open = matches!(config.lake, Lake::Embedded { .. }) && config.listen.ip().is_loopback();
    match config.auth {
        Auth::Service => writeln!(out, "  auth   the service's account acts for every caller")?,
        Auth::Passthrough if is_open => {
            writeln!(out, "  auth   none needed on this machine; lakeFS key pairs are taken too")?;
        }
        Auth::Passthrough => writeln!(out, "  auth   callers send lakeFS's key pair (Basic) or token (Bearer)")?,
    }
    match &config.lake {
        Lake::Embedded { .. } if is_open => writeln!(
            out,
            "  try    grpcurl -plaintext -d '{{\"repository\":\"quickstart\",\"ref\":\"main\"}}' {} lakeport.v1.FileService/List",
            serving.address
        ),
        Lake::Embedded { .. } => {
            writeln!(
                out,
                "  try    LAKECTL_CONFIG_FILE={} lakeport --endpoint http://{} ls lakefs://quickstart/main/",
                account.display(),
                serving.address
            )
        }
        Lake::Remote { .. } => writeln!(
            out,
            "  try    lakeport --endpoint http://{} repo ls, with the credentials of lakectl",
            serving.address
        ),
    }
}
