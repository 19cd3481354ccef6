//! The configuration as a text: `modprobe --show-config`.

use super::{Config, Rule};
use crate::index::IndexError;
use crate::modprobe::Directory;

impl Config {
    /// The lines of all directives, kind by kind, as kmod 30 orders and writes them.
    pub fn to_text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut line = |parts: &[&[u8]]| {
            out.extend(parts.join(&b' '));
            out.push(b'\n');
        };
        self.blacklist.iter().for_each(|module| line(&[b"blacklist", module]));
        let rules: [(&[u8], &[Rule]); 2] =
            [(b"install", &self.installs), (b"remove", &self.removes)];
        for (word, rules) in rules {
            rules.iter().for_each(|rule| line(&[word, &rule.module, &rule.text]));
        }
        for alias in &self.aliases {
            line(&[b"alias", &alias.pattern, &alias.module]);
        }
        for rule in &self.options {
            line(&[b"options", &rule.module, &rule.text]);
        }
        for softdep in &self.softdeps {
            // kmod 30 puts no space before `post:`; who reads this may rely on either.
            let mut lists = Vec::new();
            for (word, list) in [(&b"pre: "[..], &softdep.pre), (b"post: ", &softdep.post)] {
                if !list.is_empty() {
                    lists.extend_from_slice(word);
                    lists.extend(list.join(&b' '));
                }
            }
            line(&[b"softdep", &softdep.module, &lists]);
        }
        for weakdep in &self.weakdeps {
            line(&[b"weakdep", &weakdep.module, &weakdep.modules.join(&b' ')]);
        }
        for (word, list) in [(&b"forbid"[..], &self.forbidden), (b"allow-only", &self.allowed)] {
            list.iter().for_each(|limit| line(&[word, &limit.pattern]));
        }
        out
    }
}

/// All aliases of a module directory as `alias` lines: those of modules, then those of symbols.
pub fn aliases(directory: &Directory) -> Result<Vec<u8>, IndexError> {
    let mut out = Vec::new();
    each_alias(directory, |alias, module| {
        for part in [b"alias ", alias, b" ", module, b"\n"] {
            out.extend_from_slice(part);
        }
    })?;
    Ok(out)
}

/// The same one by one: alias and module.
pub fn each_alias(
    directory: &Directory,
    mut see: impl FnMut(&[u8], &[u8]),
) -> Result<(), IndexError> {
    for index in [directory.aliases()?, directory.symbols()?].into_iter().flatten() {
        index.for_each(|alias, module| see(alias, module.text))?;
    }
    Ok(())
}
