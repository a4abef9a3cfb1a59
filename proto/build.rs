//! Generates Rust code from the contract, without protoc.

use prost_build::{Service, ServiceGenerator};
use std::error::Error;
use std::path::PathBuf;

/// Methods whose payload the server handles itself.
const BY_REFERENCE: [&str; 2] = ["Read", "Write"];

/// Google's protos that the contract imports, and `error_details.proto` for clients that decode error details.
const GOOGLEAPIS: &str = "../third_party/googleapis";

const FILES: [&str; 6] = [
    "lakeport/v1/changes.proto",
    "lakeport/v1/errors.proto",
    "lakeport/v1/files.proto",
    "lakeport/v1/transactions.proto",
    "lakeport/v1/versions.proto",
    "../third_party/googleapis/google/rpc/error_details.proto",
];

/// Generates clients with all methods, and servers without those of [`BY_REFERENCE`].
struct Services {
    clients: Box<dyn ServiceGenerator>,
    servers: Box<dyn ServiceGenerator>,
}

impl ServiceGenerator for Services {
    fn generate(&mut self, service: Service, code: &mut String) {
        self.clients.generate(service.clone(), code);
        let mut server = service;
        if server.name == "FileService" {
            server.methods.retain(|method| !BY_REFERENCE.contains(&method.proto_name.as_str()));
        }
        self.servers.generate(server, code);
    }

    fn finalize(&mut self, code: &mut String) {
        self.clients.finalize(code);
        self.servers.finalize(code);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=lakeport");
    println!("cargo:rerun-if-changed={GOOGLEAPIS}");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new([".", GOOGLEAPIS])?;
    compiler.include_source_info(true).include_imports(true).open_files(FILES)?;
    // prost drops options when it encodes descriptors again, so the server serves protox's encoding.
    std::fs::write(out.join("lakeport.v1.binpb"), compiler.encode_file_descriptor_set())?;
    let builder = || tonic_prost_build::configure().build_transport(false);
    prost_build::Config::new()
        .bytes([".lakeport.v1"])
        // Page tokens contain a hash of the request with its type name.
        .enable_type_names()
        // A request with a `request_id` is compared with the first one by its hash, so equal requests must have equal bytes.
        .btree_map([
            ".lakeport.v1.ListTransactionsRequest.labels",
            ".lakeport.v1.CreateCommitRequest.metadata",
            ".lakeport.v1.MergeRequest.metadata",
            ".lakeport.v1.RevertRequest.metadata",
        ])
        .extern_path(".google.rpc", "::tonic_types")
        .service_generator(Box::new(Services {
            clients: builder().build_server(false).service_generator(),
            servers: builder().build_client(false).service_generator(),
        }))
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
