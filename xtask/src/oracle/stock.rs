//! The modules a distribution ships with a kernel.

use crate::kernels::Kernel;
use anyhow::{Context, Result};
use komod_object::compress::decompress;
use std::fs;
use std::path::{Path, PathBuf};

/// Larger than any stock module.
const MAX_SIZE: usize = 256 << 20;

/// A stock module.
pub struct Stock {
    /// Path in the kernel tree, without `.ko`: `drivers/net/dummy`.
    pub path: String,
    file: PathBuf,
}

impl Stock {
    /// Its file, which may be compressed.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The module, decompressed.
    pub fn read(&self) -> Result<Vec<u8>> {
        Ok(decompress(&fs::read(&self.file)?, MAX_SIZE)?.into_owned())
    }
}

/// All of them, by path.
pub fn modules(kernel: &Kernel) -> Result<Vec<Stock>> {
    let root = kernel.modules.join("kernel");
    let mut modules = Vec::new();
    collect(&root, &root, &mut modules)?;
    modules.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(modules)
}

fn collect(root: &Path, dir: &Path, modules: &mut Vec<Stock>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let file = entry?.path();
        if file.is_dir() {
            collect(root, &file, modules)?;
        } else if let Some((path, _)) = file
            .strip_prefix(root)?
            .to_string_lossy()
            .split_once(".ko")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
        {
            modules.push(Stock { path, file });
        }
    }
    Ok(())
}
