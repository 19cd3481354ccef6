//! Which of two files for the same module counts (depmod.d(5): `override`, `search`).

use super::config::{Config, Search};
use crate::name::without_compression;
use std::os::unix::ffi::OsStrExt;

/// Whether `new`, met later in the walk, counts more than `old`. Both are as the indexes have them.
///
/// An `override` decides first, the last line first. Else each file has the priority of the `search`
/// words that name its folder, the highest if there are several; what none names has that of
/// `built-in`. What was met first stays if both are equal, except that where one word names both,
/// only the new file takes its priority (so kmod 30 does).
pub fn replaces(config: &Config, new: &[u8], old: &[u8]) -> bool {
    for named in config.overrides.iter().rev() {
        if is_named(new, named) {
            return true;
        }
        if is_named(old, named) {
            return false;
        }
    }
    let (mut built_in, mut new_priority, mut old_priority) = (None, None, None);
    for (priority, word) in config.search.iter().rev().enumerate() {
        if *word == Search::BuiltIn {
            built_in = Some(priority);
        } else if is_below(config, new, word) {
            new_priority = Some(priority);
        } else if is_below(config, old, word) {
            old_priority = Some(priority);
        }
    }
    new_priority.or(built_in) > old_priority.or(built_in)
}

/// Is this the file of `folder/module`?
fn is_named(file: &[u8], named: &[u8]) -> bool {
    without_compression(file).strip_suffix(b".ko").unwrap_or(file) == named
}

fn is_below(config: &Config, file: &[u8], word: &Search) -> bool {
    let inside =
        |folder: &[u8]| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"));
    match word {
        Search::BuiltIn => false,
        Search::External => config.externals.iter().any(|e| inside(e.as_os_str().as_bytes())),
        Search::Folder(folder) => inside(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn config(search: &[&str], overrides: &[&str]) -> Config {
        let word = |word: &&str| match *word {
            "built-in" => Search::BuiltIn,
            "external" => Search::External,
            folder => Search::Folder(folder.as_bytes().to_vec()),
        };
        Config {
            search: search.iter().map(word).collect(),
            overrides: overrides.iter().map(|o| o.as_bytes().to_vec()).collect(),
            externals: vec![PathBuf::from("/ext")],
            excludes: Vec::new(),
        }
    }

    #[test]
    fn the_first_word_counts_most() {
        let config = config(&["updates", "built-in", "extra"], &[]);
        assert!(replaces(&config, b"updates/m.ko", b"kernel/m.ko"));
        assert!(!replaces(&config, b"kernel/m.ko", b"updates/m.ko"));
        assert!(!replaces(&config, b"extra/m.ko", b"kernel/m.ko"));
        assert!(!replaces(&config, b"weak/m.ko", b"kernel/m.ko"));
        assert!(!replaces(&config, b"/ext/m.ko", b"kernel/m.ko"));
        assert!(!replaces(&config, b"updates2/m.ko", b"kernel/m.ko"));
    }

    #[test]
    fn a_word_that_names_both_is_the_new_ones() {
        assert!(replaces(&config(&["updates"], &[]), b"updates/a/m.ko", b"updates/m.ko"));
        assert!(replaces(&config(&["external"], &[]), b"/ext/m.ko", b"m.ko"));
    }

    #[test]
    fn overrides_decide_before_all() {
        let config = config(&["updates"], &["weak/m-x", "extra/m-x"]);
        assert!(replaces(&config, b"weak/m-x.ko.xz", b"updates/m_x.ko"));
        assert!(!replaces(&config, b"weak/m-x.ko", b"extra/m-x.ko"));
        assert!(!replaces(&config, b"updates/m-x.ko", b"weak/m-x.ko"));
        assert!(replaces(&config, b"updates/m-x.ko", b"weak/m_x.ko"));
    }
}
