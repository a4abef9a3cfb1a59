//! The worker of the Rust client. It runs in its own process, as the workers of the other languages do.

use crate::Result;
use crate::job::{Job, Operation, Outcome};
use futures_util::{StreamExt, TryStreamExt, stream};
use lakeport_client::{Client, Endpoint, Place, ReadOptions, WriteOptions};
use std::time::Instant;
use tokio::io::AsyncReadExt as _;

/// Settings of the worker.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The repository whose branch `main` has the objects.
    repository: String,
    /// URL of the server.
    #[arg(long, env = "LAKEPORT_ENDPOINT")]
    endpoint: String,
}

/// Runs the jobs of standard input, one a line, and prints an outcome for each.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let client = Client::connect(&Endpoint::new(&arguments.endpoint)).await?;
    let worker = Worker { client, place: Place::reference(&arguments.repository, "main") };
    for line in std::io::stdin().lines() {
        let outcome = worker.run(&serde_json::from_str(&line?)?).await?;
        println!("{}", serde_json::to_string(&outcome)?);
    }
    Ok(())
}

struct Worker {
    client: Client,
    place: Place,
}

impl Worker {
    async fn run(&self, job: &Job) -> Result<Outcome> {
        let began = Instant::now();
        let calls = stream::iter((0..job.calls).map(|n| self.call(job, format!("{}-{n}", job.path))));
        let bytes = calls.buffer_unordered(job.callers).try_fold(0, async |sum, bytes| Ok(sum + bytes)).await?;
        Ok(Outcome { seconds: began.elapsed().as_secs_f64(), bytes })
    }

    async fn call(&self, job: &Job, path: String) -> Result<u64> {
        match job.operation {
            Operation::Stat => Ok(u64::try_from(self.client.stat(&self.place, &path).await?.size_bytes)?),
            Operation::Read => self.read(&path).await,
            Operation::Write => self.write(&path, job.size).await,
        }
    }

    /// Reads an object and drops its bytes. Verifies checksums, because the clients in Go and TypeScript always do.
    async fn read(&self, path: &str) -> Result<u64> {
        let options = ReadOptions { checksum: true, ..ReadOptions::default() };
        let mut download = self.client.read(&self.place, path, options).await?;
        let mut read = 0;
        while let Some(chunk) = download.chunk().await? {
            read += chunk.len() as u64;
        }
        Ok(read)
    }

    async fn write(&self, path: &str, size: u64) -> Result<u64> {
        let options = WriteOptions { size_bytes: Some(size), ..WriteOptions::default() };
        let stored = self.client.write(&self.place, path, tokio::io::repeat(0).take(size), options).await?;
        Ok(u64::try_from(stored.size_bytes)?)
    }
}
