//! Tests of what crosses crates; see `conformance/`.
