//! The contract `lakeport.v1`: messages, clients and servers generated from `lakeport/v1/*.proto`, and their descriptors.
//!
//! The generated server of `FileService` lacks `Read` and `Write`. `lakeport-server` handles these two itself, since their payload
//! passes by reference count, not through generated code (`grpc/payload.rs`). The generated clients have them.

/// Messages, clients and servers.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("lakeport.v1");
}

/// Serialized `google.protobuf.FileDescriptorSet` of the contract, its imports, and `google/rpc/error_details.proto`, with which tools decode
/// error details.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lakeport.v1.binpb"));

/// The domain of every `google.rpc.ErrorInfo` that lakeport sends.
pub const ERROR_DOMAIN: &str = "lakeport.dev";
