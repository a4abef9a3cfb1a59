//! Memory growth during a large download, a large upload, and reads by stalled readers. Each measurement uses a new server.

use super::Setup;
use super::bulk::{connect, read_large, write_large};
use crate::Result;
use crate::peer::Lakeport;
use crate::process::{peak_kib, reset_peak, resident_kib};
use crate::table::Spread;
use bytes::Bytes;
use lakeport_proto::v1::version_service_client::VersionServiceClient;
use lakeport_proto::v1::{CreateRepositoryRequest, ReadRequest};
use std::path::PathBuf;
use std::time::Duration;
use tonic::transport::Endpoint;

/// The number of readers that stop after their first message.
const STALLED: u64 = 50;
const MIB: f64 = 1024.0;

pub(super) async fn memory(setup: &Setup) -> Result<()> {
    let (mut down, mut up, mut stalled, mut embedded_up, mut embedded_down) = (vec![], vec![], vec![], vec![], vec![]);
    for round in 0..setup.rounds {
        let server = setup.new_server(&format!("memory-down-{round}"), setup.origin)?;
        down.push(of_download(setup, &server).await?);
        let server = setup.new_server(&format!("memory-up-{round}"), setup.sink)?;
        up.push(of_upload(setup, &server).await?);
        let server = setup.new_server(&format!("memory-stalled-{round}"), setup.origin)?;
        stalled.push(growth(server.pid(), stall(&server.url)).await? / STALLED as f64);
        // The lake's files are on a disk: files in a memory file system would distort the measurement.
        let lake = tempfile::tempdir()?;
        embedded_up.push(of_upload(setup, &embedded_server(setup, lake.path().join("data")).await?).await?);
        let server = Lakeport::embedded(&setup.server, &lake.path().join("data"))?;
        embedded_down.push(of_download(setup, &server).await?);
    }
    println!("## memory\n\n| | memory growth of the server, MiB |\n|---|---|");
    let size = setup.mebibytes;
    for (what, figures) in [
        (format!("download of {size} MiB"), down),
        (format!("upload of {size} MiB"), up),
        (format!("download of {size} MiB from the embedded lake"), embedded_down),
        (format!("upload of {size} MiB into the embedded lake"), embedded_up),
        (format!("one of {STALLED} stalled readers, each with its own connection"), stalled),
    ] {
        println!("| {what} | {} |", Spread::of(figures));
    }
    println!();
    Ok(())
}

async fn of_download(setup: &Setup, server: &Lakeport) -> Result<f64> {
    let client = connect(&server.url).await?;
    growth(server.pid(), read_large(&client, setup.mebibytes << 20)).await
}

async fn of_upload(setup: &Setup, server: &Lakeport) -> Result<f64> {
    let client = connect(&server.url).await?;
    let piece = Bytes::from(vec![7; 1 << 20]);
    growth(server.pid(), write_large(&client, setup.mebibytes, &piece)).await
}

/// Starts a server with an embedded lake and creates the repository in it.
async fn embedded_server(setup: &Setup, data_dir: PathBuf) -> Result<Lakeport> {
    let server = Lakeport::embedded(&setup.server, &data_dir)?;
    let channel = Endpoint::from_shared(server.url.clone())?.connect().await?;
    let request = CreateRepositoryRequest { repository: "bench".into(), ..Default::default() };
    VersionServiceClient::new(channel).create_repository(request).await?;
    Ok(server)
}

/// Runs `work` and returns by how much the peak memory of a process exceeds its memory before, in MiB.
async fn growth(pid: u32, work: impl Future<Output = Result<()>>) -> Result<f64> {
    reset_peak(pid)?;
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
