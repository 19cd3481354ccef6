//! A damaged kernel build tree, made whole without touching it.
//!
//! Header trees lose files: half-installed packages, copies without programs, kbuild run as root
//! with an empty `M=`. kbuild then stops with a text that does not help. [`repair`] looks which of
//! the files that a module build needs are missing, finds or makes them, and lays them over the
//! tree: a folder in komod's cache that mirrors the tree by links and holds the repaired files.
//! The tree itself is never written to.
//!
//! ```text
//! damage   what is missing, by file
//!   └─ a replacement for each:
//!        config    auto.conf, autoconf.h            from .config
//!        release   utsrelease.h, kernel.release     from the release
//!        symvers   Module.symvers                   from a copy, the kernel's image, its modules
//!        files     programs, linker script, headers from another tree of the same release
//!        fixdep    scripts/basic/fixdep             a script of komod's own
//!        modpost   scripts/mod/modpost              komod itself
//!   └─ mirror   the folder of links
//!   └─ notes    what was repaired, and from what: a diagnostic with the failure's own code
//! ```
//!
//! What cannot be repaired is left as it is: the build then fails, and the failure's rule says why.

mod config;
mod damage;
mod files;
mod fixdep;
mod harvest;
mod mirror;
mod notes;
mod release;
mod spares;
mod symvers;

pub use spares::Spares;

use std::path::{Path, PathBuf};

use komod_diag::Diagnostic;

use crate::tree::Tree;

/// Whether damaged kernel trees are repaired, and from what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Repair {
    /// With what this machine has.
    #[default]
    Automatic,
    /// Never.
    Off,
    /// With these alone.
    From(Spares),
}

/// A tree to build with.
#[derive(Clone, Debug)]
pub struct Repaired {
    /// The tree as it was given, or its overlay.
    pub tree: Tree,
    /// What was repaired, one note for each kind of damage.
    pub diagnostics: Vec<Diagnostic>,
}

/// A file to be laid over the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Replacement {
    /// Path in the tree.
    path: &'static str,
    content: Content,
    /// Code of the failure it prevents.
    code: &'static str,
    /// What it was made from, for people.
    origin: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// A link to a file or folder.
    Link(PathBuf),
    /// A file of komod's own.
    Bytes(Vec<u8>),
    /// The same, to be run.
    Program(Vec<u8>),
}

/// Gives the tree itself if nothing is missing, else its overlay with what could be repaired.
/// `modpost` is a program of komod's own, see [`crate::Options::modpost`].
pub fn repair(tree: &Tree, how: &Repair, modpost: Option<&Path>) -> Repaired {
    repair_also(tree, how, modpost, &[])
}

/// After a build has shown that the tree's `Module.symvers` cannot be read.
pub(crate) fn repair_symvers(tree: &Tree, how: &Repair, modpost: Option<&Path>) -> Repaired {
    repair_also(tree, how, modpost, &[damage::Missing { path: symvers::FILE, code: "B-07" }])
}

fn repair_also(
    tree: &Tree,
    how: &Repair,
    modpost: Option<&Path>,
    damaged: &[damage::Missing],
) -> Repaired {
    let untouched = || Repaired { tree: tree.clone(), diagnostics: Vec::new() };
    let mut missing = damage::missing(tree);
    missing.extend(damaged.iter().copied());
    if missing.is_empty() || matches!(how, Repair::Off) {
        return untouched();
    }
    let spares = match how {
        Repair::From(spares) => spares.clone(),
        _ => Spares { modpost: modpost.map(Path::to_owned), ..Spares::system(tree) },
    };
    if !tree.path.join("include").is_dir() {
        // Nothing to lay files over: another tree of this release does the work.
        return match spares.tree_with(tree, "Makefile") {
            Some(other) => Repaired {
                diagnostics: vec![notes::replaced(tree, &other)],
                tree: Tree { path: other, ..tree.clone() },
            },
            None => untouched(),
        };
    }
    let replacements: Vec<Replacement> =
        missing.iter().filter_map(|missing| replacement(tree, &spares, *missing)).collect();
    if replacements.is_empty() {
        return untouched();
    }
    let Some(cache) = &spares.cache else { return untouched() };
    match mirror::lay(tree, cache, &replacements) {
        Ok(path) => Repaired {
            diagnostics: notes::repaired(tree, &path, &replacements),
            tree: Tree { path, ..tree.clone() },
        },
        Err(error) => {
            Repaired { tree: tree.clone(), diagnostics: vec![notes::not_laid(tree, &error)] }
        }
    }
}

fn replacement(tree: &Tree, spares: &Spares, missing: damage::Missing) -> Option<Replacement> {
    let made = match missing.path {
        config::AUTO_CONF => config::auto_conf(tree, spares),
        config::AUTOCONF_H => config::autoconf_h(tree, spares),
        release::HEADER => Some(release::header(tree)),
        release::PLAIN => Some(release::plain(tree)),
        symvers::FILE => symvers::find(tree, spares),
        // The one of the same release first: it is the real thing.
        fixdep::FILE => {
            files::from_spare(tree, spares, missing.path).or_else(|| fixdep::script(tree))
        }
        path if damage::MODPOST.contains(&path) => {
            files::from_spare(tree, spares, path).or_else(|| files::own_modpost(tree, spares))
        }
        path => files::from_spare(tree, spares, path),
    };
    let (content, origin) = made?;
    Some(Replacement { path: missing.path, content, code: missing.code, origin })
}
