//! Connections with TLS, and through a proxy.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use lakeport_client::{Client, Code, Endpoint, Error};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

/// A certificate authority, and files with certificates of it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns the files of a new certificate for this name, and of its key.
    fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let files = (self.folder.path().join(format!("{name}.pem")), self.folder.path().join(format!("{name}.key")));
        std::fs::write(&files.0, certificate.pem()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }

    /// Starts a server with a certificate for this name. Returns its port.
    async fn serve(&self, name: &str, client_ca: Option<&Path>) -> u16 {
        let (certificate, key) = self.issue(name);
        let read = |file: &Path| std::fs::read_to_string(file).unwrap();
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(read(&certificate), read(&key)));
        serve(Some(match client_ca {
            None => tls,
            Some(file) => tls.client_ca_root(Certificate::from_pem(read(file))),
        }))
        .await
    }
}

/// Starts a server without methods. Returns its port.
async fn serve(tls: Option<ServerTlsConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut server = match tls {
        None => Server::builder(),
        Some(tls) => Server::builder().tls_config(tls).unwrap(),
    };
    let server = server.add_routes(Routes::default()).serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);
    port
}

/// Sends a call to a server without methods.
async fn call(endpoint: Endpoint) -> Error {
    match Client::connect(&endpoint).await {
        Err(error) => error,
        Ok(client) => client.server_info().await.unwrap_err(),
    }
}

async fn reaches(endpoint: Endpoint) {
    let error = call(endpoint).await;
    assert_eq!(error.code(), Code::Unimplemented, "{error}");
}

async fn is_refused(endpoint: Endpoint) -> String {
    let error = call(endpoint).await;
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    error.to_string()
}

fn localhost(port: u16) -> Endpoint {
    Endpoint::new(format!("grpcs://localhost:{port}"))
}

#[tokio::test]
async fn a_ca_file_replaces_the_authorities_of_the_system() {
    let (ours, other) = (Authority::new(), Authority::new());
    let port = ours.serve("localhost", None).await;
    reaches(localhost(port).ca_file(ours.ca_file())).await;
    for endpoint in [localhost(port), localhost(port).ca_file(other.ca_file())] {
        let message = is_refused(endpoint).await;
        assert!(message.contains("invalid peer certificate") && message.contains(&port.to_string()), "{message}");
    }
}

#[tokio::test]
async fn the_name_in_the_certificate_may_differ_from_the_host() {
    let authority = Authority::new();
    let port = authority.serve("lake.example", None).await;
    reaches(localhost(port).ca_file(authority.ca_file()).server_name("lake.example")).await;
    let message = is_refused(localhost(port).ca_file(authority.ca_file())).await;
    assert!(message.contains("not valid for name"), "{message}");
}

#[tokio::test]
async fn a_certificate_identifies_the_client() {
    let authority = Authority::new();
    let port = authority.serve("localhost", Some(&authority.ca_file())).await;
    let (certificate, key) = authority.issue("client.example");
    let endpoint = || localhost(port).ca_file(authority.ca_file());
    reaches(endpoint().client_certificate(certificate, key)).await;
    is_refused(endpoint()).await;
}

/// Starts a proxy that answers CONNECT with `status`. Returns its port, and the requests that it received.
async fn proxy(status: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let received = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(forward(connection, status, Arc::clone(&received)));
        }
    });
    (port, requests)
}

async fn forward(connection: TcpStream, status: &str, requests: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut client = BufStream::new(connection);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        client.read_line(&mut request).await?;
    }
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    requests.lock().unwrap().push(request);
    client.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await?;
    client.flush().await?;
    if status.starts_with("200") {
        copy_bidirectional(&mut client, &mut TcpStream::connect(target).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_forwards_connections_with_and_without_tls() {
    let authority = Authority::new();
    let (plain, secure) = (serve(None).await, authority.serve("localhost", None).await);
    let (port, requests) = proxy("200 OK").await;
    let url = || format!("http://user:secret@127.0.0.1:{port}");
    reaches(Endpoint::new(format!("grpc://localhost:{plain}")).proxy(url())).await;
    reaches(localhost(secure).ca_file(authority.ca_file()).proxy(url())).await;
    for (request, target) in requests.lock().unwrap().iter().zip([plain, secure]) {
        assert!(request.starts_with(&format!("CONNECT localhost:{target} HTTP/1.1\r\n")), "{request}");
        assert!(request.contains("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"), "{request}");
    }
    assert_eq!(requests.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_unavailable() {
    let (port, requests) = proxy("407 Proxy Authentication Required").await;
    let server = serve(None).await;
    let endpoint = Endpoint::new(format!("grpc://localhost:{server}"));
    let message = is_refused(endpoint.proxy(format!("http://127.0.0.1:{port}"))).await;
    assert!(message.contains(&format!("through the proxy http://127.0.0.1:{port}")), "{message}");
    assert_eq!(requests.lock().unwrap().len(), 1);
}
