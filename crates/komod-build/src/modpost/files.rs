//! The files modpost reads beside the objects.

use std::path::Path;

/// Where `.mod`, `.cmd` and source files come from.
pub trait Files {
    /// The contents of the file, `None` if there is none.
    fn read(&self, path: &str) -> Option<Vec<u8>>;
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(Path::new(path)).ok()
    }
}

/// No files at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str) -> Option<Vec<u8>> {
        None
    }
}

impl<S: std::hash::BuildHasher> Files for std::collections::HashMap<String, Vec<u8>, S> {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.get(path).cloned()
    }
}
