//! Building beside the sources, as `make -C TREE M=FOLDER modules` does, for scripts that expect
//! the module there.
//!
//! The project's folder is the folder of the build: there is no mirror, and no flag that hides one.
//! What komod itself keeps is in `target/komod/in-place` all the same. There the [`Ledger`] notes
//! which files builds have made, so that `komod clean` can remove those and no others. Objects that
//! are there already, of another kernel or of make itself, are not trusted: the native builder only
//! knows its own, and kbuild does not get to see the `.cmd` files that would make it trust them.

mod files;
mod ledger;

use std::io;
use std::path::{Path, PathBuf};

use komod_diag::{Diagnostic, Evidence, Severity};

use crate::error::BuildError;
use crate::location::{self, Displaced, Location, Surroundings};
use crate::log::Log;
use crate::project::{Kind, Project};
use crate::rules;
use crate::shadow::{self, Shadow};
use crate::tree::Tree;

pub use ledger::Ledger;

/// The name of komod's own folder for it, where other builds have a kernel's release.
const NAME: &str = "in-place";

/// A project that is to be built in its own folder.
pub struct InPlace {
    /// The project's folder as a place for products.
    pub location: Location,
    /// The same as a mirror of itself, locked.
    pub shadow: Shadow,
    /// What is made there.
    pub ledger: Ledger,
}

/// Makes ready for a build.
pub fn open(project: &Project, tree: &Tree) -> Result<InPlace, BuildError> {
    let refuse = |diagnostic| BuildError::new(vec![diagnostic], Log::default());
    let root = &project.root;
    if let Some(missing) = lacks_makefile(project) {
        return Err(refuse(missing));
    }
    location::attempt(root).map_err(|displaced| refuse(unusable(root, &displaced)))?;
    let own = own_folder(project).map_err(|e| refuse(rules::b42::nowhere(project, &e)))?;
    let contents = shadow::plan(project, root)?;
    let shadow = Shadow::of_itself(root, &own, contents)?;
    let ledger = Ledger::open(root, &own, &tree.release, &tree.identity())
        .map_err(|e| refuse(rules::b00::products(&own, &e)))?;
    let location = Location { path: root.clone(), displaced: None };
    Ok(InPlace { location, shadow, ledger })
}

/// Removes what builds of the project have made beside its sources, for this release or for any;
/// answers the files.
pub fn clean(project: &Project, release: Option<&str>) -> io::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    if matches!(project.kind, Kind::File(_)) {
        return Ok(removed);
    }
    for parent in location::parents(project, &Surroundings::from_env()) {
        let own = parent.join(NAME);
        if own.join(shadow::IDENTITY).exists() {
            let _lock = shadow::lock(&own).map_err(io::Error::other)?;
            removed.extend(Ledger::clean(&project.root, &own, release)?);
        }
        crate::clean::forget(&parent);
    }
    removed.sort();
    Ok(removed)
}

/// Where komod keeps what it knows about products in the project's folder.
fn own_folder(project: &Project) -> io::Result<PathBuf> {
    let around = Surroundings::from_env();
    location::choose(project, NAME, "", None, &around).map(|location| location.path)
}

/// Why make would find nothing to do there.
fn lacks_makefile(project: &Project) -> Option<Diagnostic> {
    let (title, hint) = match &project.kind {
        Kind::Makefile(name) if ["Kbuild", "Makefile"].contains(&name.as_str()) => return None,
        Kind::Makefile(name) => {
            let title = format!("kbuild does not read {name}: it wants Makefile");
            (title, format!("rename it: mv {name} Makefile"))
        }
        Kind::OnlySource(file) => {
            let object = format!("{}.o", file.trim_end_matches(".c"));
            let title = "building in place takes a makefile".to_owned();
            (title, format!("write one: echo 'obj-m := {object}' > Makefile"))
        }
        Kind::File(_) => {
            let title = "building in place is for a folder, not for a single file".to_owned();
            (title, "name the folder that holds the makefile".to_owned())
        }
    };
    let diagnostic = Diagnostic::new("B-51", Severity::Error, title);
    Some(diagnostic.with_hint(hint).with_hint("or build without --in-place"))
}

/// Why the folder cannot hold products.
fn unusable(root: &Path, displaced: &Displaced) -> Diagnostic {
    let (code, reason) = match displaced {
        Displaced::Unwritable { reason, .. } => ("B-42", format!("cannot be written: {reason}")),
        Displaced::Character { character, .. } => {
            let code = if *character == ' ' { "B-22" } else { "B-23" };
            (code, format!("has {character:?} in its path, which make cannot take"))
        }
    };
    Diagnostic::new(code, Severity::Error, "this folder cannot be built in place")
        .with_evidence(Evidence::file(root, reason))
        .with_hint("build without --in-place: the products then go to a folder of their own")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_cannot_be_built_in_place_says_why() {
        let dir = std::env::temp_dir().join(format!("komod-in-place-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        for (folder, makefile) in [("a", None), ("b", Some("makefile")), ("my c", Some("Kbuild"))] {
            fs::create_dir_all(dir.join(folder)).unwrap();
            fs::write(dir.join(folder).join("x.c"), "").unwrap();
            if let Some(name) = makefile {
                fs::write(dir.join(folder).join(name), "obj-m := x.o\n").unwrap();
            }
        }
        let tree = Tree::new("1", &dir);
        for (path, code, word) in [
            ("a", "B-51", "takes a makefile"),
            ("a/x.c", "B-51", "not for a single file"),
            ("b", "B-51", "kbuild does not read makefile"),
            ("my c", "B-22", "cannot be built in place"),
        ] {
            let error = open(&Project::open(dir.join(path)).unwrap(), &tree).err().unwrap();
            let diagnostic = error.diagnostics.first().unwrap();
            assert_eq!(diagnostic.code, code, "{path}");
            assert!(diagnostic.title.contains(word), "{}", diagnostic.title);
            assert!(!dir.join(path).join("target").exists());
        }
        // Root may write anywhere, but not in what is no folder of a disk.
        let reason = Displaced::Unwritable { path: dir.clone(), reason: "read-only".into() };
        assert_eq!(unusable(&dir, &reason).code, "B-42");
        fs::remove_dir_all(dir).unwrap();
    }
}
