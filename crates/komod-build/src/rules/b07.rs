//! B-07: a line of `Module.symvers` is damaged
//!
//! # What
//! modpost cannot read the list of exported symbols.
//!
//! # Why
//! Each line has a checksum, a symbol, a module, a kind and a namespace, separated by tabs. A line was
//! cut off or edited, or an editor has turned its tabs into spaces.
//!
//! # Example
//! ```text
//! FATAL: modpost: parse error in symbol dump file
//! ```
//!
//! # Way out
//! If it is the kernel tree's list, komod takes or makes another one, in an overlay of its own. If it is
//! a list that `KBUILD_EXTRA_SYMBOLS` names, build that module again.

use std::path::Path;

use komod_diag::{Evidence, Span};
use komod_object::symvers::Symvers;

use super::{Finding, Outcome, b05, complete, error};
use crate::packages;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let text = "parse error in symbol dump file";
    let Some(said) = outcome.said("modpost", &[text]).filter(|_| !outcome.succeeded()) else {
        return Vec::new();
    };
    let own = outcome.tree.file(b05::FILE);
    let mut diagnostic = error("B-07", "a list of symbols cannot be read");
    let of_tree = bad_line(&own);
    let hints = match of_tree {
        Some(place) => {
            diagnostic = diagnostic.with_evidence(place);
            packages::headers(&outcome.tree.release)
        }
        None => vec!["build the modules again whose Module.symvers KBUILD_EXTRA_SYMBOLS names".into()],
    };
    vec![complete(diagnostic, Some(said), hints).into()]
}

/// The first line that is none.
pub(crate) fn bad_line(path: &Path) -> Option<Evidence> {
    let bytes = std::fs::read(path).ok()?;
    let error = Symvers::parse(&bytes).err()?;
    let line = u32::try_from(error.line).ok()?;
    Some(Evidence::source(path, Span::line(line), error.text, error.what))
}
