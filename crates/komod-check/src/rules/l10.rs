//! L-10: an imported symbol exists nowhere
//!
//! # What
//! The kernel logs `Unknown symbol NAME (err -2)` for each and answers ENOENT.
//!
//! # Why
//! The module that exports it is not loaded; or this kernel does not have it: it was renamed,
//! removed, never exported, or is not configured.
//!
//! # Example
//! ```text
//! user: Unknown symbol shared_function (err -2)
//! ```
//!
//! # Way out
//! Load the exporting module first (komod does so if it is given, lies beside the file or is
//! the kernel's own). `komod symbols NAME` shows whether the kernel has it.

use std::collections::BTreeSet;

use komod_load::RefusalCode;

use crate::case::Case;

pub(crate) fn hints(_code: RefusalCode, case: &Case<'_>) -> Vec<String> {
    let path = case.path.display();
    let refused: BTreeSet<&String> =
        case.symbols().filter_map(|symbol| case.lost.get(symbol)).collect();
    let mut hints: Vec<String> = refused
        .into_iter()
        .map(|module| format!("{module} exports what is missing, and does not load either"))
        .collect();
    let not_loaded: BTreeSet<&str> =
        case.symbols().filter_map(|symbol| case.target.owner(symbol)).collect();
    if !not_loaded.is_empty() {
        let names: Vec<&str> = not_loaded.into_iter().collect();
        let names = names.join(" ");
        hints.push(format!(
            "{names}: exported there, but not loaded: modprobe loads them first, with insmod it is \
             up to you"
        ));
    }
    let nowhere =
        |symbol: &str| !case.lost.contains_key(symbol) && case.target.owner(symbol).is_none();
    if case.symbols().any(nowhere) {
        hints.push(format!(
            "if another module of yours exports it, check them together: `komod check {path} \
             OTHER.ko`"
        ));
        let release = case.target.release();
        hints.push(match case.target.with_modules() {
            true => format!(
                "neither kernel {release} nor a module of it exports it: it was renamed, removed or \
                 never exported there"
            ),
            false => format!(
                "kernel {release} itself does not export it; what its modules export is not known \
                 here, and one of them may: `komod kernel fetch {release}` gets them, or give them \
                 along"
            ),
        });
    }
    hints
}
