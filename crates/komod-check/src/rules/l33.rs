//! L-33: an exported symbol exists already
//!
//! # What
//! `exports duplicate symbol NAME (owned by OWNER)`, ENOEXEC.
//!
//! # Why
//! The kernel or another loaded module exports the same name.
//!
//! # Example
//! ```text
//! second: exports duplicate symbol shared_function (owned by first)
//! ```
//!
//! # Way out
//! Unload the other one, or rename the symbol (a prefix of your own).

use komod_load::RefusalCode;

use crate::case::Case;

pub(crate) fn hints(_code: RefusalCode, case: &Case<'_>) -> Vec<String> {
    let mut hints = Vec::new();
    for finding in &case.findings {
        let (symbol, owner) = (&finding.evidence.symbol, &finding.evidence.owner);
        let Some((symbol, owner)) = symbol.as_deref().zip(owner.as_deref()) else { continue };
        hints.push(match owner {
            "kernel" => format!("rename {symbol}: the kernel itself has it"),
            owner => format!("rename {symbol}, or load it without {owner}"),
        });
    }
    hints
}
