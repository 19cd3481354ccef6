//! The folder that looks like the tree: links to everything in it, and the repaired files.
//!
//! It lies at `CACHE/overlays/ID/PARENT/FOLDER/TREE`, where the last three names are the tree's own.
//! What stands beside the tree and beside its folder is linked, too: Debian's makefiles name
//! `../linux-headers-X-common` and `../../lib`. The ID is a hash of the tree's path and state and of
//! the repaired files, so an overlay is never changed: another damage is another overlay.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use super::{Content, Replacement};
use crate::tree::Tree;

/// The file of an overlay that names its tree.
const TREE: &str = ".komod-tree";

/// A step of the work that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}", path = .path.display())]
pub(super) struct MirrorError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn at<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, MirrorError> {
    result.map_err(|source| MirrorError { action, path: path.to_owned(), source })
}

/// Makes the overlay, if it is not there, and gives its path.
pub(super) fn lay(
    tree: &Tree,
    cache: &Path,
    replacements: &[Replacement],
) -> Result<PathBuf, MirrorError> {
    let root = at("find", &tree.path, fs::canonicalize(&tree.path))?;
    let cache =
        at("make", cache, fs::create_dir_all(cache).and_then(|()| fs::canonicalize(cache)))?;
    let overlays = cache.join("overlays");
    at("make", &overlays, fs::create_dir_all(&overlays))?;
    let name =
        format!("{:016x}-{:016x}", hash(root.as_os_str().as_bytes()), state(tree, replacements));
    let done = overlays.join(&name);
    let inside = place(&root);
    if !done.is_dir() {
        let making = overlays.join(format!(".{name}-{}", std::process::id()));
        let made = fill(&root, &making, &inside, replacements);
        let made = made.and_then(|()| match fs::rename(&making, &done) {
            // Another komod was faster; its overlay is the same.
            Err(_) if done.is_dir() => Ok(()),
            result => at("make", &done, result),
        });
        // What is left of it if anything failed.
        let _ = fs::remove_dir_all(&making);
        made?;
        forget_others(&overlays, &name);
    }
    Ok(done.join(inside))
}

/// The last three names of the tree's path.
fn place(root: &Path) -> PathBuf {
    let names: Vec<&OsStr> = root
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    names.iter().skip(names.len().saturating_sub(3)).collect()
}

fn fill(
    root: &Path,
    making: &Path,
    inside: &Path,
    replacements: &[Replacement],
) -> Result<(), MirrorError> {
    let _ = fs::remove_dir_all(making);
    let own = making.join(inside);
    let parent = own.parent().unwrap_or(making);
    at("make", parent, fs::create_dir_all(parent))?;
    // Beside the tree, and beside its folder.
    let mut real = root;
    let mut copy = own.as_path();
    for _ in 0..2 {
        let (Some(real_above), Some(copy_above)) = (real.parent(), copy.parent()) else { break };
        if copy_above == making {
            break;
        }
        for entry in fs::read_dir(real_above).into_iter().flatten().flatten() {
            let target = copy_above.join(entry.file_name());
            if entry.path() != real && fs::symlink_metadata(&target).is_err() {
                at("make", &target, symlink(entry.path(), &target))?;
            }
        }
        (real, copy) = (real_above, copy_above);
    }
    let paths: BTreeSet<&Path> = replacements.iter().map(|r| Path::new(r.path)).collect();
    links(root, &own, Path::new(""), &paths)?;
    let note = making.join(TREE);
    at("write", &note, fs::write(&note, root.as_os_str().as_bytes()))?;
    for replacement in replacements {
        let path = own.join(replacement.path);
        if let Some(parent) = path.parent() {
            at("make", parent, fs::create_dir_all(parent))?;
        }
        write(&path, &replacement.content)?;
    }
    Ok(())
}

fn write(path: &Path, content: &Content) -> Result<(), MirrorError> {
    match content {
        Content::Bytes(bytes) => at("write", path, fs::write(path, bytes)),
        Content::Program(bytes) => {
            at("write", path, fs::write(path, bytes))?;
            at("write", path, fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        }
        Content::Link(target) => {
            at("make", path, symlink(target, path))?;
            // What a wrapper runs stands beside it: modpost.real-lsb-64, objtool.real-x86; what
            // another file of a lost folder includes, too.
            let (Some(here), Some(there)) = (path.parent(), target.parent()) else { return Ok(()) };
            for entry in fs::read_dir(there).into_iter().flatten().flatten() {
                let beside = here.join(entry.file_name());
                if fs::symlink_metadata(&beside).is_err() {
                    at("make", &beside, symlink(entry.path(), &beside))?;
                }
            }
            Ok(())
        }
    }
}

/// Links to all of `from`, except what is repaired; folders on the way there are real.
fn links(
    from: &Path,
    to: &Path,
    relative: &Path,
    repaired: &BTreeSet<&Path>,
) -> Result<(), MirrorError> {
    at("make", to, fs::create_dir_all(to))?;
    for entry in at("read", from, fs::read_dir(from))?.flatten() {
        let name = entry.file_name();
        let relative = relative.join(&name);
        if repaired.contains(relative.as_path()) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        let on_the_way = repaired.iter().any(|path| path.starts_with(&relative));
        if on_the_way && source.is_dir() {
            links(&source, &target, &relative, repaired)?;
        } else if !on_the_way || source.exists() {
            // A link that leads nowhere is left out where a repaired file needs its place.
            at("make", &target, symlink(&source, &target))?;
        }
    }
    Ok(())
}

/// Removes overlays of the same tree in another state, and of trees that are gone.
fn forget_others(overlays: &Path, name: &str) {
    let tree = name.split('-').next().unwrap_or_default();
    for entry in fs::read_dir(overlays).into_iter().flatten().flatten() {
        let other = entry.file_name();
        let other = other.to_string_lossy();
        let of =
            fs::read(entry.path().join(TREE)).map(|path| PathBuf::from(OsStr::from_bytes(&path)));
        let gone = of.is_ok_and(|tree| !tree.exists());
        if (other.starts_with(tree) && other != name) || gone {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn state(tree: &Tree, replacements: &[Replacement]) -> u64 {
    let mut bytes = format!("{} 1\n", tree.identity()).into_bytes();
    for replacement in replacements {
        bytes.extend(replacement.path.as_bytes());
        match &replacement.content {
            Content::Link(path) => bytes.extend(path.as_os_str().as_bytes()),
            Content::Bytes(content) | Content::Program(content) => bytes.extend(content),
        }
    }
    hash(&bytes)
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
