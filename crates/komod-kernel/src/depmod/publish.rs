//! Writing the set of index files: all of it or nothing.
//!
//! Every file is written under another name and on disk before the first of them takes its place. A
//! run that fails or is interrupted before leaves the old set as it was. What a killed run leaves
//! under the other names goes away with the next ([`leftovers`]).

use super::cache;
use super::error::{DepmodError, io_error};
use super::indexes::{Index, NAMES};
use super::leftovers;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;

/// A file that is written but not yet in its place; goes away if it never gets there.
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

/// Puts the files into a folder.
pub fn publish(folder: &Path, files: &[Index]) -> Result<(), DepmodError> {
    remove_leftovers(folder);
    let mut written = Vec::with_capacity(files.len());
    let mut open = Vec::with_capacity(files.len());
    for file in files {
        let target = folder.join(file.name);
        let hidden = leftovers::hidden_name(file.name, std::process::id());
        let unfinished = Unfinished { temporary: folder.join(hidden), target };
        let result = create(&unfinished.temporary, &file.bytes);
        open.push(result.map_err(|error| failed(&unfinished, error))?);
        written.push(unfinished);
    }
    // One after another each would wait for the disk; together they wait once.
    let synced: Vec<io::Result<()>> = thread::scope(|scope| {
        let all: Vec<_> = open.iter().map(|file| scope.spawn(|| file.sync_data())).collect();
        all.into_iter().filter_map(|one| one.join().ok()).collect()
    });
    for (unfinished, result) in written.iter().zip(synced) {
        result.map_err(|error| failed(unfinished, error))?;
    }
    for unfinished in &written {
        std::fs::rename(&unfinished.temporary, &unfinished.target)
            .map_err(|error| failed(unfinished, error))?;
    }
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
