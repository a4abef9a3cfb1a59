//! An embedded lake that counts its requests and delays its responses, for tests and benchmarks of clients in other languages.
//!
//! Prints one line with its URL, access key ID and secret access key. For each line of standard input, it then prints the
//! number of requests since the previous line. It exits at the end of the input.

use http::Method;
use lakeport_embedded::{Fault, Faults, Fired, Lake, On, serve};
use std::io::BufRead as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(delay)) = (arguments.next(), arguments.next()) else {
        return Err("usage: counted-lake FOLDER MILLISECONDS".into());
    };
    let delay = Duration::from_millis(delay.parse()?);
    let lake = Arc::new(Lake::open(folder.as_ref()).await?);
    let faults = Faults::default();
    let counters = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE]
        .map(|method| faults.arm(On::new(method, ""), Fault::Delay(delay), 1, usize::MAX));
    let serving = serve(Arc::clone(&lake), TcpListener::bind("127.0.0.1:0").await?, faults)?;
    let account = lake.account();
    println!("http://{} {} {}", serving.address(), account.access_key_id, account.secret_access_key);
    tokio::task::spawn_blocking(move || report_counts(&counters)).await?;
    serving.stop().await;
    lake.close().await;
    Ok(())
}

fn report_counts(counters: &[Fired]) {
    let mut reported = 0;
    for _ in std::io::stdin().lock().lines() {
        let now: usize = counters.iter().map(Fired::count).sum();
        println!("{}", now - reported);
        reported = now;
    }
}
