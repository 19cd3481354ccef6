//! Removing a project's products.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::location::{self, Surroundings};
use crate::project::{Kind, Project};
use crate::shadow;

/// Removes what builds of the project have made: for kernels of this release, or for all. Answers
/// the folders removed. Waits for a build that is at work in one of them. A folder without the
/// mark of a build is left alone, whatever its name.
pub fn clean(project: &Project, release: Option<&str>) -> io::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for parent in location::parents(project, &Surroundings::from_env()) {
        for folder in builds_in(project, &parent)? {
            if release.is_none_or(|release| is_for(&folder, release)) {
                let product = match &project.kind {
                    Kind::File(file) => folder.join(file.trim_end_matches(".c")),
                    Kind::Makefile(_) | Kind::OnlySource(_) => folder.clone(),
                };
                if remove(&product)? {
                    removed.push(product);
                    let _ = fs::remove_dir(&folder); // if it was the last one there
                }
            }
        }
        forget(&parent);
    }
    Ok(removed)
}

/// The folders, one per kernel and kind of product.
fn builds_in(project: &Project, parent: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(named(parent, &e)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_file_project = matches!(project.kind, Kind::File(_));
        // A folder with only products of single files belongs to those.
        if path.is_dir() && (is_file_project || path.join(shadow::IDENTITY).exists()) {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Is this the folder of a kernel's products, of whatever kind (`RELEASE`, `RELEASE.builtin`)?
fn is_for(folder: &Path, release: &str) -> bool {
    let name = folder.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    name.strip_prefix(release).is_some_and(|rest| rest.is_empty() || rest == ".builtin")
}

fn remove(folder: &Path) -> io::Result<bool> {
    if !folder.join(shadow::IDENTITY).exists() {
        return Ok(false);
    }
    if let Ok(lock) = File::open(folder.join(shadow::LOCK)) {
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|e| named(folder, &e.into()))?;
    }
    fs::remove_dir_all(folder).map_err(|e| named(folder, &e))?;
    Ok(true)
}

/// Removes `target/komod`, and `target`, when nothing but komod's marks is left in them.
pub fn forget(parent: &Path) {
    let marks = ["CACHEDIR.TAG", ".gitignore"];
    let Ok(entries) = fs::read_dir(parent) else { return };
    if entries.flatten().any(|e| !marks.iter().any(|mark| e.file_name() == *mark)) {
        return;
    }
    for mark in marks {
        let _ = fs::remove_file(parent.join(mark));
    }
    // Both fail, as they should, when something is in there.
    if fs::remove_dir(parent).is_ok()
        && let Some(target) = parent.parent().filter(|dir| dir.ends_with("target"))
    {
        let _ = fs::remove_dir(target);
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for file in [shadow::IDENTITY, shadow::LOCK, "x.ko"] {
            fs::write(folder.join(file), "").unwrap();
        }
    }

    #[test]
    fn products_go_and_nothing_else() {
        let dir = std::env::temp_dir().join(format!("komod-clean-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let komod = dir.join("target/komod");
        fs::create_dir_all(&komod).unwrap();
        let dir = fs::canonicalize(dir).unwrap();
        let komod = dir.join("target/komod");
        fs::write(dir.join("x.c"), "").unwrap();
        fs::write(komod.join("CACHEDIR.TAG"), "").unwrap();
        for release in ["6.1", "6.1.builtin", "6.12"] {
            build(&komod.join(release));
        }
        build(&komod.join("6.1.file/y"));
        fs::create_dir(komod.join("mine")).unwrap();

        let project = Project::open(&dir).unwrap();
        let removed = clean(&project, Some("6.1")).unwrap();
        assert_eq!(removed, [komod.join("6.1"), komod.join("6.1.builtin")]);
        assert_eq!(clean(&project, None).unwrap(), [komod.join("6.12")]);
        assert!(komod.join("mine").exists() && komod.join("6.1.file/y/x.ko").exists());

        let single = Project::open(dir.join("x.c")).unwrap();
        build(&komod.join("6.1/x"));
        assert_eq!(clean(&single, None).unwrap(), [komod.join("6.1/x")]);
        assert!(!komod.join("6.1").exists());
        fs::remove_dir_all(komod.join("6.1.file")).unwrap();
        fs::remove_dir(komod.join("mine")).unwrap();
        assert_eq!(clean(&project, None).unwrap(), Vec::<PathBuf>::new());
        assert!(!dir.join("target").exists(), "nothing of komod is left");
        fs::remove_dir_all(dir).unwrap();
    }
}
