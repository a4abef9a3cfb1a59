//! Tests the embedded lake with lakeFS's Python SDK.

use crate::command::succeed;
use crate::flights::python;
use lakeport_server::app::App;
use lakeport_server::config::{Config, Lake};
use lakeport_tests::server;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lakefs_python_sdk_works_on_the_embedded_lake() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::Embedded { listen: Some(([127, 0, 0, 1], 0).into()) };
    let config = Config { lake, ..server::config(dir.path().join("data")) };
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let serving = App::build(config, metrics).await.unwrap().serve().await.unwrap();
    // The server's start-up output names this file.
    let account = std::fs::read_to_string(dir.path().join("data/lake/lakectl.yaml")).unwrap();
    let value_of = |key: &str| {
        let line = account.lines().find_map(|line| line.trim().strip_prefix(key));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    };
    let mut script = python();
    script
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/job/sdk.py"))
        .arg(format!("http://{}", serving.embedded_address.unwrap()))
        .args([value_of("access_key_id"), value_of("secret_access_key")]);
    succeed(script, LIMIT).await;
    serving.drain(Duration::from_secs(10)).await;
}
