//! Makes Rust of the contract, without protoc.

use prost_build::{Service, ServiceGenerator};
use std::error::Error;
use std::path::PathBuf;

/// Methods whose payload the server handles itself.
const BY_REFERENCE: [&str; 2] = ["Read", "Write"];

const FILES: [&str; 5] = [
    "lakeport/v1/errors.proto",
    "lakeport/v1/files.proto",
    "lakeport/v1/transactions.proto",
    "lakeport/v1/versions.proto",
    "third_party/google/rpc/error_details.proto",
];

/// Clients with all methods, servers without those that are handled by reference.
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
    println!("cargo:rerun-if-changed=third_party");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["third_party", "."])?;
    compiler.include_source_info(true).include_imports(true).open_files(FILES)?;
    // prost drops options when it encodes descriptors again, so protox's own bytes are served.
    std::fs::write(out.join("lakeport.v1.binpb"), compiler.encode_file_descriptor_set())?;
    let builder = || tonic_prost_build::configure().build_transport(false);
    prost_build::Config::new()
        .bytes([".lakeport.v1"])
        // What a page token belongs to is told by the name and the bytes of a request: the same ones each time.
        .enable_type_names()
        .btree_map([".lakeport.v1.ListTransactionsRequest.labels"])
        .extern_path(".google.rpc", "::tonic_types")
        .service_generator(Box::new(Services {
            clients: builder().build_server(false).service_generator(),
            servers: builder().build_client(false).service_generator(),
        }))
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
