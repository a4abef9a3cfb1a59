//! Idempotency keys of calls that take effect at most once.

/// Returns a new idempotency key or transaction ID.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Returns the key that the caller chose, or a new one if it is empty.
pub(crate) fn or_random(chosen: &str) -> String {
    if chosen.is_empty() { random_id() } else { chosen.to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::v1::{BeginTransactionRequest, ComposeRequest, MergeRequest};
    use crate::{Client, CommitOptions, Error, Place, UploadOptions, WriteOptions};
    use std::path::Path;

    #[test]
    fn calls_can_run_in_spawned_tasks() {
        fn check(_: impl Future + Send) {}
        // Only compiled: the test is the bound `Send`.
        let _ = |client: Client| check(async move { client.merge(MergeRequest::default()).await });
        let _ = |client: Client| check(async move { client.compose(ComposeRequest::default()).await });
        let _ = |client: Client, place: Place| {
            check(async move {
                let upload = client.upload_resumable(Path::new("a"), &place, "a", UploadOptions::default()).await?;
                upload.run(|_| ()).await
            });
        };
        let _ = |client: Client, place: Place| {
            check(async move { client.write(&place, "a", &b"x"[..], WriteOptions::default()).await });
        };
        let _ = |client: Client, place: Place| check(async move { client.write_many(&place, Vec::new()).await });
        let _ = |client: Client, place: Place| check(async move { client.read_many(&place, &[]).await });
        let _ = |client: Client, place: Place| check(async move { client.read_ranges(&place, "a", &[]).await });
        let _ =
            |client: Client, place: Place| check(async move { client.delete_paths(&place, Vec::new(), true).await });
        let _ = |client: Client| {
            let (begin, commit) = (BeginTransactionRequest::default(), CommitOptions::default());
            check(async move { client.with_transaction(begin, commit, |_| async { Ok::<_, Error>(()) }).await });
        };
    }
}
