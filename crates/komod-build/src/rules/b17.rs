//! B-17: headers made for the architecture are missing
//!
//! # What
//! The kernel tree lacks `arch/x86/include/generated`, or a part of it.
//!
//! # Why
//! These headers are made by `make prepare` from lists in the sources: `asm/rwonce.h`, system call
//! numbers and others. A tree that was copied without them, or never prepared, compiles nothing.
//!
//! # Example
//! ```text
//! include/linux/compiler.h:246:10: fatal error: asm/rwonce.h: No such file or directory
//! ```
//!
//! # Way out
//! `komod kernel fetch RELEASE` gets a complete tree, and komod then takes them from there by itself. Or
//! reinstall the headers; in a tree of your own, run `make modules_prepare`.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

const FOLDER: &str = "arch/x86/include/generated";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() {
        return Vec::new();
    }
    let missing = outcome.messages.iter().enumerate().find_map(|(index, message)| {
        let header = message.text.strip_suffix(": No such file or directory")?;
        let of_tree = header.starts_with("asm/") || header.starts_with("uapi/asm/");
        let generated = outcome.tree.file(FOLDER).join(header);
        (of_tree && !generated.exists() && !outcome.tree.file("arch/x86/include").join(header).exists())
            .then(|| (index, header.to_owned(), generated))
    });
    // The system call tables and others are included under other names.
    let Some((index, header, file)) = missing else { return Vec::new() };
    let said = outcome.said("the compiler", &[header.as_str()]);
    let diagnostic = error("B-17", format!("the kernel tree lacks {header}, made for the architecture"))
        .with_evidence(Evidence::file(file, "is missing"));
    let diagnostic = complete(diagnostic, said, packages::headers(&outcome.tree.release));
    vec![Finding { diagnostic, claims: vec![index] }]
}
