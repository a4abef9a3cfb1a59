//! Combines the small writes of HTTP/2 frames into fewer, larger writes. For clients with frames of 16 KiB, this saves most
//! of the system calls of a download.

use super::listener::{Reader, Writer};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Minimum size of a write that is not buffered, in bytes. Clients with frames of 16 KiB never cause such a write.
const LARGE: usize = 64 << 10;
/// Maximum size of the write of a small response, in bytes.
const SMALL: usize = 8 << 10;
/// Initial capacity of the buffer, in bytes. It has several small responses without growing.
const INITIAL: usize = 32 << 10;

/// Stream that buffers its writes until they are flushed by its [`Drain`].
pub(super) struct Coalesced {
    read: Reader,
    write: Arc<Mutex<WriteBuffer>>,
}

/// Flushes the write buffer of a [`Coalesced`].
pub(super) struct Drain(Arc<Mutex<WriteBuffer>>);

struct WriteBuffer {
    write: Writer,
    buffer: Vec<u8>,
    /// Number of bytes of the buffer that are written.
    written: usize,
    limit: usize,
}

/// Splits a connection into a stream that buffers up to `limit` bytes, and its drain. An empty buffer takes no memory, so idle
/// connections stay small.
pub(super) fn coalesce(read: Reader, write: Writer, limit: usize) -> (Coalesced, Drain) {
    let buffer = Arc::new(Mutex::new(WriteBuffer { write, buffer: Vec::new(), written: 0, limit }));
    (Coalesced { read, write: Arc::clone(&buffer) }, Drain(buffer))
}

impl Drain {
    /// Writes all buffered bytes.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_drain(cx)
    }
}

impl WriteBuffer {
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

    /// Returns the free capacity of the buffer, in bytes. If the buffer is full, writes it first.
    fn poll_capacity(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buffer.len() >= self.limit {
            ready!(self.poll_drain(cx))?;
        }
        Poll::Ready(Ok(self.limit - self.buffer.len()))
    }

    fn poll_buffer(&mut self, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        // Buffering a large write would only copy its bytes once more.
        let size: usize = slices.iter().map(|slice| slice.len()).sum();
        if size >= LARGE {
            ready!(self.poll_drain(cx))?;
            return Pin::new(&mut self.write).poll_write_vectored(cx, slices);
        }
        let mut capacity = ready!(self.poll_capacity(cx))?;
        // Without the reservations, the buffer would grow and be copied several times.
        if size > SMALL {
            // More writes will follow.
            self.buffer.reserve_exact(capacity);
        } else if self.buffer.capacity() == 0 {
            self.buffer.reserve_exact(capacity.min(INITIAL));
        }
        let mut taken = 0;
        for slice in slices {
            let part = &slice[..slice.len().min(capacity)];
            self.buffer.extend_from_slice(part);
            taken += part.len();
            capacity -= part.len();
        }
        Poll::Ready(Ok(taken))
    }
}

impl Coalesced {
    fn buffer(&self) -> std::sync::MutexGuard<'_, WriteBuffer> {
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
        self.buffer().poll_buffer(cx, &[io::IoSlice::new(data)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.buffer().poll_buffer(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Does nothing: the drain flushes after each poll of the connection.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = self.buffer();
        ready!(buffer.poll_drain(cx))?;
        Pin::new(&mut buffer.write).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn small_writes_are_buffered_until_the_drain_and_keep_their_order() {
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
