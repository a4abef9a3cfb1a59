//! Uploads that publish everything or nothing.

use super::expect_info;
use crate::v1::{FileInfo, WriteRequest};
use crate::{Client, Error, Place, Result};
use bytes::BytesMut;
use futures_util::stream::{self, Stream, StreamExt as _};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes of one message.
const CHUNK_BYTES: usize = 1 << 20;
/// How long a message waits to be full. A server lets go of an upload of which nothing comes for 30 s.
const SLOW: Duration = Duration::from_secs(5);

/// How to store an object.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// MIME type; empty for `application/octet-stream`.
    pub content_type: String,
    /// User metadata; keys are lower case.
    pub metadata: HashMap<String, String>,
    /// Bytes of the object, if known. Another number of bytes is refused, so a file that changes meanwhile is not published.
    pub size_bytes: Option<u64>,
    /// Only where no object is.
    pub create_only: bool,
    /// Chosen by the caller, `[A-Za-z0-9_-]{1,64}`: makes the repetition of a create-only write find itself.
    pub write_id: String,
}

/// Why the reader failed, if it did: gRPC has no way to send that along with the end of a stream.
type Failure = Arc<Mutex<Option<std::io::Error>>>;

impl Client {
    /// Stores an object with the bytes of `reader`, to its end. Nothing is published when the reader fails, when the
    /// connection breaks off, or when the returned future is dropped.
    ///
    /// # Errors
    /// `Unknown` when the reader fails; `ObjectExists` for a create-only write; `RefNotABranch`, `BranchProtected`,
    /// `WriteIncomplete` for another size than was said; `WriteInDoubt` when it may stand: safe to repeat.
    pub async fn write(
        &self,
        place: &Place,
        path: &str,
        reader: impl AsyncRead + Send + Unpin + 'static,
        options: WriteOptions,
    ) -> Result<FileInfo> {
        let (failure, mut reader) = (Failure::default(), reader);
        // Before the call: the server waits for its first message as long as it waits for anything.
        let first = fill(header(place, path, options), &mut reader, 0).await.map_err(Error::unreadable)?;
        let messages = messages(first, reader, Arc::clone(&failure));
        let answer = self.bulk().write(messages).await;
        // The server knows only that the upload was not finished; the reader's own error says why.
        if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(Error::unreadable(error));
        }
        expect_info(answer?.into_inner().info)
    }
}

fn header(place: &Place, path: &str, options: WriteOptions) -> WriteRequest {
    let (repository, r#ref, transaction_id) = place.fields();
    WriteRequest {
        repository,
        r#ref,
        path: path.to_owned(),
        transaction_id,
        content_type: options.content_type,
        metadata: options.metadata,
        size_bytes: options.size_bytes.and_then(|size| i64::try_from(size).ok()),
        if_none_match: if options.create_only { "*".to_owned() } else { String::new() },
        write_id: options.write_id,
        ..WriteRequest::default()
    }
}

/// The messages of an upload, behind the first. If the reader fails, the stream ends without `finish_write`, and nothing is published.
fn messages<R>(first: WriteRequest, reader: R, failure: Failure) -> impl Stream<Item = WriteRequest> + Send + 'static
where
    R: AsyncRead + Send + Unpin + 'static,
{
    let offset = i64::try_from(first.data.len()).unwrap_or_default();
    let rest = (!first.finish_write).then_some((reader, offset));
    let rest = stream::unfold(rest, move |state| {
        let failure = Arc::clone(&failure);
        async move {
            let (mut reader, offset) = state?;
            let message = match fill(WriteRequest::default(), &mut reader, offset).await {
                Ok(message) => message,
                Err(error) => {
                    *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    return None;
                }
            };
            let offset = offset + i64::try_from(message.data.len()).unwrap_or_default();
            let rest = (!message.finish_write).then_some((reader, offset));
            Some((message, rest))
        }
    });
    stream::once(std::future::ready(first)).chain(rest)
}

/// Puts the next bytes into a message; it is the last where the reader is at its end. A reader that is slow does not hold back what
/// it gave already.
async fn fill(
    mut message: WriteRequest,
    reader: &mut (impl AsyncRead + Unpin),
    offset: i64,
) -> std::io::Result<WriteRequest> {
    let mut data = BytesMut::with_capacity(CHUNK_BYTES);
    let mut rest = reader.take(CHUNK_BYTES as u64);
    while data.len() < CHUNK_BYTES {
        match tokio::time::timeout(SLOW, rest.read_buf(&mut data)).await {
            Ok(read) => {
                if read? == 0 {
                    message.finish_write = true;
                    break;
                }
            }
            Err(_) if data.is_empty() => {}
            Err(_) => break,
        }
    }
    message.crc32c = Some(crc32c::crc32c(&data));
    message.write_offset = Some(offset);
    message.data = data.freeze();
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use tokio::io::AsyncWriteExt as _;

    async fn sent(reader: impl AsyncRead + Send + Unpin + 'static) -> (Vec<WriteRequest>, Failure) {
        let (failure, mut reader) = (Failure::default(), reader);
        let header = header(&Place::reference("lake", "main"), "a", WriteOptions::default());
        let first = fill(header, &mut reader, 0).await.unwrap();
        (messages(first, reader, Arc::clone(&failure)).collect().await, failure)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_waited_for_and_what_it_gave_is_sent() {
        let (mut pipe, reader) = tokio::io::duplex(64);
        let writing = async move {
            tokio::time::sleep(SLOW * 20).await;
            pipe.write_all(b"one").await.unwrap();
            tokio::time::sleep(SLOW * 2).await;
            pipe.write_all(b"two").await.unwrap();
        };
        let ((messages, _), ()) = tokio::join!(sent(reader), writing);
        let sizes: Vec<_> = messages.iter().map(|message| message.data.len()).collect();
        assert_eq!(sizes, [3, 3]);
    }

    #[tokio::test]
    async fn only_the_last_message_publishes() {
        for (size, counts) in [(0, vec![0]), (5, vec![5]), (CHUNK_BYTES, vec![CHUNK_BYTES, 0])] {
            let (messages, _) = sent(io::Cursor::new(vec![7; size])).await;
            assert_eq!(messages.iter().map(|message| message.data.len()).collect::<Vec<_>>(), counts);
            let finishes = messages.iter().filter(|message| message.finish_write).count();
            assert!(finishes == 1 && messages.last().unwrap().finish_write, "{size}");
        }
    }

    #[tokio::test]
    async fn chunks_say_where_they_are_and_what_they_are() {
        let (messages, _) = sent(io::Cursor::new(vec![7; CHUNK_BYTES + 3])).await;
        assert_eq!(messages[0].path, "a");
        assert_eq!((messages[1].path.as_str(), messages[1].write_offset), ("", Some(1 << 20)));
        assert_eq!(messages[1].crc32c, Some(crc32c::crc32c(&[7; 3])));
    }

    #[tokio::test]
    async fn a_reader_that_fails_never_publishes() {
        let broken = one_chunk_then_an_error();
        let (messages, failure) = sent(broken).await;
        assert!(messages.iter().all(|message| !message.finish_write));
        assert!(failure.lock().unwrap().is_some());
    }

    /// One whole chunk, then an error.
    fn one_chunk_then_an_error() -> impl AsyncRead + Send + Unpin + 'static {
        struct Broken;
        impl AsyncRead for Broken {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                _: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                std::task::Poll::Ready(Err(io::Error::other("the disk is gone")))
            }
        }
        io::Cursor::new(vec![7; CHUNK_BYTES]).chain(Broken)
    }
}
