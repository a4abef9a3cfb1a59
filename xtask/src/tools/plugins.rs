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

/// Files that pin the packages of the TypeScript tests.
const NODE_PINS: [&str; 2] = ["package.json", "package-lock.json"];

/// Returns the plugins for Go.
///
/// # Errors
/// The errors of the installation, which needs Go.
pub(crate) fn go() -> Result<PathBuf> {
    cached("go-plugins", &pins::GO_PLUGINS, install_go_plugins)
}

/// Returns the plugin for TypeScript.
///
/// # Errors
/// The errors of `node_modules`.
pub(crate) fn typescript() -> Result<PathBuf> {
    Ok(node_modules()?.join(".bin"))
}

/// Returns the packages of the TypeScript tests. The plugin is one of them, because it must have the same version as the
/// library that its code uses.
///
/// # Errors
/// The errors of the installation, which needs npm; `Check` if there is no Node.js, which the packages need.
pub(crate) fn node_modules() -> Result<PathBuf> {
    Run::new("node", &workspace::root()?).arg("--version").try_read().map_err(Error::hint(NODE))?;
    let tests = typescript_tests()?;
    let read = |file| std::fs::read_to_string(tests.join(file)).map_err(Error::file(&tests.join(file)));
    let pins = NODE_PINS.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(cached("node", &pins, install_node_modules)?.join("node_modules"))
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

fn typescript_tests() -> Result<PathBuf> {
    Ok(workspace::root()?.join("tests/languages/typescript"))
}

fn install_go_plugins(directory: &Path) -> Result<()> {
    let root = workspace::root()?;
    // A command installs packages of only one module.
    pins::GO_PLUGINS.iter().try_for_each(|plugin| {
        Run::new("go", &root).arg("install").arg(plugin).env("GOBIN", directory).run().map_err(Error::hint(GO))
    })
}

fn install_node_modules(directory: &Path) -> Result<()> {
    std::fs::create_dir(directory).map_err(Error::file(directory))?;
    let tests = typescript_tests()?;
    for file in NODE_PINS {
        std::fs::copy(tests.join(file), directory.join(file)).map_err(Error::file(&tests.join(file)))?;
    }
    Run::new("npm", directory).args("ci --ignore-scripts --no-audit --no-fund").run().map_err(Error::hint(NODE))
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
