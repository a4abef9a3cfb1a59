//! Memory: of a large object either way, and of readers that stop reading. Each round has servers that have done nothing yet.

use super::Stage;
use super::bulk::{connect, read_large, write_large};
use crate::Result;
use crate::peer::Lakeport;
use crate::process::{forget_peak, peak_kib, resident_kib};
use crate::table::Spread;
use bytes::Bytes;
use lakeport_proto::v1::version_service_client::VersionServiceClient;
use lakeport_proto::v1::{CreateRepositoryRequest, ReadRequest};
use std::path::PathBuf;
use std::time::Duration;
use tonic::transport::Endpoint;

/// Readers that stop behind their first message.
const STALLED: u64 = 50;
const MIB: f64 = 1024.0;

pub(super) async fn memory(stage: &Stage) -> Result<()> {
    let (mut down, mut up, mut stalled, mut own_up, mut own_down) = (vec![], vec![], vec![], vec![], vec![]);
    for round in 0..stage.rounds {
        let server = stage.before(&format!("memory-down-{round}"), stage.origin)?;
        down.push(of_download(stage, &server).await?);
        let server = stage.before(&format!("memory-up-{round}"), stage.sink)?;
        up.push(of_upload(stage, &server).await?);
        let server = stage.before(&format!("memory-stalled-{round}"), stage.origin)?;
        stalled.push(growth(server.pid(), stall(&server.url)).await? / STALLED as f64);
        // On a disk: what is kept in memory there is not the server's.
        let lake = tempfile::tempdir()?;
        own_up.push(of_upload(stage, &own_lake(stage, lake.path().join("data")).await?).await?);
        let server = Lakeport::embedded(&stage.server, &lake.path().join("data"))?;
        own_down.push(of_download(stage, &server).await?);
    }
    println!("## memory\n\n| | growth of the server, MiB |\n|---|---|");
    let size = stage.mebibytes;
    for (what, figures) in [
        (format!("{size} MiB down"), down),
        (format!("{size} MiB up"), up),
        (format!("{size} MiB down from the embedded lake"), own_down),
        (format!("{size} MiB up into the embedded lake"), own_up),
        (format!("one of {STALLED} stalled readers, a connection each"), stalled),
    ] {
        println!("| {what} | {} |", Spread::of(figures));
    }
    println!();
    Ok(())
}

async fn of_download(stage: &Stage, server: &Lakeport) -> Result<f64> {
    let client = connect(&server.url).await?;
    growth(server.pid(), read_large(&client, stage.mebibytes << 20)).await
}

async fn of_upload(stage: &Stage, server: &Lakeport) -> Result<f64> {
    let client = connect(&server.url).await?;
    let piece = Bytes::from(vec![7; 1 << 20]);
    growth(server.pid(), write_large(&client, stage.mebibytes, &piece)).await
}

/// A server with a lake of its own, and the repository in it.
async fn own_lake(stage: &Stage, data_dir: PathBuf) -> Result<Lakeport> {
    let server = Lakeport::embedded(&stage.server, &data_dir)?;
    let channel = Endpoint::from_shared(server.url.clone())?.connect().await?;
    let request = CreateRepositoryRequest { repository: "bench".into(), ..Default::default() };
    VersionServiceClient::new(channel).create_repository(request).await?;
    Ok(server)
}

/// How much the peak of a process lies above what it had, in MiB.
async fn growth(pid: u32, work: impl Future<Output = Result<()>>) -> Result<f64> {
    forget_peak(pid)?;
    let before = resident_kib(pid)?;
    work.await?;
    Ok(peak_kib(pid)?.saturating_sub(before) as f64 / MIB)
}

async fn stall(url: &str) -> Result<()> {
    let mut held = Vec::new();
    for _ in 0..STALLED {
        let mut client = connect(url).await?;
        let request = ReadRequest {
            repository: "bench".into(),
            r#ref: "main".into(),
            path: "large".into(),
            ..Default::default()
        };
        let mut stream = client.read(request).await?.into_inner();
        stream.message().await?;
        held.push((client, stream));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}
