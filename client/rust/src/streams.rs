//! Flattens streams of batches and paginated calls into streams of items.

use crate::{Error, Result};
use futures_util::future::Either;
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use tonic::{Response, Streaming};

/// Streams the items of all messages, in order. Ends after the first error.
pub(crate) fn items<M, T, I>(
    response: Response<Streaming<M>>,
    take: impl Fn(M) -> I + Send + 'static,
) -> impl Stream<Item = Result<T>> + Send + Unpin
where
    M: Send + 'static,
    T: Send + 'static,
    I: IntoIterator<Item = T, IntoIter: Send>,
{
    let batches = response.into_inner().map(move |message| match message {
        Ok(message) => Either::Left(stream::iter(take(message).into_iter().map(Ok))),
        Err(status) => Either::Right(stream::iter([Err(Error::from(status))])),
    });
    batches.flatten()
}

/// Streams the items of all pages. Requests each page on demand. `get` takes a page token, and returns the items of a page and the
/// next token, which is empty after the last page.
pub(crate) fn paged<T, F, A>(get: F) -> impl Stream<Item = Result<T>> + Send
where
    T: Send,
    F: Fn(String) -> A + Send,
    A: Future<Output = Result<(Vec<T>, String)>> + Send,
{
    let pages = stream::try_unfold(Some((String::new(), get)), |state| async move {
        let Some((token, get)) = state else { return Ok(None) };
        let (items, next) = get(token).await?;
        let rest = (!next.is_empty()).then_some((next, get));
        Ok::<_, Error>(Some((stream::iter(items.into_iter().map(Ok)), rest)))
    });
    pages.try_flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_are_requested_until_the_token_is_empty() {
        let pages = paged(|token| async move {
            Ok(match token.as_str() {
                "" => (vec![1, 2], "a".to_owned()),
                "a" => (vec![], "b".to_owned()),
                _ => (vec![3], String::new()),
            })
        });
        assert_eq!(pages.try_collect::<Vec<_>>().await.unwrap(), [1, 2, 3]);
    }
}
