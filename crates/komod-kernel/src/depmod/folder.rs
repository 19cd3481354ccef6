//! The folder of a kernel's modules, kept open: paths from here on are short, and the system has less
//! to look up.

use super::stamp::Stamp;
use super::walk::ModuleFile;
use rustix::fs::{CWD, Mode, OFlags, open, openat};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A folder.
#[derive(Debug)]
pub struct Folder {
    /// If it can be opened. If not, the search says why.
    handle: Option<OwnedFd>,
}

impl Folder {
    /// Opens it.
    pub fn open(path: &Path) -> Folder {
        Folder { handle: open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok() }
    }

    /// The file of a module, to read it.
    pub fn file(&self, module: &ModuleFile) -> rustix::io::Result<File> {
        // A pipe of this name, put there since the walk, does not make us wait.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let (from, path) = match &self.handle {
            // Paths of files that are elsewhere are whole.
            Some(handle) => (handle.as_fd(), module.shown()),
            None => (CWD, module.path_bytes()),
        };
        openat(from, path, flags, Mode::empty()).map(File::from)
    }

    /// How the regular file at a path looks, seen from here, if there is one.
    pub fn stamp(&self, path: &[u8]) -> Option<Stamp> {
        Stamp::of_path(self.handle.as_ref()?, path)
    }
}
