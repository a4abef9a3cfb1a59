//! Origins that replace lakeFS: nginx with sendfile for downloads, and a server that discards uploads. They do none of
//! lakeFS's work, so the benchmarks measure only the process between client and origin.

use crate::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::net::TcpListener;

/// Response of the origins to `GET /api/v1/user`. All callers are this user.
const USER: &str = r#"{"user":{"id":"bench","creation_date":0}}"#;

/// Response of the file origin to requests for the properties of an object. All of these requests are for objects of 4 KiB.
const STAT: &str =
    r#"{"path":"$arg_path","path_type":"object","checksum":"0","size_bytes":4096,"mtime":0,"physical_address":""}"#;

/// An nginx process, either an origin that serves files or a proxy in front of an origin.
pub(crate) struct Nginx {
    child: Child,
    /// Process ID of the nginx worker, which handles all requests.
    pub(crate) worker: u32,
}

impl Nginx {
    /// Starts an origin that serves the files of `dir` at the paths of lakeFS's API.
    pub(crate) fn origin(dir: &Path, port: u16) -> Result<Self> {
        let server = format!(
            "sendfile on; tcp_nopush on; etag on; default_type application/octet-stream;
             server {{ listen 127.0.0.1:{port};
               location = /api/v1/user {{ return 200 '{USER}'; }}
               location = /api/v1/repositories/bench/refs/main/objects/stat {{ return 200 '{STAT}'; }}
               location = /api/v1/repositories/bench/refs/main/objects {{ set $file $arg_path; rewrite ^ /$file break; root {root}; }}
             }}",
            root = dir.display()
        );
        Self::start(dir, "origin", &server)
    }

    /// Starts a proxy, tuned for large objects, that sends POST requests to `writes` and all other requests to `reads`.
    pub(crate) fn proxy(dir: &Path, port: u16, reads: SocketAddr, writes: SocketAddr) -> Result<Self> {
        let server = format!(
            "proxy_http_version 1.1; proxy_set_header Connection \"\"; client_max_body_size 0; proxy_request_buffering off;
             proxy_buffers 16 256k; proxy_buffer_size 256k; proxy_busy_buffers_size 1m; proxy_max_temp_file_size 0;
             upstream reads {{ server {reads}; keepalive 64; keepalive_requests 1000000; }}
             upstream writes {{ server {writes}; keepalive 64; keepalive_requests 1000000; }}
             server {{ listen 127.0.0.1:{port};
               location / {{ if ($request_method = POST) {{ proxy_pass http://writes; }} proxy_pass http://reads; }}
             }}"
        );
        Self::start(dir, "proxy", &server)
    }

    fn start(dir: &Path, name: &str, http: &str) -> Result<Self> {
        let config = dir.join(format!("{name}.conf"));
        let temp = dir.join(name);
        std::fs::create_dir_all(&temp)?;
        let temp = temp.display();
        std::fs::write(
            &config,
            format!(
                "user root; worker_processes 1; daemon off; pid {temp}/pid; error_log {temp}/error.log;
                 events {{ worker_connections 4096; }}
                 http {{ access_log off; client_body_temp_path {temp}/body; proxy_temp_path {temp}/proxy;
                   fastcgi_temp_path {temp}/f; uwsgi_temp_path {temp}/u; scgi_temp_path {temp}/s;
                   keepalive_requests 1000000; {http} }}"
            ),
        )?;
        let mut child = Command::new("nginx")
            .args(["-p", &temp.to_string(), "-c"])
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                format!("cannot start nginx: {error}; install it, for example with `apt-get install nginx-light`")
            })?;
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        for _ in 0..100 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let worker = std::fs::read_to_string(&children).unwrap_or_default();
            if let Some(worker) = worker.split_whitespace().next() {
                return Ok(Self { worker: worker.parse()?, child });
            }
        }
        child.kill()?;
        Err(format!("nginx did not start: see {temp}/error.log").into())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master process stops its worker. Errors are ignored: the process may have exited already.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Starts a server that accepts uploads as lakeFS does and discards them. Returns its address.
pub(crate) async fn sink() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // This task runs until the process exits.
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Without TCP_NODELAY, small responses can wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
            tokio::spawn(
                http1::Builder::new().max_buf_size(1 << 20).serve_connection(TokioIo::new(stream), service_fn(discard)),
            );
        }
    });
    Ok(address)
}

async fn discard(request: ::http::Request<Incoming>) -> std::result::Result<::http::Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/api/v1/user" {
        return Ok(::http::Response::new(Full::new(Bytes::from_static(USER.as_bytes()))));
    }
    let mut body = request.into_body();
    let mut size = 0_usize;
    while let Some(Ok(frame)) = body.frame().await {
        size += frame.data_ref().map_or(0, Bytes::len);
    }
    let stats = serde_json::json!({
        "path": "up", "path_type": "object", "checksum": "0", "size_bytes": size, "mtime": 0,
        "content_type": "application/octet-stream", "physical_address": "",
    });
    let mut response = ::http::Response::new(Full::new(Bytes::from(stats.to_string())));
    *response.status_mut() = ::http::StatusCode::CREATED;
    Ok(response)
}
