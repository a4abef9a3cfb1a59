//! Many cancelled calls, and what they leave behind.

use crate::expected::{Found, list, object};
use crate::operations::Failure;
use crate::runner::{Runner, calls};
use crate::scenario::number;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use std::time::Duration;

/// File descriptors and threads that may come and go.
const SLACK: u64 = 8;
/// Memory that may grow: in all, and per call.
const MEMORY_SLACK: u64 = 8 << 20;
const MEMORY_SLACK_PER_CALL: u64 = 1 << 10;

/// Returns the number of calls that the environment sets. It is set only if nothing else runs in this process.
pub(crate) fn chosen() -> Option<u64> {
    std::env::var("LAKEPORT_TEST_CANCELLATIONS").ok()?.parse().ok()
}

impl Runner {
    /// Runs the step `cancel_repeatedly`.
    ///
    /// # Errors
    /// A call failed for another reason than its cancellation.
    pub(crate) async fn cancel_repeatedly(&self, step: &Value) -> Result<Found, String> {
        let times = chosen().unwrap_or_else(|| number(step, "times").unsigned_abs());
        // The first calls fill buffers and pools.
        self.cancelled_calls(step, times / 10).await?;
        let before = Usage::now()?;
        let cancelled = self.cancelled_calls(step, times).await?;
        if cancelled == 0 {
            return Err("no call was cancelled".to_owned());
        }
        calls(&self.sandbox, "").await?;
        let growth = if chosen().is_some() { Usage::now()?.growth_since(&before, times) } else { Vec::new() };
        Ok(object([("cancelled", cancelled.into()), ("growth", list(growth))]))
    }

    /// Makes calls, and returns the number of those that were cancelled.
    async fn cancelled_calls(&self, step: &Value, times: u64) -> Result<usize, String> {
        let parallel = usize::try_from(number(step, "parallel")).unwrap_or(1);
        let longest = Duration::from_millis(number(step, "after_ms").unsigned_abs());
        let calls = stream::iter(0..times).map(|_| async {
            let after = longest.mul_f64(rand::random_range(0.0..1.0));
            match tokio::time::timeout(after, self.operation(&step["call"])).await {
                Err(_) | Ok(Ok(Err(Failure::Cancelled))) => Ok(1),
                Ok(Ok(Ok(_))) => Ok(0),
                Ok(Ok(Err(failure))) => Err(format!("a cancelled call failed: {failure:?}")),
                Ok(Err(wrong)) => Err(wrong),
            }
        });
        calls.buffer_unordered(parallel).try_fold(0, |sum, one| async move { Ok(sum + one) }).await
    }
}

/// What this process uses.
#[derive(Debug)]
struct Usage {
    files: u64,
    threads: u64,
    memory: u64,
}

impl Usage {
    fn now() -> Result<Self, String> {
        let text = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok())
        };
        let files = std::fs::read_dir("/proc/self/fd").map_err(|error| error.to_string())?.count() as u64;
        let (Some(threads), Some(kibibytes)) = (field("Threads:"), field("VmRSS:")) else {
            return Err("/proc/self/status has no Threads or VmRSS".to_owned());
        };
        Ok(Self { files, threads, memory: kibibytes << 10 })
    }

    fn growth_since(&self, before: &Self, calls: u64) -> Vec<&'static str> {
        println!("{calls} cancelled calls: {before:?} became {self:?}");
        let memory_slack = MEMORY_SLACK + calls * MEMORY_SLACK_PER_CALL;
        let grown = [
            ("files", self.files > before.files + SLACK),
            ("threads", self.threads > before.threads + SLACK),
            ("memory", self.memory > before.memory + memory_slack),
        ];
        grown.into_iter().filter_map(|(name, has_grown)| has_grown.then_some(name)).collect()
    }
}
