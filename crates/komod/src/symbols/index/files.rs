//! The module files of a folder with what tells whether they changed.

use super::{ModuleEntry, ModuleTable};
use anyhow::{Context, Result};
use komod_place::dependencies::module_name;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

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
        module.path().as_os_str() == self.path.as_os_str()
            && module.stamp() == (self.size, self.changed)
    }
}

/// A folder with modules or folders in it.
#[derive(Debug, PartialEq)]
pub struct Folder {
    pub path: PathBuf,
    /// Zero if it was so short ago that another change may have the same time.
    pub changed: (i64, i64),
}

/// Longer than the steps in which file systems tell the time (FAT: 2 s).
const MOMENT: i64 = 3;

/// Whether the folder has just the modules of a table.
pub fn unchanged(table: &ModuleTable, folder: &Path) -> bool {
    let distribution = folder.join("kernel");
    let same = |(path, changed): (&Path, (i64, i64))| {
        let meta = std::fs::metadata(path);
        meta.is_ok_and(|meta| (meta.mtime(), meta.mtime_nsec()) == changed)
    };
    table.folders().next().is_some_and(|(first, _)| first == folder)
        && table.folders().all(same)
        && table
            .modules()
            .filter(|module| !module.path().starts_with(&distribution))
            .all(|module| File::at(module.path()).is_ok_and(|file| file.is(&module)))
}

/// All modules in a folder, and the folders they are in, this one first. Links to folders are not
/// followed: `build` and `source` lead out of a kernel's modules.
pub fn in_folder(folder: &Path) -> Result<(Vec<File>, Vec<Folder>)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    walk(folder, 0, now, &mut files, &mut folders)?;
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok((files, folders))
}

fn walk(
    dir: &Path,
    depth: usize,
    now: i64,
    files: &mut Vec<File>,
    folders: &mut Vec<Folder>,
) -> Result<()> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    // Before it is read: a change after that is a change.
    let meta = std::fs::metadata(dir).with_context(|| dir.display().to_string())?;
    let settled = meta.mtime() < now - MOMENT;
    let changed = if settled { (meta.mtime(), meta.mtime_nsec()) } else { (0, 0) };
    folders.push(Folder { path: dir.to_owned(), changed });
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry.with_context(|| dir.display().to_string())?;
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            walk(&entry.path(), depth + 1, now, files, folders)?;
        } else if module_name(Path::new(&entry.file_name())).is_some() {
            let path = entry.path();
            let meta = if kind.is_symlink() { std::fs::metadata(&path) } else { entry.metadata() };
            match meta {
                Ok(meta) if meta.is_file() => files.push(File::new(path, &meta)),
                _ => {}
            }
        }
    }
    Ok(())
}
