//! Asks the admin port whether the server is ready, as Kubernetes does.

use crate::error::{Error, Result};
use std::io::{Read, Result as IoResult, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(100);
/// For one question; a server that is busy may answer the next.
const ANSWER: Duration = Duration::from_secs(2);

/// Waits until `/readyz` answers 200. `is_running` ends the wait by failing.
///
/// # Errors
/// `Found` with the last answer if it is not 200 after `patience`.
pub(super) fn wait(admin: SocketAddr, patience: Duration, mut is_running: impl FnMut() -> Result<()>) -> Result<()> {
    let started = Instant::now();
    loop {
        is_running()?;
        let answer = ask(admin);
        if answer.as_ref().is_ok_and(|line| line.starts_with("HTTP/1.1 200")) {
            return Ok(());
        }
        if started.elapsed() > patience {
            return Err(Error::Found(format!("not ready after {} s: {}", patience.as_secs(), told(answer))));
        }
        sleep(POLL);
    }
}

fn told(answer: IoResult<String>) -> String {
    answer.unwrap_or_else(|error| error.to_string())
}

/// The first line of the answer.
fn ask(admin: SocketAddr) -> IoResult<String> {
    let mut stream = TcpStream::connect_timeout(&admin, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or("an empty answer").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Gives one answer to each question, then is gone.
    fn server(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = [0; 1024];
                let length = stream.read(&mut question).unwrap();
                assert!(question[..length].starts_with(b"GET /readyz "));
                stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn waits_until_it_is_ready() {
        let address = server(&["503 Service Unavailable", "503 Service Unavailable", "200 OK"]);
        wait(address, Duration::from_secs(10), || Ok(())).unwrap();
    }

    #[test]
    fn tells_the_last_answer() {
        let address = server(&["503 Service Unavailable"]);
        let error = wait(address, Duration::ZERO, || Ok(())).unwrap_err();
        assert!(error.to_string().contains("503 Service Unavailable"), "{error}");
    }

    #[test]
    fn does_not_wait_for_who_has_ended() {
        let address = server(&[]);
        let error = wait(address, Duration::from_secs(60), || Err(Error::Found("gone".to_owned()))).unwrap_err();
        assert_eq!(error.to_string(), "gone");
    }
}
