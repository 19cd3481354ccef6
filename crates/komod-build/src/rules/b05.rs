//! B-05: the kernel tree has no `Module.symvers`
//!
//! # What
//! The list of the kernel's exported symbols and their checksums is missing. Linux 6.1
//! warns and makes a module that no kernel accepts; newer kernels call every kernel function
//! undefined.
//!
//! # Why
//! With `CONFIG_MODVERSIONS` the kernel compares a checksum for each symbol a module uses. They
//! come from this file, which only a full build of the kernel makes: `make modules_prepare` does
//! not, which is why self-made trees lack it.
//!
//! # Example
//! ```text
//! WARNING: Module.symvers is missing.
//!          Modules may not have dependencies or modversions.
//! WARNING: modpost: "_printk" [test.ko] undefined!
//! ```
//! and later, on loading: `test: no symbol version for module_layout`.
//!
//! # Way out
//! Nothing to do if the kernel is at hand: komod takes the list from another tree of the same release
//! or from `/boot/symvers-RELEASE.gz`, or makes it anew from the kernel's image and its modules, in an
//! overlay of its own. Otherwise `komod kernel fetch RELEASE`, or reinstall the headers. For a kernel
//! of your own, build it whole.

use komod_diag::{Evidence, Severity};

use super::{Finding, Outcome, complete, error};
use crate::packages;

pub(crate) const FILE: &str = "Module.symvers";

pub(crate) fn is_missing(outcome: &Outcome<'_>) -> bool {
    !outcome.tree.has(FILE)
}

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let texts = ["Module.symvers is missing", "Symbol version dump", "undefined!"];
    let file = outcome.tree.file(FILE);
    let missing = is_missing(outcome) && !file.exists();
    let said = outcome.said("modpost", &texts);
    let versions = outcome.tree.config("CONFIG_MODVERSIONS").as_deref() == Some("y");
    // A build that has nothing to do says nothing; its module is refused all the same.
    let refused = versions && outcome.succeeded();
    if !missing || (said.is_none() && !refused) {
        return Vec::new();
    }
    let mut diagnostic = error("B-05", "the list of the kernel's symbols is missing")
        .with_evidence(Evidence::file(file, "is missing"));
    if versions {
        diagnostic = diagnostic.with_evidence(Evidence::fact("CONFIG_MODVERSIONS", "y"));
    } else if outcome.succeeded() {
        diagnostic.severity = Severity::Warning;
    }
    let diagnostic = diagnostic.with_explanation(if outcome.succeeded() && versions {
        "kbuild has made a module all the same, but without symbol versions: this kernel would \
         refuse it with \"no symbol version for module_layout\"."
    } else {
        "Without it kbuild takes every function of the kernel for undefined."
    });
    let mut hints = packages::headers(&outcome.tree.release);
    let spare = format!("/boot/symvers-{}.gz", outcome.tree.release);
    if std::path::Path::new(&spare).exists() {
        hints.push(format!(
            "or unpack the copy: zcat {spare} > {}",
            outcome.tree.file(FILE).display()
        ));
    }
    hints.push(format!(
        "or, for a kernel of your own, build it whole: make -C {}",
        outcome.tree.path.display()
    ));
    vec![complete(diagnostic, said, hints).into()]
}
