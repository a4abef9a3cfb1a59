//! Benchmark scenarios and the processes that they share.

mod bulk;
mod clients;
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

/// The origins, the nginx proxy, and two servers in front of the same origins.
struct Setup {
    dir: tempfile::TempDir,
    server: PathBuf,
    rounds: usize,
    mebibytes: u64,
    origin: SocketAddr,
    /// Address of the origin that discards uploads.
    sink: SocketAddr,
    proxy: SocketAddr,
    proxy_nginx: Nginx,
    _origin_nginx: Nginx,
    /// The server in front of the file origin.
    reader: Lakeport,
    /// The server in front of the origin that discards uploads.
    writer: Lakeport,
}

/// Runs the selected scenarios and prints Markdown tables.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let setup = Setup::start(arguments).await?;
    println!("{} rounds after one warm-up round, {} MiB.\n", arguments.rounds, arguments.mebibytes);
    let wanted = |name: &str| name.contains(&arguments.only);
    if wanted("download") {
        bulk::download(&setup).await?;
    }
    if wanted("upload") {
        bulk::upload(&setup).await?;
    }
    if wanted("unary") {
        small::unary(&setup).await?;
    }
    if wanted("batch") {
        small::batch(&setup).await?;
    }
    if wanted("list") {
        list::list(&setup).await?;
    }
    if wanted("memory") {
        memory::memory(&setup).await?;
    }
    // Not part of a run of all scenarios, because it needs the programs of all languages.
    if !arguments.only.is_empty() && wanted("clients") {
        clients::clients(&setup, &arguments.clients).await?;
    }
    Ok(())
}

impl Setup {
    async fn start(arguments: &Arguments) -> Result<Self> {
        // Use a file system in memory if there is one, so that the benchmarks do not measure the disk.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let noise: Vec<u8> = (0..1_u32 << 18).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut large = std::fs::File::create(dir.path().join("large"))?;
        for _ in 0..arguments.mebibytes {
            std::io::Write::write_all(&mut large, &noise)?;
        }
        for n in 0..small::OBJECTS {
            std::fs::write(dir.path().join(format!("{}-{n}", small::PREFIX)), &noise[n * 16..n * 16 + 4096])?;
        }
        let sink = sink().await?;
        let (origin, proxy) = (free_address()?, free_address()?);
        let origin_nginx = Nginx::origin(dir.path(), origin.port())?;
        let proxy_nginx = Nginx::proxy(dir.path(), proxy.port(), origin, sink)?;
        let new_server = |name: &str, origin| {
            Lakeport::in_front_of(&arguments.server, &dir.path().join(name), &format!("http://{origin}"))
        };
        let (reader, writer) = (new_server("reader", origin)?, new_server("writer", sink)?);
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

    /// Starts a new server in front of `origin`.
    fn new_server(&self, name: &str, origin: SocketAddr) -> Result<Lakeport> {
        Lakeport::in_front_of(&self.server, &self.dir.path().join(name), &format!("http://{origin}"))
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Runs `work` once and returns its wall-clock time and the CPU time that process `pid` used during it.
async fn sample(pid: u32, work: impl Future<Output = Result<()>>) -> Result<Sample> {
    let (began, used) = (Instant::now(), cpu(pid)?);
    work.await?;
    Ok(Sample { wall: began.elapsed(), cpu: cpu(pid)?.saturating_sub(used) })
}
