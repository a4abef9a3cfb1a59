//! Flattens streams of batches and paginated calls into streams of items.

use crate::retry::Repeat;
use crate::{Client, Error, Result};
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _, TryStreamExt as _};
use tonic::{Response, Status, Streaming};

impl Client {
    /// Sends a call, and streams the items of all messages, in order. Ends after the first error. Before the first message, the call
    /// is repeated as `repeat` says.
    pub(crate) async fn items<M, T, I, F>(
        &self,
        repeat: Repeat,
        attempt: impl Fn() -> F,
        take: impl Fn(M) -> I + Send + 'static,
    ) -> Result<BoxStream<'static, Result<T>>>
    where
        M: Send + 'static,
        T: Send + 'static,
        I: IntoIterator<Item = T, IntoIter: Send>,
        F: Future<Output = Result<Response<Streaming<M>>, Status>>,
    {
        let (first, messages) = self.repeated(repeat, || opened(attempt())).await?;
        let rest = stream::try_unfold((self.clone(), messages), |(client, mut messages)| async move {
            Ok(client.progress(messages.message()).await?.map(|message| (message, (client, messages))))
        });
        let all = stream::iter(first.map(Ok::<M, Error>)).chain(rest);
        Ok(all.map_ok(move |message| stream::iter(take(message).into_iter().map(Ok))).try_flatten().boxed())
    }
}

/// Waits for the first message of a call, which is `None` if there is no message.
pub(crate) async fn opened<M>(
    call: impl Future<Output = Result<Response<Streaming<M>>, Status>>,
) -> Result<(Option<M>, Streaming<M>)> {
    let mut messages = call.await?.into_inner();
    let first = messages.message().await?;
    Ok((first, messages))
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
