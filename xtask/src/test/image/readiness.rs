//! Polls the readiness probe on the admin port, as Kubernetes does.

use crate::error::{Error, Result};
use std::io::{Read, Result as IoResult, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(100);
/// Timeout of one probe. A busy server may respond to a later probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits until `/readyz` returns 200. An error of `check_running` ends the wait.
///
/// # Errors
/// `Check` with the last response if it is not 200 after `timeout`; the error of `check_running`.
pub(super) fn wait(admin: SocketAddr, timeout: Duration, mut check_running: impl FnMut() -> Result<()>) -> Result<()> {
    let started = Instant::now();
    loop {
        check_running()?;
        let response = probe(admin);
        if response.as_ref().is_ok_and(|line| line.starts_with("HTTP/1.1 200")) {
            return Ok(());
        }
        if started.elapsed() > timeout {
            return Err(Error::Check(format!("not ready after {} s: {}", timeout.as_secs(), text(response))));
        }
        sleep(POLL);
    }
}

fn text(response: IoResult<String>) -> String {
    response.unwrap_or_else(|error| error.to_string())
}

/// Sends one probe and returns the status line of the response.
fn probe(admin: SocketAddr) -> IoResult<String> {
    let mut stream = TcpStream::connect_timeout(&admin, PROBE_TIMEOUT)?;
    stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut response = Vec::new();
    stream.take(4096).read_to_end(&mut response)?;
    let response = String::from_utf8_lossy(&response);
    Ok(response.lines().next().unwrap_or("an empty response").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Starts a server that sends one of the responses to each probe and then stops.
    fn server(responses: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for response in responses {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let length = stream.read(&mut request).unwrap();
                assert!(request[..length].starts_with(b"GET /readyz "));
                stream.write_all(format!("HTTP/1.1 {response}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn wait_returns_when_the_server_is_ready() {
        let address = server(&["503 Service Unavailable", "503 Service Unavailable", "200 OK"]);
        wait(address, Duration::from_secs(10), || Ok(())).unwrap();
    }

    #[test]
    fn a_timeout_reports_the_last_response() {
        let address = server(&["503 Service Unavailable"]);
        let error = wait(address, Duration::ZERO, || Ok(())).unwrap_err();
        assert!(error.to_string().contains("503 Service Unavailable"), "{error}");
    }

    #[test]
    fn wait_fails_when_the_process_has_ended() {
        let address = server(&[]);
        let error = wait(address, Duration::from_secs(60), || Err(Error::Check("gone".to_owned()))).unwrap_err();
        assert_eq!(error.to_string(), "gone");
    }
}
