//! What is measured.

mod bulk;
mod list;
mod memory;
mod small;

use crate::origin::{Nginx, sink};
use crate::peer::Lakeport;
use crate::process::cpu;
use crate::table::Sample;
use crate::{Arguments, Result};
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Instant;

/// Origins, the yardstick, and the server before the same origins.
struct Stage {
    dir: tempfile::TempDir,
    server: PathBuf,
    rounds: usize,
    mebibytes: u64,
    origin: SocketAddr,
    /// Takes uploads and forgets them.
    sink: SocketAddr,
    proxy: SocketAddr,
    proxy_nginx: Nginx,
    _origin_nginx: Nginx,
    /// Reads from the origin of files.
    reader: Lakeport,
    /// Writes to the origin that discards.
    writer: Lakeport,
}

/// Runs what the arguments ask for and prints Markdown.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let stage = Stage::set(arguments).await?;
    println!("{} rounds behind one to warm up, {} MiB.\n", arguments.rounds, arguments.mebibytes);
    let wanted = |name: &str| name.contains(&arguments.only);
    if wanted("download") {
        bulk::download(&stage).await?;
    }
    if wanted("upload") {
        bulk::upload(&stage).await?;
    }
    if wanted("unary") {
        small::unary(&stage).await?;
    }
    if wanted("batch") {
        small::batch(&stage).await?;
    }
    if wanted("list") {
        list::list(&stage).await?;
    }
    if wanted("memory") {
        memory::memory(&stage).await?;
    }
    Ok(())
}

impl Stage {
    async fn set(arguments: &Arguments) -> Result<Self> {
        // In memory where there is such a folder, so that no disk is measured.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let noise: Vec<u8> = (0..1_u32 << 18).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut large = std::fs::File::create(dir.path().join("large"))?;
        for _ in 0..arguments.mebibytes {
            std::io::Write::write_all(&mut large, &noise)?;
        }
        for n in 0..small::OBJECTS {
            std::fs::write(dir.path().join(format!("small-{n}")), &noise[n * 16..n * 16 + 4096])?;
        }
        let sink = sink().await?;
        let (origin, proxy) = (free_address()?, free_address()?);
        let origin_nginx = Nginx::origin(dir.path(), origin.port())?;
        let proxy_nginx = Nginx::proxy(dir.path(), proxy.port(), origin, sink)?;
        let before = |name: &str, origin| {
            Lakeport::before(&arguments.server, &dir.path().join(name), &format!("http://{origin}"))
        };
        let (reader, writer) = (before("reader", origin)?, before("writer", sink)?);
        Ok(Self {
            server: arguments.server.clone(),
            rounds: arguments.rounds,
            mebibytes: arguments.mebibytes,
            origin,
            sink,
            proxy,
            proxy_nginx,
            _origin_nginx: origin_nginx,
            reader,
            writer,
            dir,
        })
    }

    /// A server that has done nothing yet.
    fn before(&self, name: &str, origin: SocketAddr) -> Result<Lakeport> {
        Lakeport::before(&self.server, &self.dir.path().join(name), &format!("http://{origin}"))
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Runs something once and says what it took, of the wall clock and of a process.
async fn sample(pid: u32, work: impl Future<Output = Result<()>>) -> Result<Sample> {
    let (began, used) = (Instant::now(), cpu(pid)?);
    work.await?;
    Ok(Sample { wall: began.elapsed(), cpu: cpu(pid)?.saturating_sub(used) })
}
