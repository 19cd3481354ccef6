//! Which files builds in a project's folder have made.
//!
//! Before a build the ledger notes what is there; after it, what is new. If komod is stopped in
//! between, the next one that opens the ledger makes up for it. A file that has changed since it was
//! noted is somebody else's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, Files};
use crate::replace;
use crate::shadow;
use crate::stamp::Stamp;

/// The file, in komod's own folder.
const FILE: &str = ".komod-in-place.json";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Book {
    /// The kernel that the last build was for.
    release: String,
    /// Its tree.
    identity: String,
    made: Vec<(PathBuf, Stamp)>,
    /// What was there before the build that is at work.
    before: Option<Vec<(PathBuf, Stamp)>>,
}

/// The ledger of a build.
#[derive(Debug)]
pub struct Ledger {
    root: PathBuf,
    /// komod's own folder.
    pub folder: PathBuf,
    before: Files,
    /// Made by earlier builds, and not touched since.
    made: Files,
    /// Those were for the same tree.
    same_tree: bool,
    release: String,
    identity: String,
}

impl Ledger {
    /// Opens it for a build.
    pub fn open(root: &Path, folder: &Path, release: &str, identity: &str) -> io::Result<Ledger> {
        let before = files::below(root)?;
        let book = read(folder);
        let made = made_so_far(root, &book, &before);
        let ledger = Ledger {
            root: root.to_owned(),
            folder: folder.to_owned(),
            made,
            same_tree: book.identity == identity,
            before,
            release: release.to_owned(),
            identity: identity.to_owned(),
        };
        fs::write(folder.join(shadow::IDENTITY), identity)?;
        ledger.write(&ledger.made, Some(&ledger.before))?;
        Ok(ledger)
    }

    /// Before kbuild works in the folder: takes away the notes that would make it trust what is not
    /// known to be of this tree.
    pub fn distrust(&self) -> io::Result<()> {
        for (path, stamp) in files::notes(&self.before) {
            let known = self.same_tree && self.made.get(path) == Some(stamp);
            if !known {
                remove(path)?;
            }
        }
        Ok(())
    }

    /// After the build: notes what it has made, removes modules that it no longer makes.
    pub fn close(&self, modules: Option<&[PathBuf]>) -> io::Result<()> {
        let after = files::below(&self.root)?;
        let mut made = files::made(&self.root, &self.before, &after);
        for note in made.keys().map(|path| files::note_of(path)) {
            // kbuild's, about a file that komod has made since.
            if after.contains_key(&note) && !made.contains_key(&note) {
                remove(&note)?;
            }
        }
        for (path, stamp) in &self.made {
            if after.get(path) != Some(stamp) || !path.exists() {
                continue;
            }
            let module = path.extension().is_some_and(|e| e == "ko");
            if module && modules.is_some_and(|modules| !modules.contains(path)) {
                remove(path)?;
            } else {
                made.insert(path.clone(), *stamp);
            }
        }
        self.write(&made, None)
    }

    /// Removes the files that builds have made, and the ledger. Nothing if the last build was for
    /// another release.
    pub fn clean(root: &Path, folder: &Path, release: Option<&str>) -> io::Result<Vec<PathBuf>> {
        let book = read(folder);
        if release.is_some_and(|release| release != book.release) {
            return Ok(Vec::new());
        }
        let made = made_so_far(root, &book, &files::below(root)?);
        let mut removed = Vec::new();
        for path in made.into_keys() {
            fs::remove_file(&path).map_err(|e| {
                io::Error::new(e.kind(), format!("cannot remove {}: {e}", path.display()))
            })?;
            removed.push(path);
        }
        fs::remove_dir_all(folder)?;
        Ok(removed)
    }

    fn write(&self, made: &Files, before: Option<&Files>) -> io::Result<()> {
        let list =
            |files: &Files| files.iter().map(|(path, stamp)| (path.clone(), *stamp)).collect();
        let book = Book {
            release: self.release.clone(),
            identity: self.identity.clone(),
            made: list(made),
            before: before.map(list),
        };
        replace::file(&self.folder.join(FILE), &serde_json::to_vec(&book)?)
    }
}

fn read(folder: &Path) -> Book {
    let bytes = fs::read(folder.join(FILE)).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// What builds have made, with one that was stopped, and nobody has changed since.
fn made_so_far(root: &Path, book: &Book, now: &Files) -> Files {
    let mut made: Files = book.made.iter().cloned().collect();
    made.retain(|path, stamp| now.get(path) == Some(stamp));
    if let Some(before) = &book.before {
        let before: Files = before.iter().cloned().collect();
        // Nobody knows when it was stopped: the user may have added files since.
        let new = files::made(root, &before, now);
        let mut known = made.clone();
        known.extend(new.clone());
        let own = new.iter().filter(|(path, _)| files::has_origin(path, &known, now));
        made.extend(own.map(|(path, stamp)| (path.clone(), *stamp)));
    }
    made
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> (PathBuf, PathBuf) {
        let dir = std::env::temp_dir().join(format!("komod-ledger-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let (root, own) = (dir.join("p"), dir.join("own"));
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir_all(&own).unwrap();
        for file in ["x.c", "blob.o", "old.ko", ".old.o.cmd"] {
            fs::write(root.join(file), "1").unwrap();
        }
        (root, own)
    }

    fn names(root: &Path, files: &[PathBuf]) -> Vec<String> {
        let name = |path: &PathBuf| path.strip_prefix(root).unwrap().display().to_string();
        files.iter().map(name).collect()
    }

    fn write(root: &Path, files: &[&str]) {
        for file in files {
            fs::write(root.join(file), "made").unwrap();
        }
    }

    #[test]
    fn what_was_made_goes_and_nothing_else() {
        let (root, own) = scratch("clean");
        let ledger = Ledger::open(&root, &own, "6.1", "a").unwrap();
        // Also a generated header, and a file that the user has written meanwhile.
        write(&root, &["x.ko", "sub/y.o", "gen.h", ".gen.h.cmd", "mine.h", "z.o", "old.ko"]);
        ledger.close(None).unwrap();
        write(&root, &["later.o"]);
        fs::write(root.join("z.o"), "of make, since").unwrap();
        assert!(Ledger::clean(&root, &own, Some("6.12")).unwrap().is_empty());
        let removed = Ledger::clean(&root, &own, Some("6.1")).unwrap();
        assert_eq!(names(&root, &removed), [".gen.h.cmd", "gen.h", "old.ko", "sub/y.o", "x.ko"]);
        assert!(!own.exists());
        for file in ["x.c", "blob.o", ".old.o.cmd", "mine.h", "z.o", "later.o"] {
            assert!(root.join(file).exists(), "{file}");
        }
        fs::remove_dir_all(root.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_build_that_was_stopped_is_made_up_for() {
        let (root, own) = scratch("stopped");
        Ledger::open(&root, &own, "6.1", "a").unwrap();
        write(&root, &["x.o"]);
        let ledger = Ledger::open(&root, &own, "6.1", "a").unwrap();
        write(&root, &["x.ko", "all.mod", "all.mod.o", "modules.order"]);
        drop(ledger);
        // The user's, later.
        write(&root, &["vendor.o", "sub/x.ko", "theirs.mod.c", "blob.o"]);
        let removed = Ledger::clean(&root, &own, None).unwrap();
        let wanted = ["all.mod", "all.mod.o", "modules.order", "x.ko", "x.o"];
        assert_eq!(names(&root, &removed), wanted);
        fs::remove_dir_all(root.parent().unwrap()).unwrap();
    }

    #[test]
    fn only_known_notes_of_the_same_tree_are_trusted() {
        let (root, own) = scratch("trust");
        let ledger = Ledger::open(&root, &own, "6.1", "a").unwrap();
        ledger.distrust().unwrap();
        assert!(!root.join(".old.o.cmd").exists(), "of an unknown kernel");
        write(&root, &[".x.o.cmd", ".y.o.cmd", ".kept.ko.cmd", "gone.ko", "kept.ko"]);
        ledger.close(None).unwrap();
        fs::write(root.join(".y.o.cmd"), "of make, since").unwrap();
        let ledger = Ledger::open(&root, &own, "6.1", "a").unwrap();
        ledger.distrust().unwrap();
        assert!(root.join(".x.o.cmd").exists() && !root.join(".y.o.cmd").exists());
        ledger.close(Some(&[root.join("kept.ko")])).unwrap();
        assert!(root.join("kept.ko").exists() && !root.join("gone.ko").exists());
        let ledger = Ledger::open(&root, &own, "6.1", "a").unwrap();
        assert!(root.join(".kept.ko.cmd").exists());
        fs::write(root.join("kept.ko"), "made without kbuild").unwrap();
        ledger.close(None).unwrap();
        assert!(!root.join(".kept.ko.cmd").exists(), "it speaks of another file");
        assert!(root.join("old.ko").exists(), "not komod's");
        Ledger::open(&root, &own, "6.1", "b").unwrap().distrust().unwrap();
        assert!(!root.join(".x.o.cmd").exists(), "of another tree");
        fs::remove_dir_all(root.parent().unwrap()).unwrap();
    }
}
