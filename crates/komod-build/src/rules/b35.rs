//! B-35: the module's name is too long
//!
//! # What
//! modpost refuses a module whose name has 56 characters or more.
//!
//! # Why
//! The kernel keeps the name in a field of 56 bytes (`MODULE_NAME_LEN`), with the zero that ends it.
//!
//! # Example
//! ```text
//! ERROR: modpost: module name is too long [a_name_of_fifty_six_or_more_characters ... .ko]
//! ```
//!
//! # Way out
//! Give it a shorter name in the makefile: `obj-m := SHORT.o` and `SHORT-y := LONG.o`.

use komod_diag::Evidence;

use super::{Finding, Outcome, error};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let texts = ["module name is too long", "Module name is too long"];
    let line = texts.iter().find_map(|text| outcome.log.matching(text).next());
    let Some(line) = line.filter(|_| !outcome.succeeded()) else { return Vec::new() };
    let diagnostic = error("B-35", "the module's name is too long: the kernel takes 55 characters")
        .with_evidence(Evidence::output("modpost", [line]))
        .with_hint("give it a shorter one in the makefile: obj-m := SHORT.o and SHORT-y := LONG.o");
    vec![diagnostic.into()]
}
