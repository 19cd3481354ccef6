//! The user's directory of sockets: `$XDG_RUNTIME_DIR/komod`, else `/tmp/komod-UID`.
//!
//! Whoever can connect to a socket in it can run code as this user, so it must be a directory,
//! be owned by this user and be closed to everybody else; what does not hold is an error and not
//! repaired, because somebody else may have prepared it.

use crate::PlaceError;
use rustix::fs::FlockOperation;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Debug, Clone)]
pub struct RuntimeDir(PathBuf);

/// Held while something in the directory is being started or stopped; released when dropped.
pub struct Lock(#[allow(dead_code, reason = "closing the file releases the lock")] File);

impl RuntimeDir {
    /// Finds or makes the directory by the environment.
    pub fn open() -> Result<RuntimeDir, PlaceError> {
        let uid = rustix::process::getuid().as_raw();
        let path = match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
            Some(base) if base.is_absolute() && base.is_dir() => base.join("komod"),
            _ => PathBuf::from(format!("/tmp/komod-{uid}")),
        };
        RuntimeDir::at(&path)
    }

    /// Makes the directory if it is missing and checks whose it is.
    pub fn at(path: &Path) -> Result<RuntimeDir, PlaceError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                return Err(PlaceError::file(path)(e));
            }
            _ => {}
        }
        let meta = std::fs::symlink_metadata(path).map_err(PlaceError::file(path))?;
        let wrong = |why| Err(PlaceError::RuntimeDir { path: path.to_owned(), why });
        if !meta.is_dir() {
            return wrong("not a directory");
        }
        if meta.uid() != rustix::process::getuid().as_raw() {
            return wrong("belongs to another user");
        }
        if meta.mode() & 0o077 != 0 {
            return wrong("is open to other users (mode must be 0700)");
        }
        Ok(RuntimeDir(path.to_owned()))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The socket of the kernel called `name`.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.sock"))
    }

    /// Where the background process called `name` writes its stderr.
    pub fn stderr_file(&self, name: &str) -> Result<File, PlaceError> {
        let path = self.0.join(format!("{name}.stderr"));
        OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(PlaceError::file(path))
    }

    /// Waits for the lock of `name`, up to `patience`; `None` if somebody still holds it then.
    pub fn lock(&self, name: &str, patience: Duration) -> Result<Option<Lock>, PlaceError> {
        let path = self.0.join(format!("{name}.lock"));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(PlaceError::file(&path))?;
        let deadline = Instant::now() + patience;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Lock(file))),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(PlaceError::file(path)(e.into())),
            }
        }
    }

    /// Names of the kernels that have a socket here, zygotes left out.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.0)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.strip_suffix(".sock").map(str::to_owned))
            .filter(|n| check_name(n).is_ok())
            .collect();
        names.sort();
        names
    }
}

/// Prefix of the names of zygotes: no kernel of the user may be called like that.
pub(crate) const ZYGOTE_PREFIX: &str = "zygote-";

/// Refuses names that are no file names, or those of zygotes.
pub(crate) fn check_name(name: &str) -> Result<(), PlaceError> {
    let good = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !name.starts_with(['.', '-'])
        && !name.starts_with(ZYGOTE_PREFIX);
    if good { Ok(()) } else { Err(PlaceError::BadName { name: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("komod-rt-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        dir
    }

    #[test]
    fn is_made_closed_to_others() {
        let base = scratch("made");
        let dir = RuntimeDir::at(&base.join("komod")).unwrap();
        assert_eq!(std::fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o700);
        // Again: it exists now.
        RuntimeDir::at(dir.path()).unwrap();
    }

    #[test]
    fn refuses_what_others_could_have_made() {
        let base = scratch("refused");
        let open = base.join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o755)).unwrap();
        assert!(matches!(RuntimeDir::at(&open), Err(PlaceError::RuntimeDir { .. })));

        let good = base.join("good");
        RuntimeDir::at(&good).unwrap();
        let link = base.join("link");
        symlink(&good, &link).unwrap();
        assert!(matches!(RuntimeDir::at(&link), Err(PlaceError::RuntimeDir { .. })));
    }

    #[test]
    fn a_lock_is_held_by_one() {
        let dir = RuntimeDir::at(&scratch("lock").join("komod")).unwrap();
        let held = dir.lock("a", Duration::ZERO).unwrap().expect("free");
        assert!(dir.lock("a", Duration::from_millis(20)).unwrap().is_none());
        assert!(dir.lock("b", Duration::ZERO).unwrap().is_some());
        drop(held);
        assert!(dir.lock("a", Duration::ZERO).unwrap().is_some());
    }

    #[test]
    fn names_are_checked() {
        for good in ["default", "a.b-c_1", "6.1"] {
            check_name(good).unwrap();
        }
        for bad in ["", ".", "../x", "a/b", "-x", "zygote-1", "a b", &"x".repeat(33)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
