//! A module directory with indexes by the machine's `depmod`.

use crate::kernels::Kernel;
use crate::{project, shell};
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

/// What depmod needs beside the modules.
const INPUTS: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// The root of a tree with this kernel's modules and fresh indexes, in a folder of this name. The
/// modules themselves stay where they are: a link leads to them. Made once.
pub fn make(kernel: &Kernel, name: &str) -> Result<PathBuf> {
    let root = project::target_dir().join(name).join(&kernel.release);
    let directory = root.join("lib/modules").join(&kernel.release);
    if directory.join("modules.symbols.bin").is_file() {
        return Ok(root);
    }
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    for name in INPUTS {
        let from = kernel.modules.join(name);
        fs::copy(&from, directory.join(name)).with_context(|| from.display().to_string())?;
    }
    let link = directory.join("kernel");
    let _ = fs::remove_file(&link);
    symlink(kernel.modules.join("kernel"), &link).with_context(|| link.display().to_string())?;
    let mut depmod = Command::new("depmod");
    depmod.arg("-b").arg(&root).arg(&kernel.release);
    shell::run(&mut depmod)?;
    Ok(root)
}
