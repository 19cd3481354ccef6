//! Which sections may refer to which, and the names that are excused.
//!
//! The sections are those of `include/linux/init.h` and `include/asm-generic/vmlinux.lds.h`
//! (Linux 6.1 and 6.12); which pairs modpost reports was found by referring from each to each.

use super::super::Dialect;
use komod_object::Text;

/// What a pair of sections means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    Mismatch,
    /// An entry of the export table, in the earlier line.
    Export,
    /// An exception table entry that leads to no known code.
    ExceptionTable,
}

/// Code that stays.
const TEXT: [&str; 8] = [
    ".text",
    ".text.*",
    ".sched.text",
    ".kprobes.text",
    ".cpuidle.text",
    ".noinstr.text",
    ".ltext",
    ".ltext.*",
];
/// Other code, which may refer to anything.
const OTHER_TEXT: [&str; 9] = [
    ".ref.text",
    ".head.text",
    ".spinlock.text",
    ".fixup",
    ".entry.text",
    ".exception.text",
    ".coldtext",
    ".softirqentry.text",
    ".irqentry.text",
];
const DATA: [&str; 2] = [".data", ".data.rel"];
const INIT: [&str; 1] = [".init.*"];
const MEM_INIT: [&str; 1] = [".meminit.*"];
const EXIT: [&str; 1] = [".exit.*"];
const INIT_DATA: [&str; 3] = [".init.setup", ".init.rodata", ".init.data"];
const MEM_INIT_DATA: [&str; 2] = [".meminit.rodata", ".meminit.data"];
const PCI_FIXUP: [&str; 7] = [
    ".pci_fixup_early",
    ".pci_fixup_header",
    ".pci_fixup_final",
    ".pci_fixup_enable",
    ".pci_fixup_resume",
    ".pci_fixup_resume_early",
    ".pci_fixup_suspend",
];
const KSYMTAB: [&str; 1] = ["___ksymtab*"];
const EXCEPTION_TABLE: &str = "__ex_table";
/// Where an exception table must never lead.
pub(super) const REPLACEMENTS: &str = ".altinstr_replacement";

/// Sections without `SHF_ALLOC` that compilers and tools make.
const FOR_TOOLS: [&str; 18] = [
    ".comment*",
    ".debug*",
    ".zdebug*",
    ".GCC.command.line",
    ".mdebug*",
    ".pdr",
    ".stab*",
    ".note*",
    ".got*",
    ".toc*",
    ".xt.prop",
    ".xt.lit",
    ".arcextmap*",
    ".gnu.linkonce.arcext*",
    ".cmem*",
    ".fmt_slot*",
    ".gnu.lto*",
    ".discard.*",
];
/// One more, in the later line.
const CALL_GRAPH: &str = ".llvm.call-graph-profile";

/// Symbols that mark the ends of init code.
const INIT_MARKS: [&str; 3] = ["__init_begin", "_sinittext", "_einittext"];

fn matches(name: Text<'_>, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| pattern_matches(pattern, name.as_bytes()))
}

/// A pattern is a text with a star at its start, its end, both or none.
fn pattern_matches(pattern: &str, name: &[u8]) -> bool {
    let (pattern, open_end) = match pattern.strip_suffix('*') {
        Some(start) => (start, true),
        None => (pattern, false),
    };
    match (pattern.strip_prefix('*'), open_end) {
        (None, false) => name == pattern.as_bytes(),
        (None, true) => name.starts_with(pattern.as_bytes()),
        (Some(end), false) => name.ends_with(end.as_bytes()),
        (Some(middle), true) => {
            name.windows(middle.len()).any(|window| window == middle.as_bytes())
        }
    }
}

pub(super) fn is_for_tools(section: Text<'_>, dialect: Dialect) -> bool {
    matches(section, &FOR_TOOLS) || dialect == Dialect::ExportSymbol && section == CALL_GRAPH
}

/// False if references from this section are never wrong.
pub(super) fn can_matter(from: Text<'_>) -> bool {
    let lists: [&[&str]; 7] = [&TEXT, &DATA, &INIT, &MEM_INIT, &EXIT, &PCI_FIXUP, &KSYMTAB];
    from == EXCEPTION_TABLE || lists.iter().any(|list| matches(from, list))
}

/// Code of any kind, by the name of its section.
fn is_text(section: Text<'_>, dialect: Dialect) -> bool {
    matches(section, &TEXT)
        || matches(section, &OTHER_TEXT)
        || matches(section, &[".init.text", ".exit.text"])
        || dialect == Dialect::Ksymtab && section == ".meminit.text"
}

/// What a reference between two sections means.
pub(super) fn judge(from: Text<'_>, to: Text<'_>, dialect: Dialect) -> Verdict {
    // Memory hotplug's sections are gone in the later line.
    let old = dialect == Dialect::Ksymtab;
    let mem_init = |section| old && matches(section, &MEM_INIT);
    if from == EXCEPTION_TABLE {
        let fine = is_text(to, dialect);
        return if fine { Verdict::Fine } else { Verdict::ExceptionTable };
    }
    let to_init = matches(to, &INIT);
    let to_exit = matches(to, &EXIT);
    if old && matches(from, &KSYMTAB) {
        return if to_init || to_exit { Verdict::Export } else { Verdict::Fine };
    }
    let wrong = if matches(from, &TEXT) || matches(from, &DATA) {
        to_init || to_exit || mem_init(to)
    } else if matches(from, &INIT) {
        to_exit
    } else if mem_init(from) {
        to_init || to_exit
    } else if matches(from, &EXIT) {
        to_init || mem_init(to)
    } else {
        matches(from, &PCI_FIXUP) && to_init
    };
    if wrong { Verdict::Mismatch } else { Verdict::Fine }
}

/// Names by which sources say that a reference is meant.
pub(super) fn is_excused(
    from_section: Text<'_>,
    from: Text<'_>,
    to_section: Text<'_>,
    to: Text<'_>,
    dialect: Dialect,
) -> bool {
    let old = dialect == Dialect::Ksymtab;
    let init = matches(to_section, &INIT) || old && matches(to_section, &MEM_INIT);
    let init_data = matches(to_section, &INIT_DATA) || old && matches(to_section, &MEM_INIT_DATA);
    let exit = matches(to_section, &EXIT);
    if matches(from_section, &DATA) {
        // Module parameters name data that only init code reads.
        if init_data && matches(from, &["__param*"])
            || to_section == ".init.text" && matches(from, &["__param_ops_*"])
        {
            return true;
        }
        // Tables of functions that are called while the others are still there.
        let tables: &[&str] = match dialect {
            Dialect::Ksymtab => {
                &["*_template", "*_timer", "*_sht", "*_ops", "*_probe", "*_probe_one", "*_console"]
            }
            Dialect::ExportSymbol => &["*_ops", "*_probe", "*_console"],
        };
        if (init || exit) && matches(from, tables) {
            return true;
        }
        let unloaded = exit || matches(to_section, &MEM_INIT);
        if old && unloaded && matches(from, &["*driver"]) {
            return true;
        }
    }
    // A copy of a function for constant arguments, which only init code calls.
    if init && is_text(from_section, dialect) && matches(from, &["*.constprop.*"]) {
        return true;
    }
    INIT_MARKS.iter().any(|mark| to == *mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_at_the_ends() {
        for (pattern, name, fits) in [
            (".data", ".data", true),
            (".data", ".data.rel", false),
            (".text.*", ".text.x", true),
            (".text.*", ".text", false),
            ("*_ops", "my_ops", true),
            ("*_ops", "my_ops_x", false),
            ("*.constprop.*", "f.constprop.0", true),
            ("*.constprop.*", "f.constprop", false),
        ] {
            assert_eq!(pattern_matches(pattern, name.as_bytes()), fits, "{pattern} {name}");
        }
    }
}
