//! Small objects, read with one call each and in batches.

use super::bulk::connect;
use super::{Setup, sample};
use crate::Result;
use crate::http::Http;
use crate::table::Series;
use futures_util::{StreamExt, TryStreamExt, stream};
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::{BatchReadRequest, ReadRequest};
use tonic::transport::Channel;

/// The number of objects, each of 4 KiB.
pub(super) const OBJECTS: usize = 10_000;
/// Prefix of their names: object `n` is `small-n`.
pub(super) const PREFIX: &str = "small";
/// Calls per round with one caller.
const ALONE: usize = 1_000;
/// The number of concurrent callers.
const MANY: usize = 64;

pub(super) async fn unary(setup: &Setup) -> Result<()> {
    let http = Http::new();
    let client = connect(&setup.reader.url).await?;
    let (origin, proxy) = (format!("http://{}", setup.origin), format!("http://{}", setup.proxy));
    let (server, nginx_worker) = (setup.reader.pid(), setup.proxy_nginx.worker);
    println!(
        "## 4 KiB, one call each\n\n| callers | variant | calls/s | CPU us/call | CPU vs nginx | calls/s vs nginx | time vs direct |\n|---|---|---|---|---|---|---|"
    );
    for (callers, calls) in [(1, ALONE), (MANY, OBJECTS)] {
        let (mut direct, mut nginx, mut ours) = (Series::default(), Series::default(), Series::default());
        for round in 0..=setup.rounds {
            let samples = [
                sample(nginx_worker, over_http(&http, &origin, callers, calls)).await?,
                sample(nginx_worker, over_http(&http, &proxy, callers, calls)).await?,
                sample(server, one_by_one(&client, callers, calls)).await?,
            ];
            if round > 0 {
                for (series, sample) in [&mut direct, &mut nginx, &mut ours].into_iter().zip(samples) {
                    series.push(sample);
                }
            }
        }
        let per_call = 1e6 / calls as f64;
        println!("| {callers} | direct | {:.0} | | | | |", calls as f64 / direct.median_wall());
        println!(
            "| {callers} | nginx | {:.0} | {:.0} | | | |",
            calls as f64 / nginx.median_wall(),
            nginx.median_cpu() * per_call
        );
        println!(
            "| {callers} | lakeport | {:.0} | {:.0} | {} | {} | {} |",
            calls as f64 / ours.median_wall(),
            ours.median_cpu() * per_call,
            ours.ratio(&nginx, |s| s.cpu),
            nginx.ratio(&ours, |s| s.wall),
            ours.ratio(&direct, |s| s.wall),
        );
    }
    println!();
    Ok(())
}

async fn over_http(http: &Http, base: &str, callers: usize, calls: usize) -> Result<()> {
    let reads = (0..calls).map(|n| async move { http.get(base, &format!("small-{n}")).await.map(drop) });
    stream::iter(reads).buffer_unordered(callers).try_collect().await
}

async fn one_by_one(client: &FileServiceClient<Channel>, callers: usize, calls: usize) -> Result<()> {
    let reads = (0..calls).map(|n| async move {
        let path = format!("small-{n}");
        let request = ReadRequest { repository: "bench".into(), r#ref: "main".into(), path, ..Default::default() };
        let mut stream = client.clone().read(request).await?.into_inner();
        while stream.message().await?.is_some() {}
        Ok(())
    });
    stream::iter(reads).buffer_unordered(callers).try_collect().await
}

async fn in_one_call(client: &FileServiceClient<Channel>) -> Result<()> {
    let paths = (0..OBJECTS).map(|n| format!("small-{n}")).collect();
    let request = BatchReadRequest { repository: "bench".into(), r#ref: "main".into(), paths, ..Default::default() };
    let mut stream = client.clone().batch_read(request).await?.into_inner();
    let mut read = 0;
    while let Some(message) = stream.message().await? {
        read += message.items.iter().filter(|item| item.data.len() == 4096).count();
    }
    if read == OBJECTS { Ok(()) } else { Err(format!("received {read} of {OBJECTS} objects").into()) }
}

pub(super) async fn batch(setup: &Setup) -> Result<()> {
    let client = connect(&setup.reader.url).await?;
    let server = setup.reader.pid();
    let (mut alone, mut many, mut batch) = (Series::default(), Series::default(), Series::default());
    for round in 0..=setup.rounds {
        let samples = [
            sample(server, one_by_one(&client, 1, OBJECTS)).await?,
            sample(server, one_by_one(&client, MANY, OBJECTS)).await?,
            sample(server, in_one_call(&client)).await?,
        ];
        if round > 0 {
            for (series, sample) in [&mut alone, &mut many, &mut batch].into_iter().zip(samples) {
                series.push(sample);
            }
        }
    }
    println!("## 10,000 x 4 KiB\n\n| | seconds | speedup of a batch |\n|---|---|---|");
    println!("| one by one | {:.2} | {} |", alone.median_wall(), alone.ratio(&batch, |s| s.wall));
    println!("| {MANY} concurrently | {:.2} | {} |", many.median_wall(), many.ratio(&batch, |s| s.wall));
    println!("| one batch | {:.2} | |\n", batch.median_wall());
    Ok(())
}
