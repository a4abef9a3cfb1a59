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
fn fingerprint(pins: &[&str]) -> u64 {
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
    let root = workspace::root()?;
    let made = Run::new("python3", &root).args("-m venv").arg(directory).run();
    made.map_err(|error| Error::Found(format!("{error} (on Debian: apt-get install python3-venv)")))?;
    let pip = Run::new(directory.join("bin/python"), &root).args("-m pip --disable-pip-version-check install --quiet");
    pins::PYTHON_PACKAGES.iter().fold(pip, Run::arg).run()
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
