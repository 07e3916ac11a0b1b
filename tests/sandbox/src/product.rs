//! The product's binary: built by cargo, found beside this one, run against a sandbox.
#![expect(
    clippy::disallowed_methods,
    reason = "a child's environment is made from this one's, less what names AWS"
)]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use demitasse_sandbox::Error;
use demitasse_sandbox::Sandbox;

/// The folder `fixtures` of the repository.
pub(crate) fn fixtures() -> PathBuf {
    root().join("fixtures")
}

fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .ancestors()
        .nth(2)
        .unwrap_or(manifest)
        .to_path_buf()
}

/// Builds `demitasse` in the profile of this binary and gives its path.
pub(crate) fn build() -> Result<PathBuf, Error> {
    let here =
        std::env::current_exe().map_err(|error| Error::new(format!("where am I? {error}")))?;
    let folder = here.parent().map(Path::to_path_buf).unwrap_or_default();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(&cargo);
    command
        .args(["build", "--quiet", "--bin", "demitasse", "--manifest-path"])
        .arg(root().join("Cargo.toml"));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let status = command
        .status()
        .map_err(|error| Error::new(format!("cannot run {cargo}: {error}")))?;
    if !status.success() {
        return Err(Error::new("demitasse could not be built"));
    }
    Ok(folder.join(format!("demitasse{}", std::env::consts::EXE_SUFFIX)))
}

/// A command whose AWS is the sandbox: every variable of the caller that could point elsewhere is taken away.
pub(crate) fn against(sandbox: &Sandbox, program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if ["AWS_", "DEMITASSE_", "ECSPRESSO_"]
            .iter()
            .any(|prefix| name_text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command.envs(sandbox.environment());
    command
}
