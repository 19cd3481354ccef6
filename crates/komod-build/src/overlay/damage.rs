//! Which of the files that a module build needs a tree lacks.

use crate::rules::{b04, b20};
use crate::tree::Tree;

use super::{config, fixdep, release, symvers};

/// A file that is not there, and the code of the failure that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub path: &'static str,
    pub code: &'static str,
}

/// When a file is needed.
enum Needed {
    Always,
    /// If this option is set.
    With(&'static str),
    /// If the tree is of this kind of architecture folder.
    Beside(&'static str),
}

/// What kbuild reads or runs on the way to a module of one C file (`Makefile`,
/// `scripts/Makefile.build`, `scripts/Makefile.modpost`, `scripts/Makefile.modfinal`, Linux 6.1 and
/// 6.12, x86). The linker script is `scripts/module.lds` upstream, `arch/ARCH/module.lds` in
/// Debian's trees.
const FILES: [(&str, &str, Needed); 13] = [
    ("Makefile", "B-18", Needed::Always),
    (config::AUTO_CONF, "B-01", Needed::Always),
    (config::AUTOCONF_H, "B-02", Needed::Always),
    (symvers::FILE, "B-05", Needed::Always),
    (MODPOST[0], "B-08", Needed::Always),
    (MODPOST[1], "B-09", Needed::Beside("scripts/mod/modpost.real-lsb-32")),
    (fixdep::FILE, "B-10", Needed::Always),
    ("tools/objtool/objtool", "B-11", Needed::With("CONFIG_OBJTOOL")),
    ("scripts/genksyms/genksyms", "B-14", Needed::With("CONFIG_MODVERSIONS")),
    (release::HEADER, "B-16", Needed::Always),
    (release::PLAIN, "B-16", Needed::Always),
    ("arch/x86/include/generated/asm/rwonce.h", "B-17", Needed::With("CONFIG_X86")),
    ("arch/x86/include/generated/uapi/asm", "B-17", Needed::With("CONFIG_X86")),
];

/// kbuild's program, and the one that Debian's runs after a look at the object.
pub(super) const MODPOST: [&str; 2] = ["scripts/mod/modpost", "scripts/mod/modpost.real-lsb-64"];

/// The linker script's places: one of them.
pub(super) const LINKER_SCRIPTS: [&str; 2] = ["scripts/module.lds", "arch/x86/module.lds"];

/// The files that are missing or empty, in the order their absence is noticed.
pub(super) fn missing(tree: &Tree) -> Vec<Missing> {
    let mut missing = by_file(tree);
    let lacks = |path| missing.iter().any(|missing: &Missing| missing.path == path);
    let both = lacks(config::AUTO_CONF) && lacks(config::AUTOCONF_H);
    let by_kbuild = lacks(config::AUTOCONF_H) && b04::trace(tree).is_some();
    for file in &mut missing {
        file.code = match file.path {
            config::AUTO_CONF | config::AUTOCONF_H if by_kbuild => "B-04",
            config::AUTO_CONF | config::AUTOCONF_H if both => "B-03",
            symvers::FILE if tree.file(symvers::FILE).exists() => "B-06",
            _ => file.code,
        };
    }
    for path in b20::PROGRAMS {
        if b20::is_foreign(tree, path) {
            missing.push(Missing { path, code: "B-20" });
        }
    }
    missing
}

fn by_file(tree: &Tree) -> Vec<Missing> {
    let mut missing: Vec<Missing> = FILES
        .iter()
        .filter(|(path, ..)| !tree.has(path))
        .filter(|(_, _, needed)| match needed {
            Needed::Always => true,
            // Without any configuration nothing is known: then it is needed.
            Needed::With(option) => {
                !tree.has(config::AUTO_CONF) && !tree.has(".config")
                    || tree.config(option).as_deref() == Some("y")
            }
            Needed::Beside(other) => tree.has(other),
        })
        .map(|(path, code, _)| Missing { path, code })
        .collect();
    if !LINKER_SCRIPTS.iter().any(|path| tree.has(path)) {
        let debian = tree.file(".kernelvariables").exists();
        missing.push(Missing { path: LINKER_SCRIPTS[usize::from(debian)], code: "B-15" });
    }
    missing
}
