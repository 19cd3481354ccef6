//! The program under test.

use crate::{project, shell};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Dev,
    Release,
}

/// Builds `komod` and gives the path of the executable.
pub fn build(profile: Profile) -> Result<PathBuf> {
    let mut command = Command::new(project::cargo());
    command.args(["build", "--quiet", "--package", "komod"]).current_dir(project::root());
    command.env("CARGO_TARGET_DIR", project::target_dir());
    let directory = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    shell::run(&mut command)?;
    let path = project::target_dir().join(directory).join("komod");
    if !path.is_file() {
        bail!("{} was not built", path.display());
    }
    Ok(path)
}

/// A call of it that puts what it builds into our target directory, not beside the sources.
pub fn command(komod: &Path) -> Command {
    let mut command = Command::new(komod);
    command.env("KOMOD_TARGET_DIR", project::target_dir().join("komod"));
    // What is built once only needs no compiler kept warm.
    command.env("KOMOD_NO_WARM", "1").stdin(Stdio::null());
    command
}
