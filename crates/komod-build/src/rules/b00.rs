//! B-00: kbuild failed for a reason komod does not know
//!
//! # What
//! kbuild ended with an error that none of komod's rules recognises.
//!
//! # Why
//! The lines shown are those that kbuild and the tools it runs mark as errors. The first is nearly
//! always the cause; the ones that begin with `make` only pass it on.
//!
//! # Example
//! A makefile with a rule of its own that runs a program which fails.
//!
//! # Way out
//! Read the first line. `komod build --verbose` shows the whole commands. If komod should have
//! known better, report it with that output. Where the compiler crashed, give it less at a time
//! (`-j1`) or other code.

use std::path::Path;

use komod_diag::{Diagnostic, Evidence};

use super::{Finding, Outcome, error};
use crate::log::Log;

const MARKS: [&str; 6] = ["error", "ERROR", "FATAL", "***", "not found", "No such file"];

pub(crate) fn look(_: &Outcome<'_>) -> Vec<Finding> {
    // Said by `diagnose` when no other rule has found an error.
    Vec::new()
}

/// The lines that look like errors, or else the last ones.
pub(crate) fn unknown(log: &Log) -> Diagnostic {
    let marked = |line: &&String| MARKS.iter().any(|mark| line.contains(mark));
    let mut lines: Vec<&str> = log.lines.iter().filter(marked).map(String::as_str).take(8).collect();
    if lines.is_empty() {
        let from = log.lines.len().saturating_sub(8);
        lines = log.lines.iter().skip(from).map(String::as_str).collect();
    }
    // GCC's words when cc1 ends by a signal, clang's when it does.
    let crashed = |line: &&String| {
        ["internal compiler error", "PLEASE submit a bug report"].iter().any(|w| line.contains(w))
    };
    if let Some(line) = log.lines.iter().find(crashed) {
        return error("B-00", "the compiler crashed")
            .with_evidence(Evidence::output("the compiler", vec![line.as_str()]))
            .with_explanation("Either memory ran out, or it cannot take this code.")
            .with_hint("try with less at a time: komod build -j1")
            .with_hint("leave parts of the source out until it passes, or take another compiler");
    }
    let title = match log.status {
        Some(status) => format!("kbuild failed (make ended with {status})"),
        None => "kbuild was ended by a signal".to_owned(),
    };
    error("B-00", title)
        .with_evidence(Evidence::output("kbuild", lines))
        .with_hint("see the whole commands: komod build --verbose")
}

/// The build worked, but its products cannot be read.
pub(crate) fn products(dir: &Path, cause: &std::io::Error) -> Diagnostic {
    error("B-00", format!("cannot read the products in {}: {cause}", dir.display()))
        .with_hint("choose another folder for the products: KOMOD_TARGET_DIR=DIR komod build")
}
