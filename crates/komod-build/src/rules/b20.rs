//! B-20: a program of the kernel tree is for another machine
//!
//! # What
//! kbuild's own programs, such as `fixdep` or `modpost`, cannot run: "Exec format error".
//!
//! # Why
//! The headers were packaged on another kind of machine than this one: common for boards whose kernel
//! is built on a PC. The headers themselves are right, the programs beside them are not.
//!
//! # Example
//! ```text
//! /bin/sh: 1: scripts/basic/fixdep: Exec format error
//! ```
//!
//! # Way out
//! komod takes the programs from another tree of the same release if there is one, and has a fixdep of
//! its own. Otherwise build them: `make -C TREE modules_prepare` with the kernel's sources.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;
use crate::tree::Tree;

/// The programs a build of a module runs.
pub(crate) const PROGRAMS: [&str; 4] = [
    "scripts/basic/fixdep",
    "scripts/mod/modpost",
    "tools/objtool/objtool",
    "scripts/genksyms/genksyms",
];

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let foreign = PROGRAMS.iter().filter(|path| is_foreign(outcome.tree, path));
    let foreign: Vec<_> = foreign.collect();
    if outcome.succeeded() || foreign.is_empty() {
        return Vec::new();
    }
    // dash and bash call it by different names.
    let texts = ["Exec format error", "cannot execute binary file", "Syntax error"];
    let mut diagnostic = error("B-20", "the kernel tree's programs are for another machine");
    for path in foreign {
        let what = "is not a program for this machine";
        diagnostic = diagnostic.with_evidence(Evidence::file(outcome.tree.file(path), what));
    }
    let said = outcome.said("the shell", &texts);
    vec![complete(diagnostic, said, packages::headers(&outcome.tree.release)).into()]
}

/// Is it an ELF file for a machine other than the one komod was made for?
pub(crate) fn is_foreign(tree: &Tree, path: &str) -> bool {
    use std::io::Read;
    // System V ABI: e_ident[0..4] is the magic, e_machine is at 18.
    let own: &[u8] = match std::env::consts::ARCH {
        "x86_64" => &[62, 3],
        "aarch64" => &[183],
        _ => return false,
    };
    let mut head = [0; 20];
    let read = std::fs::File::open(tree.file(path)).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.starts_with(b"\x7fELF") && !own.contains(&head[18])
}
