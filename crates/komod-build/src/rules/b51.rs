//! B-51: there is nothing to build here
//!
//! # What
//! The folder has no makefile and not exactly one C file; or what was named is neither a folder nor
//! a C file.
//!
//! # Why
//! A makefile says which modules there are. A single C file needs none, since there is only one
//! thing it can mean. With several, only you know which belong together.
//!
//! # Example
//! ```text
//! $ komod build drivers/
//! error[B-51]: drivers/ has no Makefile and 3 C files
//! ```
//!
//! # Way out
//! Name one file (`komod build drivers/a.c`), or write a Makefile: `obj-m := NAME.o`, and
//! `NAME-y := a.o b.o c.o` if the module is linked from several.

use super::{Finding, Outcome};

pub(crate) fn look(_: &Outcome<'_>) -> Vec<Finding> {
    // Found when the project is opened, before there is anything to build.
    Vec::new()
}
