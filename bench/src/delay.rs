//! A TCP proxy that delays all bytes, like a long line.

use crate::Result;
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Maximum number of bytes that one read takes from a connection.
const PIECE: usize = 256 << 10;

/// Starts a proxy that forwards the bytes of each direction after `delay`. It does not limit the throughput: any number of bytes can
/// be on the line. Returns its address.
pub(crate) async fn proxy(target: SocketAddr, delay: Duration) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // This task runs until the process exits.
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // If the server does not accept the connection, the client sees the end of its own.
            tokio::spawn(connect(client, target, delay));
        }
    });
    Ok(address)
}

async fn connect(client: TcpStream, target: SocketAddr, delay: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::try_join!(forward(from_client, to_server, delay), forward(from_server, to_client, delay))?;
    Ok(())
}

/// Forwards bytes until one of the connections ends.
async fn forward(from: OwnedReadHalf, to: OwnedWriteHalf, delay: Duration) -> std::io::Result<()> {
    let (line, end) = mpsc::unbounded_channel();
    tokio::try_join!(receive(from, line, delay), send(end, to))?;
    Ok(())
}

/// A piece of data, and the time at which it arrives at the end of the line.
type Piece = (Instant, Bytes);

async fn receive(mut from: OwnedReadHalf, line: mpsc::UnboundedSender<Piece>, delay: Duration) -> std::io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(PIECE);
        if from.read_buf(&mut buffer).await? == 0
            || line.send((Instant::now() + delay, buffer.split().freeze())).is_err()
        {
            return Ok(());
        }
    }
}

async fn send(mut line: mpsc::UnboundedReceiver<Piece>, mut to: OwnedWriteHalf) -> std::io::Result<()> {
    while let Some((due, bytes)) = line.recv().await {
        sleep_until(due).await;
        to.write_all(&bytes).await?;
    }
    to.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connects by the proxy to a server that sends all bytes back.
    async fn echo(delay: Duration) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (mut from, mut to) = stream.into_split();
            tokio::io::copy(&mut from, &mut to).await.unwrap();
        });
        TcpStream::connect(proxy(target, delay).await.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn each_direction_is_delayed() {
        let delay = Duration::from_millis(10);
        let mut stream = echo(delay).await;
        let began = Instant::now();
        stream.write_all(b"hello").await.unwrap();
        let mut received = [0; 5];
        stream.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"hello");
        assert!(began.elapsed() >= 2 * delay, "{:?}", began.elapsed());
    }

    /// All bytes are on the line before the first one comes back, although the buffers of the sockets are far smaller.
    #[tokio::test]
    async fn bytes_on_the_line_are_not_limited() {
        const SIZE: usize = 32 << 20;
        let (mut from, mut to) = echo(Duration::from_secs(2)).await.into_split();
        let writing = async move {
            to.write_all(&vec![7; SIZE]).await.unwrap();
            to.shutdown().await.unwrap();
            Instant::now()
        };
        let reading = async move {
            let first = from.read_u8().await.unwrap();
            let arrived = Instant::now();
            let mut received = vec![first];
            from.read_to_end(&mut received).await.unwrap();
            (arrived, received)
        };
        let (written, (arrived, received)) = tokio::join!(writing, reading);
        assert!(written < arrived, "the line took bytes only as fast as they came back");
        assert!(received.len() == SIZE && received.iter().all(|byte| *byte == 7));
    }
}
