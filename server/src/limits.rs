//! Limits of requests.

/// Limits of requests. Those of concurrent calls are in `edge/admission.rs`, those of connections in `listen.rs`.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of items in a batch.
    pub batch_items: usize,
    /// Maximum number of concurrent requests to lakeFS by one batch, copy or deletion.
    pub fan_out: usize,
    /// Maximum size of a serialised message, in bytes: gRPC's usual 4 MiB, less a margin for framing.
    pub message_bytes: usize,
    /// Maximum size of an object in a batch of reads, in bytes.
    pub batch_object_bytes: u64,
    /// Maximum number of unfinished transactions of one owner.
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
