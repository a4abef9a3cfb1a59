//! The clients of all languages: builds their workers, and starts them.

use crate::Result;
use crate::job::{Job, Outcome};
use crate::process::cpu;
use crate::table::Sample;
use clap::ValueEnum;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The folder with the clients.
const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../client");

/// Languages of the scenario `clients`, and their programs.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The clients that the scenario `clients` compares. Rust is always one of them.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "rust,go,node,python")]
    languages: Vec<Language>,
    /// The go command.
    #[arg(long, default_value = "go")]
    go: PathBuf,
    /// Node.js.
    #[arg(long, default_value = "node")]
    node: PathBuf,
    /// A Python interpreter with the dependencies of the Python client.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Run only jobs of the scenario `clients` whose title contains this text.
    #[arg(long, default_value = "")]
    pub(crate) job: String,
}

/// Language of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Rust,
    Go,
    /// The TypeScript client in Node.js.
    Node,
    Python,
}

impl Language {
    /// Returns the name for tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::Node => "Node.js",
            Self::Python => "Python",
        }
    }
}

impl Arguments {
    /// Builds the workers of the selected languages. Rust is the first one.
    pub(crate) fn build(&self, dir: &Path, repository: &str) -> Result<Vec<Program>> {
        let others = self.languages.iter().copied().filter(|language| *language != Language::Rust);
        std::iter::once(Language::Rust).chain(others).map(|language| self.program(language, dir, repository)).collect()
    }

    fn program(&self, language: Language, dir: &Path, repository: &str) -> Result<Program> {
        let mut command = match language {
            Language::Rust => rust()?,
            Language::Go => self.go(dir)?,
            Language::Node => self.node()?,
            Language::Python => self.python()?,
        };
        command.arg(repository).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(Program { language, command })
    }

    fn go(&self, dir: &Path) -> Result<Command> {
        let worker = dir.join("go-worker");
        let mut build = Command::new(&self.go);
        build.args(["build", "-o"]).arg(&worker).arg("./internal/bench").env("GOWORK", "off");
        run(build.current_dir(Path::new(CLIENTS).join("go")), "install Go 1.26 or newer, or name it with --go")?;
        Ok(Command::new(worker))
    }

    /// Compiles the package, and the worker that imports it.
    fn node(&self) -> Result<Command> {
        let package = Path::new(CLIENTS).join("typescript");
        for project in ["tsconfig.build.json", "tsconfig.json"] {
            let mut build = Command::new(&self.node);
            build.args(["node_modules/typescript/bin/tsc", "--project", project]).current_dir(&package);
            run(
                &mut build,
                "install Node.js 20 or newer, or name it with --node, and run `npm ci` in client/typescript",
            )?;
        }
        let mut command = Command::new(&self.node);
        command.arg("out/bench/worker.js").current_dir(package);
        Ok(command)
    }

    fn python(&self) -> Result<Command> {
        let package = Path::new(CLIENTS).join("python");
        let command = || {
            let mut command = Command::new(&self.python);
            command.current_dir(&package).env("PYTHONPATH", package.join("src"));
            command
        };
        let install =
            "install Python 3.10 or newer with the client, `pip install ./client/python`, or name it with --python";
        run(command().args(["-c", "import lakeport"]), install)?;
        let mut worker = command();
        worker.args(["-m", "bench.worker"]);
        Ok(worker)
    }
}

fn rust() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("worker");
    Ok(command)
}

/// Runs a command that prepares a worker. `install` says what to do if it fails.
fn run(command: &mut Command, install: &str) -> Result<()> {
    let program = PathBuf::from(command.get_program()).display().to_string();
    let failed = |why: String| format!("{program}: {why}; {install}, or leave the language out with --languages");
    let status = command.status().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string()).into()) }
}

/// The command of a worker.
pub(crate) struct Program {
    pub(crate) language: Language,
    command: Command,
}

impl Program {
    /// Starts the worker for a server.
    pub(crate) fn start(&mut self, url: &str) -> Result<Worker> {
        let mut child = self.command.env("LAKEPORT_ENDPOINT", url).spawn()?;
        let (jobs, outcomes) = child.stdin.take().zip(child.stdout.take()).ok_or("the worker has no pipes")?;
        Ok(Worker { language: self.language, child, jobs, outcomes: BufReader::new(outcomes).lines() })
    }
}

/// A running worker.
pub(crate) struct Worker {
    pub(crate) language: Language,
    child: Child,
    jobs: ChildStdin,
    outcomes: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Runs a job, and returns its time and the CPU time of the worker. Blocks: the proxy and the origin run on other threads.
    pub(crate) fn run(&mut self, job: &Job) -> Result<Sample> {
        let used = cpu(self.child.id())?;
        writeln!(self.jobs, "{}", serde_json::to_string(job)?)?;
        let line = self.outcomes.next().ok_or_else(|| format!("the worker of {} failed", self.language.name()))??;
        let outcome: Outcome = serde_json::from_str(&line)?;
        let (bytes, expected) = (outcome.bytes, job.calls * job.size);
        if bytes != expected {
            return Err(
                format!("the worker of {} had {bytes} bytes instead of {expected}", self.language.name()).into()
            );
        }
        let cpu = cpu(self.child.id())?.saturating_sub(used);
        Ok(Sample { wall: Duration::from_secs_f64(outcome.seconds), cpu })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Errors are ignored: the process may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
