//! Download and upload of one large object.

use super::{Setup, sample};
use crate::Result;
use crate::http::Http;
use crate::table::Series;
use bytes::Bytes;
use lakeport_client::{Client, Endpoint, Place, ReadOptions};
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::{ReadRequest, WriteRequest};
use tonic::transport::{Channel, Endpoint as Transport};

const PIECE: usize = 1 << 20;

/// Connects a client with tonic's default HTTP/2 settings, which include frames of 16 KiB.
pub(super) async fn connect(url: &str) -> Result<FileServiceClient<Channel>> {
    let transport = Transport::from_shared(url.to_owned())?.tcp_nodelay(true);
    Ok(FileServiceClient::new(transport.connect().await?).max_decoding_message_size(8 << 20))
}

/// Connects a client with the HTTP/2 settings of lakeport's Rust client, but without that client's copying.
async fn tuned(url: &str) -> Result<FileServiceClient<Channel>> {
    let transport = Transport::from_shared(url.to_owned())?
        .tcp_nodelay(true)
        .max_frame_size(1 << 20)
        .initial_stream_window_size(16 << 20)
        .initial_connection_window_size(32 << 20);
    Ok(FileServiceClient::new(transport.connect().await?).max_decoding_message_size(8 << 20))
}

pub(super) async fn download(setup: &Setup) -> Result<()> {
    let size = setup.mebibytes << 20;
    let http = Http::new();
    let own = Client::connect(&Endpoint::new(&setup.reader.url)).await?;
    let plain = connect(&setup.reader.url).await?;
    let (mut direct, mut nginx, mut ours, mut theirs) =
        (Series::default(), Series::default(), Series::default(), Series::default());
    let (origin, proxy) = (format!("http://{}", setup.origin), format!("http://{}", setup.proxy));
    let (server, nginx_worker) = (setup.reader.pid(), setup.proxy_nginx.worker);
    for round in 0..=setup.rounds {
        let samples = [
            sample(nginx_worker, whole(http.get(&origin, "large"), size)).await?,
            sample(nginx_worker, whole(http.get(&proxy, "large"), size)).await?,
            sample(server, read_own(&own, size)).await?,
            sample(server, read_large(&plain, size)).await?,
        ];
        if round > 0 {
            for (series, sample) in [&mut direct, &mut nginx, &mut ours, &mut theirs].into_iter().zip(samples) {
                series.push(sample);
            }
        }
    }
    let gib = size as f64 / f64::from(1 << 30);
    println!(
        "## download\n\n| | GiB/s | CPU-s/GiB | CPU vs nginx | throughput vs nginx | throughput vs direct |\n|---|---|---|---|---|---|"
    );
    println!("| direct | {:.2} | | | | |", gib / direct.median_wall());
    println!("| nginx | {:.2} | {:.2} | | | |", gib / nginx.median_wall(), nginx.median_cpu() / gib);
    for (name, series) in [("lakeport, Rust client", &ours), ("lakeport, 16 KiB frames", &theirs)] {
        println!(
            "| {name} | {:.2} | {:.2} | {} | {} | {} |",
            gib / series.median_wall(),
            series.median_cpu() / gib,
            series.ratio(&nginx, |s| s.cpu),
            nginx.ratio(series, |s| s.wall),
            direct.ratio(series, |s| s.wall),
        );
    }
    println!();
    Ok(())
}

async fn whole(read: impl Future<Output = Result<u64>>, expected: u64) -> Result<()> {
    let size = read.await?;
    if size == expected { Ok(()) } else { Err(format!("received {size} bytes instead of {expected}").into()) }
}

async fn read_own(client: &Client, size: u64) -> Result<()> {
    let mut download = client.read(&Place::reference("bench", "main"), "large", ReadOptions::default()).await?;
    let mut read = 0;
    while let Some(chunk) = download.chunk().await? {
        read += chunk.len() as u64;
    }
    whole(std::future::ready(Ok(read)), size).await
}

pub(super) async fn read_large(client: &FileServiceClient<Channel>, size: u64) -> Result<()> {
    let request =
        ReadRequest { repository: "bench".into(), r#ref: "main".into(), path: "large".into(), ..Default::default() };
    let mut stream = client.clone().read(request).await?.into_inner();
    let mut read = 0;
    while let Some(message) = stream.message().await? {
        read += message.data.len() as u64;
    }
    whole(std::future::ready(Ok(read)), size).await
}

pub(super) async fn upload(setup: &Setup) -> Result<()> {
    let piece = Bytes::from(vec![7; PIECE]);
    let http = Http::new();
    let tuned = tuned(&setup.writer.url).await?;
    let plain = connect(&setup.writer.url).await?;
    let (mut direct, mut nginx, mut ours, mut theirs) =
        (Series::default(), Series::default(), Series::default(), Series::default());
    let (sink, proxy) = (format!("http://{}", setup.sink), format!("http://{}", setup.proxy));
    let (server, nginx_worker) = (setup.writer.pid(), setup.proxy_nginx.worker);
    for round in 0..=setup.rounds {
        let samples = [
            sample(nginx_worker, http.post(&sink, setup.mebibytes, piece.clone())).await?,
            sample(nginx_worker, http.post(&proxy, setup.mebibytes, piece.clone())).await?,
            sample(server, write_large(&tuned, setup.mebibytes, &piece)).await?,
            sample(server, write_large(&plain, setup.mebibytes, &piece)).await?,
        ];
        if round > 0 {
            for (series, sample) in [&mut direct, &mut nginx, &mut ours, &mut theirs].into_iter().zip(samples) {
                series.push(sample);
            }
        }
    }
    let gib = setup.mebibytes as f64 / 1024.0;
    println!(
        "## upload\n\n| | GiB/s | CPU-s/GiB | CPU vs nginx | throughput vs nginx | throughput vs direct |\n|---|---|---|---|---|---|"
    );
    println!("| direct | {:.2} | | | | |", gib / direct.median_wall());
    println!("| nginx | {:.2} | {:.2} | | | |", gib / nginx.median_wall(), nginx.median_cpu() / gib);
    for (name, series) in [("lakeport, 16 MiB windows", &ours), ("lakeport, tonic's default client", &theirs)] {
        println!(
            "| {name} | {:.2} | {:.2} | {} | {} | {} |",
            gib / series.median_wall(),
            series.median_cpu() / gib,
            series.ratio(&nginx, |s| s.cpu),
            nginx.ratio(series, |s| s.wall),
            direct.ratio(series, |s| s.wall),
        );
    }
    println!();
    Ok(())
}

pub(super) async fn write_large(client: &FileServiceClient<Channel>, pieces: u64, piece: &Bytes) -> Result<()> {
    let piece = piece.clone();
    let header =
        WriteRequest { repository: "bench".into(), r#ref: "main".into(), path: "large".into(), ..Default::default() };
    let data = (0..pieces).map(move |n| WriteRequest {
        data: piece.clone(),
        finish_write: n + 1 == pieces,
        ..Default::default()
    });
    client.clone().write(tokio_stream::iter(std::iter::once(header).chain(data))).await?;
    Ok(())
}
