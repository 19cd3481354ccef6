//! `forbid` and `allow-only`: what must not be loaded, whoever asks for it. They are komod's own.

use super::{Config, Place};
use crate::fnmatch::fnmatch;
use crate::module_file::ModuleFile;
use crate::name;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A pattern of `forbid` or `allow-only`, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub pattern: Vec<u8>,
    pub place: Place,
}

/// Why a module must not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("forbidden by {0}")]
    Forbidden(Place),
    #[error("not in the list of allowed modules ({0})")]
    NotAllowed(Place),
}

impl Config {
    /// Why a module of this name must not be loaded, if so.
    pub fn refusal(&self, module: &[u8]) -> Option<Refusal> {
        let here = |limit: &&Limit| fnmatch(&limit.pattern, module);
        if let Some(limit) = self.forbidden.iter().find(here) {
            return Some(Refusal::Forbidden(limit.place.clone()));
        }
        let first = self.allowed.first()?;
        let allowed = self.allowed.iter().any(|limit| here(&limit));
        (!allowed).then(|| Refusal::NotAllowed(first.place.clone()))
    }

    /// Why the module in a file must not be loaded, if so: by the names in it, whatever the file is
    /// called. That of the file counts if there are none. Without limits, the file is not read.
    pub fn refusal_of_file(&self, path: &Path) -> Option<Refusal> {
        if self.forbidden.is_empty() && self.allowed.is_empty() {
            return None;
        }
        let mut names = ModuleFile::open(path).map(|file| file.names()).unwrap_or_default();
        if names.is_empty() {
            names.push(name::of_file(path.as_os_str().as_bytes()));
        }
        names.iter().find_map(|name| self.refusal(name))
    }
}
