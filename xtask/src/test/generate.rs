//! Generates the code of other languages with the templates in `proto/gen`, and checks which files exist.

use crate::error::{Error, Result, fail_on_findings};
use crate::{templates, tools};
use std::path::{Path, PathBuf};

/// A language with a template.
struct Language {
    /// Name of the template.
    name: &'static str,
    /// Returns the directory of the plugins.
    plugins: fn() -> Result<PathBuf>,
    /// Some of the files that are generated, at least one of each plugin.
    generated: &'static [&'static str],
    /// Files of Google's messages. They are not generated if a package of the language has them, because both would conflict.
    left_out: &'static [&'static str],
}

const LANGUAGES: [Language; 6] = [
    Language {
        name: "cpp",
        plugins: tools::plugins::protoc,
        generated: &["lakeport/v1/files.pb.h", "lakeport/v1/files.grpc.pb.h", "google/rpc/error_details.pb.h"],
        left_out: &[],
    },
    Language {
        name: "csharp",
        plugins: tools::plugins::protoc,
        generated: &["Changes.cs", "Errors.cs", "Files.cs", "Transactions.cs", "Versions.cs"],
        left_out: &["Status.cs", "ErrorDetails.cs"],
    },
    Language {
        name: "go",
        plugins: tools::plugins::go,
        generated: &["lakeportv1/errors.pb.go", "lakeportv1/files.pb.go", "lakeportv1/files_grpc.pb.go"],
        left_out: &["google.golang.org"],
    },
    Language {
        name: "java",
        plugins: tools::plugins::protoc,
        generated: &["dev/lakeport/v1/ReadRequest.java", "dev/lakeport/v1/FileServiceGrpc.java"],
        left_out: &["com/google"],
    },
    Language {
        name: "python",
        plugins: tools::plugins::protoc,
        generated: &["lakeport/v1/files_pb2.py", "lakeport/v1/files_pb2.pyi", "lakeport/v1/files_pb2_grpc.py"],
        left_out: &["google"],
    },
    Language {
        name: "typescript",
        plugins: tools::plugins::typescript,
        generated: &["lakeport/v1/files_pb.ts", "google/rpc/error_details_pb.ts"],
        left_out: &[],
    },
];

/// Runs all templates.
pub(super) fn run() -> Result<()> {
    let directory = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    let mut findings = Vec::new();
    for language in &LANGUAGES {
        let into = directory.path().join(language.name);
        templates::generate(language.name, &(language.plugins)()?, &into)?;
        findings.extend(language.findings(&into));
    }
    fail_on_findings(&findings)
}

impl Language {
    /// Returns the differences between the files in `directory` and the expected files.
    fn findings(&self, directory: &Path) -> Vec<String> {
        let exists = |file: &&&str| directory.join(file).exists();
        let missing = self.generated.iter().filter(|file| !exists(file));
        let unwanted = self.left_out.iter().filter(exists);
        let missing = missing.map(|file| format!("{}.yaml does not generate {file}", self.name));
        missing.chain(unwanted.map(|file| format!("{}.yaml generates {file}", self.name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn each_template_is_tested() {
        let templates = workspace::root().unwrap().join("proto/gen");
        let mut names: Vec<_> = std::fs::read_dir(templates)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, LANGUAGES.map(|language| format!("{}.yaml", language.name)));
    }

    #[test]
    fn missing_and_unwanted_files_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let go = LANGUAGES.iter().find(|language| language.name == "go").unwrap();
        std::fs::create_dir_all(directory.path().join("google.golang.org")).unwrap();
        let findings = go.findings(directory.path());
        assert_eq!(findings.len(), go.generated.len() + 1);
        assert_eq!(findings.last().unwrap(), "go.yaml generates google.golang.org");
    }
}
