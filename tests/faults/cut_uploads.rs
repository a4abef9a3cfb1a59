//! Uploads that are cut off at a random byte: they must never become visible.

use crate::lake::{BASE, Lake};
use crate::process::Replica;
use crate::proxy::{NetworkFault, Proxy};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::*;
use tonic::transport::Endpoint;

/// Default number of uploads.
const UPLOADS: u64 = 1000;
const AT_ONCE: usize = 8;
/// Size of an object, in bytes.
const SIZE: usize = 64 << 10;
/// Data per message, in bytes.
const MESSAGE: usize = 4 << 10;
/// Range of the byte at which a connection is cut: after its first byte and before the last byte of the object.
const CUT_RANGE: std::ops::Range<u64> = 1..SIZE as u64;

/// Returns all messages of an upload, with `finish_write` in the last one.
fn messages(lake: &Lake, transaction_id: &str, path: &str) -> Vec<WriteRequest> {
    let (repository, branch) = match transaction_id {
        "" => (lake.repository.to_string(), BASE.to_owned()),
        _ => Default::default(),
    };
    let header = WriteRequest {
        repository,
        r#ref: branch,
        path: path.into(),
        transaction_id: transaction_id.into(),
        ..Default::default()
    };
    let piece = |n| WriteRequest {
        data: Bytes::from(vec![7; MESSAGE]),
        finish_write: (n + 1) * MESSAGE == SIZE,
        ..Default::default()
    };
    std::iter::once(header).chain((0..SIZE / MESSAGE).map(piece)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_cut_off_at_any_byte_is_never_visible() {
    let lake = Lake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None);
    let _process = replica.start("").await;
    let client = crate::client::Client::new(&[replica.address]);
    client.begun(&lake, "t").await;
    client.written("t", "whole", "1").await;
    let proxy = Proxy::start(replica.address, NetworkFault::CutToServer(CUT_RANGE), crate::seed()).await;
    let uploads = crate::setting("UPLOADS").unwrap_or(UPLOADS);
    let responses = stream::iter(0..uploads).map(|n| {
        let messages = messages(&lake, if n % 2 == 0 { "" } else { "t" }, &format!("cut/{n}"));
        let endpoint = Endpoint::from_shared(format!("http://{}", proxy.address)).unwrap();
        async move {
            let mut files = FileServiceClient::new(endpoint.connect_lazy());
            files.write(tokio_stream::iter(messages)).await.is_ok()
        }
    });
    let acknowledged = responses.buffer_unordered(AT_ONCE).filter(|ok| std::future::ready(*ok)).count().await;
    assert_eq!(acknowledged, 0, "a cut upload was acknowledged");
    assert!(proxy.cuts() >= usize::try_from(uploads).unwrap(), "not all uploads were cut");
    assert_eq!(lake.uncommitted().await, [""; 0], "a part of an upload is on the base");
    client.committed("t").await;
    assert_eq!(lake.paths().await, ["whole"], "a part of an upload is published");
    eprintln!("{uploads} uploads cut, none visible");
}
