//! protoc and its plugins, which generate code of other languages. Each function returns the directory of the programs.

use super::{apt, cached, pins};
use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What to install if there is no `go`.
pub(crate) const GO: &str = "install Go 1.26 or newer";
/// What to install if there is no `node` or `npm`.
pub(crate) const NODE: &str = "install Node.js 20 or newer, with npm";

/// Returns the plugins for Go, and staticcheck.
///
/// # Errors
/// The errors of the installation, which needs Go.
pub(crate) fn go() -> Result<PathBuf> {
    cached("go", &pins::GO_PROGRAMS, install_go_programs)
}

/// Returns the plugin for TypeScript.
///
/// # Errors
/// The errors of [`typescript_package`].
pub(crate) fn typescript() -> Result<PathBuf> {
    Ok(typescript_package()?.join("node_modules/.bin"))
}

/// Returns the folder of the TypeScript client, with its dependencies installed. The plugin is one of them, because it must have the
/// same version as the library that its code uses.
///
/// # Errors
/// The errors of the installation, which needs npm; `Check` if there is no Node.js.
pub(crate) fn typescript_package() -> Result<PathBuf> {
    Run::new("node", &workspace::root()?).arg("--version").try_read().map_err(Error::hint(NODE))?;
    let package = workspace::root()?.join("client/typescript");
    let (lock, installed) = (package.join("package-lock.json"), package.join("node_modules/.installed-lock.json"));
    let wanted = std::fs::read(&lock).map_err(Error::file(&lock))?;
    if std::fs::read(&installed).ok().as_ref() != Some(&wanted) {
        Run::new("npm", &package).args("ci --ignore-scripts --no-audit --no-fund").run().map_err(Error::hint(NODE))?;
        std::fs::write(&installed, wanted).map_err(Error::file(&installed))?;
    }
    Ok(package)
}

/// Returns protoc, which generates messages for C++, C#, Java and Python, and the plugin for clients in Java. Installs the
/// plugins for clients in C++ and Python on the search path.
///
/// # Errors
/// The errors of the installation, which needs Maven and, if a plugin is not on the search path, apt-get.
pub(crate) fn protoc() -> Result<PathBuf> {
    if !apt::on_path("grpc_cpp_plugin") || !apt::on_path("grpc_python_plugin") {
        apt::install("protobuf-compiler-grpc").map_err(|error| {
            Error::Check(format!(
                "cannot install gRPC's plugins for C++ and Python: {error}; install grpc_cpp_plugin and grpc_python_plugin"
            ))
        })?;
    }
    cached("protoc", &pins::MAVEN_PROGRAMS, install_maven_programs)
}

fn install_go_programs(directory: &Path) -> Result<()> {
    let root = workspace::root()?;
    // A command installs packages of only one module.
    pins::GO_PROGRAMS.iter().try_for_each(|program| {
        Run::new("go", &root).arg("install").arg(program).env("GOBIN", directory).run().map_err(Error::hint(GO))
    })
}

fn install_maven_programs(directory: &Path) -> Result<()> {
    pins::MAVEN_PROGRAMS.iter().try_for_each(|(name, artifact)| install_maven_program(directory, name, artifact))
}

/// Copies the program `artifact` from Maven's repository to the file `name`.
fn install_maven_program(directory: &Path, name: &str, artifact: &str) -> Result<()> {
    // Names of the platform in Maven's repository.
    let platform = match std::env::consts::ARCH {
        "aarch64" => "linux-aarch_64",
        other => &format!("linux-{other}"),
    };
    Run::new("mvn", &workspace::root()?)
        .args("--batch-mode --quiet -Dstyle.color=never")
        .arg(format!("{}:copy", pins::MAVEN_DEPENDENCY_PLUGIN))
        .args("-Dmdep.stripVersion=true -Dmdep.stripClassifier=true")
        .arg(format!("-Dartifact={artifact}:exe:{platform}"))
        .arg(format!("-DoutputDirectory={}", directory.display()))
        .run()
        .map_err(Error::hint("install Maven, with a JDK"))?;
    let program = directory.join(name);
    std::fs::rename(directory.join(format!("{name}.exe")), &program).map_err(Error::file(&program))?;
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).map_err(Error::file(&program))
}
