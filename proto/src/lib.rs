//! The contract `lakeport.v1`: messages, clients and servers made from `lakeport/v1/*.proto`, and their descriptors.
//!
//! The server of `FileService` that is generated here has no `Read` and no `Write`: their payload goes by reference count, not
//! through generated code, so a server handles those two paths itself (see `lakeport-server`, `grpc/payload.rs`). Clients have
//! them.

/// Messages, clients and servers.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("lakeport.v1");
}

/// The serialised `google.protobuf.FileDescriptorSet` of the contract and all that it imports, with
/// `google/rpc/error_details.proto`, so that tools can show the details of errors.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lakeport.v1.binpb"));

/// The domain of every `google.rpc.ErrorInfo` that lakeport sends.
pub const ERROR_DOMAIN: &str = "lakeport.dev";
