//! Dependencies point one way: what the product does knows neither gRPC nor its messages.

mod graph;
mod sources;

use crate::cargo;
use crate::error::{Result, nothing_found};
use crate::workspace;
use graph::Graph;

/// Packages of gRPC and its messages; also what is called `<name>-...`.
const WIRE: [&str; 2] = ["tonic", "prost"];

/// Checks crates, then sources, then the layout of modules; tells everything that was found.
pub(super) fn run() -> Result<()> {
    let metadata = cargo::metadata()?;
    let files = workspace::files()?;
    let mut findings = Graph::of(&metadata).findings()?;
    findings.extend(sources::wire_in_ops(&files)?);
    findings.extend(sources::module_files(&files));
    nothing_found(&findings)
}

/// Whether `name` is of gRPC's; `separator` stands between the words of a name.
fn is_wire(name: &str, separator: char) -> bool {
    WIRE.iter().any(|wire| name.strip_prefix(wire).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator)))
}
