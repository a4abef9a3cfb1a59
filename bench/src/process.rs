//! CPU time and resident memory of a process, from `/proc`.

use crate::Result;
use std::path::PathBuf;
use std::time::Duration;

/// The kernel reports CPU time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Returns the CPU time that a process has used, user and system together.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The process name can contain any character, so the fields start after the last closing parenthesis.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).unwrap_or_default();
    Ok(TICK * (ticks(11) + ticks(12)))
}

/// Returns the peak resident memory of a process since [`reset_peak`], in KiB.
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM:")
}

/// Returns the resident memory of a process, in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS:")
}

/// Resets the peak that [`peak_kib`] returns.
pub(crate) fn reset_peak(pid: u32) -> Result<()> {
    Ok(std::fs::write(PathBuf::from(format!("/proc/{pid}/clear_refs")), "5")?)
}

fn memory(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| format!("/proc/{pid}/status has no valid {field}").into())
}
