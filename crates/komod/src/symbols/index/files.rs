//! The module files of a folder with what tells whether they changed.

use super::ModuleEntry;
use anyhow::{Context, Result};
use komod_place::dependencies::module_name;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folders deeper than this are not looked into (Linux 6.12's modules have seven levels).
const MAX_DEPTH: usize = 16;

#[derive(Debug, PartialEq)]
pub struct File {
    pub path: PathBuf,
    pub size: u64,
    pub changed: (i64, i64),
}

impl File {
    pub fn at(path: &Path) -> Result<File> {
        let meta = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        Ok(File::new(path.to_owned(), &meta))
    }

    fn new(path: PathBuf, meta: &Metadata) -> File {
        File { path, size: meta.len(), changed: (meta.mtime(), meta.mtime_nsec()) }
    }

    /// Whether a module in the table was read from this file as it is now.
    pub fn is(&self, module: &ModuleEntry<'_>) -> bool {
        module.path() == self.path && module.stamp() == (self.size, self.changed)
    }
}

/// All modules in a folder, sorted. Links to folders are not followed: `build` and `source` lead
/// out of a kernel's modules.
pub fn in_folder(folder: &Path) -> Result<Vec<File>> {
    let mut found = Vec::new();
    walk(folder, 0, &mut found)?;
    found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(dir: &Path, depth: usize, found: &mut Vec<File>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry.with_context(|| dir.display().to_string())?;
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        if kind.is_dir() {
            walk(&entry.path(), depth + 1, found)?;
        } else if module_name(Path::new(&name)).is_some() {
            let path = entry.path();
            let meta = if kind.is_symlink() { std::fs::metadata(&path) } else { entry.metadata() };
            match meta {
                Ok(meta) if meta.is_file() => found.push(File::new(path, &meta)),
                _ => {}
            }
        }
    }
    Ok(())
}
