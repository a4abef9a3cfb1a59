//! What a process has used: CPU by the kernel's clock, and resident memory.

use crate::Result;
use std::path::PathBuf;
use std::time::Duration;

/// The kernel counts CPU in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// CPU that a process has used, user and system.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Behind the name, which may hold anything but a closing parenthesis at its end.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).unwrap_or_default();
    Ok(TICK * (ticks(11) + ticks(12)))
}

/// The most memory that a process had since [`forget_peak`], in KiB.
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM:")
}

/// The memory that a process has, in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS:")
}

/// Begins a new peak.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    Ok(std::fs::write(PathBuf::from(format!("/proc/{pid}/clear_refs")), "5")?)
}

fn memory(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| format!("process {pid} has no {field}").into())
}
