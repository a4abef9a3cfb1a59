//! How much of what the server takes.

/// Starting values. Those of calls stand in `layers/admission.rs`, those of connections in `listen.rs`.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Items of a batch.
    pub batch_items: usize,
    /// Requests to lakeFS that one batch, copy or deletion has under way.
    pub fan_out: usize,
    /// Bytes of one message, serialised: gRPC's usual 4 MiB, with room for what surrounds it.
    pub message_bytes: usize,
    /// Bytes of an object in a batch of reads.
    pub batch_object_bytes: u64,
    /// Transactions of one owner that have not ended.
    pub open_transactions: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_items: 10_000,
            fan_out: 64,
            message_bytes: (4 << 20) - (64 << 10),
            batch_object_bytes: 3 << 20,
            open_transactions: 64,
        }
    }
}
