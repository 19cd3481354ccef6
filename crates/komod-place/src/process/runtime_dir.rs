//! The user's directory of sockets: `$XDG_RUNTIME_DIR/komod`, else `/tmp/komod-UID`.
//!
//! Whoever can connect to a socket in it can run code as this user, so it must be a directory,
//! be owned by this user and be closed to everybody else; what does not hold is an error and not
//! repaired, because somebody else may have prepared it.

use crate::PlaceError;
use rustix::fs::FlockOperation;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Debug, Clone)]
pub struct RuntimeDir(PathBuf);

/// Held while something in the directory is being started or stopped; released when dropped, and
/// its file is gone then.
pub struct Lock {
    path: PathBuf,
    /// Closing it releases the lock.
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before it is released: whoever waits for it sees that its file is not the named one.
        let _ = std::fs::remove_file(&self.path);
    }
}

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
        let open = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true).mode(0o600);
            options.open(&path).map_err(PlaceError::file(&path))
        };
        let mut file = open()?;
        let deadline = Instant::now() + patience;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_at(&file, &path) => return Ok(Some(Lock { path, _file: file })),
                // Its holder has removed it.
                Ok(()) => file = open()?,
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(PlaceError::file(path)(e.into())),
            }
        }
    }

    /// Listens under this name; only this user may connect.
    pub(crate) fn listen(&self, unborn: &Path) -> Result<UnixListener, PlaceError> {
        let _ = std::fs::remove_file(unborn);
        let listener = UnixListener::bind(unborn).map_err(PlaceError::file(unborn))?;
        let closed = std::fs::set_permissions(unborn, Permissions::from_mode(0o600));
        closed.map_err(PlaceError::file(unborn))?;
        Ok(listener)
    }

    /// Removes what killed processes have left here: sockets that nobody listens on, what belongs
    /// to them, and locks that nobody holds.
    pub fn sweep(&self) {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        for name in entries.filter_map(|e| e.file_name().into_string().ok()) {
            let Some((stem, ending)) = name.rsplit_once('.') else { continue };
            // A zygote forks for everyone who connects; it ends by itself.
            if stem.starts_with(ZYGOTE_PREFIX) {
                continue;
            }
            let dead = match ending {
                // To get it and let it go removes it.
                "lock" => {
                    let _ = self.lock(stem, Duration::ZERO);
                    continue;
                }
                "sock" => is_dead(&self.0.join(&name)),
                "stderr" => !self.socket(stem).exists(),
                // Of a machine that is debugged.
                "gdb" | "gdbinit" | "gdbsymbols" => stem.parse().is_ok_and(is_gone),
                // A socket that was to get its name.
                pid => pid.parse().is_ok_and(is_gone),
            };
            if dead && matches!(self.lock(stem, Duration::ZERO), Ok(Some(_))) {
                let _ = std::fs::remove_file(self.0.join(&name));
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

fn is_gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

fn is_dead(socket: &Path) -> bool {
    UnixStream::connect(socket).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
}

/// Whether this file still has this name.
fn is_at(file: &File, path: &Path) -> bool {
    let same =
        |a: &std::fs::Metadata, b: &std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    matches!((file.metadata(), std::fs::metadata(path)), (Ok(a), Ok(b)) if same(&a, &b))
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
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no file stays");
    }

    #[test]
    fn a_lock_is_held_by_one_of_many() {
        let dir = RuntimeDir::at(&scratch("locks").join("komod")).unwrap();
        let holders = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let held =
                            dir.lock("a", Duration::from_secs(60)).unwrap().expect("in time");
                        assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(held);
                    }
                });
            }
        });
    }

    #[test]
    fn what_the_dead_have_left_goes() {
        let dir = RuntimeDir::at(&scratch("sweep").join("komod")).unwrap();
        let file = |name: &str| std::fs::write(dir.path().join(name), "").unwrap();
        let live = dir.listen(&dir.socket("live")).unwrap();
        drop(dir.listen(&dir.socket("dead")).unwrap());
        drop(dir.listen(&dir.path().join("unborn.4194305")).unwrap());
        drop(dir.listen(&dir.path().join("4194305.gdb")).unwrap());
        ["live.stderr", "dead.stderr", "vm-1.lock", "warm.d", "4194305.gdbinit"]
            .iter()
            .for_each(|name| file(name));
        let held = dir.lock("held", Duration::ZERO).unwrap();
        // What belongs to a socket goes when that has gone.
        dir.sweep();
        dir.sweep();
        let mut left: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["held.lock", "live.sock", "live.stderr", "warm.d"]);
        let mode = std::fs::metadata(dir.socket("live")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop((live, held));
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
