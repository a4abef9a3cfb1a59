//! Builds the server binary as the image does and runs it as the image does.

mod build;
mod readiness;
mod sandbox;

pub(super) use build::{host, statically};

use super::process::Process;
use crate::error::{Error, Result};
use sandbox::Sandbox;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

/// Maximum time until the server is ready, on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Maximum time to stop. Kubernetes allows more; see `terminationGracePeriodSeconds`.
const STOP: Duration = Duration::from_secs(30);

/// Builds the server, starts it, waits until it is ready, sends SIGTERM, and waits until it exits.
pub(super) fn run() -> Result<()> {
    let sandbox = Sandbox::with(&build::server()?)?;
    let admin = free_address()?;
    let mut server = Process::start(
        sandbox
            .server()
            .arg("--listen")
            .arg(free_address()?.to_string())
            .arg("--admin-listen")
            .arg(admin.to_string())
            .arg("--data-dir")
            .arg(sandbox.data()),
    )?;
    readiness::wait(admin, START, || server.check_running())?;
    println!("ready; sending SIGTERM");
    server.stop(STOP)
}

/// Returns an unused address. If another process binds it before the server does, the server reports the error.
fn free_address() -> Result<SocketAddr> {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
    free().map_err(Error::file(Path::new("127.0.0.1:0")))
}
