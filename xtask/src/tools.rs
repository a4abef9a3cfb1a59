//! Tools that are no part of Rust: installed on first use into the user's cache, from package registries only.

mod pins;
pub(crate) mod postgres;

use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Written last into a folder, so that a broken installation is not taken for one.
const COMPLETE: &str = ".complete";

/// Where the tools are.
#[derive(Debug)]
pub(crate) struct Tools {
    /// The cache that holds all of them.
    pub(crate) directory: PathBuf,
    python: PathBuf,
    cargo_deny: PathBuf,
}

impl Tools {
    /// Checks the contract.
    pub(crate) fn buf(&self) -> PathBuf {
        self.python.join("bin/buf")
    }

    /// Calls servers.
    pub(crate) fn grpcurl(&self) -> PathBuf {
        self.python.join("bin/grpcurl")
    }

    /// A Python with pip, in an environment of its own.
    pub(crate) fn python(&self) -> PathBuf {
        self.python.join("bin/python")
    }

    /// Checks Kubernetes' manifests.
    pub(crate) fn kubernetes_validate(&self) -> PathBuf {
        self.python.join("bin/kubernetes-validate")
    }

    /// Checks YAML.
    pub(crate) fn yamllint(&self) -> PathBuf {
        self.python.join("bin/yamllint")
    }

    /// Formats and lints Python.
    pub(crate) fn ruff(&self) -> PathBuf {
        self.python.join("bin/ruff")
    }

    /// Checks the types of Python.
    pub(crate) fn mypy(&self) -> PathBuf {
        self.python.join("bin/mypy")
    }

    /// Checks dependencies.
    pub(crate) fn cargo_deny(&self) -> PathBuf {
        self.cargo_deny.join("bin/cargo-deny")
    }
}

/// The tools in the pinned versions. Installs what is missing, which takes minutes the first time.
///
/// # Errors
/// `Found` if there is no place to keep them; as the commands that install them.
pub(crate) fn installed() -> Result<Tools> {
    let directory = cache()?;
    std::fs::create_dir_all(&directory).map_err(Error::file(&directory))?;
    let _alone = lock(&directory)?;
    let tools = Tools {
        python: directory.join(format!("python-{:016x}", fingerprint(&pins::PYTHON_PACKAGES))),
        cargo_deny: directory.join(format!("cargo-deny-{}", pins::CARGO_DENY)),
        directory,
    };
    if !is_complete(&tools.python) || !starts(&tools.python())? {
        once(&tools.python, install_python)?;
    }
    if !is_complete(&tools.cargo_deny) {
        once(&tools.cargo_deny, install_cargo_deny)?;
    }
    Ok(tools)
}

/// The environment in which the Python client is checked and tested, with the libraries that people use it with.
///
/// # Errors
/// As `installed`.
pub(crate) fn python_client() -> Result<PathBuf> {
    let directory = cache()?;
    std::fs::create_dir_all(&directory).map_err(Error::file(&directory))?;
    let _alone = lock(&directory)?;
    let wanted = client_requirements()?;
    let environment = directory.join(format!("python-client-{:016x}", fingerprint(&wanted)));
    if !is_complete(&environment) || !starts(&environment.join("bin/python"))? {
        once(&environment, install_python_client)?;
    }
    Ok(environment)
}

/// What the package needs, and what its tests do, as they stand in their files.
fn client_requirements() -> Result<Vec<String>> {
    let package = workspace::root()?.join("client/python");
    let files = ["pyproject.toml", "tests/requirements.txt", "tests/requirements-libraries.txt"];
    let read = |file: &&str| {
        let path = package.join(file);
        let text = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
        // How it is linted does not say what is installed.
        Ok(text.split("[tool.").next().unwrap_or_default().to_owned())
    };
    files.iter().map(read).collect()
}

fn cache() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| Error::Found("tools are kept in $XDG_CACHE_HOME or $HOME: set one".to_owned()))?;
    Ok(cache.join("lakeport"))
}

/// Held while tools are looked for and installed, since two checkouts share them; let go when it is dropped.
fn lock(directory: &Path) -> Result<File> {
    let path = directory.join(".lock");
    let file = File::create(&path).map_err(Error::file(&path))?;
    file.lock().map_err(Error::file(&path))?;
    Ok(file)
}

/// A name that changes with the pins, so that checkouts with other pins have their own environment.
fn fingerprint<T: Hash>(pins: &[T]) -> u64 {
    let mut hasher = DefaultHasher::new();
    pins.hash(&mut hasher);
    hasher.finish()
}

fn is_complete(directory: &Path) -> bool {
    directory.join(COMPLETE).exists()
}

/// Whether the environment's Python is still there: it is a link to the system's, which may have gone with an upgrade.
fn starts(python: &Path) -> Result<bool> {
    if !python.exists() {
        return Ok(false);
    }
    Ok(Run::new(python, &workspace::root()?).arg("--version").ask()?.is_some())
}

/// Installs into an empty `directory` and marks it as complete.
fn once(directory: &Path, install: fn(&Path) -> Result<()>) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory).map_err(Error::file(directory))?;
    }
    install(directory)?;
    let complete = directory.join(COMPLETE);
    std::fs::write(&complete, "").map_err(Error::file(&complete))
}

fn install_python(directory: &Path) -> Result<()> {
    pins::PYTHON_PACKAGES.iter().fold(pip_of_new_environment(directory)?, Run::arg).run()
}

fn install_python_client(directory: &Path) -> Result<()> {
    let package = workspace::root()?.join("client/python");
    let requirements = |file: &str| package.join("tests").join(file);
    pip_of_new_environment(directory)?
        .arg("-r")
        .arg(requirements("requirements.txt"))
        .arg("-r")
        .arg(requirements("requirements-libraries.txt"))
        // For what it depends on; each checkout's own stands before it when tests run.
        .arg(&package)
        .run()?;
    unpack_source(directory, &requirements("requirements-libraries.txt"), "universal_pathlib")
}

/// A package as its authors write it, with the tests that no wheel of theirs has, in the folder `sources` of the environment.
fn unpack_source(directory: &Path, requirements: &Path, package: &str) -> Result<()> {
    let text = std::fs::read_to_string(requirements).map_err(Error::file(requirements))?;
    let pin = text.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="));
    let version = pin.ok_or_else(|| Error::Found(format!("{} does not pin {package}", requirements.display())))?;
    let (python, root, sources) = (directory.join("bin/python"), workspace::root()?, directory.join("sources"));
    Run::new(&python, &root)
        .args("-m pip --disable-pip-version-check download --quiet --no-deps --no-binary")
        .arg(package)
        .arg("--dest")
        .arg(&sources)
        .arg(format!("{package}=={version}"))
        .run()?;
    let archive = sources.join(format!("{package}-{version}.tar.gz"));
    Run::new(&python, &root).args("-m tarfile --extract").arg(archive).arg(&sources).run()
}

fn pip_of_new_environment(directory: &Path) -> Result<Run> {
    let root = workspace::root()?;
    let made = Run::new("python3", &root).args("-m venv").arg(directory).run();
    made.map_err(|error| Error::Found(format!("{error} (on Debian: apt-get install python3-venv)")))?;
    Ok(Run::new(directory.join("bin/python"), &root).args("-m pip --disable-pip-version-check install --quiet"))
}

fn install_cargo_deny(directory: &Path) -> Result<()> {
    crate::cargo::cargo("install --quiet --locked cargo-deny --version")?
        .arg(pins::CARGO_DENY)
        .arg("--root")
        .arg(directory)
        // Its build is of no use to the workspace's, and with flags of its own it would be built again.
        .without_env("CARGO_TARGET_DIR")
        .without_env("RUSTFLAGS")
        .run()
}
