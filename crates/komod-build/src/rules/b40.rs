//! B-40: built without type information: the tree has a `vmlinux`, but no `resolve_btfids`
//!
//! # What
//! There is a `vmlinux` in the kernel tree, so kbuild wants to add type information (BTF) to the module,
//! and the program for that is missing.
//!
//! # Why
//! Debian's headers for 6.1 have neither the file nor the program, and kbuild leaves the step out. Some
//! advice on the net says to copy `/sys/kernel/btf/vmlinux` there to silence the message about it (B-41);
//! kbuild then fails and deletes the finished module. komod leaves the step out.
//!
//! # Example
//! ```text
//! /bin/sh: 1: ./tools/bpf/resolve_btfids/resolve_btfids: not found
//! make[2]: *** Deleting file '/home/me/test/test.ko'
//! ```
//!
//! # Way out
//! Nothing to do: the kernel loads the module without it. For builds without komod remove the copied
//! file.

use komod_diag::{Diagnostic, Evidence, Severity};

use super::{Finding, Outcome};

const PROGRAM: &str = "tools/bpf/resolve_btfids/resolve_btfids";

pub(crate) fn applies(outcome: &Outcome<'_>) -> bool {
    outcome.without_btf.is_some() && outcome.tree.has("vmlinux") && !outcome.tree.has(PROGRAM)
}

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if !outcome.succeeded() || !applies(outcome) {
        return Vec::new();
    }
    let vmlinux = outcome.tree.file("vmlinux");
    let title = "built without BTF type information: the kernel tree lacks resolve_btfids";
    let diagnostic = Diagnostic::new("B-40", Severity::Note, title)
        .with_evidence(Evidence::file(&vmlinux, "makes kbuild want to add it"))
        .with_evidence(Evidence::file(outcome.tree.file(PROGRAM), "is missing"))
        .with_explanation("The kernel loads the module all the same.")
        .with_hint(format!("for builds without komod, if you put it there: rm {}", vmlinux.display()));
    vec![diagnostic.into()]
}
