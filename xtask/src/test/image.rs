//! The image's binary: built as the image builds it, run as the image runs it.

mod build;
mod process;
mod readiness;
mod room;

pub(super) use build::{STATIC, host};

use crate::error::{Error, Result};
use process::Process;
use room::Room;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

/// Time to open its store and to listen, on a busy machine.
const START: Duration = Duration::from_secs(60);
/// What Kubernetes grants is more; see `terminationGracePeriodSeconds`.
const STOP: Duration = Duration::from_secs(30);

/// Builds the server and takes it through its life: start, ready, SIGTERM, end.
pub(super) fn run() -> Result<()> {
    let room = Room::with(&build::server()?)?;
    let admin = free_address()?;
    let mut server = Process::start(
        room.server()
            .arg("--listen")
            .arg(free_address()?.to_string())
            .arg("--admin-listen")
            .arg(admin.to_string())
            .arg("--data-dir")
            .arg(room.data()),
    )?;
    readiness::wait(admin, START, || server.is_running())?;
    println!("ready; sending SIGTERM");
    server.stop(STOP)
}

/// An address that nobody listens on right now. Somebody else may take it before the server does; then the server says so.
fn free_address() -> Result<SocketAddr> {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
    free().map_err(Error::file(Path::new("127.0.0.1:0")))
}
