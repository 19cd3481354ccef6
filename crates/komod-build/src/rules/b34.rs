//! B-34: two files of one module have a `module_init`
//!
//! # What
//! The linker finds `init_module` (or `cleanup_module`) twice.
//!
//! # Why
//! `module_init(f)` gives `f` the second name `init_module`, the one the kernel looks for. A module
//! has one entry, so only one of the files it is linked from may have it.
//!
//! # Example
//! ```text
//! ld: b.o: in function `init_module': multiple definition of `init_module'; a.o: first defined here
//! ```
//!
//! # Way out
//! If they are two modules, list them as two: `obj-m := a.o b.o`. If they are one, let one file
//! have `module_init` and call the other's functions from there.

use komod_diag::{Evidence, Span};

use super::{Finding, Outcome, error};
use crate::c_source;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let texts = ["multiple definition of `init_module'", "multiple definition of `cleanup_module'"];
    let Some(said) = outcome.said("ld", &texts) else { return Vec::new() };
    let mut diagnostic = error("B-34", "two files of one module have a module_init");
    for (path, text) in outcome.sources() {
        let masked = c_source::mask(&text);
        if let Some(word) = c_source::find_word(&masked, "module_init", 0) {
            let (line, column) = c_source::place(&text, word.start);
            let width = u32::try_from(word.len()).unwrap_or(0);
            let span = Span::columns(line, column, column.saturating_add(width));
            diagnostic = diagnostic.with_evidence(Evidence::source_in(path, &text, span, ""));
        }
    }
    let diagnostic = diagnostic
        .with_evidence(said)
        .with_hint("if they are two modules, list them as two: obj-m := a.o b.o")
        .with_hint("if they are one, keep one module_init and call the other function from it");
    vec![diagnostic.into()]
}
