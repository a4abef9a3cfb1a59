//! The timeout: the longest time without progress by the server.

use crate::{Client, Error, Result};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

impl Client {
    /// Waits for a step of the server: a response, or the next message of a stream.
    ///
    /// # Errors
    /// `DeadlineExceeded` if the step takes longer than the timeout; the error of the step.
    pub(crate) async fn progress<T, E: Into<Error>>(&self, step: impl Future<Output = Result<T, E>>) -> Result<T> {
        match timeout(self.timeout(), step).await {
            Ok(done) => done.map_err(Into::into),
            Err(_) => Err(Error::no_response()),
        }
    }
}

/// Records which side of an upload has to act: the client reads the next message, or the server accepts the last one.
pub(crate) struct Turns {
    sender: watch::Sender<Option<Instant>>,
    /// When the first turn of the server began.
    first: Option<Instant>,
}

/// The other end of [`Turns`].
#[derive(Clone)]
pub(crate) struct ServerTurn(watch::Receiver<Option<Instant>>);

impl Turns {
    pub(crate) fn new() -> (Self, ServerTurn) {
        let (sender, receiver) = watch::channel(None);
        (Self { sender, first: None }, ServerTurn(receiver))
    }

    /// The first turn of the server continues that of an earlier attempt.
    pub(crate) fn since(first: Instant) -> (Self, ServerTurn) {
        let (turns, server_turn) = Self::new();
        (Self { first: Some(first), ..turns }, server_turn)
    }

    /// The client reads the next message. It may take any time.
    pub(crate) fn client(&self) {
        self.sender.send_replace(None);
    }

    /// The message is complete: the server has to accept it, or to respond if it is the last one.
    pub(crate) fn server(&mut self) {
        self.sender.send_replace(Some(self.first.take().unwrap_or_else(Instant::now)));
    }
}

impl ServerTurn {
    /// Returns when the current turn of the server began. `None` if it is the turn of the client.
    pub(crate) fn began(&self) -> Option<Instant> {
        *self.0.borrow()
    }

    /// Returns when one turn of the server has lasted for `limit`.
    pub(crate) async fn exceeds(mut self, limit: Duration) {
        loop {
            let since = *self.0.borrow_and_update();
            let ended = match since {
                Some(since) => match timeout_at(since + limit, self.0.changed()).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                },
                None => self.0.changed().await,
            };
            if ended.is_err() {
                // All messages were accepted. Only the response is missing.
                let last = *self.0.borrow();
                return sleep_until(last.unwrap_or_else(Instant::now) + limit).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn the_time_of_the_client_does_not_count() {
        let (mut turns, server) = Turns::new();
        let began = Instant::now();
        let client = async move {
            for _ in 0..3 {
                turns.client();
                tokio::time::sleep(LIMIT * 5).await;
                turns.server();
                tokio::time::sleep(LIMIT / 2).await;
            }
        };
        tokio::join!(client, server.exceeds(LIMIT));
        assert_eq!(began.elapsed(), LIMIT * 15 + LIMIT / 2 * 2 + LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_accepts_no_message_exceeds_the_limit() {
        let (mut turns, server) = Turns::new();
        turns.server();
        let began = Instant::now();
        server.exceeds(LIMIT).await;
        assert_eq!(began.elapsed(), LIMIT);
        drop(turns);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_an_earlier_attempt_counts() {
        let (mut turns, server) = Turns::since(Instant::now());
        tokio::time::sleep(LIMIT / 2).await;
        turns.server();
        assert_eq!(server.began(), Some(Instant::now() - LIMIT / 2));
        let began = Instant::now();
        server.exceeds(LIMIT).await;
        assert_eq!(began.elapsed(), LIMIT / 2);
        drop(turns);
    }
}
