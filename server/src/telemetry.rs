//! Logs and metrics.

use crate::config::LogFormat;
use crate::error::BoxError;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal as _;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Interval of the aggregation of measurements.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts logging to standard error.
///
/// # Errors
/// Returns an error if the filter is invalid.
pub fn start_logs(format: LogFormat, filter: &str) -> Result<(), BoxError> {
    // Below INFO, hyper and h2 log headers, including credentials.
    let filter = EnvFilter::try_new(filter)?.add_directive("h2=info".parse()?).add_directive("hyper=info".parse()?);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only terminals interpret color codes.
    let logs = logs.with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Pretty => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}

/// Installs the metrics recorder.
///
/// # Errors
/// Returns an error if this process already has a metrics recorder.
pub fn start_metrics() -> Result<PrometheusHandle, BoxError> {
    let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
    let metrics = PrometheusBuilder::new().set_buckets(&buckets)?.install_recorder()?;
    crate::edge::describe_metrics();
    crate::janitor::describe();
    Ok(metrics)
}

/// Aggregates the measurements every 5 s, without end. Otherwise they would accumulate in memory if no client reads the
/// metrics.
pub async fn upkeep(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}
