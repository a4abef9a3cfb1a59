//! Uploads of bytes in memory, which can be repeated.

use super::write::{CHUNK_BYTES, header};
use crate::progress::Turns;
use crate::request_id::or_random;
use crate::retry::{Repeat, Retries};
use crate::v1::{FileInfo, WriteRequest};
use crate::{Client, Place, Result, WriteOptions};
use bytes::Bytes;
use futures_util::stream::{self, Stream};

impl Client {
    /// Stores bytes as an object. The object appears complete, or not at all. The upload is repeated after a lost connection.
    ///
    /// # Errors
    /// Those of [`Client::write`], except `Unknown`.
    pub async fn write_bytes(
        &self,
        place: &Place,
        path: &str,
        data: impl Into<Bytes>,
        options: WriteOptions,
    ) -> Result<FileInfo> {
        let data = data.into();
        let mut header = header(place, path, options);
        header.size_bytes = Some(header.size_bytes.unwrap_or(i64::try_from(data.len()).unwrap_or(i64::MAX)));
        if !header.if_none_match.is_empty() {
            // With a key, a retry after a lost response does not find its own object.
            header.write_id = or_random(&header.write_id);
        }
        let mut retries = Retries::new(self, Repeat::Idempotent);
        loop {
            let (turns, server_turn) = Turns::since(retries.since());
            let error = match self.send(messages(header.clone(), data.clone(), turns), server_turn.clone()).await {
                Err(error) => error,
                done => return done,
            };
            if let Some(at) = server_turn.began() {
                retries.progressed(at);
            }
            retries.wait(error).await?;
        }
    }
}

/// Streams the messages of an upload. The first one has the header.
fn messages(header: WriteRequest, data: Bytes, mut turns: Turns) -> impl Stream<Item = WriteRequest> + Send + 'static {
    let mut next = Some((header, data, 0));
    let mut object_crc32c = 0;
    stream::iter(std::iter::from_fn(move || {
        let (mut message, mut data, offset) = next.take()?;
        let rest = data.split_off(data.len().min(CHUNK_BYTES));
        let crc32c = crc32c::crc32c(&data);
        object_crc32c = crc32c::crc32c_combine(object_crc32c, crc32c, data.len());
        message.write_offset = Some(offset);
        message.crc32c = Some(crc32c);
        message.finish_write = rest.is_empty();
        message.object_crc32c = message.finish_write.then_some(object_crc32c);
        if !message.finish_write {
            next = Some((WriteRequest::default(), rest, offset + data.len() as i64));
        }
        message.data = data;
        turns.server();
        Some(message)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;

    async fn sent(size: usize) -> Vec<WriteRequest> {
        let header = header(&Place::reference("lake", "main"), "a", WriteOptions::default());
        messages(header, vec![7; size].into(), Turns::new().0).collect().await
    }

    #[tokio::test]
    async fn messages_cover_the_bytes_once() {
        for (size, counts) in
            [(0, vec![0]), (5, vec![5]), (CHUNK_BYTES, vec![CHUNK_BYTES]), (CHUNK_BYTES + 1, vec![CHUNK_BYTES, 1])]
        {
            let messages = sent(size).await;
            assert_eq!(messages.iter().map(|message| message.data.len()).collect::<Vec<_>>(), counts);
            let finishes: Vec<bool> = messages.iter().map(|message| message.finish_write).collect();
            assert!(finishes.iter().rev().skip(1).all(|finish| !finish) && finishes.last() == Some(&true), "{size}");
            let last = messages.last().unwrap();
            assert_eq!(last.object_crc32c, Some(crc32c::crc32c(&vec![7; size])), "{size}");
            assert_eq!(last.write_offset, Some((size - last.data.len()) as i64), "{size}");
            assert_eq!((messages[0].path.as_str(), last.crc32c), ("a", Some(crc32c::crc32c(&last.data))));
        }
    }
}
