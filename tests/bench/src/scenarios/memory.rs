//! Memory: of a large object either way, and of readers that stop reading.

use super::Stage;
use super::bulk::{connect, read_large, write_large};
use crate::Result;
use crate::process::{forget_peak, peak_kib, resident_kib};
use bytes::Bytes;
use lakeport_proto::v1::ReadRequest;
use std::time::Duration;

/// Readers that stop behind their first message.
const STALLED: u64 = 50;

pub(super) async fn memory(stage: &Stage) -> Result<()> {
    println!("## memory\n\n| | growth of the server |\n|---|---|");
    let size = stage.mebibytes << 20;
    let reader = connect(&stage.reader.url).await?;
    let down = growth(stage.reader.pid(), read_large(&reader, size)).await?;
    println!("| {} MiB down | {:.1} MiB |", stage.mebibytes, down as f64 / 1024.0);
    let writer = connect(&stage.writer.url).await?;
    let piece = Bytes::from(vec![7; 1 << 20]);
    let up = growth(stage.writer.pid(), write_large(&writer, stage.mebibytes, &piece)).await?;
    println!("| {} MiB up | {:.1} MiB |", stage.mebibytes, up as f64 / 1024.0);
    let stalled = growth(stage.reader.pid(), stall(stage)).await?;
    println!(
        "| one of {STALLED} stalled readers, a connection each | {:.2} MiB |\n",
        stalled as f64 / 1024.0 / STALLED as f64
    );
    Ok(())
}

/// How much the peak of a process lies above what it had.
async fn growth(pid: u32, work: impl Future<Output = Result<()>>) -> Result<u64> {
    forget_peak(pid)?;
    let before = resident_kib(pid)?;
    work.await?;
    Ok(peak_kib(pid)?.saturating_sub(before))
}

async fn stall(stage: &Stage) -> Result<()> {
    let mut held = Vec::new();
    for _ in 0..STALLED {
        let mut client = connect(&stage.reader.url).await?;
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
