//! The body of an upload to lakeFS. It forwards the bytes as they arrive and checks them.
//!
//! If the source breaks off or does not match the expected size and checksums, the upload ends with an error. lakeFS
//! then never gets a whole body, and no object becomes visible. The last piece is held back until all checks pass: with
//! a known length, lakeFS would take the last byte for the end.

use crate::error::{BoxError, Error, Kind, Result};
use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};
use lakeport_transactions::InFlightRecord;
use md5::{Digest, Md5};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

/// Expected size and checksums of an object.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// Number of bytes.
    pub size: Option<u64>,
    /// CRC32C of all bytes.
    pub crc32c: Option<u32>,
    /// MD5 of all bytes.
    pub md5: Option<[u8; 16]>,
}

impl Checks {
    /// Returns whether any value is expected.
    pub fn is_any(&self) -> bool {
        self.size.is_some() || self.crc32c.is_some() || self.md5.is_some()
    }
}

/// A part of an upload.
#[derive(Debug)]
pub struct Part {
    /// Bytes; may be empty.
    pub data: Bytes,
    /// Set in the last part. The object is published if all bytes also match these values.
    pub finish: Option<Checks>,
}

/// Stream of parts. A stream that ends without a part with `finish` publishes nothing.
pub type Source = Pin<Box<dyn Stream<Item = Result<Part>> + Send>>;

/// Records the request before its last piece is sent, so that the record survives this process.
pub type Recording = Pin<Box<dyn Future<Output = Result<Option<InFlightRecord>>> + Send>>;

/// The body of an upload. The body and its [`Outcome`] share one state.
pub struct Upload(Outcome);

/// Outcome of an upload body, for the creator of the upload.
#[derive(Clone)]
pub struct Outcome(Arc<Mutex<State>>);

struct State {
    pieces: Pieces,
    /// Whether the body has ended because [`Outcome::drain`] takes the rest of the bytes.
    is_draining: bool,
    rejection: Option<Error>,
}

/// The error with which a rejected body ends. The reason is in the [`Outcome`].
#[derive(Debug, thiserror::Error)]
#[error("the upload was rejected")]
struct Rejected;

impl Upload {
    /// Returns the body of a source, and its outcome.
    pub fn new(source: Source, checks: Checks) -> (Self, Outcome) {
        let state = State { pieces: Pieces::new(source, checks), is_draining: false, rejection: None };
        let outcome = Outcome(Arc::new(Mutex::new(state)));
        (Self(outcome.clone()), outcome)
    }
}

impl Outcome {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds the last piece back until the request is recorded. The recording begins when all bytes have arrived. The record lasts as long
    /// as the outcome.
    pub fn record_before_end(&self, recording: Recording) {
        self.lock().pieces.recording = Some(recording);
    }

    /// Takes the error because of which the source was rejected, if it was.
    pub fn take_rejection(&self) -> Option<Error> {
        self.lock().rejection.take()
    }

    /// Returns the size and CRC32C of the bytes, once all passed the checks.
    pub fn sent(&self) -> Option<(u64, u32)> {
        self.lock().pieces.verified
    }

    /// Receives the bytes that lakeFS did not read because it refused the upload early. Returns the size and CRC32C of
    /// all bytes.
    ///
    /// # Errors
    /// As an upload of these bytes.
    pub async fn drain(&self) -> Result<(u64, u32)> {
        {
            let mut state = self.lock();
            state.is_draining = true;
            // The request has ended.
            state.pieces.recording = None;
        }
        while let Some(piece) = poll_fn(|cx| self.lock().pieces.poll_next(cx)).await {
            piece?;
        }
        self.sent().ok_or_else(|| incomplete("the bytes of the upload were lost: send it again".to_owned()))
    }
}

/// The pieces of an upload, checked.
struct Pieces {
    source: Source,
    checks: Checks,
    size: u64,
    crc32c: u32,
    md5: Option<Md5>,
    held: Option<Bytes>,
    is_done: bool,
    /// Size and CRC32C of all bytes, once they passed the checks.
    verified: Option<(u64, u32)>,
    /// Completes before the last piece is sent.
    recording: Option<Recording>,
    /// Record of the request in the session store.
    record: Option<InFlightRecord>,
}

impl Pieces {
    fn new(source: Source, checks: Checks) -> Self {
        let md5 = checks.md5.map(|_| Md5::new());
        Self {
            source,
            checks,
            size: 0,
            crc32c: 0,
            md5,
            held: None,
            is_done: false,
            verified: None,
            recording: None,
            record: None,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        while !self.is_done {
            let ready_to_send = self.held.take();
            let part = match self.source.as_mut().poll_next(cx) {
                Poll::Pending => {
                    self.held = ready_to_send;
                    return Poll::Pending;
                }
                Poll::Ready(part) => part,
            };
            if let Err(error) = self.take(part) {
                self.is_done = true;
                return Poll::Ready(Some(Err(error)));
            }
            if ready_to_send.is_some() && self.held.is_none() {
                // An empty part followed, so this is still the last piece.
                self.held = ready_to_send;
            } else if let Some(piece) = ready_to_send {
                return Poll::Ready(Some(Ok(piece)));
            }
        }
        if let Some(recording) = &mut self.recording {
            let recorded = ready!(recording.as_mut().poll(cx));
            self.recording = None;
            match recorded {
                Ok(record) => self.record = record,
                Err(error) => {
                    self.held = None;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        Poll::Ready(self.held.take().map(Ok))
    }

    /// Counts and hashes bytes.
    fn record(&mut self, data: &Bytes) -> Result<()> {
        self.size += data.len() as u64;
        if let Some(expected) = self.checks.size.filter(|expected| self.size > *expected) {
            return Err(incomplete(format!(
                "size_bytes is {expected}, but more bytes arrived: nothing was published; send it again"
            )));
        }
        self.crc32c = crc32c::crc32c_append(self.crc32c, data);
        if let Some(md5) = &mut self.md5 {
            md5.update(data);
        }
        Ok(())
    }

    /// Checks all bytes against the values from the first message and from the last part.
    fn verify(&mut self, last: &Checks) -> Result<()> {
        for expected in [self.checks.size, last.size].into_iter().flatten() {
            if expected != self.size {
                return Err(incomplete(format!(
                    "size_bytes is {expected}, but {} bytes arrived: nothing was published; send it again",
                    self.size
                )));
            }
        }
        for expected in [self.checks.crc32c, last.crc32c].into_iter().flatten() {
            if expected != self.crc32c {
                return Err(mismatch("object_crc32c", &format!("{expected:08x}"), &format!("{:08x}", self.crc32c)));
            }
        }
        if last.md5.is_some() && self.checks.md5.is_none() {
            return Err(Error::field(
                "object_md5",
                "must be in the first message, since it is computed as bytes arrive",
            ));
        }
        let actual: Option<[u8; 16]> = self.md5.take().map(|md5| md5.finalize().into());
        for expected in [self.checks.md5, last.md5].into_iter().flatten() {
            if let Some(actual) = actual.filter(|actual| *actual != expected) {
                return Err(mismatch("object_md5", &hex::encode(expected), &hex::encode(actual)));
            }
        }
        self.verified = Some((self.size, self.crc32c));
        Ok(())
    }

    fn take(&mut self, part: Option<Result<Part>>) -> Result<()> {
        let part = part.unwrap_or_else(|| {
            Err(incomplete("the stream ended without finish_write: nothing was published; send it again".to_owned()))
        })?;
        self.record(&part.data)?;
        if let Some(last) = &part.finish {
            self.verify(last)?;
            self.is_done = true;
        }
        if !part.data.is_empty() {
            self.held = Some(part.data);
        }
        Ok(())
    }
}

fn incomplete(message: String) -> Error {
    Error::new(Kind::WriteIncomplete, message)
}

fn mismatch(field: &str, expected: &str, actual: &str) -> Error {
    Error::new(
        Kind::ChecksumMismatch,
        format!(
            "{field} is {expected}, but the bytes that arrived have {actual}: nothing was published; send it again"
        ),
    )
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.0.lock();
        if state.is_draining {
            return Poll::Ready(Some(Err(Box::new(Rejected))));
        }
        state.pieces.poll_next(cx).map_ok(Frame::data).map_err(|error| {
            state.rejection = Some(error);
            Rejected.into()
        })
    }

    fn is_end_stream(&self) -> bool {
        let pieces = &self.0.lock().pieces;
        pieces.is_done && pieces.held.is_none() && pieces.recording.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        // The client never polls a body of known length 0, so it would not be checked.
        let size = self.0.lock().pieces.checks.size.filter(|size| *size > 0);
        size.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::BodyExt;

    async fn upload(parts: Vec<(&'static str, bool)>, checks: Checks) -> (String, Option<Kind>) {
        let parts = parts.into_iter().map(|(data, last)| {
            Ok(Part { data: Bytes::from_static(data.as_bytes()), finish: last.then(Checks::default) })
        });
        let (mut upload, outcome) = Upload::new(Box::pin(stream::iter(parts.collect::<Vec<_>>())), checks);
        let mut sent = Vec::new();
        while let Some(Ok(frame)) = upload.frame().await {
            sent.extend(frame.into_data().unwrap());
        }
        (String::from_utf8(sent).unwrap(), outcome.take_rejection().map(|error| error.kind()))
    }

    #[tokio::test]
    async fn a_finished_upload_that_passes_all_checks_is_sent_completely() {
        let checks =
            Checks { size: Some(5), crc32c: Some(crc32c::crc32c(b"hello")), md5: Some(Md5::digest(b"hello").into()) };
        for parts in [vec![("hello", true)], vec![("he", false), ("", false), ("llo", false), ("", true)]] {
            assert_eq!(upload(parts, checks.clone()).await, ("hello".into(), None));
        }
        assert_eq!(upload(vec![("", true)], Checks::default()).await, (String::new(), None));
    }

    #[tokio::test]
    async fn the_last_piece_is_held_back_if_a_check_fails() {
        let parts = || vec![("he", false), ("llo", true)];
        let size = Checks { size: Some(6), ..Checks::default() };
        assert_eq!(upload(parts(), size).await, ("".into(), Some(Kind::WriteIncomplete)));
        let size = Checks { size: Some(4), ..Checks::default() };
        assert_eq!(upload(parts(), size).await.1, Some(Kind::WriteIncomplete));
        let crc = Checks { crc32c: Some(7), ..Checks::default() };
        assert_eq!(upload(parts(), crc).await, ("".into(), Some(Kind::ChecksumMismatch)));
        let md5 = Checks { md5: Some([0; 16]), ..Checks::default() };
        assert_eq!(upload(parts(), md5).await, ("".into(), Some(Kind::ChecksumMismatch)));
        let unfinished = upload(vec![("he", false), ("llo", false)], Checks::default()).await;
        assert_eq!(unfinished, ("he".into(), Some(Kind::WriteIncomplete)));
    }

    #[tokio::test]
    async fn the_rest_of_an_upload_can_be_drained() {
        let parts = [("he", false), ("l", false), ("lo", true)].map(|(data, last)| {
            Ok(Part { data: Bytes::from_static(data.as_bytes()), finish: last.then(Checks::default) })
        });
        let (mut body, outcome) = Upload::new(Box::pin(stream::iter(parts)), Checks::default());
        assert!(body.frame().await.unwrap().is_ok());
        assert_eq!(outcome.drain().await.unwrap(), (5, crc32c::crc32c(b"hello")));
        assert!(body.frame().await.unwrap().is_err(), "the body must not appear to be complete");
        let unfinished = stream::iter([Ok(Part { data: Bytes::from_static(b"he"), finish: None })]);
        let (_body, outcome) = Upload::new(Box::pin(unfinished), Checks::default());
        assert_eq!(outcome.drain().await.unwrap_err().kind(), Kind::WriteIncomplete);
    }
}
