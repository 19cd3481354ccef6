//! Writing fixes to files: all of them or none, each file whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::fix::{Edit, Fix, Misfit, splice};

/// Why a fix was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The new file could not be written.
    #[error("cannot write {path}: {source}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file no longer holds what the fix replaces.
    #[error("{path} has changed since it was examined; nothing was written", path = .0.display())]
    Changed(PathBuf),
    /// The edits contradict each other.
    #[error("the edits of {path} overlap; nothing was written", path = .0.display())]
    Overlap(PathBuf),
}

impl Fix {
    /// Applies the fix to its files. Returns the files written.
    pub fn apply(&self) -> Result<Vec<PathBuf>, ApplyError> {
        apply_all([self])
    }
}

/// Applies several fixes as one: every file is read, edited and written to a temporary file beside
/// it first; only when all that has worked are the files replaced, by renaming. An edit that two
/// fixes share is made once.
pub fn apply_all<'a>(fixes: impl IntoIterator<Item = &'a Fix>) -> Result<Vec<PathBuf>, ApplyError> {
    let mut by_file: Vec<(PathBuf, Vec<&Edit>)> = Vec::new();
    for edit in fixes.into_iter().flat_map(|fix| &fix.edits) {
        // A symbolic link is followed: the file it names is replaced, not the link.
        let path = fs::canonicalize(&edit.file)
            .map_err(|source| ApplyError::Read { path: edit.file.clone(), source })?;
        match by_file.iter_mut().find(|(known, _)| *known == path) {
            Some((_, edits)) if edits.iter().any(|e| same_change(e, edit)) => {}
            Some((_, edits)) => edits.push(edit),
            None => by_file.push((path, vec![edit])),
        }
    }
    let mut prepared = Vec::with_capacity(by_file.len());
    for (path, edits) in by_file {
        let contents = fs::read_to_string(&path)
            .map_err(|source| ApplyError::Read { path: path.clone(), source })?;
        let new = splice(&contents, edits).map_err(|misfit| match misfit {
            Misfit::Overlap => ApplyError::Overlap(path.clone()),
            Misfit::Range | Misfit::Changed => ApplyError::Changed(path.clone()),
        })?;
        prepared.push(Pending::write(path, &new)?);
    }
    prepared.into_iter().map(Pending::commit).collect()
}

fn same_change(a: &Edit, b: &Edit) -> bool {
    a.range == b.range && a.replacement == b.replacement
}

/// A finished new version beside the file it will replace. Dropped uncommitted, it vanishes.
struct Pending {
    path: PathBuf,
    temporary: Option<PathBuf>,
}

impl Pending {
    fn write(path: PathBuf, contents: &str) -> Result<Self, ApplyError> {
        let temporary = beside(&path);
        let pending = Pending { path, temporary: Some(temporary.clone()) };
        let written = (|| {
            let mut file = File::options().write(true).create_new(true).open(&temporary)?;
            file.write_all(contents.as_bytes())?;
            file.set_permissions(fs::metadata(&pending.path)?.permissions())?;
            file.sync_all()
        })();
        match written {
            Ok(()) => Ok(pending),
            Err(source) => Err(ApplyError::Write { path: pending.path.clone(), source }),
        }
    }

    fn commit(mut self) -> Result<PathBuf, ApplyError> {
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &self.path)
                .map_err(|source| ApplyError::Write { path: self.path.clone(), source })?;
            self.temporary = None;
        }
        Ok(self.path.clone())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nothing more can be done if this fails; the user's own file is untouched.
            let _ = fs::remove_file(temporary);
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.komod-{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Applicability;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("komod-diag-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn several_files_are_replaced_together() {
        let dir = scratch("together");
        let (a, b) = (dir.join("a"), dir.join("b"));
        fs::write(&a, "one two").unwrap();
        fs::write(&b, "three").unwrap();
        let fix = Fix::new("x", Applicability::Safe).replace(&a, "one two", 0..3, "1").replace(
            &b,
            "three",
            0..5,
            "3",
        );
        assert_eq!(fix.apply().unwrap().len(), 2);
        assert_eq!(fs::read_to_string(&a).unwrap(), "1 two");
        assert_eq!(fs::read_to_string(&b).unwrap(), "3");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "no temporary file stays");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn one_changed_file_stops_all() {
        let dir = scratch("changed");
        let (a, b) = (dir.join("a"), dir.join("b"));
        fs::write(&a, "one").unwrap();
        fs::write(&b, "edited meanwhile").unwrap();
        let fix = Fix::new("x", Applicability::Safe).replace(&a, "one", 0..3, "1").replace(
            &b,
            "three",
            0..5,
            "3",
        );
        assert!(matches!(fix.apply(), Err(ApplyError::Changed(path)) if path.ends_with("b")));
        assert_eq!(fs::read_to_string(&a).unwrap(), "one");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn permissions_and_links_survive_and_shared_edits_are_made_once() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = scratch("modes");
        let (a, link) = (dir.join("a"), dir.join("link"));
        fs::write(&a, "one").unwrap();
        fs::set_permissions(&a, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("a", &link).unwrap();
        let fix = Fix::new("x", Applicability::Safe).replace(&link, "one", 0..3, "1");
        apply_all([&fix, &fix]).unwrap();
        assert_eq!(fs::read_to_string(&a).unwrap(), "1");
        assert_eq!(fs::metadata(&a).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::remove_dir_all(dir).unwrap();
    }
}
