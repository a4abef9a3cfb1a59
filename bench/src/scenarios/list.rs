//! Listing of 100,000 objects, and a commit of one more object beside them, on an embedded lake.

use super::{Setup, sample};
use crate::Result;
use crate::peer::Lakeport;
use crate::table::Series;
use bytes::Bytes;
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::version_service_client::VersionServiceClient;
use lakeport_proto::v1::{BatchWriteItem, BatchWriteRequest, CreateCommitRequest, ListRequest};
use tonic::transport::{Channel, Endpoint};

const OBJECTS: usize = 100_000;
const BATCH: usize = 5_000;

pub(super) async fn list(setup: &Setup) -> Result<()> {
    let server = Lakeport::embedded(&setup.server, &setup.dir.path().join("lake"))?;
    let channel = Endpoint::from_shared(server.url.clone())?.connect().await?;
    let (files, versions) = (FileServiceClient::new(channel.clone()), VersionServiceClient::new(channel));
    for first in (0..OBJECTS).step_by(BATCH) {
        write(&files, first..first + BATCH).await?;
    }
    commit(&versions).await?;
    let (mut lists, mut commits) = (Series::default(), Series::default());
    for round in 0..=setup.rounds {
        let listed = sample(server.pid(), all(&files)).await?;
        write(&files, OBJECTS + round..OBJECTS + round + 1).await?;
        let committed = sample(server.pid(), commit(&versions)).await?;
        if round > 0 {
            lists.push(listed);
            commits.push(committed);
        }
    }
    println!("## 100,000 objects, embedded lake\n\n| | seconds | server CPU-s |\n|---|---|---|");
    println!("| list all | {:.2} | {:.2} |", lists.median_wall(), lists.median_cpu());
    println!("| commit one more | {:.3} | {:.3} |\n", commits.median_wall(), commits.median_cpu());
    Ok(())
}

async fn write(files: &FileServiceClient<Channel>, numbers: std::ops::Range<usize>) -> Result<()> {
    let items = numbers.map(|n| BatchWriteItem {
        path: format!("list/{n:06}"),
        data: Bytes::from(n.to_string()),
        ..Default::default()
    });
    let request = BatchWriteRequest {
        repository: "quickstart".into(),
        r#ref: "main".into(),
        items: items.collect(),
        ..Default::default()
    };
    let results = files.clone().batch_write(request).await?.into_inner().results;
    match results.into_iter().filter_map(|result| result.status).find(|status| status.code != 0) {
        Some(status) => Err(status.message.into()),
        None => Ok(()),
    }
}

async fn commit(versions: &VersionServiceClient<Channel>) -> Result<()> {
    let request = CreateCommitRequest {
        repository: "quickstart".into(),
        r#ref: "main".into(),
        message: "bench".into(),
        ..Default::default()
    };
    versions.clone().create_commit(request).await?;
    Ok(())
}

async fn all(files: &FileServiceClient<Channel>) -> Result<()> {
    let request = ListRequest {
        repository: "quickstart".into(),
        r#ref: "main".into(),
        prefix: "list/".into(),
        ..Default::default()
    };
    let mut stream = files.clone().list(request).await?.into_inner();
    let mut count = 0;
    while let Some(message) = stream.message().await? {
        count += message.entries.len();
    }
    if count >= OBJECTS {
        Ok(())
    } else {
        Err(format!("the listing has {count} entries, expected at least {OBJECTS}").into())
    }
}
