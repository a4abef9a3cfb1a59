//! A TCP proxy that fails on purpose.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are passed on at once.
const PIECE: usize = 16 << 10;

/// What goes wrong. It counts for connections that are open, too.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// Every piece comes later.
    Latency(Duration),
    /// So many bytes a second, either way.
    Slow(u32),
    /// Each connection is reset behind so many bytes from the client; how many, chance says.
    CutUp(Range<u64>),
    /// The same, of bytes from the server.
    CutDown(Range<u64>),
    /// Connections stand, and nothing passes.
    HalfOpen,
    /// Connections are reset, those that are open and those that come.
    Down,
}

/// A proxy on a port of its own. Ends when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    trouble: watch::Sender<Trouble>,
    cuts: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr, trouble: Trouble, seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (trouble, told) = watch::channel(trouble);
        let cuts = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&cuts);
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (told, counted, chance) = (told.clone(), Arc::clone(&counted), dice.random());
                tokio::spawn(async move {
                    if relay(client, server, told, chance).await == End::Cut {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Self { address, trouble, cuts, accepting }
    }

    /// From now on this goes wrong.
    pub(crate) fn set(&self, trouble: Trouble) {
        self.trouble.send_replace(trouble);
    }

    /// Connections that were reset on purpose.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// By one of its ends.
    Closed,
    /// On purpose.
    Cut,
}

/// One direction of a connection.
struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    is_up: bool,
    told: watch::Receiver<Trouble>,
    /// Bytes that have passed.
    passed: u64,
    /// Where it is cut, in parts of the range that says between where.
    chance: f64,
}

async fn relay(client: TcpStream, server: SocketAddr, told: watch::Receiver<Trouble>, chance: f64) -> End {
    let Ok(server) = TcpStream::connect(server).await else { return End::Closed };
    // What is dropped is reset, and not closed in good order.
    for stream in [&client, &server] {
        let _ = stream.set_zero_linger();
        let _ = stream.set_nodelay(true);
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let way = |from, to, is_up| Way { from, to, is_up, told: told.clone(), passed: 0, chance }.pass();
    tokio::select! {
        end = way(from_client, to_server, true) => end,
        end = way(from_server, to_client, false) => end,
    }
}

impl Way {
    async fn pass(mut self) -> End {
        let mut piece = vec![0; PIECE];
        loop {
            let trouble = self.told.borrow_and_update().clone();
            let length = match trouble {
                Trouble::Down => return End::Cut,
                Trouble::HalfOpen => 0,
                _ => tokio::select! {
                    read = self.from.read(&mut piece) => match read {
                        Ok(length @ 1..) => length,
                        _ => return End::Closed,
                    },
                    changed = self.told.changed() => match changed {
                        Ok(()) => continue,
                        Err(_) => return End::Closed,
                    },
                },
            };
            if length == 0 {
                match self.told.changed().await {
                    Ok(()) => continue,
                    Err(_) => return End::Closed,
                }
            }
            let allowed = self.allowed(&trouble, length);
            tokio::time::sleep(delay(&trouble, allowed)).await;
            if self.to.write_all(&piece[..allowed]).await.is_err() {
                return End::Closed;
            }
            self.passed += allowed as u64;
            if allowed < length {
                return End::Cut;
            }
        }
    }

    /// How many bytes of a piece may pass.
    fn allowed(&self, trouble: &Trouble, length: usize) -> usize {
        let range = match trouble {
            Trouble::CutUp(range) if self.is_up => range,
            Trouble::CutDown(range) if !self.is_up => range,
            _ => return length,
        };
        let limit = range.start + ((range.end - range.start) as f64 * self.chance) as u64;
        length.min(usize::try_from(limit.saturating_sub(self.passed)).unwrap())
    }
}

fn delay(trouble: &Trouble, length: usize) -> Duration {
    match trouble {
        Trouble::Latency(latency) => *latency,
        Trouble::Slow(bytes_per_second) => Duration::from_secs_f64(length as f64 / f64::from(*bytes_per_second)),
        _ => Duration::ZERO,
    }
}
