//! L-12: a symbol's namespace is not imported
//!
//! # What
//! The kernel logs `module uses symbol (NAME) from namespace NS, but does not import it` and
//! answers EINVAL.
//!
//! # Why
//! The symbol is exported into a namespace (EXPORT_SYMBOL_NS), to be used only by those who
//! ask for it.
//!
//! # Example
//! ```text
//! hello: module uses symbol (dma_buf_get) from namespace DMA_BUF, but does not import it.
//! hello: Unknown symbol dma_buf_get (err -22)
//! ```
//!
//! # Way out
//! MODULE_IMPORT_NS(NS); from Linux 6.13 on with quotes: MODULE_IMPORT_NS("NS").

use std::collections::BTreeSet;

use komod_load::{RefusalCode, Version};

use crate::case::Case;

pub(crate) fn hints(_code: RefusalCode, case: &Case<'_>) -> Vec<String> {
    let wanted = case.findings.iter().filter_map(|finding| finding.evidence.expected.as_deref());
    let namespaces: BTreeSet<&str> = wanted.collect();
    // The argument is a string since Linux 6.13 (`include/linux/module.h`).
    let quote = if case.target.facts.version >= Version::new(6, 13, 0) { "\"" } else { "" };
    let line = |namespace| format!("add to the source: MODULE_IMPORT_NS({quote}{namespace}{quote});");
    namespaces.into_iter().map(line).collect()
}
