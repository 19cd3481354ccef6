//! Files that a killed run has left under the names it writes to: `.modules.dep.1234`, by the number
//! of the process.
//!
//! One is removed if there is no such process and nobody holds its lock: a process that is in a
//! container of its own has a number that means nothing here.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::fs::File;
use std::path::Path;

/// The name under which a process writes a file.
pub fn hidden_name(file: &str, process: u32) -> String {
    format!(".{file}.{process}")
}

/// The process that has written under this name.
fn writer<'f>(hidden: &str, mut files: impl Iterator<Item = &'f str>) -> Option<i32> {
    let (name, process) = hidden.strip_prefix('.')?.rsplit_once('.')?;
    let digits = process.bytes().all(|byte| byte.is_ascii_digit());
    let process = process.parse().ok().filter(|number| digits && *number > 0)?;
    files.any(|file| file == name).then_some(process)
}

/// Makes a file ours as long as it is open. Where files cannot be locked, the number has to do.
pub fn claim(file: &File) {
    let _ = flock(file, FlockOperation::NonBlockingLockExclusive);
}

/// Removes what killed runs have left of these files. What cannot be removed is in nobody's way.
pub fn remove<'f>(folder: &Path, files: impl Iterator<Item = &'f str> + Clone) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some(process) = writer(&name, files.clone()) else { continue };
        if !is_gone(process) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        let held = File::open(&path).is_ok_and(|file| {
            flock(file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
        });
        if !held {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn is_gone(process: i32) -> bool {
    Pid::from_raw(process).is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::scratch::Folder;

    /// The number of a process that was.
    pub fn gone() -> u32 {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn names_tell_the_process() {
        let writer = |name: &str| writer(name, ["modules.dep", "modules.dep.bin"].into_iter());
        assert_eq!(writer(&hidden_name("modules.dep", 12)), Some(12));
        assert_eq!(writer(".modules.dep.bin.7"), Some(7));
        for other in [
            ".modules.dep.bin",
            "modules.dep.7",
            ".modules.order.7",
            ".modules.dep.+7",
            ".modules.dep.",
            ".modules.dep.0",
            ".modules.dep.99999999999",
            ".",
        ] {
            assert_eq!(writer(other), None, "{other}");
        }
    }

    #[test]
    fn only_what_nobody_writes_is_removed() {
        let folder = Folder::new("leftovers");
        let (gone, us) = (gone(), std::process::id());
        let left = folder.file(&hidden_name("a", gone), "half");
        let ours = folder.file(&hidden_name("a", us), "half");
        let other = folder.file(&hidden_name("b", gone), "half");
        // As if by a process of another container.
        let held = File::create(folder.join(hidden_name("c", gone))).unwrap();
        claim(&held);
        std::fs::create_dir(folder.join(hidden_name("d", gone))).unwrap();
        let there = |name| folder.join(hidden_name(name, gone)).exists();
        remove(&folder, ["a", "c", "d"].into_iter());
        assert!(!left.exists() && ours.exists() && other.exists() && there("c") && there("d"));
        drop(held);
        remove(&folder, ["a", "c", "d"].into_iter());
        assert!(!there("c"));
    }
}
