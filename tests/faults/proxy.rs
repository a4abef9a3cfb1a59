//! A TCP proxy that injects network faults.

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

/// Maximum number of bytes that are forwarded at once.
const PIECE: usize = 16 << 10;

/// A network fault. It applies to open connections, too.
#[derive(Debug, Clone)]
pub(crate) enum NetworkFault {
    /// No fault.
    None,
    /// Every piece is delayed.
    Latency(Duration),
    /// Limits the rate of each direction, in bytes per second.
    Slow(u32),
    /// Resets each connection after a random number of bytes from the client, within this range.
    CutToServer(Range<u64>),
    /// Resets each connection after a random number of bytes from the server, within this range.
    CutToClient(Range<u64>),
    /// Connections stay open, but no data passes.
    HalfOpen,
    /// Resets all open and new connections.
    Down,
}

/// A running proxy on a free port. Dropping it stops the proxy.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    fault: watch::Sender<NetworkFault>,
    cuts: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr, fault: NetworkFault, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, faults) = watch::channel(fault);
        let cuts = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&cuts);
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (faults, counted, cut_position) = (faults.clone(), Arc::clone(&counted), rng.random());
                tokio::spawn(relay(client, server, faults, counted, cut_position));
            }
        });
        Self { address, fault, cuts, accepting }
    }

    /// Sets the current fault.
    pub(crate) fn set(&self, fault: NetworkFault) {
        self.fault.send_replace(fault);
    }

    /// Returns the number of connections that the proxy reset.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One direction of a connection.
struct Direction {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    is_up: bool,
    faults: watch::Receiver<NetworkFault>,
    cuts: Arc<AtomicUsize>,
    /// Number of bytes that have passed.
    passed: u64,
    /// Position of the cut within the range of the fault, 0 to 1.
    cut_position: f64,
}

async fn relay(
    client: TcpStream,
    server: SocketAddr,
    faults: watch::Receiver<NetworkFault>,
    cuts: Arc<AtomicUsize>,
    cut_position: f64,
) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    // With zero linger, dropping a connection resets it instead of closing it gracefully.
    for stream in [&client, &server] {
        let _ = stream.set_zero_linger();
        let _ = stream.set_nodelay(true);
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let direction = |from, to, is_up| {
        let (faults, cuts) = (faults.clone(), Arc::clone(&cuts));
        Direction { from, to, is_up, faults, cuts, passed: 0, cut_position }.pass()
    };
    tokio::select! {
        () = direction(from_client, to_server, true) => {}
        () = direction(from_server, to_client, false) => {}
    }
}

impl Direction {
    /// Forwards data until the connection ends. Dropping the two halves of `self` resets it.
    async fn pass(mut self) {
        let mut piece = vec![0; PIECE];
        loop {
            let fault = self.faults.borrow_and_update().clone();
            let length = match fault {
                NetworkFault::Down => return self.count_cut(),
                NetworkFault::HalfOpen => 0,
                _ => tokio::select! {
                    read = self.from.read(&mut piece) => match read {
                        Ok(length @ 1..) => length,
                        _ => return,
                    },
                    changed = self.faults.changed() => match changed {
                        Ok(()) => continue,
                        Err(_) => return,
                    },
                },
            };
            if length == 0 {
                match self.faults.changed().await {
                    Ok(()) => continue,
                    Err(_) => return,
                }
            }
            let allowed = self.allowed(&fault, length);
            tokio::time::sleep(delay(&fault, allowed)).await;
            if self.to.write_all(&piece[..allowed]).await.is_err() {
                return;
            }
            self.passed += allowed as u64;
            if allowed < length {
                return self.count_cut();
            }
        }
    }

    /// Counts a cut. This comes before the reset, so that a client that sees the reset also sees the count.
    fn count_cut(&self) {
        self.cuts.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of bytes of a piece that can pass.
    fn allowed(&self, fault: &NetworkFault, length: usize) -> usize {
        let range = match fault {
            NetworkFault::CutToServer(range) if self.is_up => range,
            NetworkFault::CutToClient(range) if !self.is_up => range,
            _ => return length,
        };
        let limit = range.start + ((range.end - range.start) as f64 * self.cut_position) as u64;
        length.min(usize::try_from(limit.saturating_sub(self.passed)).unwrap())
    }
}

fn delay(fault: &NetworkFault, length: usize) -> Duration {
    match fault {
        NetworkFault::Latency(latency) => *latency,
        NetworkFault::Slow(bytes_per_second) => Duration::from_secs_f64(length as f64 / f64::from(*bytes_per_second)),
        _ => Duration::ZERO,
    }
}
