//! Every method of the contract with the properties that the server needs before it runs a call.
//!
//! A test compares this table with the descriptor of the contract: a new RPC without a row fails it.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A method.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// Path of its requests: `/<service>/<method>`.
    pub path: &'static str,
    /// The kind of permit that a call needs.
    pub class: Class,
    /// Which side sends a stream.
    pub streaming: Streaming,
    /// Whether a client may retry a call.
    pub idempotency: Idempotency,
}

/// Kinds of calls. Each kind has its own permits, so that no kind can starve another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// One short request and response.
    Unary,
    /// Streams or batches of data to the client.
    Read,
    /// Changes of objects.
    Write,
    /// Waits for changes of a transaction.
    Watch,
    /// Ends transactions, or keeps them alive. These calls must get through on a busy server.
    End,
    /// Health and reflection, which need no credentials.
    Internal,
    /// Waits for changes of the health. Needs no credentials.
    InternalWatch,
}

impl Class {
    /// Returns whether calls of this kind need no credentials.
    pub fn is_internal(self) -> bool {
        matches!(self, Self::Internal | Self::InternalWatch)
    }
}

/// Which side sends a stream of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streaming {
    /// Neither.
    None,
    /// The client.
    Client,
    /// The server.
    Server,
}

/// The `idempotency_level` of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// `NO_SIDE_EFFECTS`.
    NoSideEffects,
    /// `IDEMPOTENT`.
    Idempotent,
    /// `IDEMPOTENCY_UNKNOWN`: a retry may have another effect or result.
    Unknown,
}

use Class::{End, Read, Unary, Watch, Write};
use Idempotency::{Idempotent, NoSideEffects, Unknown};
use Streaming::{Client, Server};

/// Path of `FileService.Read`, which the server handles without generated code.
pub const READ: &str = "/lakeport.v1.FileService/Read";
/// Path of `FileService.Write`, which the server handles without generated code.
pub const WRITE: &str = "/lakeport.v1.FileService/Write";

macro_rules! methods {
    ($($service:literal { $($method:literal $class:expr, $streaming:expr, $idempotency:expr;)* })*) => {
        /// All methods of the contract, in its order.
        pub static METHODS: &[Method] = &[$($(Method {
            path: concat!("/lakeport.v1.", $service, "/", $method),
            class: $class,
            streaming: $streaming,
            idempotency: $idempotency,
        },)*)*];
    };
}

methods! {
    "FileService" {
        "Stat" Unary, Streaming::None, NoSideEffects;
        "Read" Read, Server, NoSideEffects;
        "Write" Write, Client, Unknown;
        "List" Read, Server, NoSideEffects;
        "Delete" Write, Server, Unknown;
        "Copy" Write, Server, Idempotent;
        "Move" Write, Server, Unknown;
        "Compose" Write, Server, Unknown;
        "BatchStat" Read, Server, NoSideEffects;
        "BatchRead" Read, Server, NoSideEffects;
        "BatchWrite" Write, Streaming::None, Unknown;
        "SetMetadata" Unary, Streaming::None, Idempotent;
        "Presign" Unary, Streaming::None, NoSideEffects;
        "GetServerInfo" Unary, Streaming::None, NoSideEffects;
    }
    "TransactionService" {
        "BeginTransaction" Unary, Streaming::None, Unknown;
        "GetTransaction" Unary, Streaming::None, NoSideEffects;
        "ListTransactions" Unary, Streaming::None, NoSideEffects;
        "KeepAliveTransaction" End, Streaming::None, Idempotent;
        "CommitTransaction" End, Streaming::None, Idempotent;
        "RollbackTransaction" End, Streaming::None, Idempotent;
        "ListTransactionChanges" Read, Server, NoSideEffects;
        "WatchTransaction" Watch, Server, NoSideEffects;
    }
    "VersionService" {
        "ListRepositories" Unary, Streaming::None, NoSideEffects;
        "GetRepository" Unary, Streaming::None, NoSideEffects;
        "CreateRepository" Unary, Streaming::None, Unknown;
        "DeleteRepository" Unary, Streaming::None, Unknown;
        "ListBranches" Unary, Streaming::None, NoSideEffects;
        "GetBranch" Unary, Streaming::None, NoSideEffects;
        "CreateBranch" Unary, Streaming::None, Unknown;
        "DeleteBranch" Unary, Streaming::None, Unknown;
        "ListTags" Unary, Streaming::None, NoSideEffects;
        "GetTag" Unary, Streaming::None, NoSideEffects;
        "CreateTag" Unary, Streaming::None, Unknown;
        "DeleteTag" Unary, Streaming::None, Unknown;
        "CreateCommit" Unary, Streaming::None, Unknown;
        "GetCommit" Unary, Streaming::None, NoSideEffects;
        "Log" Read, Server, NoSideEffects;
        "Diff" Read, Server, NoSideEffects;
        "Merge" Unary, Streaming::None, Unknown;
        "Revert" Unary, Streaming::None, Unknown;
        "CherryPick" Unary, Streaming::None, Unknown;
        "Reset" Unary, Streaming::None, Unknown;
    }
}

/// Methods of health and reflection.
static INTERNAL: &[Method] = &[
    internal("/grpc.health.v1.Health/Check", Class::Internal, Streaming::None),
    internal("/grpc.health.v1.Health/Watch", Class::InternalWatch, Server),
    internal("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Class::Internal, Client),
    internal("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Class::Internal, Client),
];

/// Any other path. A call of it fails with UNIMPLEMENTED, after authentication and admission like every call.
static OTHER: Method = Method { path: "/_OTHER", class: Unary, streaming: Streaming::None, idempotency: Unknown };

const fn internal(path: &'static str, class: Class, streaming: Streaming) -> Method {
    Method { path, class, streaming, idempotency: NoSideEffects }
}

/// Maximum size of a message for health and reflection, in bytes.
pub const INTERNAL_MESSAGE_BYTES: usize = 4 << 10;

/// Maximum size of a message without a list of paths or objects, in bytes. The largest ones have metadata of 64 KiB.
const MESSAGE_BYTES: usize = 256 << 10;

impl Method {
    /// The method of a request path.
    pub fn of(path: &str) -> &'static Self {
        static BY_PATH: LazyLock<HashMap<&str, &Method>> =
            LazyLock::new(|| Method::all().map(|method| (method.path, method)).collect());
        BY_PATH.get(path).copied().unwrap_or(&OTHER)
    }

    /// All methods, including health, reflection, and the one that stands for unknown paths.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        METHODS.iter().chain(INTERNAL).chain([&OTHER])
    }

    /// `<service>/<method>`, as in metrics and logs. All unknown paths share one name: a caller can send any path, and a label of a
    /// metric is never deleted.
    pub fn name(&self) -> &'static str {
        &self.path[1..]
    }

    /// Returns whether the method belongs to the health or the reflection service.
    pub fn is_internal(&self) -> bool {
        self.class.is_internal()
    }

    /// Maximum size of a request message, in bytes. `largest` is the limit for lists of paths or objects, and for uploads.
    pub fn message_bytes(&self, largest: usize) -> usize {
        match self.path {
            _ if self.is_internal() => INTERNAL_MESSAGE_BYTES,
            WRITE
            | "/lakeport.v1.FileService/Delete"
            | "/lakeport.v1.FileService/Compose"
            | "/lakeport.v1.FileService/BatchStat"
            | "/lakeport.v1.FileService/BatchRead"
            | "/lakeport.v1.FileService/BatchWrite"
            | "/lakeport.v1.VersionService/Log" => largest,
            _ => largest.min(MESSAGE_BYTES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use prost_types::method_options::IdempotencyLevel;
    use prost_types::{FileDescriptorSet, MethodDescriptorProto};

    fn described(set: &[u8]) -> Vec<(String, MethodDescriptorProto)> {
        let files = FileDescriptorSet::decode(set).unwrap().file;
        let services = files.into_iter().flat_map(|file| {
            let package = file.package().to_owned();
            file.service.into_iter().map(move |service| (package.clone(), service))
        });
        let methods = services.flat_map(|(package, service)| {
            let prefix = format!("/{package}.{}/", service.name());
            service.method.into_iter().map(move |method| (format!("{prefix}{}", method.name()), method))
        });
        methods.collect()
    }

    #[test]
    fn the_table_has_every_method_of_the_contract_with_its_properties() {
        let contract = described(lakeport_proto::FILE_DESCRIPTOR_SET);
        let paths: Vec<&str> = contract.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(METHODS.iter().map(|method| method.path).collect::<Vec<_>>(), paths);
        for (path, descriptor) in &contract {
            let method = Method::of(path);
            let streaming = match (descriptor.client_streaming(), descriptor.server_streaming()) {
                (false, false) => Streaming::None,
                (true, false) => Client,
                (false, true) => Server,
                (true, true) => panic!("{path}: the table has no kind for streams in both directions"),
            };
            assert_eq!(method.streaming, streaming, "{path}");
            let level = descriptor.options.as_ref().map(|options| options.idempotency_level()).unwrap();
            let idempotency = match level {
                IdempotencyLevel::NoSideEffects => NoSideEffects,
                IdempotencyLevel::Idempotent => Idempotent,
                IdempotencyLevel::IdempotencyUnknown => Unknown,
            };
            assert_eq!(method.idempotency, idempotency, "{path}");
        }
    }

    #[test]
    fn streams_need_the_permits_of_streams() {
        for method in METHODS {
            let is_stream_class = matches!(method.class, Read | Write | Watch);
            assert!(method.streaming == Streaming::None || is_stream_class, "{}", method.path);
        }
    }

    #[test]
    fn internal_methods_are_those_of_health_and_reflection() {
        for (path, _) in described(tonic_health::pb::FILE_DESCRIPTOR_SET) {
            assert!(path.ends_with("/List") || Method::of(&path).is_internal(), "{path}");
        }
    }

    #[test]
    fn only_methods_with_lists_of_paths_accept_large_messages() {
        let files = FileDescriptorSet::decode(lakeport_proto::FILE_DESCRIPTOR_SET).unwrap().file;
        let messages: HashMap<String, _> = files
            .into_iter()
            .flat_map(|file| {
                let package = file.package().to_owned();
                file.message_type.into_iter().map(move |message| (format!(".{package}.{}", message.name()), message))
            })
            .collect();
        for (path, descriptor) in described(lakeport_proto::FILE_DESCRIPTOR_SET) {
            let request = &messages[descriptor.input_type()];
            let has_list = request.field.iter().any(|field| {
                ["paths", "source_paths", "items"].contains(&field.name()) || (path == WRITE && field.name() == "data")
            });
            let limit = Method::of(&path).message_bytes(4 << 20);
            assert_eq!(limit, if has_list { 4 << 20 } else { MESSAGE_BYTES }, "{path}");
        }
        assert_eq!(Method::of("/grpc.health.v1.Health/Check").message_bytes(4 << 20), INTERNAL_MESSAGE_BYTES);
    }

    #[test]
    fn unknown_paths_share_one_method() {
        for path in ["/lakeport.v1.FileService/Raed", "/lakeport.v1.X/000001", "/", "", "lakeport.v1.FileService/Read"]
        {
            assert_eq!(Method::of(path), &OTHER, "{path}");
        }
        assert_eq!(Method::of(READ).name(), "lakeport.v1.FileService/Read");
        assert_eq!(Method::of(WRITE).streaming, Client);
    }
}
