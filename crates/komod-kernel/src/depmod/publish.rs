//! Writing the set of index files: all of it or nothing.
//!
//! Every file is written under another name and on disk before the first of them takes its place. A
//! run that fails or is interrupted before leaves the old set as it was. What a killed run leaves
//! under the other names goes away with the next ([`leftovers`]).

use super::cache;
use super::error::{DepmodError, io_error};
use super::indexes::{Index, NAMES};
use super::leftovers;
use rustix::fs::{Mode, OFlags, open};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

/// A file that is written but not yet in its place; goes away if it never gets there.
#[derive(Debug)]
struct Unfinished {
    temporary: PathBuf,
    target: PathBuf,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a rename there is nothing of this name.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// A file on its way to the disk, under another name.
#[derive(Debug)]
pub struct Written {
    unfinished: Unfinished,
    /// One after another each file would wait for the disk; together they wait once. The file stays
    /// open, as that makes it ours.
    synced: JoinHandle<io::Result<File>>,
}

/// Writes a file of the set. Before the first of them [`remove_leftovers`] is due.
pub fn write(folder: &Path, file: &Index) -> Result<Written, DepmodError> {
    let target = folder.join(file.name);
    let hidden = leftovers::hidden_name(file.name, std::process::id());
    let unfinished = Unfinished { temporary: folder.join(hidden), target };
    let open = create(&unfinished.temporary, &file.bytes);
    let open = open.map_err(|error| failed(&unfinished, error))?;
    let sync = move || open.sync_data().map(|()| open);
    let synced = thread::Builder::new().spawn(sync).map_err(|error| failed(&unfinished, error))?;
    Ok(Written { unfinished, synced })
}

/// Waits until all files are on disk and puts them in their places.
pub fn put_in_place(folder: &Path, files: Vec<Written>) -> Result<(), DepmodError> {
    let mut ready = Vec::with_capacity(files.len());
    for Written { unfinished, synced } in files {
        let synced = synced.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        ready.push((synced.map_err(|error| failed(&unfinished, error))?, unfinished));
    }
    // An old file goes, which takes a while, when nobody has it open: not between two renames, so
    // that the set changes at once.
    let keep = |(_, file): &(File, Unfinished)| {
        open(&file.target, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()
    };
    let old: Vec<_> = ready.iter().map(keep).collect();
    for (_, file) in &ready {
        std::fs::rename(&file.temporary, &file.target).map_err(|error| failed(file, error))?;
    }
    drop(old);
    // The set is complete; that its names are on disk, too, is not worth an error.
    let _ = File::open(folder).and_then(|folder| folder.sync_data());
    Ok(())
}

/// Removes what killed runs have left. The cache is written by some runs only.
pub fn remove_leftovers(folder: &Path) {
    leftovers::remove(folder, NAMES.into_iter().chain([cache::FILE]));
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<File> {
    // What a killed run with the same number left is in nobody's way.
    let _ = std::fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    leftovers::claim(&file);
    file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.write_all(bytes)?;
    Ok(file)
}

fn failed(file: &Unfinished, error: io::Error) -> DepmodError {
    io_error("could not write", &file.target, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Folder;

    /// Writes the files and puts them into a folder.
    fn publish(folder: &Path, files: &[Index]) -> Result<(), DepmodError> {
        remove_leftovers(folder);
        let written =
            files.iter().map(|file| write(folder, file)).collect::<Result<Vec<_>, _>>()?;
        put_in_place(folder, written)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_set_appears_whole() {
        let folder = Folder::new("publish");
        let index = |name, text: &str| Index { name, bytes: text.as_bytes().to_vec() };
        publish(&folder, &[index("a", "1"), index("b", "2")]).unwrap();
        publish(&folder, &[index("a", "3"), index("b", "4")]).unwrap();
        assert_eq!(names(&folder), ["a", "b"]);
        assert_eq!(std::fs::read(folder.join("b")).unwrap(), b"4");
        let mode = std::fs::metadata(folder.join("a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn a_failure_leaves_the_old_set() {
        let folder = Folder::new("publish");
        std::fs::write(folder.join("a"), "old").unwrap();
        let set = [
            Index { name: "a", bytes: b"new".to_vec() },
            Index { name: "no/such/folder", bytes: Vec::new() },
        ];
        let error = publish(&folder, &set).unwrap_err().to_string();
        assert!(error.contains("no/such/folder: No such file or directory"), "{error}");
        assert_eq!(names(&folder), ["a"]);
        assert_eq!(std::fs::read(folder.join("a")).unwrap(), b"old");
    }

    #[test]
    fn what_a_killed_run_has_left_goes() {
        let folder = Folder::new("publish");
        let gone = leftovers::tests::gone();
        folder.file(&format!(".modules.dep.{gone}"), "half");
        folder.file(&format!(".{}.{gone}", cache::FILE), "half");
        folder.file(&format!(".c.{gone}"), "of another set");
        publish(&folder, &[Index { name: "modules.dep", bytes: b"1".to_vec() }]).unwrap();
        assert_eq!(names(&folder), [format!(".c.{gone}"), "modules.dep".to_owned()]);
    }
}
