//! Checks and tests the TypeScript client in Node.js and in Chromium.

use crate::error::{Error, Result};
use crate::generated;
use crate::run::Run;
use crate::test::clients::{self, Fixture};
use crate::test::server::Server;
use crate::tools::{chromium, plugins};
use std::net::TcpListener;
use std::path::Path;

/// A program that uses the package as it is published.
const PROGRAM: &str = "import { Client, LakeportError } from 'lakeport';\n\
    import { Client as BrowserClient } from 'lakeport/browser';\n\
    using client = new Client({ endpoint: 'grpc://127.0.0.1:1', credentials: null });\n\
    const error = await client.serverInfo().catch((error: unknown) => error);\n\
    if (!(error instanceof LakeportError) || BrowserClient === undefined) process.exit(1);\n";

/// Runs all checks of the TypeScript client.
pub(super) fn run() -> Result<()> {
    let package = plugins::typescript_package()?;
    generated::TYPESCRIPT.check()?;
    npm(&package, "run check").run()?;
    build()?;
    let origin = free_origin()?;
    let (server, fixture) = (Server::start(Some(&origin))?, Fixture::build()?);
    let tests = npm(&package, "run test:built")
        .env("LAKEPORT_TEST_ADDRESS", server.address())
        .env("LAKEPORT_TEST_WEB_ADDRESS", server.address())
        .env("LAKEPORT_TEST_WEB_ORIGIN", &origin)
        .env("LAKEPORT_TEST_WEB_RESULTS", clients::empty_results("browser")?)
        .env("LAKEPORT_TEST_CHROMIUM", chromium::installed()?);
    fixture.configure(tests, &clients::empty_results("typescript")?).run()?;
    install_elsewhere(&package)
}

fn npm(package: &Path, arguments: &str) -> Run {
    Run::new("npm", package).args(arguments)
}

/// Builds the package, and compiles its tests and examples.
pub(crate) fn build() -> Result<()> {
    let package = plugins::typescript_package()?;
    npm(&package, "run build").run()?;
    Run::new(package.join("node_modules/.bin/tsc"), &package).run()
}

/// Returns an origin with a free port, for the pages of the browser.
pub(super) fn free_origin() -> Result<String> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = bound.map_err(|error| Error::Check(format!("no free port: {error}")))?.port();
    Ok(format!("http://localhost:{port}"))
}

/// Packs the package, installs it in another folder, and runs a program there.
fn install_elsewhere(package: &Path) -> Result<()> {
    let folder = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    let elsewhere = folder.path();
    let write = |name: &str, text: &str| {
        let file = elsewhere.join(name);
        std::fs::write(&file, text).map_err(Error::file(&file))
    };
    npm(package, "pack --ignore-scripts --silent --pack-destination").arg(elsewhere).run()?;
    write("package.json", "{\"type\": \"module\", \"private\": true}")?;
    write("program.mts", PROGRAM)?;
    npm(elsewhere, "install --ignore-scripts --no-audit --no-fund --silent ./lakeport-0.1.0.tgz").run()?;
    Run::new(package.join("node_modules/.bin/tsc"), elsewhere)
        .args(
            "--strict --skipLibCheck --module nodenext --target es2023 --lib es2023,esnext.disposable,dom program.mts",
        )
        .args("--typeRoots")
        .arg(package.join("node_modules/@types"))
        .args("--types node")
        .run()?;
    Run::new("node", elsewhere).arg("program.mjs").run()
}
