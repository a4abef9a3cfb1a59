//! The same jobs with the clients of all languages.

use super::{Setup, small};
use crate::Result;
use crate::delay;
use crate::job::{Job, Operation};
use crate::languages::{Arguments, Language, Program, Worker};
use crate::table::Series;
use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

/// Delay of each direction of the long line.
const DELAY: Duration = Duration::from_millis(10);
const SMALL: u64 = 4096;
/// The numbers of callers, and how many calls they send together.
const CALLERS: [(usize, u64); 2] = [(1, 1_000), (64, 5_000)];

/// The least speed of a client, relative to that of the Rust client.
type Goals = &'static [(Language, f64)];
const LOOPBACK: Goals = &[(Language::Go, 0.7), (Language::Node, 0.35)];
const LONG_LINE: Goals = &[(Language::Go, 0.5), (Language::Node, 0.5)];

/// A job with its server and its goals.
struct Task<'a> {
    title: String,
    url: &'a str,
    job: Job,
    goals: Goals,
}

pub(super) async fn clients(setup: &Setup, arguments: &Arguments) -> Result<()> {
    let mut programs = arguments.build(setup.dir.path(), "bench")?;
    let reader = setup.reader.url.trim_start_matches("http://");
    let urls = Urls {
        reader: format!("grpc://{reader}"),
        writer: setup.writer.url.replace("http://", "grpc://"),
        distant: format!("grpc://{}", delay::proxy(reader.parse()?, DELAY).await?),
    };
    store_objects(setup)?;
    for task in tasks(setup.mebibytes, &urls).iter().filter(|task| task.title.contains(&arguments.job)) {
        measure(setup.rounds, task, &mut programs)?;
    }
    Ok(())
}

/// The servers.
struct Urls {
    reader: String,
    writer: String,
    /// The reader at the end of a long line.
    distant: String,
}

/// Size of the object that is read over the long line, in MiB.
fn distant_mebibytes(mebibytes: u64) -> u64 {
    (mebibytes / 8).max(1)
}

/// Stores the large objects. The small ones exist already.
fn store_objects(setup: &Setup) -> Result<()> {
    let path = |name: &str| setup.dir.path().join(name);
    std::fs::hard_link(path("large"), path("large-0"))?;
    let mut part = File::open(path("large"))?.take(distant_mebibytes(setup.mebibytes) << 20);
    std::io::copy(&mut part, &mut File::create(path("distant-0"))?)?;
    Ok(())
}

fn tasks(mebibytes: u64, urls: &Urls) -> Vec<Task<'_>> {
    let distant = distant_mebibytes(mebibytes);
    let large = |path: &str, operation, size: u64| Job {
        operation,
        path: path.to_owned(),
        calls: 1,
        size: size << 20,
        callers: 1,
    };
    let mut tasks = vec![
        Task {
            title: format!("read of {mebibytes} MiB"),
            url: &urls.reader,
            job: large("large", Operation::Read, mebibytes),
            goals: LOOPBACK,
        },
        Task {
            title: format!("write of {mebibytes} MiB"),
            url: &urls.writer,
            job: large("large", Operation::Write, mebibytes),
            goals: LOOPBACK,
        },
        Task {
            title: format!("read of {distant} MiB, round-trip time {} ms", 2 * DELAY.as_millis()),
            url: &urls.distant,
            job: large("distant", Operation::Read, distant),
            goals: LONG_LINE,
        },
    ];
    for (callers, calls) in CALLERS {
        for (name, operation, url) in [
            ("stat", Operation::Stat, &urls.reader),
            ("read of 4 KiB", Operation::Read, &urls.reader),
            ("write of 4 KiB", Operation::Write, &urls.writer),
        ] {
            let title = format!("{calls} x {name}, {callers} at a time");
            let job = Job { operation, path: small::PREFIX.to_owned(), calls, size: SMALL, callers };
            tasks.push(Task { title, url, job, goals: &[] });
        }
    }
    tasks
}

/// Runs the job with each client, round by round, and prints the table.
fn measure(rounds: usize, task: &Task<'_>, programs: &mut [Program]) -> Result<()> {
    let mut rows: Vec<(Worker, Series)> = Vec::new();
    for program in programs {
        rows.push((program.start(task.url)?, Series::default()));
    }
    for round in 0..=rounds {
        for (worker, series) in &mut rows {
            let sample = worker.run(&task.job)?;
            if round > 0 {
                series.push(sample);
            }
        }
    }
    println!("## clients: {}\n", task.title);
    println!("| client | seconds | CPU-s of the client | speed relative to Rust | goal |\n|---|---|---|---|---|");
    let Some((_, rust)) = rows.first() else { return Ok(()) };
    for (worker, series) in &rows {
        let goal = task.goals.iter().find(|(language, _)| *language == worker.language);
        println!(
            "| {} | {:.3} | {:.2} | {} | {} |",
            worker.language.name(),
            series.median_wall(),
            series.median_cpu(),
            rust.ratio(series, |sample| sample.wall),
            goal.map(|(_, speed)| format!("at least {speed}")).unwrap_or_default(),
        );
    }
    println!();
    Ok(())
}
