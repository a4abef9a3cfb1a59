//! One gRPC service that gives every language a filesystem and real transactions on lakeFS.
//!
//! Where to read first: [`app`] wires the parts together, [`grpc`] is the border, [`ops`] is what the product does.

pub mod error;
pub mod grpc;
pub mod limits;
pub mod ops;
pub mod upload;
