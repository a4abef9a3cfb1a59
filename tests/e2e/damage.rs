//! Damaged bytes of the embedded lake end every kind of read with DATA_LOSS, and no wrong byte is sent.

use crate::fixture::{Server, all, refused, text, why};
use bytes::Bytes;
use lakeport_proto::v1::*;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;
use tonic::{Code, Status};

/// Size of a block with its own checksum.
const BLOCK: usize = 256 << 10;
/// Larger than all buffers between the lake and the client.
const LARGE: usize = 40 * BLOCK;

fn content(size: usize) -> String {
    (0..size).map(|n| char::from(b'a' + (n % 23) as u8)).collect()
}

fn flip(file: &Path, at: usize) {
    let mut file = File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(&[!byte[0]]).unwrap();
}

impl Server {
    async fn put_large(&self, path: &str, content: &str) {
        let pieces = content.as_bytes().chunks(1 << 20);
        let mut messages: Vec<_> =
            pieces.map(|piece| WriteRequest { data: Bytes::copy_from_slice(piece), ..Default::default() }).collect();
        messages.insert(0, WriteRequest { finish_write: false, ..self.header("main", path, "") });
        messages.push(WriteRequest { finish_write: true, ..Default::default() });
        self.write(messages).await.unwrap();
    }

    async fn copied(&self, request: CopyRequest) -> Result<(), Status> {
        all(self.files.clone().copy(request).await?.into_inner()).await.map(drop)
    }

    async fn composed(&self, request: ComposeRequest) -> Result<(), Status> {
        all(self.files.clone().compose(request).await?.into_inner()).await.map(drop)
    }

    /// Reads to the end or an error. Returns the bytes before the error.
    async fn read_until_error(&self, request: ReadRequest) -> (String, Result<(), Status>) {
        self.read_slowly(request, Duration::ZERO).await
    }

    /// As [`read_until_error`](Self::read_until_error), with a pause after each message, so that all buffers are full.
    async fn read_slowly(&self, request: ReadRequest, pause: Duration) -> (String, Result<(), Status>) {
        let mut messages = Vec::new();
        let mut stream = match self.files.clone().read(request).await {
            Ok(stream) => stream.into_inner(),
            Err(status) => return (String::new(), Err(status)),
        };
        loop {
            tokio::time::sleep(pause).await;
            match stream.message().await {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => return (text(&messages), Ok(())),
                Err(status) => return (text(&messages), Err(status)),
            }
        }
    }
}

fn data_loss() -> (Code, String) {
    refused(Code::DataLoss, "CORRUPT")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_of_a_damaged_object_ends_with_data_loss_after_correct_bytes() {
    let server = Server::with_faults().await;
    let whole = content(LARGE);
    for at in [0, BLOCK, 7 * BLOCK + 3, LARGE - 1] {
        let path = at.to_string();
        server.put_large(&path, &whole).await;
        flip(&server.blob_file(&path).await, at);
        for _ in 0..3 {
            let (read, ended) = server.read_until_error(server.read_request("main", &path)).await;
            assert_eq!(why(ended), data_loss(), "{at}");
            assert!(whole.starts_with(&read) && read.len() <= at / BLOCK * BLOCK, "{at}: {} bytes", read.len());
        }
        let end = ReadRequest { read_offset: (at / BLOCK * BLOCK) as i64, ..server.read_request("main", &path) };
        assert_eq!(why(server.read_until_error(end).await.1), data_loss(), "{at}");
        let before = ReadRequest { read_limit: at as i64, ..server.read_request("main", &path) };
        if at >= BLOCK && at.is_multiple_of(BLOCK) {
            let (read, ended) = server.read_until_error(before).await;
            ended.unwrap();
            assert_eq!(read, whole[..at], "{at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_of_a_damaged_object_gets_data_loss_too() {
    let server = Server::with_faults().await;
    let whole = content(LARGE);
    for at in [20 * BLOCK + 1, LARGE - 1] {
        let path = at.to_string();
        server.put_large(&path, &whole).await;
        flip(&server.blob_file(&path).await, at);
        let read = server.read_slowly(server.read_request("main", &path), Duration::from_millis(20));
        let (read, ended) = read.await;
        assert_eq!(why(ended), data_loss(), "{at}");
        assert!(whole.starts_with(&read) && read.len() <= at / BLOCK * BLOCK, "{at}: {} bytes", read.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_copies_and_composes_of_damaged_objects_fail_with_data_loss() {
    let server = Server::with_faults().await;
    let small = content(3 * BLOCK);
    for (path, bytes) in [("small", &small), ("large", &content(LARGE))] {
        server.put_large(path, bytes).await;
        flip(&server.blob_file(path).await, bytes.len() - 1);
    }
    server.put("good", "1").await;
    let paths = ["good", "small"].map(str::to_owned).to_vec();
    let request =
        BatchReadRequest { repository: server.repository.clone(), r#ref: "main".into(), paths, ..Default::default() };
    let mut items = server.files.clone().batch_read(request).await.unwrap().into_inner();
    let mut codes = Vec::new();
    while let Some(message) = items.message().await.unwrap() {
        codes.extend(
            message.items.iter().map(|item| (item.index, item.status.as_ref().map_or(0, |status| status.code))),
        );
    }
    codes.sort_unstable();
    assert_eq!(codes, [(0, Code::Ok as i32), (1, Code::DataLoss as i32)]);

    let other = server.another_repository().await;
    for source in ["small", "large"] {
        let copy = CopyRequest {
            repository: other.clone(),
            r#ref: "main".into(),
            path: "copy".into(),
            source_repository: server.repository.clone(),
            source_ref: "main".into(),
            source_path: source.into(),
            ..Default::default()
        };
        assert_eq!(why(server.copied(copy).await), data_loss(), "{source}");
        let compose = ComposeRequest {
            repository: server.repository.clone(),
            r#ref: "main".into(),
            path: "composed".into(),
            source_paths: vec!["good".into(), source.into()],
            ..Default::default()
        };
        assert_eq!(why(server.composed(compose).await), data_loss(), "{source}");
    }
    assert_eq!(why(server.get("main", "composed").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
}

#[tokio::test]
async fn a_retried_create_only_write_of_a_damaged_object_fails_with_data_loss() {
    let server = Server::with_faults().await;
    let write =
        WriteRequest { if_none_match: "*".into(), write_id: "w".into(), ..server.header("main", "a", "content") };
    server.write(vec![write.clone()]).await.unwrap();
    server.write(vec![write.clone()]).await.unwrap();
    flip(&server.blob_file("a").await, 0);
    assert_eq!(why(server.write(vec![write]).await), data_loss());
}
