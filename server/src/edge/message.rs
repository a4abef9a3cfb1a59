//! Receives the message of a call that is not an upload, within the limit of its method and the memory budget.

use crate::error::{BoxError, Error, Kind, Result};
use crate::memory::{MessageMemory, ReservedMessage};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use tonic::body::Body;

/// Size of the prefix of a message, in bytes: a flag and the length.
const PREFIX: usize = 5;

/// Receives a body with one message of at most `limit` bytes. Checks the announced length and reserves its memory before
/// the message is buffered.
///
/// # Errors
/// `InvalidField` for a message that is too large or incomplete, and for a second one; `Overloaded`; `WriteIncomplete` if
/// the connection breaks.
pub(super) async fn receive<B>(mut body: B, limit: usize, memory: &MessageMemory) -> Result<(Body, ReservedMessage)>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let (mut message, mut length, mut reserved) = (BytesMut::new(), None, ReservedMessage::default());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(broken)?.into_data() else { continue };
        message.extend_from_slice(&piece);
        if length.is_none()
            && let Some(announced) = announced(&message)
        {
            check(announced, limit)?;
            reserved = memory.reserve(announced).await?;
            length = Some(PREFIX + announced);
        }
        if length.is_some_and(|length| message.len() > length) {
            return Err(Error::field("message", "is followed by more bytes: send one message per call"));
        }
    }
    if length != Some(message.len()) {
        return Err(Error::field("message", "is incomplete: the request ended before it"));
    }
    Ok((Body::new(Full::new(message.freeze())), reserved))
}

/// Returns the length in the prefix of a message; `None` if the prefix is incomplete.
fn announced(message: &[u8]) -> Option<usize> {
    let (_, length) = message.first_chunk::<PREFIX>()?.split_first()?;
    usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()
}

fn check(length: usize, limit: usize) -> Result<()> {
    if length <= limit {
        return Ok(());
    }
    let message = format!("has {length} bytes, and at most {limit} are allowed for this method: send less per request");
    Err(Error::field("message", message))
}

fn broken(error: impl Into<BoxError>) -> Error {
    let message = "the connection broke before the request was complete: send it again";
    Error::new(Kind::WriteIncomplete, message).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use http_body::Frame;
    use http_body_util::StreamBody;
    use proptest::prelude::*;

    fn body(pieces: Vec<Vec<u8>>) -> impl http_body::Body<Data = Bytes, Error = BoxError> + Unpin {
        StreamBody::new(stream::iter(pieces).map(|piece| Ok(Frame::data(piece.into()))))
    }

    async fn received(pieces: Vec<Vec<u8>>) -> Result<Vec<u8>> {
        let (body, _) = receive(body(pieces), 100, &MessageMemory::new(1 << 20)).await?;
        Ok(body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn a_message_is_received_in_any_pieces() {
        let whole = [&[0, 0, 0, 0, 3], b"abc".as_slice()].concat();
        assert_eq!(received(vec![whole.clone()]).await.unwrap(), whole);
        assert_eq!(received(whole.iter().map(|byte| vec![*byte]).collect()).await.unwrap(), whole);
        assert_eq!(received(vec![vec![0; PREFIX]]).await.unwrap(), [0; PREFIX]);
        for incomplete in [vec![], vec![0], whole[..7].to_vec(), [whole, vec![0]].concat()] {
            assert_eq!(received(vec![incomplete]).await.unwrap_err().kind(), Kind::InvalidField);
        }
    }

    #[tokio::test]
    async fn a_message_is_rejected_when_it_announces_too_many_bytes() {
        let pieces = stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from_static(&[0, 0, 0, 0, 101])))]);
        let endless = StreamBody::new(pieces.chain(stream::pending()));
        let error = receive(endless, 100, &MessageMemory::new(1 << 20)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidField);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_waits_for_memory_before_it_is_buffered() {
        let memory = MessageMemory::new(256 << 10);
        let prefix = Bytes::from([[0].as_slice(), &50_000_u32.to_be_bytes()].concat());
        let unfinished = || {
            let first = Ok::<_, BoxError>(Frame::data(prefix.clone()));
            StreamBody::new(stream::iter([first]).chain(stream::pending()))
        };
        let mut first = std::pin::pin!(receive(unfinished(), 100_000, &memory));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        let second = receive(unfinished(), 100_000, &memory).await;
        assert_eq!(second.unwrap_err().kind(), Kind::Overloaded, "a connection exceeded its share of 64 KiB");
        assert!(futures_util::poll!(first).is_pending());
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(pieces: Vec<Vec<u8>>) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let all = pieces.concat();
            if let Ok(message) = runtime.block_on(received(pieces)) {
                prop_assert_eq!(message, all);
            }
        }
    }
}
