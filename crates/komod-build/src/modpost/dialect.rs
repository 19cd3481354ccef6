//! The lines of kernels that differ in what modpost writes.

use crate::Tree;
use std::path::PathBuf;

/// How a kernel line's modpost reads objects, and the texts it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// As in Linux 6.1: exports are entries of `__ksymtab` that the compiler made; every `.mod.c`
    /// carries the vermagic.
    Ksymtab,
    /// As in Linux 6.12: exports are entries of `.export_symbol`, and `.mod.c` makes `__ksymtab`
    /// of them; the vermagic stands in `.module-common.o`.
    ExportSymbol,
}

/// A kernel tree that follows neither known line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tree}: komod does not know what this kernel line's modpost writes ({why})")]
pub struct UnknownDialect {
    /// The kernel tree.
    pub tree: PathBuf,
    /// What does not fit.
    pub why: &'static str,
}

impl Dialect {
    /// Learns the dialect from a kernel build tree.
    ///
    /// Two facts tell the lines apart: `KSYMTAB_FUNC` in `include/linux/export-internal.h` (a
    /// macro only `.mod.c` uses) and `scripts/module-common.c`. Both are new in the later line;
    /// the releases between have only the first.
    pub fn of_tree(tree: &Tree) -> Result<Dialect, UnknownDialect> {
        let unknown = |why| UnknownDialect { tree: tree.path.clone(), why };
        let common = tree.has("scripts/module-common.c");
        let header = export_header(tree);
        let macros = header.as_deref().is_some_and(|text| text.contains("KSYMTAB_FUNC"));
        match (header.is_some(), macros, common) {
            (_, true, true) => Ok(Dialect::ExportSymbol),
            (true, false, false) => Ok(Dialect::Ksymtab),
            (true, true, false) => {
                Err(unknown("exports in .mod.c, but no scripts/module-common.c"))
            }
            (true, false, true) => Err(unknown("scripts/module-common.c, but no KSYMTAB_FUNC")),
            (false, ..) => Err(unknown("no include/linux/export-internal.h")),
        }
    }

    /// The word before messages of the highest level.
    pub(super) fn fatal_word(self) -> &'static str {
        match self {
            Dialect::Ksymtab => "FATAL",
            Dialect::ExportSymbol => "ERROR",
        }
    }
}

fn export_header(tree: &Tree) -> Option<String> {
    const HEADER: &str = "include/linux/export-internal.h";
    let own = std::fs::read_to_string(tree.file(HEADER)).ok();
    own.or_else(|| {
        let sources = tree.included_makefile()?.parent()?.to_owned();
        std::fs::read_to_string(sources.join(HEADER)).ok()
    })
}
