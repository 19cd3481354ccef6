//! Waiting until something in a folder of sources changes (inotify(7)).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An editor saves in several steps, and people save several files: they count as one change when
/// no more comes for this long.
const QUIET: Duration = Duration::from_millis(30);
/// A bound against folders that are no module's sources (somebody's home).
const MOST_FOLDERS: usize = 4096;

/// A watched tree of folders.
pub struct Watch {
    inotify: OwnedFd,
    root: PathBuf,
}

impl Watch {
    pub fn new(root: &Path) -> io::Result<Watch> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let watch = Watch { inotify, root: root.to_owned() };
        watch.add_folders()?;
        Ok(watch)
    }

    /// Waits for a change of a file that may matter, and for quiet after it.
    pub fn wait(&self) -> io::Result<()> {
        self.readable(None)?;
        while !self.drain()? {
            self.readable(None)?;
        }
        while self.readable(Some(QUIET))? {
            self.drain()?;
        }
        // Folders that came with the change.
        self.add_folders()
    }

    /// Takes what has come; tells whether any of it matters.
    fn drain(&self) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.inotify, &mut buffer);
        let mut matters = false;
        loop {
            match events.next() {
                Ok(event) => {
                    let lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    matters |= lost || name.is_some_and(is_source);
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(matters),
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn readable(&self, patience: Option<Duration>) -> io::Result<bool> {
        let patience = patience.map(|time| Timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        loop {
            match poll(&mut [PollFd::new(&self.inotify, PollFlags::IN)], patience.as_ref()) {
                Ok(n) => return Ok(n > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Watches every folder; watching one again changes nothing.
    fn add_folders(&self) -> io::Result<()> {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let mut folders = vec![self.root.clone()];
        let mut watched = 0;
        while let Some(folder) = folders.pop() {
            watched += 1;
            if watched > MOST_FOLDERS {
                let many = format!("{} has more than {MOST_FOLDERS} folders", self.root.display());
                return Err(io::Error::other(many));
            }
            match inotify::add_watch(&self.inotify, &folder, flags) {
                Ok(_) => {}
                // It has just gone; only without the root there is nothing to wait for.
                Err(_) if folder != self.root => continue,
                Err(e) => return Err(e.into()),
            }
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
                if is_folder && is_source(&entry.file_name()) && !is_product(&path) {
                    folders.push(path);
                }
            }
        }
        Ok(())
    }
}

/// A folder of products: komod's own, or cargo's and the like.
fn is_product(folder: &Path) -> bool {
    folder.ends_with("target") || folder.join("CACHEDIR.TAG").exists()
}

/// Not an editor's file, and not what make leaves beside the sources.
fn is_source(name: &OsStr) -> bool {
    let name = name.as_bytes();
    let products: [&[u8]; 6] = [b".o", b".ko", b".mod", b".mod.c", b".order", b".symvers"];
    // vim proves with a file of this name that it can write to a folder.
    let probe = name == b"4913";
    !name.starts_with(b".")
        && !name.ends_with(b"~")
        && !probe
        && !products.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names() {
        for source in ["a.c", "a.h", "Makefile", "Kbuild", "sub", "x.S"] {
            assert!(is_source(OsStr::new(source)), "{source}");
        }
        for other in [".a.c.swp", "a.c~", "4913", "a.o", ".a.o.cmd", "Module.symvers"] {
            assert!(!is_source(OsStr::new(other)), "{other}");
        }
    }

    #[test]
    fn changes_are_seen_once_and_only_those_that_matter() {
        let dir = std::env::temp_dir().join(format!("komod-watch-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("sub")).unwrap();
        fs::create_dir_all(dir.join("target/komod")).unwrap();
        let watch = Watch::new(&dir).unwrap();
        assert!(!watch.readable(Some(Duration::from_millis(1))).unwrap());
        for other in ["a.o", ".a.c.swp", "target/komod/b.c"] {
            fs::write(dir.join(other), "").unwrap();
        }
        assert!(!watch.drain().unwrap());
        fs::write(dir.join("sub/a.c"), "x").unwrap();
        fs::write(dir.join("a.h"), "x").unwrap();
        watch.wait().unwrap();
        assert!(!watch.drain().unwrap(), "one change");
        // A folder that comes is watched from then on.
        fs::create_dir(dir.join("new")).unwrap();
        watch.wait().unwrap();
        fs::write(dir.join("new/b.c"), "x").unwrap();
        watch.wait().unwrap();
        fs::remove_dir_all(dir).unwrap();
    }
}
