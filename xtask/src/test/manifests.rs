//! What is deployed: YAML that is clean, and manifests that Kubernetes would take.

use crate::error::{Error, Result, nothing_found};
use crate::run::Run;
use crate::{tools, workspace};
use std::path::{Path, PathBuf};

/// Versions of Kubernetes whose schemas the manifests are checked against: the oldest that has all they use, the newest that the
/// tool knows, and some between.
const KUBERNETES: [&str; 4] = ["1.29.0", "1.31.0", "1.34.0", "1.37.0"];

/// Read by kustomize and never sent to Kubernetes, so there is no schema.
const KUSTOMIZATION: &str = "kustomization.yaml";

/// Checks all YAML, then the manifests of Kubernetes.
pub(super) fn run() -> Result<()> {
    let tools = tools::installed()?;
    let deploy = workspace::root()?.join("deploy");
    Run::new(tools.yamllint(), &deploy).args("--strict --config-file yamllint.yaml .").run()?;
    let kubernetes = deploy.join("kubernetes");
    let manifests = manifests(&kubernetes)?;
    are_listed(&kubernetes, &manifests)?;
    for version in KUBERNETES {
        let validate = Run::new(tools.kubernetes_validate(), &kubernetes).args("--strict --quiet -k").arg(version);
        manifests.iter().fold(validate, Run::arg).run()?;
    }
    Ok(())
}

/// The names of the manifests in `directory`, sorted.
fn manifests(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::file(directory))? {
        let name = PathBuf::from(entry.map_err(Error::file(directory))?.file_name());
        if name.extension().is_some_and(|extension| extension == "yaml") && name != Path::new(KUSTOMIZATION) {
            names.push(name);
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(Error::Found(format!("{}: no manifests", directory.display())));
    }
    Ok(names)
}

/// A manifest that kustomize is not told of is never applied.
fn are_listed(directory: &Path, manifests: &[PathBuf]) -> Result<()> {
    let path = directory.join(KUSTOMIZATION);
    let text = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
    let listed = |name: &Path| text.lines().any(|line| line.trim() == format!("- {}", name.display()));
    let missing = manifests.iter().filter(|name| !listed(name));
    nothing_found(&missing.map(|name| format!("{} is not in {KUSTOMIZATION}", name.display())).collect::<Vec<_>>())
}
