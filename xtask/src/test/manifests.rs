//! Checks that deployment files are clean YAML and valid Kubernetes manifests.

use crate::error::{Error, Result, fail_on_findings};
use crate::run::Run;
use crate::{tools, workspace};
use std::path::{Path, PathBuf};

/// Kubernetes versions whose schemas the manifests are checked against: the oldest that supports all used features, the
/// newest that the tool knows, and some in between.
const KUBERNETES: [&str; 4] = ["1.29.0", "1.31.0", "1.34.0", "1.37.0"];

/// File that kustomize reads. It is not sent to Kubernetes and has no Kubernetes schema.
const KUSTOMIZATION: &str = "kustomization.yaml";

/// Checks all YAML files, then the Kubernetes manifests.
pub(super) fn run() -> Result<()> {
    let tools = tools::installed()?;
    let deploy = workspace::root()?.join("deploy");
    Run::new(tools.yamllint(), &deploy).args("--strict --config-file yamllint.yaml .").run()?;
    let kubernetes = deploy.join("kubernetes");
    let manifests = manifests(&kubernetes)?;
    check_listed(&kubernetes, &manifests)?;
    for version in KUBERNETES {
        let validate = Run::new(tools.kubernetes_validate(), &kubernetes).args("--strict --quiet -k").arg(version);
        manifests.iter().fold(validate, Run::arg).run()?;
    }
    Ok(())
}

/// Returns the sorted file names of the manifests in `directory`.
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
        return Err(Error::Check(format!("{}: no manifests", directory.display())));
    }
    Ok(names)
}

/// Checks that the kustomization lists all manifests, because kustomize does not apply other files.
fn check_listed(directory: &Path, manifests: &[PathBuf]) -> Result<()> {
    let path = directory.join(KUSTOMIZATION);
    let text = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
    let listed = |name: &Path| text.lines().any(|line| line.trim() == format!("- {}", name.display()));
    let missing = manifests.iter().filter(|name| !listed(name));
    fail_on_findings(&missing.map(|name| format!("{} is not in {KUSTOMIZATION}", name.display())).collect::<Vec<_>>())
}
