//! Gathers what HTTP/2 writes frame by frame into fewer, larger writes: toward clients with frames of 16 KiB that saves most of
//! the system calls of a download.

use super::listener::{Reader, Writer};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A write of so much is worth a system call of its own: clients with frames of 16 KiB never cause one.
const LARGE: usize = 64 << 10;
/// What a small answer writes.
const SMALL: usize = 8 << 10;

/// A stream whose writes are gathered until its [`Drain`] lets them go.
pub(super) struct Coalesced {
    read: Reader,
    write: Arc<Mutex<Gathered>>,
}

/// Lets go what was gathered.
pub(super) struct Drain(Arc<Mutex<Gathered>>);

struct Gathered {
    write: Writer,
    buffer: Vec<u8>,
    /// How much of the buffer is written.
    written: usize,
    limit: usize,
}

/// Gathers up to `limit` bytes. The buffer is there only while it holds something: idle connections stay small.
pub(super) fn coalesce(read: Reader, write: Writer, limit: usize) -> (Coalesced, Drain) {
    let gathered = Arc::new(Mutex::new(Gathered { write, buffer: Vec::new(), written: 0, limit }));
    (Coalesced { read, write: Arc::clone(&gathered) }, Drain(gathered))
}

impl Drain {
    /// Writes all that is gathered.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_drain(cx)
    }
}

impl Gathered {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.buffer.len() {
            let written = ready!(Pin::new(&mut self.write).poll_write(cx, &self.buffer[self.written..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        self.written = 0;
        self.buffer = Vec::new();
        Poll::Ready(Ok(()))
    }

    /// Room for at least one byte.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buffer.len() >= self.limit {
            ready!(self.poll_drain(cx))?;
        }
        Poll::Ready(Ok(self.limit - self.buffer.len()))
    }

    fn poll_gather(&mut self, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        // What is large already gains nothing by being gathered, and would be copied once more.
        let size: usize = slices.iter().map(|slice| slice.len()).sum();
        if size >= LARGE {
            ready!(self.poll_drain(cx))?;
            return Pin::new(&mut self.write).poll_write_vectored(cx, slices);
        }
        let mut room = ready!(self.poll_room(cx))?;
        if size > SMALL {
            // More will follow: growing step by step would copy it over and over.
            self.buffer.reserve_exact(room);
        }
        let mut taken = 0;
        for slice in slices {
            let part = &slice[..slice.len().min(room)];
            self.buffer.extend_from_slice(part);
            taken += part.len();
            room -= part.len();
        }
        Poll::Ready(Ok(taken))
    }
}

impl Coalesced {
    fn gathered(&self) -> std::sync::MutexGuard<'_, Gathered> {
        self.write.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Coalesced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

impl AsyncWrite for Coalesced {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.gathered().poll_gather(cx, &[io::IoSlice::new(data)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.gathered().poll_gather(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The drain flushes, once a turn.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.gathered();
        ready!(gathered.poll_drain(cx))?;
        Pin::new(&mut gathered.write).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn nothing_is_lost_and_nothing_leaves_before_the_drain() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = tokio::spawn(async move {
            let mut all = Vec::new();
            TcpStream::connect(address).await.unwrap().read_to_end(&mut all).await.unwrap();
            all
        });
        let (reader, writer) = listener.accept().await.unwrap().0.into_split();
        let (mut io, drain) = coalesce(Box::new(reader), Box::new(writer), 100);
        let sent: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        io.write_all(&sent[..1_000]).await.unwrap();
        assert!(!drain.0.lock().unwrap().buffer.is_empty());
        poll_fn(|cx| drain.poll_drain(cx)).await.unwrap();
        assert_eq!(drain.0.lock().unwrap().buffer.capacity(), 0);
        // Small and large writes keep their order.
        io.write_all(&sent[1_000..1_010]).await.unwrap();
        for part in sent[1_010..].chunks(LARGE + 7) {
            io.write_all(part).await.unwrap();
        }
        io.shutdown().await.unwrap();
        assert_eq!(client.await.unwrap(), sent);
    }
}
