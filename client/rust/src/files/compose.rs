//! Concatenation of objects.

use super::expect_info;
use crate::request_id::or_random;
use crate::retry::{Repeat, Retries};
use crate::v1::{ComposeRequest, FileInfo};
use crate::{Client, Result};

impl Client {
    /// Concatenates up to 10,000 objects, in order, into one object. The destination appears complete, or not at all.
    ///
    /// Sets `request_id` if it is empty, and retries with the same ID after a lost connection or `WriteInDoubt`. So the call
    /// composes at most once, also with `delete_sources`.
    ///
    /// # Errors
    /// `ObjectNotFound` if a source does not exist; `ObjectChanged` if a source changed while it was read; `WriteIncomplete` or
    /// `ChecksumMismatch` if `size_bytes` or `object_crc32c` does not match; `ObjectExists` if `if_none_match` is set and the
    /// destination exists; `PartialFailure` if the destination is stored and some sources could not be deleted: call again with
    /// the same `request_id`.
    pub async fn compose(&self, request: ComposeRequest) -> Result<FileInfo> {
        self.compose_with_progress(request, |_| ()).await
    }

    /// Like [`Client::compose`]. Passes the number of bytes composed so far to `progress`; a retry starts again at 0.
    pub(crate) async fn compose_with_progress(
        &self,
        request: ComposeRequest,
        progress: impl Fn(u64),
    ) -> Result<FileInfo> {
        let request = ComposeRequest { request_id: or_random(&request.request_id), ..request };
        let mut retries = Retries::new(self, Repeat::Idempotent);
        loop {
            match self.compose_once(request.clone(), &progress, &mut retries).await {
                Err(error) => retries.wait(error).await?,
                done => return done,
            }
        }
    }

    async fn compose_once(
        &self,
        request: ComposeRequest,
        progress: impl Fn(u64),
        retries: &mut Retries,
    ) -> Result<FileInfo> {
        let mut messages = retries.step(self.bulk().compose(request)).await?.into_inner();
        let mut info = None;
        while let Some(message) = retries.step(messages.message()).await? {
            progress(u64::try_from(message.composed_bytes).unwrap_or_default());
            info = message.info;
        }
        expect_info(info)
    }
}
