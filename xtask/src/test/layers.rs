//! Checks that crates have only allowed dependencies: the business logic must not depend on gRPC or its messages.

mod graph;
mod sources;

use crate::cargo;
use crate::error::{Result, fail_on_findings};
use crate::workspace;
use graph::Graph;

/// Packages of gRPC and protobuf. Packages named `<name>-...` count too.
const GRPC: [&str; 2] = ["tonic", "prost"];

/// Checks crates, source files and module files. Reports all findings together.
pub(super) fn run() -> Result<()> {
    let metadata = cargo::metadata()?;
    let files = workspace::files()?;
    let mut findings = Graph::of(&metadata).findings()?;
    findings.extend(sources::grpc_in_ops(&files)?);
    findings.extend(sources::module_files(&files));
    fail_on_findings(&findings)
}

/// Returns whether `name` is a gRPC or protobuf package. `separator` separates the words of a name.
fn is_grpc(name: &str, separator: char) -> bool {
    GRPC.iter().any(|grpc| name.strip_prefix(grpc).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator)))
}
