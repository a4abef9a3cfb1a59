//! Streams of batches, and pages, as streams of items.

use crate::{Error, Result};
use futures_util::future::Either;
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use tonic::{Response, Streaming};

/// The items of all messages, in order. Ends after the first error.
pub(crate) fn items<M, T, I>(
    answer: Response<Streaming<M>>,
    take: impl Fn(M) -> I + Send + 'static,
) -> impl Stream<Item = Result<T>> + Send + Unpin
where
    M: Send + 'static,
    T: Send + 'static,
    I: IntoIterator<Item = T, IntoIter: Send>,
{
    let batches = answer.into_inner().map(move |message| match message {
        Ok(message) => Either::Left(stream::iter(take(message).into_iter().map(Ok))),
        Err(status) => Either::Right(stream::iter([Err(Error::from(status))])),
    });
    batches.flatten()
}

/// The items of all pages, each asked for when it is needed. `get` takes a page token and gives a page and the next token.
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
    async fn pages_follow_each_other_until_there_is_no_token() {
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
