//! The two programs.

use crate::project;
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The machine's program and ours, on one tree with an empty configuration.
pub struct Programs {
    theirs: PathBuf,
    ours: PathBuf,
    root: PathBuf,
    release: String,
    config: PathBuf,
}

/// What a program said.
#[derive(PartialEq, Eq)]
struct Answer {
    status: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

impl Programs {
    pub fn new(komod: &Path, root: &Path, release: &str) -> Result<Self> {
        let links = project::target_dir().join("oracle-kmod/bin");
        fs::create_dir_all(&links).with_context(|| links.display().to_string())?;
        let ours = links.join("modprobe");
        let _ = fs::remove_file(&ours);
        symlink(komod, &ours).with_context(|| ours.display().to_string())?;
        let config = root.join("modprobe.d");
        fs::create_dir_all(&config).with_context(|| config.display().to_string())?;
        let theirs = PathBuf::from("modprobe");
        Ok(Programs { theirs, ours, root: root.to_owned(), release: release.to_owned(), config })
    }

    /// Whether both answer the same.
    pub fn same(&self, options: &[&str], names: &[String]) -> Result<bool> {
        Ok(self.ask(&self.theirs, true, options, names)?
            == self.ask(&self.ours, true, options, names)?)
    }

    /// For how many of these modules komod, left to itself, shows more than kmod.
    pub fn more_softdeps(&self, names: &[String]) -> Result<usize> {
        let ask =
            |names: &[String], compatible| self.ask(&self.ours, compatible, &["-a", "-D"], names);
        if ask(names, true)? == ask(names, false)? {
            return Ok(0);
        }
        let mut count = 0;
        for name in names {
            let name = std::slice::from_ref(name);
            count += usize::from(ask(name, true)? != ask(name, false)?);
        }
        Ok(count)
    }

    fn ask(
        &self,
        program: &Path,
        compatible: bool,
        options: &[&str],
        names: &[String],
    ) -> Result<Answer> {
        let mut command = Command::new(program);
        command.arg("-d").arg(&self.root).args(["-S", &self.release, "-C"]).arg(&self.config);
        command.args(options).arg("--").args(names).stdin(Stdio::null());
        command.env_remove("MODPROBE_OPTIONS").env_remove("KOMOD_COMPAT");
        if compatible {
            command.env("KOMOD_COMPAT", "kmod");
        }
        let output = command.output().with_context(|| program.display().to_string())?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Answer { status: output.status.code(), stdout: output.stdout, stderr })
    }
}
