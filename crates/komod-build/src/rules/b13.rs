//! B-13: a program of kbuild lacks a library
//!
//! # What
//! A program that kbuild runs, nearly always objtool, cannot start because a shared library is not
//! there.
//!
//! # Why
//! objtool and resolve_btfids read objects with `libelf.so.1`. Header packages do not always pull it
//! in, containers often lack it.
//!
//! # Example
//! ```text
//! ./tools/objtool/objtool: error while loading shared libraries: libelf.so.1: cannot open shared
//! object file: No such file or directory
//! ```
//!
//! # Way out
//! Install the library (Debian, Ubuntu: `libelf1`; Fedora: `elfutils-libelf`). Kernels that
//! `komod kernel fetch` got bring theirs along.

use super::{Finding, Outcome, complete, error};
use crate::packages;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    const TEXT: &str = "error while loading shared libraries: ";
    let Some(said) = outcome.said("the loader", &[TEXT]).filter(|_| !outcome.succeeded()) else {
        return Vec::new();
    };
    let line = outcome.log.matching(TEXT).next().unwrap_or_default();
    let (program, rest) = line.split_once(TEXT).unwrap_or_default();
    let program = program.trim_end_matches([':', ' ']).rsplit(['/', ' ']).next().unwrap_or_default();
    let library = rest.split(':').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let diagnostic = error("B-13", format!("{program}, one of kbuild's own programs, lacks {library}"));
    let package = if library.starts_with("libelf") { "libelf1" } else { library };
    vec![complete(diagnostic, Some(said), vec![packages::install(&[package])]).into()]
}
