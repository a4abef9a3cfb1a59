//! Atomic uploads.

use super::expect_info;
use crate::progress::{ServerTurn, Turns};
use crate::v1::{FileInfo, WriteRequest};
use crate::{Client, Error, Place, Result};
use bytes::BytesMut;
use futures_util::stream::{self, Stream, StreamExt as _};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Size of the data in one message.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// If the reader returns nothing for this long, the bytes read so far are sent as a smaller message. An upload may pause for any
/// time. But a server that is out of permits ends uploads that sent no bytes for 30 s (`WriterStalled`), so bytes are not held back.
const FILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Properties and preconditions of a write.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// MIME type. Empty: the server guesses it from the file extension of the path, or else stores `application/octet-stream`.
    pub content_type: String,
    /// User metadata. Keys must be lower case.
    pub metadata: HashMap<String, String>,
    /// Size of the object in bytes, if known. If the reader yields another number of bytes, the write fails. This way a file that
    /// changes during the upload is not published.
    pub size_bytes: Option<u64>,
    /// Fail with `ObjectExists` if the object exists.
    pub create_only: bool,
    /// Idempotency key of a create-only write, `[A-Za-z0-9_-]{1,64}`. A retry with the same key succeeds if the first attempt stored
    /// the object. Use a new key for each write. Empty: no key.
    pub write_id: String,
}

/// Result of reading the bytes of an upload. A gRPC request stream can only end, not fail, so the result is kept here.
#[derive(Debug, Default)]
struct Sent {
    read_error: Option<std::io::Error>,
    /// CRC32C of all bytes read so far.
    crc32c: u32,
}

type SharedSent = Arc<Mutex<Sent>>;

/// Reads the messages of an upload.
struct Messages<R> {
    reader: R,
    /// Offset of the next message.
    offset: i64,
    sent: SharedSent,
    turns: Turns,
}

impl Client {
    /// Stores all bytes of `reader` as an object. The object is not published if the reader fails, if the connection is lost
    /// during the upload, or if the returned future is dropped before the last message is sent. The server verifies a CRC32C of
    /// each message and of the whole object. The upload is not repeated: for that, see [`Client::write_bytes`] and
    /// [`Client::upload_resumable`]. The reader may pause for any time, but see `WriterStalled`. The timeout limits the
    /// time in which the server accepts a message, and the time of its response after the last one.
    ///
    /// # Errors
    /// `Unknown` if the reader fails; `ObjectExists` if `create_only` is set and the object exists; `RefNotABranch`,
    /// `BranchProtected`; `WriteIncomplete` if `size_bytes` is wrong; `WriteInDoubt` if the object may or may not have been stored:
    /// retrying is safe; `DeadlineExceeded` if the server makes no progress within the timeout: the object may or may not have been
    /// stored; `WriterStalled` if the server was out of permits and the reader paused for 30 s.
    pub async fn write(
        &self,
        place: &Place,
        path: &str,
        reader: impl AsyncRead + Send + Unpin + 'static,
        options: WriteOptions,
    ) -> Result<FileInfo> {
        Ok(self.write_with_checksum(place, path, reader, options).await?.0)
    }

    /// Like [`Client::write`]. Also returns the CRC32C of the object.
    pub(crate) async fn write_with_checksum(
        &self,
        place: &Place,
        path: &str,
        reader: impl AsyncRead + Send + Unpin + 'static,
        options: WriteOptions,
    ) -> Result<(FileInfo, u32)> {
        let sent = SharedSent::default();
        let (turns, server_turn) = Turns::new();
        let mut messages = Messages { reader, offset: 0, sent: Arc::clone(&sent), turns };
        // Fill the first message before the call: the server waits at most 30 s for it.
        let first = messages.fill(header(place, path, options)).await.map_err(Error::unreadable)?;
        let written = self.send(messages.into_stream(first), server_turn).await;
        let Sent { read_error, crc32c } = std::mem::take(&mut *lock(&sent));
        match read_error {
            // The server reports only an incomplete upload. The reader's error is the cause.
            Some(error) => Err(Error::unreadable(error)),
            None => Ok((written?, crc32c)),
        }
    }

    /// Sends the messages of an upload. Fails if one turn of the server takes longer than the timeout.
    pub(super) async fn send(
        &self,
        messages: impl Stream<Item = WriteRequest> + Send + 'static,
        server_turn: ServerTurn,
    ) -> Result<FileInfo> {
        let mut bulk = self.bulk();
        let response = tokio::select! {
            response = bulk.write(messages) => response?,
            () = server_turn.exceeds(self.timeout()) => return Err(Error::no_response()),
        };
        expect_info(response.into_inner().info)
    }
}

fn lock(sent: &SharedSent) -> MutexGuard<'_, Sent> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the precondition of a write.
pub(in crate::files) fn if_none_match(create_only: bool) -> String {
    if create_only { "*".to_owned() } else { String::new() }
}

pub(super) fn header(place: &Place, path: &str, options: WriteOptions) -> WriteRequest {
    let (repository, r#ref, transaction_id) = place.fields();
    WriteRequest {
        repository,
        r#ref,
        path: path.to_owned(),
        transaction_id,
        content_type: options.content_type,
        metadata: options.metadata,
        size_bytes: options.size_bytes.and_then(|size| i64::try_from(size).ok()),
        if_none_match: if_none_match(options.create_only),
        write_id: options.write_id,
        ..WriteRequest::default()
    }
}

impl<R: AsyncRead + Send + Unpin + 'static> Messages<R> {
    /// Streams the messages of an upload, starting with `first`. If the reader fails, the stream ends without `finish_write`, and
    /// the server publishes nothing.
    fn into_stream(self, first: WriteRequest) -> impl Stream<Item = WriteRequest> + Send + 'static {
        let rest = (!first.finish_write).then_some(self);
        let rest = stream::unfold(rest, async |state| {
            let mut messages = state?;
            match messages.fill(WriteRequest::default()).await {
                Ok(message) if message.finish_write => Some((message, None)),
                Ok(message) => Some((message, Some(messages))),
                Err(error) => {
                    lock(&messages.sent).read_error = Some(error);
                    None
                }
            }
        });
        stream::once(std::future::ready(first)).chain(rest)
    }

    /// Fills a message with up to `CHUNK_BYTES` from the reader, and sets `finish_write` at the end of the reader. Waits for the
    /// first byte without a limit; after that, returns a partial message if the reader stalls for `FILL_TIMEOUT`.
    async fn fill(&mut self, mut message: WriteRequest) -> std::io::Result<WriteRequest> {
        self.turns.client();
        let mut data = BytesMut::with_capacity(CHUNK_BYTES);
        let mut rest = (&mut self.reader).take(CHUNK_BYTES as u64);
        while data.len() < CHUNK_BYTES {
            match tokio::time::timeout(FILL_TIMEOUT, rest.read_buf(&mut data)).await {
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
        let (crc32c, total) = self.advance(&data);
        message.crc32c = Some(crc32c);
        message.object_crc32c = message.finish_write.then_some(total);
        message.write_offset = Some(self.offset);
        self.offset += i64::try_from(data.len()).unwrap_or_default();
        message.data = data.freeze();
        self.turns.server();
        Ok(message)
    }

    /// Returns the CRC32C of `data`, and that of all bytes up to the end of `data`.
    fn advance(&self, data: &[u8]) -> (u32, u32) {
        let crc32c = crc32c::crc32c(data);
        let mut sent = lock(&self.sent);
        sent.crc32c = crc32c::crc32c_combine(sent.crc32c, crc32c, data.len());
        (crc32c, sent.crc32c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use tokio::io::AsyncWriteExt as _;

    async fn sent(reader: impl AsyncRead + Send + Unpin + 'static) -> (Vec<WriteRequest>, SharedSent) {
        let sent = SharedSent::default();
        let mut messages = Messages { reader, offset: 0, sent: Arc::clone(&sent), turns: Turns::new().0 };
        let header = header(&Place::reference("lake", "main"), "a", WriteOptions::default());
        let first = messages.fill(header).await.unwrap();
        (messages.into_stream(first).collect().await, sent)
    }

    #[tokio::test(start_paused = true)]
    async fn slow_reader_yields_partial_messages() {
        let (mut pipe, reader) = tokio::io::duplex(64);
        let writing = async move {
            tokio::time::sleep(FILL_TIMEOUT * 20).await;
            pipe.write_all(b"one").await.unwrap();
            tokio::time::sleep(FILL_TIMEOUT * 2).await;
            pipe.write_all(b"two").await.unwrap();
        };
        let ((messages, _), ()) = tokio::join!(sent(reader), writing);
        let sizes: Vec<_> = messages.iter().map(|message| message.data.len()).collect();
        assert_eq!(sizes, [3, 3]);
    }

    #[tokio::test]
    async fn only_the_last_message_has_finish_write() {
        for (size, counts) in [(0, vec![0]), (5, vec![5]), (CHUNK_BYTES, vec![CHUNK_BYTES, 0])] {
            let (messages, _) = sent(io::Cursor::new(vec![7; size])).await;
            assert_eq!(messages.iter().map(|message| message.data.len()).collect::<Vec<_>>(), counts);
            let finishes = messages.iter().filter(|message| message.finish_write).count();
            assert!(finishes == 1 && messages.last().unwrap().finish_write, "{size}");
        }
    }

    #[tokio::test]
    async fn messages_carry_offset_and_checksum() {
        let (messages, sent) = sent(io::Cursor::new(vec![7; CHUNK_BYTES + 3])).await;
        assert_eq!(messages[0].path, "a");
        assert_eq!((messages[1].path.as_str(), messages[1].write_offset), ("", Some(1 << 20)));
        assert_eq!(messages[1].crc32c, Some(crc32c::crc32c(&[7; 3])));
        let whole = crc32c::crc32c(&[7; CHUNK_BYTES + 3]);
        assert_eq!((messages[0].object_crc32c, messages[1].object_crc32c), (None, Some(whole)));
        assert_eq!(lock(&sent).crc32c, whole);
    }

    #[tokio::test]
    async fn failed_reader_never_sends_finish_write() {
        let broken = one_chunk_then_an_error();
        let (messages, sent) = sent(broken).await;
        assert!(messages.iter().all(|message| !message.finish_write));
        assert!(lock(&sent).read_error.is_some());
    }

    /// Reader that returns one full chunk, then an error.
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
