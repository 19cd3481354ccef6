//! What can be wrong with an index.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// An index that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("{}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{}: offset {offset:#x}: {problem}; run depmod to write it anew", path.display())]
    Damaged { path: PathBuf, offset: usize, problem: Problem },
}

impl IndexError {
    /// There is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

/// What is wrong at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The first word is another.
    Magic(u32),
    /// Of a version that is not known.
    Version(u32),
    /// What starts here goes beyond the end of the file.
    PastEnd,
    /// So many values do not fit into the file.
    Values(u32),
    /// The first child comes behind the last.
    Children(u8, u8),
    /// Nodes take more room than the file has: they are reached by more than one way, or in
    /// circles.
    Circular,
    /// The keys to be compared are longer, all together, than those of any sound file.
    Patterns,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic(magic) => write!(f, "magic {magic:#010x} is none of an index"),
            Self::Version(version) => write!(f, "version {version:#010x} of the index is unknown"),
            Self::PastEnd => write!(f, "the index goes on beyond its end"),
            Self::Values(count) => write!(f, "the file is too short for {count} values"),
            Self::Children(first, last) => {
                write!(f, "children from {first:#04x} to {last:#04x} are none")
            }
            Self::Circular => write!(f, "nodes are reached by more than one way"),
            Self::Patterns => write!(f, "patterns are too many and too long"),
        }
    }
}
