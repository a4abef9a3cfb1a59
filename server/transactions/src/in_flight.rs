//! Requests of this process that change a path in a transaction and may be on their way to lakeFS.
//!
//! Each request is recorded in the store before it is sent, so that the record survives the process. At most one request for a path of a
//! live branch has a record. If its process dies, the record stays: the request may still take effect.
//!
//! One task writes the records of all requests. Records that arrive during a statement share the next one. Records of ended requests are
//! erased later, many at once. The task also announces that this process is alive, and ends the leases of those that are not.

use crate::error::{Error, Result};
use crate::model::Millis;
use crate::store::{SessionStore, Slot};
use lakeport_types::{BranchName, ObjectPath};
use lakeport_waiting::{self as waiting, Side};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Time for which a process is considered alive after its last announcement.
const ALIVE: Millis = 5_000;
/// Interval of announcements.
const ANNOUNCEMENT: Duration = Duration::from_secs(1);
/// Interval at which records of ended requests are erased.
const ERASURE: Duration = Duration::from_millis(50);
/// Delay of the next erasure after a failed statement. The database may still apply the statement, within 5 s.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Maximum number of records that share a statement.
const MAX_GROUP: usize = 1000;

/// Records requests before they are sent.
#[derive(Debug)]
pub struct InFlight {
    commands: mpsc::UnboundedSender<Command>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Record of a request. Dropping it states that the request has ended.
#[derive(Debug)]
pub struct InFlightRecord {
    slots: Vec<Slot>,
    commands: mpsc::UnboundedSender<Command>,
}

/// Another request has a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// The path on the live branch.
    pub slot: Slot,
    /// The process that sent the request; `None` if it is this process.
    pub process: Option<String>,
}

type Reply = Result<Result<InFlightRecord, Busy>>;

#[derive(Debug)]
enum Command {
    Record(Vec<Slot>, oneshot::Sender<Reply>),
    End(Vec<Slot>),
    Close,
}

impl InFlight {
    /// Announces this process and starts the task that writes the records.
    ///
    /// # Errors
    /// The database failed.
    pub async fn start(store: SessionStore, process: String) -> Result<Self> {
        store.announce(&process, ALIVE).await?;
        let (commands, receiver) = mpsc::unbounded_channel();
        let recorder = Recorder {
            store,
            process,
            commands: receiver,
            sender: commands.downgrade(),
            in_flight: HashSet::new(),
            ended: HashMap::new(),
        };
        let span = tracing::info_span!("requests in flight");
        let task = tokio::spawn(tracing::Instrument::instrument(recorder.run(), span));
        Ok(Self { commands, task: Mutex::new(Some(task)) })
    }

    /// Records that a request for these paths is sent now. Returns `Busy` if another request for one of them has a record.
    ///
    /// # Errors
    /// The database failed: the request must not be sent.
    pub async fn record(&self, branch: &BranchName, paths: &[ObjectPath]) -> Result<Result<InFlightRecord, Busy>> {
        let slot = |path: &ObjectPath| Slot { branch: branch.to_string(), path: path.to_string() };
        let slots: BTreeSet<Slot> = paths.iter().map(slot).collect();
        let (reply, recorded) = oneshot::channel();
        let closed = || Error::Unavailable(sqlx::Error::PoolClosed);
        self.commands.send(Command::Record(slots.into_iter().collect(), reply)).map_err(|_| closed())?;
        let _wait = waiting::on(Side::SessionStore);
        // If this future is dropped, the reply is dropped with its record.
        recorded.await.map_err(|_| closed())?
    }

    /// Erases the records of all requests, which must have ended, and ends the task.
    pub async fn close(&self) {
        // A closed channel means that the task has ended.
        let _ = self.commands.send(Command::Close);
        let task = self.task.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the task that records requests failed");
        }
    }
}

impl Drop for InFlightRecord {
    fn drop(&mut self) {
        // Without the task, the record stays until another process finds that this one is dead.
        let _ = self.commands.send(Command::End(std::mem::take(&mut self.slots)));
    }
}

/// The task that writes the records.
struct Recorder {
    store: SessionStore,
    process: String,
    commands: mpsc::UnboundedReceiver<Command>,
    /// For the records that it hands out.
    sender: mpsc::WeakUnboundedSender<Command>,
    /// Slots of requests that may be on their way.
    in_flight: HashSet<Slot>,
    /// Slots of requests that have ended and whose records are not erased yet.
    ended: HashMap<Slot, Stored>,
}

/// Whether the record of an ended request is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Yes,
    /// A statement failed, and the database may or may not have run it.
    Unknown,
}

/// Requests whose records share a statement.
#[derive(Default)]
struct Group {
    requests: Vec<(Vec<Slot>, oneshot::Sender<Reply>)>,
    /// Slots without a record, in the order of the statement.
    new: BTreeSet<Slot>,
    /// Whether the task must end.
    is_last: bool,
}

/// What the records of a group have become.
struct Recorded {
    /// Recorded slots of requests that are not sent.
    unused: Vec<Slot>,
    /// Slots that another process has.
    lost: Vec<Slot>,
    /// Whether the statement failed. The database may still run it.
    is_failed: bool,
}

impl Recorder {
    async fn run(mut self) {
        let (mut announcement, mut erasure) = (Instant::now() + ANNOUNCEMENT, Instant::now() + ERASURE);
        loop {
            let wake = if self.ended.is_empty() { announcement } else { announcement.min(erasure) };
            let group = self.next_group(wake).await;
            let now = Instant::now();
            let announces = now >= announcement;
            if announces {
                announcement = now + ANNOUNCEMENT;
            }
            let erases = now >= erasure || group.is_last;
            let to_erase: Vec<Slot> = self.ended.keys().filter(|_| erases).cloned().collect();
            let is_last = group.is_last;
            let (recorded, is_erased, ()) =
                tokio::join!(self.record(group), self.erase(&to_erase), self.announce(announces));
            for slot in to_erase {
                match is_erased {
                    true => self.ended.remove(&slot),
                    false => self.ended.insert(slot, Stored::Unknown),
                };
            }
            if erases {
                erasure = now + ERASURE;
            }
            if recorded.is_failed {
                erasure = now + AFTER_FAILURE;
            }
            for slot in recorded.lost {
                self.in_flight.remove(&slot);
            }
            self.end(recorded.unused, if recorded.is_failed { Stored::Unknown } else { Stored::Yes });
            if is_last {
                return self.retire().await;
            }
        }
    }

    /// Waits for commands, until `wake`. Returns the requests to record.
    async fn next_group(&mut self, wake: Instant) -> Group {
        let mut group = Group::default();
        let first = tokio::select! {
            command = self.commands.recv() => command.unwrap_or(Command::Close),
            () = sleep_until(wake) => return group,
        };
        self.take(first, &mut group);
        while group.new.len() < MAX_GROUP
            && let Ok(command) = self.commands.try_recv()
        {
            self.take(command, &mut group);
        }
        group
    }

    fn take(&mut self, command: Command, group: &mut Group) {
        match command {
            Command::Close => group.is_last = true,
            Command::End(slots) => self.end(slots, Stored::Yes),
            Command::Record(slots, reply) => {
                if let Some(slot) = slots.iter().find(|slot| self.in_flight.contains(slot)) {
                    // The caller may have gone away.
                    let _ = reply.send(Ok(Err(Busy { slot: slot.clone(), process: None })));
                    return;
                }
                for slot in &slots {
                    self.in_flight.insert(slot.clone());
                    if self.ended.remove(slot) != Some(Stored::Yes) {
                        group.new.insert(slot.clone());
                    }
                }
                group.requests.push((slots, reply));
            }
        }
    }

    fn end(&mut self, slots: Vec<Slot>, stored: Stored) {
        for slot in slots {
            self.in_flight.remove(&slot);
            self.ended.insert(slot, stored);
        }
    }

    /// Writes the records of a group, and tells each request whether it can be sent.
    async fn record(&self, group: Group) -> Recorded {
        let mut recorded = Recorded { unused: Vec::new(), lost: Vec::new(), is_failed: false };
        let new: Vec<Slot> = group.new.into_iter().collect();
        let holders = match self.store.record(&self.process, &new).await {
            Ok(holders) => holders,
            Err(error) => {
                for (slots, reply) in group.requests {
                    recorded.unused.extend(slots);
                    // The caller may have gone away.
                    let _ = reply.send(Err(error.repeated()));
                }
                return Recorded { is_failed: true, ..recorded };
            }
        };
        let others: HashMap<Slot, String> =
            holders.into_iter().filter(|(_, process)| *process != self.process).collect();
        for (slots, reply) in group.requests {
            let busy = slots.iter().find_map(|slot| Some((slot.clone(), others.get(slot)?.clone())));
            match (busy, self.sender.upgrade()) {
                (Some((slot, process)), _) => {
                    let (lost, unused): (Vec<_>, _) = slots.into_iter().partition(|slot| others.contains_key(slot));
                    recorded.lost.extend(lost);
                    recorded.unused.extend(unused);
                    // The caller may have gone away.
                    let _ = reply.send(Ok(Err(Busy { slot, process: Some(process) })));
                }
                // If the caller has gone away, the record is dropped, which ends it.
                (None, Some(commands)) => _ = reply.send(Ok(Ok(InFlightRecord { slots, commands }))),
                (None, None) => recorded.unused.extend(slots),
            }
        }
        recorded
    }

    /// Erases the records of ended requests. Returns whether the database did so.
    async fn erase(&self, slots: &[Slot]) -> bool {
        let erased = self.store.erase(&self.process, slots).await;
        erased
            .inspect_err(|error| tracing::warn!(%error, "cannot erase the records of ended requests; trying again"))
            .is_ok()
    }

    /// Announces this process, and ends the leases of those that no longer do so.
    async fn announce(&self, is_due: bool) {
        if !is_due {
            return;
        }
        if let Err(error) = self.store.announce(&self.process, ALIVE).await {
            tracing::warn!(%error, "cannot announce that this process is alive; trying again");
            return;
        }
        match self.store.end_leases_of_dead_processes().await {
            Ok(0) => {}
            Ok(leases) => tracing::info!(leases, "ended the leases of processes that died"),
            Err(error) => tracing::warn!(%error, "cannot end the leases of processes that died; trying again"),
        }
    }

    /// Ends the announcements. A request that is still on its way keeps its record.
    async fn retire(self) {
        if self.in_flight.is_empty()
            && let Err(error) = self.store.retire(&self.process).await
        {
            tracing::warn!(%error, "cannot announce the end of this process; others wait for some seconds");
        }
    }
}
