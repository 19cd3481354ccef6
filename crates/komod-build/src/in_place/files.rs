//! The files of a project's folder, before and after a build.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::shadow;
use crate::stamp::Stamp;

/// Files and their stamps.
pub type Files = BTreeMap<PathBuf, Stamp>;

/// All below a folder, but for hidden folders and folders of caches, komod's among them.
pub fn below(root: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                let hidden = entry.file_name().to_string_lossy().starts_with('.');
                if !hidden && !path.join("CACHEDIR.TAG").exists() {
                    folders.push(path);
                }
            } else if kind.is_file() {
                files.insert(path.clone(), Stamp::of(&path));
            }
        }
    }
    Ok(files)
}

/// What a build has made, by the files before and after it: files with names of products that are
/// new or other than before, and new files for which kbuild has written a `.cmd` file meanwhile.
/// (Others can be the user's, who may edit while komod builds.)
pub fn made(root: &Path, before: &Files, after: &Files) -> Files {
    let changed = |(path, stamp): &(&PathBuf, &Stamp)| before.get(*path) != Some(*stamp);
    let mut made = Files::new();
    for (path, stamp) in after.iter().filter(changed) {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        if shadow::is_products_name(&name, path.parent() == Some(root)) {
            made.insert(path.clone(), *stamp);
        }
        let noted = name.strip_prefix('.').and_then(|name| name.strip_suffix(".cmd"));
        if let Some(target) = noted.map(|name| path.with_file_name(name))
            && !before.contains_key(&target)
            && let Some(stamp) = after.get(&target)
        {
            made.insert(target, *stamp);
        }
    }
    made
}

/// Is it clear what a product was made from? An object or module has a source of its name beside it,
/// or a list of a module's objects, which builds write first; other products have names of their own.
pub fn has_origin(path: &Path, made: &Files, now: &Files) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let named_by_user = [".o", ".ko", ".mod.c"].iter().any(|end| name.ends_with(end));
    if !named_by_user || name.starts_with('.') {
        return true;
    }
    let beside = |stem: &str, end: &str| path.with_file_name(format!("{stem}{end}"));
    name.match_indices('.').filter_map(|(at, _)| name.get(..at)).any(|stem| {
        let sources = [".c", ".S", ".rs"].map(|end| beside(stem, end));
        let source = sources.iter().any(|source| source != path && now.contains_key(source));
        source || made.contains_key(&beside(stem, ".mod"))
    })
}

/// Where kbuild's note about a file lies.
pub fn note_of(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    path.with_file_name(format!(".{name}.cmd"))
}

/// kbuild's notes, which make it trust what lies beside them.
pub fn notes(files: &Files) -> impl Iterator<Item = (&PathBuf, &Stamp)> {
    files.iter().filter(|(path, _)| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        name.starts_with('.') && name.ends_with(".cmd")
    })
}
