//! Format of the recordings.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The exchanges of one scenario, in order.
pub(crate) struct Scenario {
    pub name: String,
    pub exchanges: Vec<Exchange>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    pub scenario: String,
    pub step: u32,
    pub about: String,
    pub request: Request,
    pub response: Response,
    /// Time for which lakeFS caches data, in milliseconds. Ignored, because the embedded lake has no such caches.
    #[serde(default, rename = "wait_ms")]
    pub _wait_ms: u64,
    #[serde(default)]
    pub eventually: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub method: String,
    pub path: String,
    pub query: Option<BTreeMap<String, OneOrMany>>,
    pub query_raw: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub auth: Option<String>,
    pub body: Option<String>,
    pub body_base64: Option<String>,
    #[serde(default)]
    pub chunked: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Response {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
    pub body_base64: Option<String>,
}

/// Reads all scenarios, in the order of their files.
pub(crate) fn scenarios() -> Vec<Scenario> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/recorded");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let mut scenarios: Vec<Scenario> = Vec::new();
    for file in files {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let exchange: Exchange = serde_json::from_str(line).unwrap();
            match scenarios.last_mut().filter(|scenario| scenario.name == exchange.scenario) {
                Some(scenario) => scenario.exchanges.push(exchange),
                None => scenarios.push(Scenario { name: exchange.scenario.clone(), exchanges: vec![exchange] }),
            }
        }
    }
    scenarios
}
