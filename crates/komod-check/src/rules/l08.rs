//! L-08: the checksum of an imported symbol differs
//!
//! # What
//! The kernel logs `disagrees about version of symbol NAME` and answers EINVAL.
//!
//! # Why
//! With CONFIG_MODVERSIONS each exported symbol has a checksum over its types. Another value
//! means that the function or a structure it uses has changed since the module was built:
//! called all the same, it would corrupt memory. For a symbol of another module: that one was
//! built anew, or comes from another build.
//!
//! # Example
//! ```text
//! hello: disagrees about version of symbol device_create
//! hello: Unknown symbol device_create (err -22)
//! ```
//!
//! # Way out
//! Build the module for this kernel; when the symbol is another module's, build both, so that
//! the other's Module.symvers is seen (KBUILD_EXTRA_SYMBOLS). `komod load --force` ignores
//! the checksums, at your own risk.

use std::collections::BTreeSet;

use komod_load::RefusalCode;

use crate::case::Case;

pub(crate) fn hints(_code: RefusalCode, case: &Case<'_>) -> Vec<String> {
    let owners = case.findings.iter().filter_map(|finding| finding.evidence.owner.as_deref());
    let owners: BTreeSet<&str> = owners.collect();
    let mut hints = case.rebuild();
    for owner in owners.into_iter().filter(|owner| *owner != "kernel") {
        hints.push(format!(
            "{owner} is another build than the one it was linked against: build both, with \
             {owner}'s Module.symvers in KBUILD_EXTRA_SYMBOLS"
        ));
    }
    hints
}
