//! What depmod tells besides its indexes: about single files, lines and symbols, in kmod's words
//! where kmod has some.

use super::error::errno_text;
use super::module_file::ModuleFileError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// How grave a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// Something is left out.
    Error,
    /// Something may be wrong.
    Warning,
    /// Only told on demand.
    Info,
}

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// A line of `depmod.d` that is none.
    BadLine { file: PathBuf, line: usize, word: Vec<u8> },
    /// A command of `depmod.d` without effect.
    NotImplemented { file: PathBuf, line: usize, command: Vec<u8> },
    /// A file or folder that cannot be read is left out.
    Unreadable { path: PathBuf, reason: String },
    /// One of the kernel's own lists is missing.
    Missing { file: &'static str, directory: PathBuf, reason: String },
    /// The name of a module file belongs to something else; the type as in `st_mode`.
    NotAFile { path: PathBuf, kind: u32 },
    /// A path that would break the lines of the indexes.
    BadName { path: PathBuf },
    /// A module that cannot be read: it is listed, but without symbols and aliases.
    BadModule { path: PathBuf, reason: String },
    /// A last line without an end: the file does not count.
    CorruptedOrder { path: PathBuf, line: usize },
    /// A line of a `System.map` that is none.
    BadSymbolLine { file: PathBuf, number: usize, line: Vec<u8> },
    /// A line of `modules.builtin` that is no path.
    BadBuiltin { line: Vec<u8> },
    /// An alias that the binary index does not hold.
    UnmatchedBracket { alias: Vec<u8> },
    /// A text with a line break or a byte beyond ASCII, left out of a file.
    BadText { module: Vec<u8>, what: &'static str, text: Vec<u8>, file: &'static str },
    /// A device name without numbers.
    DeviceWithoutNumbers { module: Vec<u8>, device: Vec<u8> },
    /// An alias stands twice in a module (`-w`).
    DuplicateAlias { alias: Vec<u8>, module: Vec<u8> },
    /// A symbol that nobody has (`-e`).
    UnknownSymbol { path: PathBuf, symbol: Vec<u8> },
    /// A symbol with another checksum (`-E`).
    OtherVersion { path: PathBuf, symbol: Vec<u8> },
    /// Who gives what a module needs (`-v`); goes to stdout, in kmod as here.
    Needs { path: PathBuf, symbol: Vec<u8>, provider: PathBuf },
}

impl Remark {
    /// A file that could not be read.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Remark {
        Remark::Unreadable { path: path.to_owned(), reason: errno_text(error) }
    }

    /// A module that could not be read.
    pub(super) fn bad_module(path: &Path, error: &ModuleFileError) -> Remark {
        Remark::BadModule { path: path.to_owned(), reason: error.to_string() }
    }

    /// How grave it is.
    pub fn gravity(&self) -> Gravity {
        match self {
            Remark::BadLine { .. }
            | Remark::Unreadable { .. }
            | Remark::NotAFile { .. }
            | Remark::BadName { .. }
            | Remark::BadModule { .. }
            | Remark::CorruptedOrder { .. }
            | Remark::BadSymbolLine { .. }
            | Remark::BadBuiltin { .. }
            | Remark::DeviceWithoutNumbers { .. } => Gravity::Error,
            Remark::Missing { .. }
            | Remark::UnmatchedBracket { .. }
            | Remark::BadText { .. }
            | Remark::DuplicateAlias { .. }
            | Remark::UnknownSymbol { .. }
            | Remark::OtherVersion { .. } => Gravity::Warning,
            Remark::NotImplemented { .. } | Remark::Needs { .. } => Gravity::Info,
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        match self {
            Remark::BadLine { file, line, word } => write!(
                f,
                "{}:{line}: ignoring bad line starting with '{}'",
                file.display(),
                text(word)
            ),
            Remark::NotImplemented { file, line, command } => {
                write!(
                    f,
                    "{}:{line}: command {} not implemented yet",
                    file.display(),
                    text(command)
                )
            }
            Remark::Unreadable { path, reason } => {
                write!(f, "could not read {}: {reason}", path.display())
            }
            Remark::Missing { file, directory, reason } => {
                write!(f, "could not open {file} at {}: {reason}", directory.display())
            }
            Remark::NotAFile { path, kind } => {
                write!(f, "unsupported file type {}: {kind:o}", path.display())
            }
            Remark::BadName { path } => {
                write!(f, "a line break in the name of a module, ignored: {:?}", path.display())
            }
            Remark::BadModule { path, reason } => {
                write!(f, "failed to load symbols from {}: {reason}", path.display())
            }
            Remark::CorruptedOrder { path, line } => {
                write!(f, "{}:{line} corrupted line misses '\\n'", path.display())
            }
            Remark::BadSymbolLine { file, number, line } => {
                writeln!(f, "{}:{number}: invalid line: {}", file.display(), text(line))
            }
            Remark::BadBuiltin { line } => {
                writeln!(f, "Invalid modules.builtin line: {}", text(line))
            }
            Remark::UnmatchedBracket { alias } => write!(f, "Unmatched bracket in {}", text(alias)),
            Remark::BadText { module, what, text: bad, file } => write!(
                f,
                "Module '{}' has {what} \"{}\" that {file} cannot hold. Ignoring.",
                text(module),
                bad.escape_ascii()
            ),
            Remark::DeviceWithoutNumbers { module, device } => write!(
                f,
                "Module '{}' has devname ({}) but lacks major and minor information. Ignoring.",
                text(module),
                text(device)
            ),
            Remark::DuplicateAlias { alias, module } => {
                write!(f, "duplicate module alias:\n{} {}", text(alias), text(module))
            }
            Remark::UnknownSymbol { path, symbol } => {
                write!(f, "{} needs unknown symbol {}", path.display(), text(symbol))
            }
            Remark::OtherVersion { path, symbol } => {
                write!(f, "{} disagrees about version of symbol {}", path.display(), text(symbol))
            }
            Remark::Needs { path, symbol, provider } => {
                let (path, symbol) = (path.display(), text(symbol));
                write!(f, "{path} needs \"{symbol}\": {}", provider.display())
            }
        }
    }
}
