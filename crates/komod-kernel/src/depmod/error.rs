//! Why no indexes come out.

use crate::host::strerror;
use std::io;
use std::path::{Path, PathBuf};

/// What ends the whole work. What only concerns one file is a [`Remark`](super::remark::Remark).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DepmodError {
    /// A file or folder that must be there cannot be used.
    #[error("{what} {}: {}", path.display(), errno_text(source))]
    Io {
        /// What was to be done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder of modules cannot be read.
    #[error("could not search modules: {}", errno_text(source))]
    Search {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The kernel's symbols cannot be read.
    #[error("could not load {}: {reason}", path.display())]
    Symbols {
        /// Their file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file named by the caller is not named from the root.
    #[error("{}: not absolute path.", path.display())]
    NotAbsolute {
        /// As given.
        path: PathBuf,
    },
    /// Modules need each other in circles.
    #[error("Found {modules} modules in dependency cycles!")]
    Cycles {
        /// One circle for each group of modules, as names; the first is not repeated at the end.
        cycles: Vec<Vec<String>>,
        /// How many modules are in circles.
        modules: usize,
    },
    /// There are more modules than the indexes' numbers reach.
    #[error("{found} modules are more than the {limit} that indexes can hold")]
    TooManyModules {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A binary index has no room for its contents: places in it have 28 bits.
    #[error("{file} would be larger than {limit} bytes")]
    IndexTooLarge {
        /// The index.
        file: &'static str,
        /// How large it may be.
        limit: usize,
    },
}

/// An error about a file.
pub(super) fn io_error(what: &'static str, path: &Path, source: io::Error) -> DepmodError {
    DepmodError::Io { what, path: path.to_owned(), source }
}

/// What the C library says of the error's number, or the error itself if it has none.
pub fn errno_text(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), strerror)
}
