//! The configuration of modprobe, modprobe.d(5): [`files`] are found and read in order, [`lines`]
//! are put together from them, each is a [`directive`]; the kernel's [`command_line`] comes last.
//! [`limits`] are what must not be loaded.

pub mod command_line;
pub mod directive;
pub mod dump;
pub mod files;
pub mod limits;
pub mod lines;

use std::fmt;
use std::path::PathBuf;

pub use files::Source;
pub use limits::{Limit, Refusal};

/// `options`, `install` or `remove`: a module and a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub module: Vec<u8>,
    pub text: Vec<u8>,
}

/// `alias PATTERN MODULE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub pattern: Vec<u8>,
    pub module: Vec<u8>,
}

/// `softdep MODULE pre: … post: …`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Softdep {
    pub module: Vec<u8>,
    pub pre: Vec<Vec<u8>>,
    pub post: Vec<Vec<u8>>,
}

/// `weakdep MODULE …`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakdep {
    pub module: Vec<u8>,
    pub modules: Vec<Vec<u8>>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file.display(), self.line)
    }
}

/// What is wrong with a line. Reading goes on behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complaint {
    /// A line that starts with this word is none, or lacks something.
    BadLine(Place, Vec<u8>),
    /// A word of old that is not followed any more: `include`, `config`.
    Deprecated(PathBuf, Vec<u8>),
    /// A file that is there cannot be read.
    Unreadable(PathBuf, String),
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLine(place, word) => {
                let word = String::from_utf8_lossy(word);
                write!(f, "{place}: ignoring bad line starting with '{word}'")
            }
            Self::Deprecated(file, word) => {
                let (file, word) = (file.display(), String::from_utf8_lossy(word));
                write!(f, "{file}: command {word} is deprecated and not parsed anymore")
            }
            Self::Unreadable(file, why) => write!(f, "{}: {why}", file.display()),
        }
    }
}

/// All of it, each kind in the order it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    pub aliases: Vec<Alias>,
    pub blacklist: Vec<Vec<u8>>,
    pub options: Vec<Rule>,
    pub installs: Vec<Rule>,
    pub removes: Vec<Rule>,
    pub softdeps: Vec<Softdep>,
    pub weakdeps: Vec<Weakdep>,
    /// `forbid`: never loaded.
    pub forbidden: Vec<Limit>,
    /// `allow-only`: if there is any, nothing else is loaded.
    pub allowed: Vec<Limit>,
    pub complaints: Vec<Complaint>,
}

impl Config {
    /// Reads files and, unless it is `None`, the kernel's command line.
    pub fn read(sources: &[Source], command_line: Option<&[u8]>) -> Self {
        let mut config = Self::default();
        for source in sources {
            match std::fs::read(&source.path) {
                Ok(text) => directive::read(&mut config, source, &text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => config
                    .complaints
                    .push(Complaint::Unreadable(source.path.clone(), error.to_string())),
            }
        }
        if let Some(line) = command_line {
            command_line::read(&mut config, line);
        }
        config
    }

    pub fn is_blacklisted(&self, module: &[u8]) -> bool {
        self.blacklist.iter().any(|name| name == module)
    }
}
