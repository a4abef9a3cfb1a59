//! Uploads and downloads: content, checksums, limits, and uploads that must not become visible.

use crate::fixture::{Server, refused, why};
use bytes::Bytes;
use lakeport_proto::v1::{ReadRequest, WriteRequest};
use md5::{Digest, Md5};
use tonic::Code;

fn noise(bytes: usize) -> Bytes {
    use rand::{RngExt, SeedableRng};
    let mut noise = vec![0; bytes];
    rand::rngs::StdRng::seed_from_u64(7).fill(&mut noise[..]);
    noise.into()
}

/// Returns the messages of a large upload, in pieces of various sizes.
fn messages(server: &Server, path: &str, data: &Bytes) -> Vec<WriteRequest> {
    let mut messages = vec![WriteRequest { finish_write: false, ..server.header("main", path, "") }];
    let mut offset = 0;
    for (n, size) in [1, 70_000, 1 << 20, 3, 999_999].into_iter().cycle().enumerate() {
        let piece = data.slice(offset..data.len().min(offset + size));
        messages.push(WriteRequest {
            crc32c: (n % 2 == 0).then(|| crc32c::crc32c(&piece)),
            write_offset: Some(i64::try_from(offset).unwrap()),
            data: piece.clone(),
            ..Default::default()
        });
        offset += piece.len();
        if offset == data.len() {
            break;
        }
    }
    messages.last_mut().unwrap().finish_write = true;
    messages
}

#[tokio::test]
async fn large_objects_round_trip_byte_for_byte() {
    let server = Server::start().await;
    let data = noise(9_000_001);
    for known in [false, true] {
        let mut messages = messages(&server, "large", &data);
        if known {
            messages[0].size_bytes = Some(9_000_001);
            messages[0].object_md5 = Md5::digest(&data).to_vec().into();
            messages[0].object_crc32c = Some(crc32c::crc32c(&data));
        }
        assert_eq!(server.write(messages).await.unwrap().size_bytes, 9_000_001);
        let request = ReadRequest { checksum: true, ..server.read_request("main", "large") };
        let (mut read, mut offset) = (Vec::new(), 0);
        for message in server.read(request).await.unwrap() {
            assert_eq!(message.offset, offset);
            assert_eq!(message.crc32c, Some(crc32c::crc32c(&message.data)));
            assert!(message.data.len() <= 2 << 20);
            offset += i64::try_from(message.data.len()).unwrap();
            read.extend_from_slice(&message.data);
        }
        assert!(read == data, "the bytes differ");
    }
}

#[tokio::test]
async fn incomplete_or_mismatched_uploads_are_not_stored() {
    let server = Server::start().await;
    let data = noise(3_000_000);
    let whole = || messages(&server, "never", &data);
    let incomplete = refused(Code::InvalidArgument, "WRITE_INCOMPLETE");
    let mismatch = refused(Code::InvalidArgument, "CHECKSUM_MISMATCH");
    let invalid = refused(Code::InvalidArgument, "INVALID_FIELD");

    let mut unfinished = whole();
    unfinished.last_mut().unwrap().finish_write = false;
    assert_eq!(why(server.write(unfinished).await), incomplete);
    for size in [2_999_999, 3_000_001] {
        let mut wrong = whole();
        wrong[0].size_bytes = Some(size);
        assert_eq!(why(server.write(wrong).await), incomplete, "{size}");
    }
    let mut wrong = whole();
    wrong[0].object_crc32c = Some(7);
    assert_eq!(why(server.write(wrong).await), mismatch);
    let mut wrong = whole();
    wrong.last_mut().unwrap().object_crc32c = Some(7);
    assert_eq!(why(server.write(wrong).await), mismatch);
    let mut wrong = whole();
    wrong[0].object_md5 = vec![0; 16].into();
    assert_eq!(why(server.write(wrong).await), mismatch);
    let mut wrong = whole();
    wrong[1].crc32c = Some(7);
    assert_eq!(why(server.write(wrong).await), mismatch);
    let mut gap = whole();
    gap[2].write_offset = Some(5);
    assert_eq!(why(server.write(gap).await), invalid);
    let mut second_header = whole();
    second_header[1].path = "other".into();
    assert_eq!(why(server.write(second_header).await), invalid);
    assert_eq!(why(server.write(whole().split_off(1)).await), invalid, "no header");
    assert_eq!(why(server.write(vec![]).await), incomplete);
    let mut negative = whole();
    negative[0].size_bytes = Some(-1);
    assert_eq!(why(server.write(negative).await), invalid);
    let mut short = whole();
    short[0].object_md5 = vec![0; 15].into();
    assert_eq!(why(server.write(short).await), invalid);

    assert_eq!(why(server.get("main", "never").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
}

#[tokio::test]
async fn a_caller_that_disconnects_during_an_upload_stores_nothing() {
    let server = Server::start().await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let mut files = server.files.clone();
    let upload = tokio::spawn(async move { files.write(tokio_stream::wrappers::ReceiverStream::new(receiver)).await });
    let mut messages = messages(&server, "gone", &noise(3_000_000));
    messages.truncate(3);
    for message in messages {
        sender.send(message).await.unwrap();
    }
    upload.abort();
    let _ = upload.await;
    drop(sender);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(why(server.get("main", "gone").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
}

#[tokio::test]
async fn an_oversized_message_is_rejected_with_the_limit() {
    let server = Server::start().await;
    let request = WriteRequest { data: noise(5 << 20), ..server.header("main", "big", "") };
    let status = server.write(vec![request]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(status.message().contains("at most 4128768"), "{}", status.message());
}

/// An upload with `size_bytes` 0 is not complete until its last message sets `finish_write`.
#[tokio::test]
async fn an_empty_upload_must_be_finished_and_match_its_checksum() {
    let server = Server::start().await;
    server.put("a", "still here").await;
    let empty = WriteRequest { size_bytes: Some(0), finish_write: false, ..server.header("main", "a", "") };
    let incomplete = refused(Code::InvalidArgument, "WRITE_INCOMPLETE");
    assert_eq!(why(server.write(vec![empty.clone()]).await), incomplete);
    let more = WriteRequest { data: noise(10), finish_write: true, ..Default::default() };
    assert_eq!(why(server.write(vec![empty.clone(), more]).await), incomplete);
    let wrong = WriteRequest { object_crc32c: Some(7), finish_write: true, ..empty.clone() };
    assert_eq!(why(server.write(vec![wrong]).await), refused(Code::InvalidArgument, "CHECKSUM_MISMATCH"));
    assert_eq!(server.get("main", "a").await.unwrap(), "still here");
    let right = WriteRequest { finish_write: true, ..empty };
    assert_eq!(server.write(vec![right]).await.unwrap().size_bytes, 0);
}

/// Errors that the header already reveals are returned before the server waits for data.
#[tokio::test]
async fn an_invalid_upload_is_rejected_after_its_first_message() {
    let server = Server::start().await;
    server.put("there", "1").await;
    server.begin("ended").await;
    server.rollback("ended").await.unwrap();
    let in_transaction = |id: &str| WriteRequest { transaction_id: id.into(), path: "a".into(), ..Default::default() };
    let begun = |branch: &str, path: &str| WriteRequest { finish_write: false, ..server.header(branch, path, "") };
    let only_new = WriteRequest { if_none_match: "*".into(), ..begun("main", "there") };
    for (first, code, reason) in [
        (in_transaction("unknown"), Code::NotFound, "TRANSACTION_NOT_FOUND"),
        (in_transaction("ended"), Code::FailedPrecondition, "TRANSACTION_ROLLED_BACK"),
        (begun("main~1", "a"), Code::InvalidArgument, "REF_NOT_A_BRANCH"),
        (begun("nowhere", "a"), Code::NotFound, "REF_NOT_FOUND"),
        (only_new, Code::AlreadyExists, "OBJECT_EXISTS"),
        (WriteRequest { path: String::new(), ..begun("main", "a") }, Code::InvalidArgument, "INVALID_FIELD"),
    ] {
        // An external lakeFS reads 256 KiB or the whole body before it returns these errors.
        let is_lakefs_asked = ["REF_NOT_FOUND", "OBJECT_EXISTS"].contains(&reason);
        if is_lakefs_asked && lakeport_tests::lakefs::named().is_some() {
            continue;
        }
        let (sender, messages) = tokio::sync::mpsc::channel(1);
        sender.send(first).await.unwrap();
        let mut files = server.files.clone();
        let response = files.write(tokio_stream::wrappers::ReceiverStream::new(messages));
        let response = tokio::time::timeout(std::time::Duration::from_secs(10), response).await;
        assert_eq!(
            why(response.unwrap_or_else(|_| panic!("{reason}: the server waits for more messages"))),
            refused(code, reason)
        );
        drop(sender);
    }
}
