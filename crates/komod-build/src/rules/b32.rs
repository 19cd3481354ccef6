//! B-32: the module's licence forbids a symbol it uses
//!
//! # What
//! The module uses a symbol that is exported with `EXPORT_SYMBOL_GPL`, and its licence is not compatible
//! with the GPL.
//!
//! # Why
//! The authors of such symbols consider modules that use them derived from the kernel, which is under the
//! GPL. modpost refuses to make the module, and the kernel would refuse to load it.
//!
//! # Example
//! ```text
//! ERROR: modpost: GPL-incompatible module test.ko uses GPL-only symbol 'system_wq'
//! ```
//!
//! # Way out
//! If the code is yours and you want to: `MODULE_LICENSE("GPL");` or one of the dual licences. Otherwise
//! use another function. komod does not change a licence by itself.

use komod_diag::{Evidence, Span};

use super::{Finding, Outcome, error};
use crate::c_source;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let sources = outcome.sources();
    let lines = outcome.log.matching("uses GPL-only symbol").filter(|_| !outcome.succeeded());
    lines
        .map(|line| {
            let symbol = line.rsplit("symbol ").next().unwrap_or_default().trim_matches('\'');
            let mut diagnostic = error("B-32", format!("{symbol} is only for modules under the GPL"));
            for (path, text) in &sources {
                if let Some(word) = c_source::find_word(text, "MODULE_LICENSE", 0) {
                    let (row, _) = c_source::place(text, word.start);
                    let label = "not compatible with the GPL";
                    diagnostic = diagnostic.with_evidence(Evidence::source_in(path, text, Span::line(row), label));
                }
                if let Some(word) = c_source::find_word(&c_source::mask(text), symbol, 0) {
                    let (row, column) = c_source::place(text, word.start);
                    let end = column.saturating_add(u32::try_from(word.len()).unwrap_or(0));
                    let span = Span::columns(row, column, end);
                    diagnostic = diagnostic.with_evidence(Evidence::source_in(path, text, span, "used here"));
                }
            }
            diagnostic
                .with_evidence(Evidence::output("modpost", [line]))
                .with_hint("if you may and want to: MODULE_LICENSE(\"GPL\");")
                .with_hint(format!("or do without {symbol}"))
                .into()
        })
        .collect()
}
